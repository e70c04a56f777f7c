"""populate: the target's part of a backup. Sectors are opened, filled, closed and put, one after the other.

One `Filling` serves a whole run; several check points share its sectors. `upload` takes those to the target,
and the catalog records here how far they are. As many are on their way at once as the target likes; one with an
END goes only after every earlier one is confirmed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic

from blake3 import blake3
from msgspec import Struct, field
from msgspec.structs import replace

from bakup.api.watch import Watch
from bakup.catalog import recording
from bakup.catalog.rows import rows_of
from bakup.errors import Failed
from bakup.format.action import frame, group_action, longest_action
from bakup.format.constants import CUT_PATH, END_LANE, EXTENTS_MAX, LANE_LENGTH, LANE_SHIFT, LINES_MAX, ActionType
from bakup.format.entries import encode_entries
from bakup.format.structures import encode_end
from bakup.layouts.interface import Begun
from bakup.layouts.sectors.ledger import Ledger
from bakup.layouts.sectors.upload import Flight, Flights
from bakup.model import Closing, End, Entry, Extent, File, LaneLine, Part, SectorLine, TableRow
from bakup.sector.bounds import ENTRY_BYTES, EXTENT_BYTES, LINE_BYTES, SLACK, entry_bound, pad_lengths, padme
from bakup.sector.naming import object_name
from bakup.sector.trust import Trust
from bakup.sector.writer import FinishedSector, SectorWriter
from bakup.store.target import Locator, Target

GROUP_FLUSH = 1 << 20
"""Bound of the encoded bytes of the entries that wait for their GROUP."""
PART_EXTENTS = EXTENTS_MAX // 4
LANE_BYTES = 52
"""Most bytes of a lane's line in an END."""
END_ROOM = 32 << 10
"""Bytes that a sector keeps for the last part of an END; a longer one goes into the next sector if need be."""


class OpenFile(Struct):
    """A large file whose extents come in over several packs; `offset` is where its open part begins."""

    path: bytes
    file_id: int
    offset: int = 0
    extents: list[Extent] = field(default_factory=list)
    parts: int = 0


class Lane(Struct):
    """One lane of a check point: its packs, bytes of metadata, the digest of its boxes, and the sectors they are in."""

    number: int
    packs: int = 0
    length: int = 0
    digest: blake3 = field(default_factory=blake3)
    sectors: set[bytes] = field(default_factory=set)

    def line(self) -> LaneLine:
        """What END says of it."""
        return LaneLine(self.number, self.length, self.digest.digest())


class Stream(Begun):
    """A check point being written: the lane that is open, and the entries that wait for a GROUP.

    `lines`: its sectors that no END part lists yet. `others`: lanes that are finished, which END lists behind lane 0.
    `end_digest`: over the END parts so far.
    """

    lane: Lane = field(default_factory=lambda: Lane(0))
    others: list[LaneLine] = field(default_factory=list)
    parts: int = 0
    end_digest: blake3 = field(default_factory=blake3)
    listed: int = 0
    entries: list[Entry] = field(default_factory=list)
    bound: int = 0
    file: OpenFile | None = None
    boxes: dict[int, int] = field(default_factory=dict)
    lines: list[SectorLine] = field(default_factory=list)
    first_path: bytes | None = None
    last_path: bytes = b""
    count: int = 0
    ended: bool = False
    digest: bytes = b""


