"""transfer: the bytes of a plan become chunks, packs and entries, in the plan's order.

This thread reads, hashes and claims chunks; workers compress packs; finished packs are drained in order into the
sectors (`populate`). An entry goes where its new chunks go: so each waits in its batch until the batch's
pack has its place.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future

from blake3 import blake3
from msgspec import Struct, field

from bakup.catalog.rows import EMPTY_DIGEST, encode_extents
from bakup.errors import BakupError
from bakup.format.action import pack_action
from bakup.format.constants import CHUNK_MAX_CUT, CHUNK_MIN_CUT, LANE_SHIFT, PACK_TARGET, SMALL_FILE
from bakup.layouts.checkpoint_writer import ATTEMPTS, ReadingSink
from bakup.layouts.sectors.buffers import Buffer, Buffers
from bakup.layouts.sectors.dedup import Answer, Asked
from bakup.layouts.sectors.populate import PART_EXTENTS, Filling, Lane, Stream
from bakup.model import Attributes, Closing, Entry, Extent, File, Kind
from bakup.plan.cutting import Cutter
from bakup.plan.marks import Facts
from bakup.sector.bounds import ENTRY_BYTES, EXTENT_BYTES, attributes_bound, entry_bound
from bakup.source.interface import Found, Grown, Large, Source

BUFFER_BYTES = 8 << 20
"""Bytes of large files in a buffer."""
READ_BYTES = CHUNK_MAX_CUT + CHUNK_MIN_CUT
"""Bytes that must be there for a chunk to be cut for sure."""
IN_FLIGHT = 6
"""Packs between reading and draining, each of at most PACK_TARGET + CHUNK_MAX_CUT raw bytes."""


class Piece(Struct):
    """Something that waits for a batch's pack: an entry that is ready, a small file, or extents of a large one, at most
    `PART_EXTENTS`."""

    path: bytes
    entry: Entry | None = None
    attributes: Attributes | None = None
    size: int = 0
    chunks: list[tuple[int, bytes | None]] = field(default_factory=list)
    bound: int = 0
    file_id: int = 0
    digest: bytes | None = None
    void: bool = False


class Batch(Struct):
    """Chunks that will share a pack, and what refers to them, in stream order.

    `buffers`: where its chunks lie, held until the pack is made. `run`: where all of them lie end to end (buffer,
    start, end), if they do: then they need no joining. `answer`: which of them are new, until that is known.
    """

    chunks: dict[bytes, bytes | memoryview] = field(default_factory=dict)
    buffers: list[Buffer] = field(default_factory=list)
    run: tuple[Buffer, int, int] | None = None
    raw: int = 0
    pieces: list[Piece] = field(default_factory=list)
    bound: int = 0
    answer: Answer | None = None
    offsets: dict[bytes, int] = field(default_factory=dict)
    pack: Future[bytes] | None = None
    raw_length: int = 0


class Packing(Struct, frozen=True):
    """How packs are made, also those of one `Transfer` after the other.

    Args:
        pool: compresses those with bytes of large files.
        for_small: compresses the others.
        level: of zstd; None: as it is.
        in_flight: packs between reading and draining, at most.
    """

    pool: Executor
    for_small: Executor
    level: int | None
    in_flight: int = IN_FLIGHT
    buffers: Buffers = field(default_factory=lambda: Buffers(BUFFER_BYTES))


class Transfer(ReadingSink):
    """Stores the changes of one source into the sectors of a run; entries are given in key order."""

    def __init__(
        self,
        source: Source,
        stream: Stream,
        filling: Filling,
        claims: Asked,
        packing: Packing,
        *,
        on_drained: Callable[[], None],
    ) -> None:
        super().__init__(source, SMALL_FILE)
        self._on_drained = on_drained
        self._stream = stream
        self._filling = filling
        self._claims = claims
        self._packing = packing
        self._cutter = Cutter(stream.checkpoint.chunker)
        self._batch = Batch()
        self._queue: deque[Batch] = deque()
        self._asked: deque[Batch] = deque()
        self._file_ids = stream.lane.number << LANE_SHIFT
        self._buffers = packing.buffers

    def entry(self, entry: Entry) -> None:
        """An entry without content of its own: a directory, a link, a deletion, known extents."""
        bound = entry_bound(entry)
        self._add(Piece(entry.path, entry=entry, bound=bound), bound)

    def known_file(self, path: bytes, attributes: Attributes, extents: Iterable[Extent]) -> None:
        """A file whose chunks are all stored already, without a look at it."""
        self._file_ids += 1
        digest = FileDigest()
        for extent in extents:
            self._extents(path, self._file_ids, [(extent.length, extent.chunk)], digest)
        self._close_large(path, self._file_ids, digest, attributes)

    def finish(self) -> None:
        """Drain everything into the sectors."""
        self._seal_batch()
        self._pack_asked(0)
        while self._queue:
            self._drain()

    def end_lane(self) -> Lane:
        """All changes of a lane were given; `finish` included."""
        self.finish()
        return self._filling.end_lane(self._stream)

    def end(self, files: int, size: int) -> None:
        """The check point's END goes last into the sector that is open then."""
        self._filling.end(self._stream, files, size)

    def _small(self, found: Found) -> None:
        try:
            data, attributes, changing = self._source.read_small(found)
        except Grown:
            self._large(found)
            return
        if changing:
            self.outcome.changing.append((found.path, len(data)))
        size = len(data)
        path = found.path
        bound = ENTRY_BYTES + EXTENT_BYTES + len(path) + attributes_bound(attributes)
        batch = self._batch
        chunk = blake3(data).digest() if size else EMPTY_DIGEST
        self.facts = Facts(Kind.FILE, attributes, size, chunk)
        if size:
            if chunk not in batch.chunks:
                batch.chunks[chunk] = data
                batch.raw += size
                batch.run = None
            batch.pieces.append(Piece(path, None, attributes, size, [(size, chunk)], bound))
        else:
            batch.pieces.append(Piece(path, None, attributes, 0, [], bound))
        batch.bound += bound
        if batch.raw >= PACK_TARGET or batch.bound >= PACK_TARGET // 2:
            self._seal_batch()

    def _large(self, found: Found) -> None:
        last: bytes | None = None
        for attempt in range(1, ATTEMPTS + 1):
            self._file_ids += 1
            file_id = self._file_ids
            try:
                with self._source.open_large(found) as large:
                    extents = self._read_large(found.path, file_id, large)
                    # What two reads in a row give is what is there, whatever the system tells meanwhile.
                    settled = large.consistent() or extents.value() == last
                    last = extents.value()
                    if settled or attempt == ATTEMPTS:
                        attributes = large.attributes()
                        self._close_large(found.path, file_id, extents, attributes)
                        self.facts = Facts(Kind.FILE, attributes, extents.size, extents.value())
                        if not settled:
                            self.outcome.changing.append((found.path, large.size))
                        return
            except BakupError:
                self._add(Piece(found.path, file_id=file_id, void=True), ENTRY_BYTES)
                raise
            self._add(Piece(found.path, file_id=file_id, void=True), ENTRY_BYTES)

    def _read_large(self, path: bytes, file_id: int, large: Large) -> FileDigest:
        """Cut the file; returns the digest over its extents."""
        digest = FileDigest()
        for run in large.runs():
            if run.hole:
                self._extents(path, file_id, [(run.length, None)], digest)
            else:
                large.seek(run.offset)
                self._read_run(path, file_id, large, run.length, digest)
        return digest

    def _read_run(self, path: bytes, file_id: int, large: Large, length: int, digest: FileDigest) -> None:
        left, rest = length, memoryview(b"")
        last: tuple[Buffer, int] | None = None
        while left or rest:
            buffer = self._buffers.room(min(len(rest) + left, READ_BYTES))
            view = buffer.view[buffer.used :]
            filled = len(rest)
            if last != (buffer, buffer.used):
                # What was read and not cut yet goes with the file into another buffer, or to the front of this one.
                view[:filled] = rest
            while left and filled < len(view):
                count = large.readinto(view[filled : filled + left])
                left = left - count if count else 0
                filled += count
            cuts = self._cutter.cut(view[:filled], last=not left)
            used = self._hold_cuts(path, file_id, buffer, cuts, digest)
            rest, last = view[used:filled], (buffer, buffer.used)

    def _hold_cuts(self, path: bytes, file_id: int, buffer: Buffer, cuts: list[int], digest: FileDigest) -> int:
        begun = buffer.used
        for length in cuts:
            start, buffer.used = buffer.used, buffer.used + length
            data = buffer.view[start : buffer.used]
            chunk = blake3(data).digest()
            self.done_bytes += length
            self._hold(chunk, data, buffer, start)
            self._extents(path, file_id, [(length, chunk)], digest)
        return buffer.used - begun

    def _extents(self, path: bytes, file_id: int, chunks: list[tuple[int, bytes | None]], digest: FileDigest) -> None:
        digest.update(chunks)
        last = self._batch.pieces[-1] if self._batch.pieces else None
        going_on = last is not None and last.file_id == file_id and last.attributes is None
        if last is not None and going_on and len(last.chunks) + len(chunks) <= PART_EXTENTS:
            last.chunks.extend(chunks)
            self._batch.bound += EXTENT_BYTES * len(chunks)
        else:
            self._batch.pieces.append(Piece(path, file_id=file_id, chunks=chunks))
            self._batch.bound += ENTRY_BYTES + len(path) + EXTENT_BYTES * len(chunks)
        self._check_full()

    def _close_large(self, path: bytes, file_id: int, digest: FileDigest, attributes: Attributes) -> None:
        piece = Piece(path, attributes=attributes, size=digest.size, file_id=file_id, digest=digest.value())
        self._add(piece, 2 * ENTRY_BYTES + len(path) + attributes_bound(attributes))

    def _hold(self, chunk: bytes, data: memoryview, buffer: Buffer, start: int) -> None:
        batch = self._batch
        if chunk in batch.chunks:
            return
        if not batch.chunks:
            batch.run = (buffer, start, start + len(data))
        elif batch.run is not None:
            held, begun, end = batch.run
            batch.run = (held, begun, start + len(data)) if held is buffer and end == start else None
        if not batch.buffers or batch.buffers[-1] is not buffer:
            batch.buffers.append(buffer)
            buffer.holders += 1
        batch.chunks[chunk] = data
        batch.raw += len(data)

    def _add(self, piece: Piece, bound: int) -> None:
        self._batch.pieces.append(piece)
        self._batch.bound += bound
        self._check_full()

    def _check_full(self) -> None:
        if self._batch.raw >= PACK_TARGET or self._batch.bound >= PACK_TARGET // 2:
            self._seal_batch()

    def _seal_batch(self) -> None:
        batch, self._batch = self._batch, Batch()
        if not batch.pieces and not batch.chunks:
            return
        batch.answer = self._claims.ask(list(batch.chunks))
        self._queue.append(batch)
        self._asked.append(batch)
        self._pack_asked(self._claims.ahead)
        while len(self._queue) > self._packing.in_flight or (self._queue and _ready(self._queue[0])):
            self._drain()

    def _pack_asked(self, most: int) -> None:
        """Begin packs, until no more than `most` batches wait for the answer what of them is new."""
        while len(self._asked) > most:
            self._pack(self._asked.popleft())

    def _pack(self, batch: Batch) -> None:
        assert batch.answer is not None
        new, offset = batch.answer(), 0
        for chunk in new:
            batch.offsets[chunk] = offset
            offset += len(batch.chunks[chunk])
        batch.raw_length = offset
        if new:
            parts: list[bytes | memoryview] = [batch.chunks[chunk] for chunk in new]
            if batch.run is not None and len(new) == len(batch.chunks):
                buffer, start, end = batch.run
                parts = [buffer.view[start:end]]
            how = self._packing
            pool = how.pool if batch.buffers else how.for_small
            batch.pack = pool.submit(pack_action, parts, how.level)
        batch.answer, batch.chunks = None, {}

    def _drain(self) -> None:
        batch = self._queue.popleft()
        box = 0
        if batch.pack is not None:
            action = batch.pack.result()
            box = self._filling.add_pack(self._stream, action, batch.raw_length, batch.bound)
        else:
            self._filling.reserve(batch.bound)
        for buffer in batch.buffers:
            self._buffers.release(buffer)
        offsets = batch.offsets
        for piece in batch.pieces:
            self._place(piece, offsets, box)
        self._claims.drained()
        self._on_drained()

    def _place(self, piece: Piece, offsets: dict[bytes, int], box: int) -> None:
        filling, stream = self._filling, self._stream
        if piece.entry is not None:
            filling.add_here(stream, piece.entry, piece.bound)
        elif piece.file_id == 0:
            extents = _placed(piece.chunks, offsets, box)
            entry = File(piece.path, piece.attributes or Attributes(), piece.size, extents)
            filling.add_here(stream, entry, piece.bound)
        elif piece.void:
            filling.void_file(stream)
            return
        elif piece.attributes is None:
            filling.add_extents(stream, piece.path, piece.file_id, _placed(piece.chunks, offsets, box))
            return
        else:
            closing = Closing(piece.attributes, piece.size, piece.digest or EMPTY_DIGEST)
            filling.close_file(stream, piece.path, piece.file_id, closing)
        self.outcome.entries += 1


