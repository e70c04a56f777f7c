"""The plan of a restore: which pack gives which bytes of which file, in temporary tables, so that memory stays flat."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from bakup.model import TableRow

TABLES = """
CREATE TEMP TABLE files (id INTEGER PRIMARY KEY, path BLOB NOT NULL, size INTEGER NOT NULL, attributes BLOB NOT NULL,
    chunks INTEGER NOT NULL, covered INTEGER NOT NULL, chunk BLOB);
CREATE TEMP TABLE wanted (file INTEGER NOT NULL, position INTEGER NOT NULL, chunk BLOB NOT NULL,
    length INTEGER NOT NULL, pack INTEGER, offset INTEGER);
"""


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
    """One pack to open, once, and what is wanted of it in order of offset."""

    sector: int
    row: TableRow
    wants: list[Want]


class ReadPlan:
    """Add files, `place` them, then take `packs` in order of sector and position.

    Args:
        connection: of the catalog; the tables are temporary ones of it.
        target: row of the target.
    """

    def __init__(self, connection: sqlite3.Connection, target: int) -> None:
        self._connection = connection
        self._target = target
        for table in ("files", "wanted"):
            connection.execute(f"DROP TABLE IF EXISTS temp.{table}")
        connection.executescript(TABLES)

    def add(
        self,
        files: Iterable[tuple[int, bytes, int, bytes, int, int, bytes | None]],
        wants: Iterable[tuple[int, int, bytes, int]],
    ) -> None:
        """Add rows: (file, path, size, encoded attributes, chunks, bytes that its extents cover, the id of its only
        chunk) and, for files of several, (file, position in it, chunk id, length)."""
        self._connection.executemany("INSERT INTO files VALUES (?, ?, ?, ?, ?, ?, ?)", files)
        self._connection.executemany("INSERT INTO wanted (file, position, chunk, length) VALUES (?, ?, ?, ?)", wants)

    def place(self) -> None:
        """Choose a place for each chunk: the same for equal chunks; a damaged one only where there is no other."""
        self._connection.execute(
            "INSERT INTO wanted (file, position, chunk, length)"
            " SELECT id, 0, chunk, size FROM files WHERE chunk IS NOT NULL"
        )
        self._connection.execute(
            "UPDATE wanted SET (pack, offset) = (SELECT c.pack, c.offset FROM chunks c JOIN packs p ON p.id = c.pack"
            " JOIN sectors s ON s.id = p.sector WHERE c.id = wanted.chunk AND s.target = ? AND s.state <> 'missing'"
            " AND c.length = wanted.length"
            " ORDER BY p.damaged IN (1, 3) OR c.damaged OR s.state = 'damaged', c.pack LIMIT 1)",
            [self._target],
        )
        self._connection.execute("CREATE INDEX temp.wanted_by_pack ON wanted (pack, offset)")

    def missing(self) -> Iterator[Want]:
        """What has no usable place, by file."""
        rows = self._connection.execute(
            "SELECT w.file, w.position, w.chunk, w.length, 0, f.path, f.size, f.attributes, f.chunks"
            " FROM wanted w JOIN files f ON f.id = w.file WHERE w.pack IS NULL ORDER BY w.file, w.position"
        )
        return map(Want._make, rows)

    def keep(self, files: Iterable[int]) -> None:
        """Only these files are still wanted."""
        self._delete("file NOT IN", files)

    def drop(self, files: Iterable[int]) -> None:
        """These files are not wanted any more."""
        self._delete("file IN", files)

    def _delete(self, condition: str, files: Iterable[int]) -> None:
        self._connection.execute("CREATE TEMP TABLE named (file INTEGER PRIMARY KEY)")
        self._connection.executemany("INSERT OR IGNORE INTO named VALUES (?)", ((file,) for file in files))
        self._connection.execute(f"DELETE FROM wanted WHERE {condition} (SELECT file FROM named)")
        self._connection.execute("DROP TABLE named")

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
        """What to read, by sector and position: packs of which only whole files are wanted, or the others."""
        # Sorted as a whole before the first is given, so the plan may change meanwhile.
        packs = self._connection.execute(
            "SELECT p.id, p.sector, p.checkpoint, p.offset, p.length, p.position, p.raw_length FROM"
            " (SELECT w.pack FROM wanted w JOIN files f ON f.id = w.file WHERE w.pack IS NOT NULL"
            " GROUP BY w.pack HAVING min(f.chunks = 1 AND f.size = w.length) = ?) chosen"
            " JOIN packs p ON p.id = chosen.pack ORDER BY p.sector, p.position",
            [int(whole)],
        )
        for pack, sector, *row in packs:
            wants = self._connection.execute(
                "SELECT w.file, w.position, w.chunk, w.length, w.offset, f.path, f.size, f.attributes, f.chunks"
                " FROM wanted w JOIN files f ON f.id = w.file WHERE w.pack = ? ORDER BY w.offset, w.file, w.position",
                [pack],
            )
            yield PackRead(sector, TableRow(*row), list(map(Want._make, wants)))
