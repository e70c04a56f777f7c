"""Reading single files of sectors: packs are read ahead, each chunk is verified before a byte of it is given away."""

from __future__ import annotations

import sqlite3
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from blake3 import blake3

from bakup.catalog import places
from bakup.catalog.places import Place
from bakup.errors import Damaged, Untrusted, Withheld
from bakup.model import Extent, TableRow
from bakup.sector.naming import sector_name
from bakup.sector.reader import OpenSector

AHEAD = 6
"""Extents whose packs are read while an earlier one is given away."""
KEPT = 2
"""Packs kept beyond those, since neighbours share one."""
SOMEWHERE = "a sector that held a part of it is missing"
"""Why a part of a file cannot be had whose very chunks are not known."""
_ZEROS = memoryview(bytes(1 << 20))

Piece = memoryview | bytes


class Reading:
    """Bytes of extents, verified; packs are read ahead, memory is bounded by a few of them.

    Args:
        open_sector: gives the open sector of a row id.

    `findings` are places that turned out to be damaged: sector uuid -> positions of packs.
    """

    def __init__(self, connection: sqlite3.Connection, target: int, open_sector: Callable[[int], OpenSector]) -> None:
        self.findings: dict[bytes, set[int]] = {}
        self._connection = connection
        self._target = target
        self._open_sector = open_sector
        self._packs: OrderedDict[tuple[int, int], Future[Piece]] = OrderedDict()

    def pieces(self, extents: Iterable[Extent]) -> Iterator[tuple[Piece, bool]]:
        """(bytes, whether they are a hole's zeros) in order. Raises Damaged at an extent that no place gives."""
        pool = ThreadPoolExecutor(2, thread_name_prefix="read")
        waiting: deque[tuple[Extent, list[Place]]] = deque()
        try:
            for extent in extents:
                waiting.append((extent, self._begin(extent, pool)))
                if len(waiting) > AHEAD:
                    yield from self._end(*waiting.popleft(), pool)
            while waiting:
                yield from self._end(*waiting.popleft(), pool)
        finally:
            pool.shutdown(cancel_futures=True)

    def _begin(self, extent: Extent, pool: ThreadPoolExecutor) -> list[Place]:
        if extent.chunk is None:
            return []
        found = places.places_of(self._connection, self._target, extent.chunk)
        fitting = [place for place in found if place.chunk_length == extent.length]
        if fitting:
            self._fetched(fitting[0], pool)
        return fitting

    def _end(self, extent: Extent, found: list[Place], pool: ThreadPoolExecutor) -> Iterator[tuple[Piece, bool]]:
        if extent.chunk is None:
            for start in range(0, extent.length, len(_ZEROS)):
                yield _ZEROS[: min(len(_ZEROS), extent.length - start)], True
        else:
            yield self._verified(extent, extent.chunk, found, pool), False

    def _verified(self, extent: Extent, chunk: bytes, found: list[Place], pool: ThreadPoolExecutor) -> Piece:
        cause = ""
        for place in found:
            try:
                raw = self._fetched(place, pool).result()
            except Withheld as error:
                cause = cause or error.message
                continue
            except (Damaged, Untrusted) as error:
                cause = cause or error.message
                self._find_damage(place)
                continue
            data = memoryview(raw)[place.offset : place.offset + extent.length]
            if len(data) == extent.length and blake3(data).digest() == chunk:
                return data
            cause = cause or f"{sector_name(self._uuid(place.sector))} is damaged"
            self._find_damage(place)
        raise Damaged(cause or self._why_nowhere(chunk) or SOMEWHERE)

    def _fetched(self, place: Place, pool: ThreadPoolExecutor) -> Future[Piece]:
        key = (place.sector, place.position)
        future = self._packs.get(key)
        if future is None:
            row = TableRow(place.checkpoint, place.box_offset, place.length, place.position, place.raw_length)
            future = self._packs[key] = pool.submit(self._read, place.sector, row)
        self._packs.move_to_end(key)
        while len(self._packs) > AHEAD + KEPT:
            self._packs.popitem(last=False)
        return future

    def _read(self, sector: int, row: TableRow) -> Piece:
        return self._open_sector(sector).data_box(row)

    def _find_damage(self, place: Place) -> None:
        self.findings.setdefault(self._uuid(place.sector), set()).add(place.position)

    def _uuid(self, sector: int) -> bytes:
        return bytes(self._connection.execute("SELECT uuid FROM sectors WHERE id = ?", [sector]).fetchone()[0])

    def _why_nowhere(self, chunk: bytes) -> str | None:
        row = self._connection.execute(
            "SELECT s.uuid FROM chunks c JOIN packs p ON p.id = c.pack JOIN sectors s ON s.id = p.sector"
            " WHERE c.id = ? AND s.target = ? LIMIT 1",
            [chunk, self._target],
        ).fetchone()
        return None if row is None else f"{sector_name(bytes(row[0]))} is missing"
