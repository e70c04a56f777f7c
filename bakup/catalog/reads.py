"""The plan of a restore: which pack gives which bytes of which file, in temporary tables, so that memory stays flat."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, TypeAlias

from bakup.model import TableRow

TABLES = """
CREATE TEMP TABLE files (id INTEGER PRIMARY KEY, path BLOB NOT NULL, size INTEGER NOT NULL, attributes BLOB NOT NULL,
    chunks INTEGER NOT NULL, covered INTEGER NOT NULL, chunk BLOB);
CREATE TEMP TABLE pieces (file INTEGER NOT NULL, position INTEGER NOT NULL, chunk BLOB NOT NULL,
    length INTEGER NOT NULL);
CREATE TEMP TABLE wanted (pack INTEGER NOT NULL, offset INTEGER NOT NULL, file INTEGER NOT NULL,
    position INTEGER NOT NULL, chunk BLOB NOT NULL, length INTEGER NOT NULL,
    PRIMARY KEY (pack, offset, file, position)) WITHOUT ROWID;
CREATE TEMP TABLE mixed (pack INTEGER PRIMARY KEY);
CREATE TEMP VIEW asked AS SELECT id AS file, 0 AS position, chunk, size AS length FROM files WHERE chunk IS NOT NULL
    UNION ALL SELECT file, position, chunk, length FROM pieces;
"""

# CROSS JOIN: the order as it stands, which needs nothing but a look for each chunk. Of a group the row of the minimum
# is taken.
PLACE = """
INSERT INTO wanted SELECT pack, offset, file, position, chunk, length FROM (
    SELECT a.file, a.position, a.chunk, a.length, c.pack, c.offset,
        min((p.damaged IN (1, 3) OR c.damaged OR s.state = 'damaged') << 48 | c.pack)
    FROM asked a CROSS JOIN chunks c ON c.id = a.chunk AND c.length = a.length CROSS JOIN packs p ON p.id = c.pack
        CROSS JOIN sectors s ON s.id = p.sector AND s.target = ? AND s.state <> 'missing'
    GROUP BY a.file, a.position) ORDER BY pack, offset, file, position
"""

WantRow: TypeAlias = tuple[int, int, bytes, int, int, bytes, int, bytes, int]
"""The fields of a Want."""


class Want(NamedTuple):
    """A chunk that a file wants. `position` in the file, `offset` in the raw pack; sizes in bytes.

    `attributes` are encoded; `chunks` is how many chunks the file wants in all.
    """

    file: int
    position: int
    chunk: bytes
    length: int
    offset: int
    path: bytes
    size: int
    attributes: bytes
    chunks: int


class PackRead(NamedTuple):
    """One pack to open, once, and what is wanted of it in order of offset: plain tuples, which pass fast."""

    sector: int
    row: TableRow
    wants: list[WantRow]


class ReadPlan:
    """Add files, `place` them, then take `packs` in order of sector and position.

    Args:
        connection: of the catalog; the tables are temporary ones of it.
        target: row of the target.
    """

    def __init__(self, connection: sqlite3.Connection, target: int) -> None:
        self._connection = connection
        self._target = target
        connection.execute("DROP VIEW IF EXISTS temp.asked")
        for table in ("files", "pieces", "wanted", "mixed"):
            connection.execute(f"DROP TABLE IF EXISTS temp.{table}")
        connection.executescript(TABLES)

    def add(
        self,
        files: Iterable[tuple[int, bytes, int, bytes, int, int, bytes | None]],
        pieces: Iterable[tuple[int, int, bytes, int]],
    ) -> None:
        """Add rows: (file, path, size, encoded attributes, chunks, bytes that its extents cover, the id of its only
        chunk) and, for files of several, (file, position in it, chunk id, length)."""
        with self._at_once():
            self._connection.executemany("INSERT INTO files VALUES (?, ?, ?, ?, ?, ?, ?)", files)
            self._connection.executemany("INSERT INTO pieces VALUES (?, ?, ?, ?)", pieces)

    def place(self) -> None:
        """Choose a place for each chunk: the same for equal chunks; a damaged one only where there is no other."""
        with self._at_once():
            self._connection.execute(PLACE, [self._target])
            self._connection.execute(
                "INSERT INTO mixed SELECT DISTINCT pack FROM wanted WHERE file IN (SELECT file FROM pieces)"
            )

    def missing(self) -> Iterator[Want]:
        """What has no usable place, by file."""
        asked, placed = self._connection.execute(
            "SELECT (SELECT count(*) FROM asked), (SELECT count(*) FROM wanted)"
        ).fetchone()
        if asked == placed:
            return iter(())
        rows = self._connection.execute(
            "SELECT a.file, a.position, a.chunk, a.length, 0, f.path, f.size, f.attributes, f.chunks FROM"
            " (SELECT file, position, chunk, length FROM asked EXCEPT"
            " SELECT file, position, chunk, length FROM wanted) a JOIN files f ON f.id = a.file"
            " ORDER BY a.file, a.position"
        )
        return map(Want._make, rows)

    def keep(self, files: Iterable[int]) -> None:
        """Only these files are still wanted."""
        self._delete("file NOT IN", files)

    def drop(self, files: Iterable[int]) -> None:
        """These files are not wanted any more."""
        self._delete("file IN", files)

    def _delete(self, condition: str, files: Iterable[int]) -> None:
        with self._at_once():
            self._connection.execute("CREATE TEMP TABLE named (file INTEGER PRIMARY KEY)")
            self._connection.executemany("INSERT OR IGNORE INTO named VALUES (?)", ((file,) for file in files))
            self._connection.execute(f"DELETE FROM wanted WHERE {condition} (SELECT file FROM named)")
            self._connection.execute("DROP TABLE named")

    @contextmanager
    def _at_once(self) -> Iterator[None]:
        """One transaction for many rows, not one a row; inside the caller's if there is one."""
        self._connection.execute("SAVEPOINT plan")
        try:
            yield
        finally:
            self._connection.execute("RELEASE plan")

    def empty(self) -> Iterator[tuple[int, bytes, int, bytes, int]]:
        """(file, path, size, encoded attributes, covered bytes) of files that want no chunk: empty ones, and holes."""
        yield from self._connection.execute(
            "SELECT id, path, size, attributes, covered FROM files WHERE chunks = 0 ORDER BY id"
        ).fetchall()

    def totals(self) -> tuple[int, int]:
        """(files, bytes) of the plan."""
        row = self._connection.execute("SELECT count(*), coalesce(sum(size), 0) FROM files").fetchone()
        return int(row[0]), int(row[1])

    def packs(self, *, whole: bool) -> Iterator[PackRead]:
        """What to read, by sector and position: packs of which only files of one chunk are wanted, or the others."""
        # Sorted as a whole before the first is given, so the plan may change meanwhile.
        packs = self._connection.execute(
            "SELECT p.id, p.sector, p.checkpoint, p.offset, p.length, p.position, p.raw_length FROM"
            f" (SELECT DISTINCT pack FROM wanted WHERE pack {'NOT IN' if whole else 'IN'} (SELECT pack FROM mixed)) w"
            " JOIN packs p ON p.id = w.pack ORDER BY p.sector, p.position"
        )
        for pack, sector, *row in packs:
            wants = self._connection.execute(
                "SELECT w.file, w.position, w.chunk, w.length, w.offset, f.path, f.size, f.attributes, f.chunks"
                " FROM wanted w JOIN files f ON f.id = w.file WHERE w.pack = ? ORDER BY w.offset, w.file, w.position",
                [pack],
            )
            yield PackRead(sector, TableRow(*row), wants.fetchall())
