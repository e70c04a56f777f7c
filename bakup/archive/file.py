"""One file of a check point, read in any order by any thread."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate, islice

from bakup.catalog.history import NOWHERE
from bakup.catalog.readers import Readers
from bakup.catalog.rows import HOLE, PartsDigest, Version, decode_extents
from bakup.errors import Damaged
from bakup.layouts.interface import Reader
from bakup.model import Extent

AHEAD = 8
"""Extents that are read ahead for one who reads on and on."""
NEAR = 1 << 20
"""How far from where the last read ended a read may begin and still go on with it, in bytes: threads overtake."""
KEEP = 8 << 20
"""Extents of at most so many bytes are kept whole for the next read."""
PIECE = 1 << 20


class ArchiveFile:
    """The bytes of a version. The extent that was read last is kept, so that small reads in a row cost little.

    Raises:
        Damaged: its parts are all there, and are not those of the file that was backed up.
    """

    def __init__(self, readers: Readers, reading: Reader, version: Version) -> None:
        self.size = version.size or 0
        self._reading = reading
        self._extents = Extents(readers, version)
        self._next = -1
        self._kept: tuple[int, bytes] = (0, b"")

    def read(self, offset: int, length: int) -> bytes:
        """Verified bytes from `offset`, fewer only where the file ends.

        Raises Damaged or Untrusted where nothing gives one of them, StoreError as the target does.
        """
        stop = min(offset + length, self.size)
        pieces: list[bytes | memoryview] = []
        at = offset
        while at < stop:
            start, extent = self._extents.at(at)
            end = min(stop, start + extent.length)
            pieces.append(self._piece(start, extent, at, end))
            at = end
        self._next = at
        return bytes(pieces[0]) if len(pieces) == 1 else b"".join(pieces)

    def extents(self) -> Iterator[Extent]:
        """Its extents, in order."""
        return self._extents.behind(0)

    def pieces(self) -> Iterator[bytes]:
        """All of it, in order."""
        return (self.read(offset, PIECE) for offset in range(0, self.size, PIECE))

    def _piece(self, start: int, extent: Extent, at: int, end: int) -> bytes | memoryview:
        if extent.chunk is None:
            return bytes(end - at)
        begin, kept = self._kept
        if not (begin <= at and end <= begin + len(kept)):
            if self._next > 0 and abs(at - self._next) <= NEAR:
                self._reading.expect(islice(self._extents.behind(start + extent.length), AHEAD))
            if extent.length > KEEP:
                return self._reading.read(extent, at - start, end - start)
            begin, kept = start, bytes(self._reading.read(extent, 0, extent.length))
            self._kept = begin, kept
        return memoryview(kept)[at - begin : end - begin]


class Extents:
    """Where a file's extents begin. Of many only those of one part are held, some MiB at most.

    Raises:
        Damaged: see ArchiveFile.
    """

    def __init__(self, readers: Readers, version: Version) -> None:
        self._readers = readers
        self._version = version
        self._size = version.size or 0
        self._parts: list[tuple[int, int]] = []
        self._decoded: tuple[int, list[int], list[Extent]] = (-1, [], [])
        if version.parted:
            self._look_at_parts()
        else:
            chunk = None if version.digest == HOLE else version.digest
            self._parts = [(0, self._size)]
            self._decoded = 0, [0], [Extent(self._size, chunk)]

    def at(self, offset: int) -> tuple[int, Extent]:
        """(where it begins, the extent) that holds `offset`; NOWHERE where a part is lost."""
        number = bisect_right(self._parts, (offset, self._size + 1)) - 1
        begin, length = self._parts[number] if number >= 0 else (0, 0)
        if offset >= begin + length:
            end = self._parts[number + 1][0] if number + 1 < len(self._parts) else self._size
            return begin + length, Extent(end - begin - length, NOWHERE)
        _, starts, extents = self._part(begin)
        found = bisect_right(starts, offset - begin) - 1
        return begin + starts[found], extents[found]

    def behind(self, offset: int) -> Iterator[Extent]:
        """The extents from `offset` on."""
        while offset < self._size:
            start, extent = self.at(offset)
            yield extent
            offset = start + extent.length

    def _look_at_parts(self) -> None:
        digest, at = PartsDigest(), 0
        with self._readers.one() as connection:
            for offset, length, blob in connection.execute(_PARTS, self._which()):
                digest.add(blob)
                at = offset + length if offset == at else -1
                self._parts.append((offset, length))
        if at == self._size and digest.value() != self._version.digest:
            raise Damaged("its parts are not those of the file that was backed up")

    def _part(self, begin: int) -> tuple[int, list[int], list[Extent]]:
        decoded = self._decoded
        if decoded[0] != begin:
            with self._readers.one() as connection:
                [(blob,)] = connection.execute(_PART, [*self._which(), begin])
            extents = [Extent(length, chunk) for length, chunk in decode_extents(blob)]
            decoded = self._decoded = begin, [0, *accumulate(one.length for one in extents)], extents
        return decoded

    def _which(self) -> list[object]:
        return [self._version.checkpoint, self._version.key, self._version.file_id]


_PARTS = "SELECT offset, length, extents FROM parts WHERE checkpoint = ? AND key = ? AND file_id = ? ORDER BY offset"
_PART = "SELECT extents FROM parts WHERE checkpoint = ? AND key = ? AND file_id = ? AND offset = ? ORDER BY length DESC"


def stored_bytes(readers: Readers, version: Version) -> int:
    """Bytes of a file that are no hole."""
    if not version.parted:
        return 0 if version.digest == HOLE else version.size or 0
    with readers.one() as connection:
        blobs = connection.execute(_PARTS, [version.checkpoint, version.key, version.file_id]).fetchall()
    holes = sum(length for _, _, blob in blobs for length, chunk in decode_extents(blob) if chunk is None)
    return (version.size or 0) - holes