class Filling:
    """Fills sectors. Call from one thread; see `bakup.layouts.interface.Task` for who is told what."""

    def __init__(
        self,
        target: Target,
        ledger: Ledger,
        new_writer: Callable[[], SectorWriter],
        trust: Trust,
        *,
        level: int | None,
        pad: bool,
        watch: Watch,
        on_growing: Callable[[str], object],
        on_grown: Callable[[str], object],
    ) -> None:
        self._ledger = ledger
        self._new_writer = new_writer
        self._level = level
        self._pad = pad
        self._watch = watch
        self._on_growing = on_growing
        self._on_grown = on_grown
        self._flight: Flight | None = None
        self._used = False
        self._streams: list[Stream] = []
        self._flights = Flights(target, trust, self)

    def begin(self, stream: Stream) -> None:
        """A check point joins; its header goes into each sector that holds boxes of it."""
        self._streams.append(stream)
        if stream.lane.number == 0:
            stream.lane.digest.update(blake3(stream.header).digest())
        if self._flight is not None:
            self._flight.writer.begin_checkpoint(stream.checkpoint.uuid, stream.header)

    def leave(self, stream: Stream) -> None:
        """A check point has nothing more for these sectors, which its END lists elsewhere."""
        self.end_lane(stream)
        self.flush()
        self._streams.remove(stream)

    def end_lane(self, stream: Stream) -> Lane:
        """All of a lane was given: it is complete when its sectors are stored."""
        self.void_file(stream)
        self._flush_group(stream)
        return stream.lane

    def reserve(self, meta_bound: int) -> None:
        """Room for entries of at most `meta_bound` bytes that come next, without a pack."""
        self._reserve(0, meta_bound)

    def add_pack(self, stream: Stream, action: bytes, raw_length: int, meta_bound: int) -> int:
        """A PACK; returns its box's name in the check point.

        Entries with new extents in it follow before the next pack; together they take at most `meta_bound` bytes.
        """
        self._reserve(len(action), meta_bound)
        flight = self._open_sector()
        lane = stream.lane
        offset = lane.number << LANE_SHIFT | lane.packs
        position = flight.writer.add_data(stream.checkpoint.uuid, offset, action, raw_length)
        row = TableRow(stream.checkpoint.uuid, offset, len(action), position, raw_length)
        stream.boxes[offset] = recording.add_pack(self._ledger.rows, flight.row, row)
        lane.packs += 1
        lane.sectors.add(flight.writer.uuid)
        self._flights.grown(flight)
        self._flights.poll()
        return offset

    def add_here(self, stream: Stream, entry: Entry, bound: int) -> None:
        """An entry, in key order, of at most `bound` bytes; its room was reserved."""
        stream.entries.append(entry)
        stream.bound += bound
        if stream.first_path is None:
            stream.first_path = entry.path
        stream.last_path = entry.path
        stream.count += 1
        if stream.bound >= GROUP_FLUSH:
            self._flush_group(stream)

    def add_extents(self, stream: Stream, path: bytes, file_id: int, extents: Sequence[Extent]) -> None:
        """More extents of a large file; room was reserved with the pack."""
        if stream.file is None or stream.file.file_id != file_id:
            self.void_file(stream)
            stream.file = OpenFile(path, file_id)
        file = stream.file
        file.extents.extend(extents)
        stream.bound += EXTENT_BYTES * len(extents)
        if len(file.extents) > PART_EXTENTS:
            self._flush_part(stream, None)

    def close_file(self, stream: Stream, path: bytes, file_id: int, closing: Closing) -> None:
        """The end of a large file: one FILE when nothing of it stands in another sector yet, else its last PART."""
        file = stream.file if stream.file and stream.file.file_id == file_id else OpenFile(path, file_id)
        stream.file = None
        # Behind a void part of the same path only parts may stand.
        if file.parts == 0 and not (stream.count and stream.last_path == path):
            extents = tuple(file.extents)
            single = len(extents) <= 1 and all(extent.chunk is not None for extent in extents)
            entry: Entry = File(path, closing.attributes, closing.size, extents, None if single else closing.digest)
            self.add_here(stream, entry, entry_bound(entry) - EXTENT_BYTES * len(extents))
        else:
            stream.file = file
            self._flush_part(stream, closing)

    def void_file(self, stream: Stream) -> None:
        """A large file that did not come to its end: its chunks are kept by a part that is never closed."""
        if stream.file is not None and stream.file.extents:
            self._flush_part(stream, None)
        stream.file = None

    def end(self, stream: Stream, files: int, size: int) -> None:
        """Complete a check point: the last part of its END goes into the sector that is open then."""
        self.void_file(stream)
        lanes = LANE_BYTES * (len(stream.others) + 1)
        self._reserve(0, (len(stream.lines) + 2) * LINE_BYTES + 2 * ENTRY_BYTES + lanes)
        self._open_sector()
        self._flights.settle()
        self._flush_group(stream)
        self._write_end(stream, files, size)

    def flush(self) -> None:
        """Close the open sector, and wait until everything is stored."""
        self._close_sector()
        self._flights.settle()

    def close(self) -> None:
        """Let go of what is not finished; nothing of it is at the target."""
        building, self._flight = self._flight, None
        self._flights.close(building)

    def pending(self, flight: Flight, finished: FinishedSector) -> None:
        """All that a sector holds is written down. See `bakup.layouts.sectors.upload.Recorder`."""
        lines: list[tuple[Begun, SectorLine]] = []
        for stream in self._streams:
            # One of the last: as many sectors are on their way as the target takes.
            for at in range(len(stream.lines) - 1, -1, -1):
                if stream.lines[at].uuid == finished.uuid:
                    line = replace(stream.lines[at], header_digest=finished.header_digest, size=finished.size)
                    stream.lines[at] = line
                    lines.append((stream, line))
                    if self._ledger.lists:
                        del stream.lines[at]
                    break
        self._ledger.pending(flight.row, finished, lines)

    def stored(self, flight: Flight, finished: FinishedSector, locator: Locator) -> None:
        """A sector is there; check points that end in it are visible now."""
        self._ledger.stored(flight.row, finished, locator, flight.ends)
        if flight.growing is not None:
            self._on_grown(finished.name)
        self._watch.event(
            "sector-stored", sector=finished.uuid, bytes=finished.size, s=round(monotonic() - flight.begun, 2)
        )

    def _flush_part(self, stream: Stream, closing: Closing | None) -> None:
        file = stream.file
        if file is None:
            return
        extents = tuple(file.extents)
        length = sum(extent.length for extent in extents)
        part = Part(file.path, file.file_id, file.offset, length, extents, closing)
        file.offset += length
        file.extents = []
        file.parts += 1
        if closing is not None:
            stream.file = None
        self.add_here(stream, part, entry_bound(part) - EXTENT_BYTES * len(extents))

    def _flush_group(self, stream: Stream) -> None:
        if not stream.entries:
            return
        entries, stream.entries, stream.bound = stream.entries, [], 0
        if stream.file is not None:
            stream.bound = EXTENT_BYTES * len(stream.file.extents)
        self._add_meta(stream, group_action(encode_entries(entries), self._level))
        recording.add_entries(
            self._ledger.rows,
            rows_of(entries, stream.boxes),
            checkpoint=stream.row,
            source=stream.source,
            ordinal=stream.ordinal,
        )

    def _add_meta(self, stream: Stream, content: bytes) -> None:
        flight, lane, digest = self._open_sector(), stream.lane, blake3(content).digest()
        if lane.length + len(content) > LANE_LENGTH:
            raise Failed("a check point has more metadata than a lane holds", code="lane")
        offset = lane.number << LANE_SHIFT | lane.length
        flight.writer.add_meta(stream.checkpoint.uuid, offset, content)
        recording.add_box(self._ledger.rows, flight.row, stream.row, offset, len(content), digest)
        lane.digest.update(digest)
        lane.length += len(content)
        lane.sectors.add(flight.writer.uuid)

    def _write_end(self, stream: Stream, files: int, size: int) -> None:
        stream.lines.append(self._line(stream, self._open_sector().writer.uuid))
        while len(stream.lines) > LINES_MAX:  # workers have filled many while this sector was open
            self._add_end_part(stream, LINES_MAX)
        lanes = [stream.lane.line(), *stream.others]
        while len(lanes) > LINES_MAX:
            self._add_end_part(stream, 0, lanes=lanes[:LINES_MAX])
            lanes = lanes[LINES_MAX:]
        self._add_end_part(stream, len(stream.lines), lanes=lanes, last=True, files=files, size=size)
        stream.digest = stream.end_digest.digest()
        stream.ended = True
        recording.close_checkpoint(self._ledger.rows, stream.row, stream.digest, files, size)

    def _list_sectors(self, writer: SectorWriter) -> None:
        """Put out END parts of check points with many sectors, so that no sector must keep room for all lines."""
        most = max(1, min(LINES_MAX, writer.limit // 4 // LINE_BYTES))
        full = [stream for stream in self._streams if len(stream.lines) >= most and not stream.ended]
        if full:
            # A line needs its sector's digest.
            self._flights.settle()
        for stream in full:
            while len(stream.lines) >= most:
                self._add_end_part(stream, most)

    def _add_end_part(
        self,
        stream: Stream,
        count: int,
        *,
        lanes: Sequence[LaneLine] = (),
        last: bool = False,
        files: int = 0,
        size: int = 0,
    ) -> None:
        lines, stream.lines = stream.lines[:count], stream.lines[count:]
        end = End(stream.checkpoint.uuid, stream.parts, last, tuple(lines), files, size, tuple(lanes))
        content = encode_end(end)
        offset = END_LANE << LANE_SHIFT | stream.parts
        self._open_sector().writer.add_meta(stream.checkpoint.uuid, offset, frame(ActionType.END, content))
        stream.end_digest.update(blake3(content).digest())
        recording.add_lines(self._ledger.rows, stream.row, stream.listed, lines)
        recording.add_lanes(self._ledger.rows, stream.row, lanes)
        stream.parts += 1
        stream.listed += len(lines)

    def _line(self, stream: Stream, sector: bytes) -> SectorLine:
        # Digest and size are filled in when the sector is finished; for the END's own sector they stay open.
        first = (stream.first_path or b"")[:CUT_PATH]
        return SectorLine(sector, None, stream.count, 0, first, stream.last_path[:CUT_PATH])

    def _open_sector(self) -> Flight:
        if self._flight is None:
            writer = self._new_writer()
            self._used = False
            row = self._ledger.begin(writer.uuid)
            self._flight = self._flights.begin(writer, row)
            if self._flight.growing is not None:
                self._on_growing(object_name(writer.uuid))
            for stream in self._streams:
                if not stream.ended:
                    writer.begin_checkpoint(stream.checkpoint.uuid, stream.header)
            self._list_sectors(writer)
        return self._flight

    def _reserve(self, data: int, meta: int) -> None:
        """Close the open sector unless `data` bytes of PACK and entries of at most `meta` bytes fit into it still."""
        writer = self._open_sector().writer
        waiting = meta + sum(stream.bound + len(stream.header) + 2 * ENTRY_BYTES for stream in self._streams)
        ends = sum(min(END_ROOM, (len(stream.lines) + 1) * LINE_BYTES) for stream in self._streams if not stream.ended)
        boxes = [data] if data else []
        if self._used and not writer.fits(data=boxes, meta=[longest_action(waiting + ends) + SLACK]):
            self._close_sector()
            self._open_sector()
        self._used = True

    def _close_sector(self) -> None:
        flight = self._flight
        if flight is None:
            return
        for stream in self._streams:
            if stream.file is not None and stream.file.extents:
                self._flush_part(stream, None)
            self._flush_group(stream)
        if self._pad:
            self._add_padding(flight.writer)
        self._flights.launch(flight, [stream for stream in self._streams if stream.ended])
        self._flight = None
        # The lines of this sector need its header's digest: it is there once the sector is finished.
        for stream in self._streams:
            if stream.count and not stream.ended:
                stream.lines.append(self._line(stream, flight.writer.uuid))
            stream.count, stream.first_path = 0, None
            stream.boxes.clear()
        self._streams = [stream for stream in self._streams if not stream.ended]

    def _add_padding(self, writer: SectorWriter) -> None:
        for length in pad_lengths(padme(writer.data_size) - writer.data_size):
            writer.add_pad(length)
        for length in pad_lengths(padme(writer.meta_final) - writer.meta_final):
            writer.add_meta_pad(length)
