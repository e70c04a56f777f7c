"""Many small sectors of one check point, made quickly: what a rebuild reads of them is what it reads of large ones."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

from blake3 import blake3

from bakup.account.keys import Account
from bakup.format.action import frame, group_action, pack_action
from bakup.format.constants import END_LANE, LANE_SHIFT, ActionType
from bakup.format.entries import encode_entries
from bakup.format.structures import encode_checkpoint, encode_end
from bakup.model import Attributes, Checkpoint, Chunker, Dir, End, Entry, Extent, File, LaneLine, SectorLine
from bakup.sector.writer import FinishedSector, SectorWriter

FILES = 20
"""In each sector."""
_FILE_BYTES = 200
_LINES = 4096


class Many:
    """Sectors in `folder`, of `account`; `count` of them, with one complete check point in all."""

    def __init__(self, folder: str, account: Account, count: int) -> None:
        self._folder, self._account, self._count = folder, account, count
        chunker = Chunker("fastcdc", 1 << 19, 1 << 20, 1 << 22, 0)
        self._point = Checkpoint(
            uuid.uuid4().bytes, 0, 1, uuid.uuid4().bytes, "host", b"/home", "", (), 1, None, None, None, chunker
        )
        self._offsets = [0, 0]
        self._digests = [blake3(encode_checkpoint(self._point)).digest()]

    def make(self) -> None:
        """Write them; the last one holds the END."""
        lines: list[SectorLine] = []
        for number in range(self._count):
            with SectorWriter(self._folder, self._account) as writer:
                writer.begin_checkpoint(self._point.uuid, encode_checkpoint(self._point))
                entries = self._fill(writer, number)
                if number == self._count - 1:
                    self._end(writer, [*lines, _line(writer.uuid, entries)])
                lines.append(_line(writer.uuid, entries, writer.finish()))

    def _fill(self, writer: SectorWriter, number: int) -> list[Entry]:
        contents = [os.urandom(_FILE_BYTES) for _ in range(FILES)]
        pack, (at, _) = pack_action(b"".join(contents), None), self._offsets
        writer.add_data(self._point.uuid, at, pack, FILES * _FILE_BYTES)
        self._offsets[0] += 1
        entries = [*self._folders(number), *_files(number, contents, at)]
        self._meta(writer, group_action(encode_entries(entries), 3))
        return entries

    def _folders(self, number: int) -> Iterator[Entry]:
        attributes = Attributes(mode=0o755, mtime_ns=1)
        if number == 0:
            yield Dir(b"", attributes)
        yield Dir(b"%06d" % number, attributes)

    def _end(self, writer: SectorWriter, lines: list[SectorLine]) -> None:
        runs = [lines[at : at + _LINES] for at in range(0, len(lines), _LINES)]
        files, size = self._count * FILES, self._count * FILES * _FILE_BYTES
        for part, run in enumerate(runs):
            last = part == len(runs) - 1
            lanes = () if part else (LaneLine(0, self._offsets[1], blake3(b"".join(self._digests)).digest()),)
            end = End(self._point.uuid, part, last, tuple(run), files if last else 0, size if last else 0, lanes)
            writer.add_meta(self._point.uuid, END_LANE << LANE_SHIFT | part, frame(ActionType.END, encode_end(end)))

    def _meta(self, writer: SectorWriter, content: bytes) -> None:
        writer.add_meta(self._point.uuid, self._offsets[1], content)
        self._offsets[1] += len(content)
        self._digests.append(blake3(content).digest())


def _files(number: int, contents: list[bytes], box: int) -> Iterator[Entry]:
    attributes = Attributes(mode=0o644, mtime_ns=1)
    for place, content in enumerate(contents):
        extent = Extent(_FILE_BYTES, blake3(content).digest(), box, place * _FILE_BYTES)
        yield File(b"%06d/IMG_%04d.jpg" % (number, place), attributes, _FILE_BYTES, (extent,))


def _line(sector: bytes, entries: list[Entry], finished: FinishedSector | None = None) -> SectorLine:
    first, last = (entries[place].path for place in (0, -1))
    if finished is None:
        return SectorLine(sector, None, len(entries), 0, first, last)
    return SectorLine(sector, finished.header_digest, len(entries), finished.size, first, last)
