"""cat: one file as a stream. Each chunk is compared with its id before a byte of it is given away."""

from __future__ import annotations

import sqlite3
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from blake3 import blake3

from bakup.catalog import damage, difference, history, places
from bakup.catalog.database import transaction
from bakup.catalog.history import CheckpointRow, SourceRow
from bakup.catalog.places import Place
from bakup.catalog.rows import Version
from bakup.errors import Damaged, Failed, Untrusted
from bakup.flows import remembered
from bakup.flows.ask import Ask
from bakup.flows.attach import Attached, attach
from bakup.flows.choosing import choose_checkpoint, choose_source, inner_path, line_of
from bakup.flows.home import Home
from bakup.flows.reports import CatReport, TargetOptions
from bakup.flows.restore import opener
from bakup.flows.unknown import unknown
from bakup.flows.watch import Watch
from bakup.model import Extent, Kind, TableRow, path_key
from bakup.sector.naming import sector_name
from bakup.sector.reader import OpenSector

AHEAD = 6
"""Extents whose packs are read while an earlier one is given away."""
KEPT = 2
"""Packs kept beyond those, since neighbours share one."""
_ZEROS = memoryview(bytes(1 << 20))
_SOMEWHERE = "a sector that held a part of it is missing"

Piece = memoryview | bytes
Write = Callable[[Piece, bool], None]
"""Takes the next bytes of the file; True when they are a hole's zeros."""


def cat(
    home: Home,
    dst: str,
    path: bytes,
    write: Write,
    *,
    source: str | None,
    at: str,
    target: TargetOptions,
    watch: Watch,
    ask: Ask,
) -> CatReport:
    """Give the file `path` of a check point to `write`, in order, verified; stops at the first byte that is lost.

    Raises Failed when there is no such file; what `write` raises ends it.
    """
    with attach(home, dst, target, watch, ask) as attached:
        connection = home.catalog
        chosen = choose_source(connection, attached.row, source, dst, at)
        row = choose_checkpoint(connection, attached.row, chosen, at)
        rows = history.checkpoints(connection, attached.row, chosen.id)
        lost = unknown(connection, attached.row, history.chain_of(rows, row), every=False, newest=row == rows[-1])
        version = _file(connection, chosen, row, inner_path(chosen, path), lost)
        reading = Reading(connection, attached.row, opener(attached, connection))
        try:
            written, cause = _pour(reading, history.extents_of(connection, version), write)
        finally:
            _remember(home, attached, reading.findings)
        size = version.size or 0
        if cause == _SOMEWHERE:
            cause = _gone(connection, attached.row, version)
        return CatReport(
            line_of(row, chosen),
            version.path,
            size,
            written,
            cause,
            () if cause else tuple(sector_name(sector) for sector in reading.findings),
            difference.unread_above(connection, row.id, version.key),
        )


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
            except (Damaged, Untrusted) as error:
                cause = cause or error.message
                self._find_damage(place)
                continue
            data = memoryview(raw)[place.offset : place.offset + extent.length]
            if len(data) == extent.length and blake3(data).digest() == chunk:
                return data
            cause = cause or f"{sector_name(self._uuid(place.sector))} is damaged"
            self._find_damage(place)
        raise Damaged(cause or self._why_nowhere(chunk) or _SOMEWHERE)

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


def _pour(reading: Reading, extents: Iterable[Extent], write: Write) -> tuple[int, str | None]:
    """How many bytes were written, and why not more."""
    written = 0
    pieces = reading.pieces(extents)
    while True:
        try:
            piece, hole = next(pieces)
        except StopIteration:
            return written, None
        except (Damaged, Untrusted) as error:
            return written, error.message
        write(piece, hole)
        written += len(piece)


def _gone(connection: sqlite3.Connection, target: int, version: Version) -> str:
    """Which sector held the part of the file that is not known."""
    [uuid] = connection.execute("SELECT uuid FROM checkpoints WHERE id = ?", [version.checkpoint]).fetchone()
    gone = {
        line.sector
        for line in damage.missing_lines(connection, target)
        if line.checkpoint == uuid and path_key(line.first_path) <= version.key <= path_key(line.last_path) + b"\xff"
    }
    return f"{sector_name(gone.pop())} is missing" if len(gone) == 1 else _SOMEWHERE


def _file(
    connection: sqlite3.Connection, source: SourceRow, row: CheckpointRow, path: bytes, lost: Sequence[str]
) -> Version:
    version = history.version_at(connection, source.id, row.ordinal, path)
    shown = path.decode("utf-8", "backslashreplace") or "."
    if version is None:
        not_known = tuple((cause,) for cause in lost)
        raise Failed(f"no {shown} in {row.uuid.hex()[:8]} of {source.label}", details=not_known, code="no-path")
    if version.kind == Kind.DIR:
        raise Failed(f"{shown} is a folder", code="folder")
    if version.kind == Kind.SYMLINK:
        link = (version.extra or b"").decode("utf-8", "backslashreplace")
        raise Failed(f"{shown} is a link to {link}", code="link")
    if version.kind != Kind.FILE:
        raise Failed(f"{shown} has no content", code="special")
    return version


def _remember(home: Home, attached: Attached, findings: dict[bytes, set[int]]) -> None:
    """Damage that was found, so that the next sync stores it again."""
    if not findings or not home.locked:
        return
    with transaction(home.state), transaction(home.catalog):
        for sector, positions in findings.items():
            remembered.add_findings(home.state, attached.url, sector, positions, "found by cat")
            places.mark_damaged(home.catalog, attached.row, sector, positions)