class FileDigest:
    """The digest of a file's extents as they come (spec section 6.3)."""

    def __init__(self) -> None:
        self._running = blake3()
        self._first: tuple[int, bytes | None] | None = None
        self._count = 0
        self.size = 0

    def update(self, chunks: list[tuple[int, bytes | None]]) -> None:
        """More extents: (length in bytes, chunk id or None for a hole)."""
        self._first = self._first or chunks[0]
        self._count += len(chunks)
        self.size += sum(length for length, _ in chunks)
        self._running.update(encode_extents(Extent(length, chunk) for length, chunk in chunks))

    def value(self) -> bytes:
        """The file digest: the chunk id if there is but one extent and that no hole."""
        if self._count == 1 and self._first is not None and self._first[1] is not None:
            return self._first[1]
        return bytes(self._running.digest())


def _placed(chunks: list[tuple[int, bytes | None]], offsets: dict[bytes, int], box: int) -> tuple[Extent, ...]:
    # The first extent that names a new chunk introduces it; later ones only refer to it.
    extents = []
    for length, chunk in chunks:
        offset = offsets.pop(chunk, None) if chunk is not None else None
        extents.append(Extent(length, chunk, None if offset is None else box, offset))
    return tuple(extents)


def _ready(batch: Batch) -> bool:
    return batch.answer is None and (batch.pack is None or batch.pack.done())
