"""The plan of a restore: which pack gives which bytes of which file, in temporary tables, so that memory stays flat."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, TypeAlias

from bakup.catalog.history import LAST_KEY
from bakup.model import TableRow

TABLES = """
CREATE TEMP TABLE files (id INTEGER PRIMARY KEY, path BLOB NOT NULL, size INTEGER NOT NULL, attributes BLOB NOT NULL,
    chunks INTEGER NOT NULL, covered INTEGER NOT NULL, chunk BLOB);
CREATE TEMP TABLE pieces (file INTEGER NOT NULL, position INTEGER NOT NULL, chunk BLOB NOT NULL,
    length INTEGER NOT NULL);
CREATE TEMP TABLE wanted (pack INTEGER NOT NULL, offset INTEGER NOT NULL, file INTEGER NOT NULL,
    position INTEGER NOT NULL, chunk BLOB NOT NULL, length INTEGER NOT NULL, whole INTEGER NOT NULL,
    PRIMARY KEY (pack, offset, file, position)) WITHOUT ROWID;
CREATE TEMP TABLE given (pack INTEGER PRIMARY KEY);
CREATE TEMP TABLE named (file INTEGER PRIMARY KEY);
"""

WINDOW = 8192
"""Versions that are looked at between two looks at what else is to be done."""
NOWHERE = 0
"""The pack of chunks that have no usable place."""

_SINGLE = "(SELECT id AS file, 0 AS position, chunk, size AS length FROM files WHERE id > :after AND chunk IS NOT NULL)"

# CROSS JOIN: in the order as it stands, which needs a look for each chunk and no more. Of a group the row that has the
# minimum is taken.
_PLACE = """
INSERT INTO wanted SELECT pack, offset, file, position, chunk, length, {whole} FROM (
    SELECT a.file, a.position, a.chunk, a.length, c.pack, c.offset,
        min((p.damaged IN (1, 3) OR c.damaged OR s.state = 'damaged') << 48 | c.pack)
    FROM {asked} a CROSS JOIN chunks c ON c.id = a.chunk AND c.length = a.length CROSS JOIN packs p ON p.id = c.pack
        CROSS JOIN sectors s ON s.id = p.sector AND s.target = :target AND s.state <> 'missing'
    GROUP BY a.file, a.position) ORDER BY pack, offset, file, position
"""
_PLACE_NOWHERE = f"""
INSERT INTO wanted SELECT {NOWHERE}, 0, file, position, chunk, length, {{whole}} FROM {{asked}} a WHERE NOT EXISTS (
    SELECT 1 FROM chunks c JOIN packs p ON p.id = c.pack JOIN sectors s ON s.id = p.sector
    WHERE c.id = a.chunk AND c.length = a.length AND s.target = :target AND s.state <> 'missing')
"""
_STANDING = "source = :source AND first <= :ordinal AND (last IS NULL OR last >= :ordinal)"
_WINDOW_END = f"SELECT key FROM versions WHERE {_STANDING} AND key > :key ORDER BY key LIMIT 1 OFFSET :window"
_PLAIN = f"""
INSERT INTO files (path, size, attributes, chunks, covered, chunk)
    SELECT CAST(path AS BLOB), size, attributes, 1, size, digest FROM versions
    WHERE {_STANDING} AND plain AND key > :key AND key <= :end ORDER BY key
"""
_GIVEN = "(w.file <= :head AND w.pack IN (SELECT pack FROM given))"

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
    """Add files, then take `packs` in order of sector and position.

    A `head` may be taken when some files are added: what they want, to be read while the others are added.

    Args:
        connection: of the catalog; the tables are temporary ones of it.
        target: row of the target.
    """

    def __init__(self, connection: sqlite3.Connection, target: int) -> None:
        self._connection = connection
        self._target = target
        self.added = 0
        self._head = 0
        for table in ("files", "pieces", "wanted", "given", "named"):
            connection.execute(f"DROP TABLE IF EXISTS temp.{table}")
        connection.executescript(TABLES)

    def add(
        self,
        files: Sequence[tuple[int, bytes, int, bytes, int, int, bytes | None]],
        pieces: Sequence[tuple[int, int, bytes, int]],
    ) -> None:
        """Add rows: (file, path, size, encoded attributes, chunks, bytes that its extents cover, the id of its only
        chunk) and, for files of several, (file, position in it, chunk id, length). Files are numbered on from `added`.

        Each chunk gets its place: the same for equal chunks, a damaged one only where there is no other.
        """
        with self._at_once():
            if pieces:
                self._connection.executemany("INSERT INTO pieces VALUES (?, ?, ?, ?)", pieces)
                self._place("pieces", len(pieces), whole=False)
                self._connection.execute("DELETE FROM pieces")
            if files:
                self._connection.executemany("INSERT INTO files VALUES (?, ?, ?, ?, ?, ?, ?)", files)
                self._place(_SINGLE, sum(file[-1] is not None for file in files), whole=True)
                self.added = files[-1][0]

    def add_plain(self, source: int, ordinal: int) -> Iterator[int]:
        """Add all plain files that stand at `ordinal`, as the catalog has them; how many files so far, again and again.

        Before all others: the catalog numbers them.
        """
        values: dict[str, object] = {"source": source, "ordinal": ordinal, "window": WINDOW}
        row: tuple[bytes] | None = (b"",)
        while row is not None:
            values["key"] = row[0]
            row = self._connection.execute(_WINDOW_END, values).fetchone()
            values["end"] = row[0] if row is not None else LAST_KEY
            with self._at_once():
                count = self._connection.execute(_PLAIN, values).rowcount
                self._place(_SINGLE, count, whole=True)
            self.added += count
            yield self.added

    def _place(self, asked: str, count: int, *, whole: bool) -> None:
        values = {"target": self._target, "after": self.added}
        placed = self._connection.execute(_PLACE.format(asked=asked, whole=int(whole)), values).rowcount
        if placed < count:
            self._connection.execute(_PLACE_NOWHERE.format(asked=asked, whole=int(whole)), values)

    def missing(self) -> Iterator[Want]:
        """What has no usable place, by file."""
        rows = self._connection.execute(
            "SELECT w.file, w.position, w.chunk, w.length, 0, f.path, f.size, f.attributes, f.chunks"
            " FROM wanted w JOIN files f ON f.id = w.file WHERE w.pack = ? ORDER BY w.file, w.position",
            [NOWHERE],
        )
        return map(Want._make, rows)

    def keep(self, files: Iterable[int]) -> None:
        """Only these files are still wanted, also those that were given before."""
        self._delete("file NOT IN", files)
        self._connection.execute("DELETE FROM given")

    def drop(self, files: Iterable[int]) -> None:
        """These files are not wanted any more."""
        self._delete("file IN", files)

    def _delete(self, condition: str, files: Iterable[int]) -> None:
        with self._at_once():
            self._connection.execute("DELETE FROM named")
            self._connection.executemany("INSERT OR IGNORE INTO named VALUES (?)", ((file,) for file in files))
            self._connection.execute(f"DELETE FROM wanted WHERE {condition} (SELECT file FROM named)")

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

    def head(self) -> Iterator[PackRead]:
        """Packs of which the files that are added now want more than half, and no file a piece of several."""
        self._connection.execute(
            "INSERT INTO given SELECT w.pack FROM wanted w JOIN packs p ON p.id = w.pack"
            " GROUP BY w.pack HAVING min(w.whole) AND 2 * sum(w.length) > p.raw_length"
        )
        self._head = self.added
        return self._reads("SELECT pack FROM given", "w.file <= :head", {"head": self._head})

    def packs(self, *, whole: bool) -> Iterator[PackRead]:
        """The others: packs of which only files of one chunk are wanted, or those of which others are, too."""
        values = {"head": self._head, "whole": int(whole), "nowhere": NOWHERE}
        chosen = (
            f"SELECT w.pack FROM wanted w WHERE w.pack <> :nowhere AND NOT {_GIVEN}"
            " GROUP BY w.pack HAVING min(w.whole) = :whole"
        )
        return self._reads(chosen, f"NOT {_GIVEN}", values)

    def _reads(self, chosen: str, condition: str, values: dict[str, int]) -> Iterator[PackRead]:
        # Sorted as a whole before the first is given, so the plan may change meanwhile.
        packs = self._connection.execute(
            "SELECT p.id, p.sector, p.checkpoint, p.offset, p.length, p.position, p.raw_length"
            f" FROM ({chosen}) w JOIN packs p ON p.id = w.pack ORDER BY p.sector, p.position",
            values,
        )
        for pack, sector, *row in packs:
            wants = self._connection.execute(
                "SELECT w.file, w.position, w.chunk, w.length, w.offset, f.path, f.size, f.attributes, f.chunks"
                " FROM wanted w JOIN files f ON f.id = w.file"
                f" WHERE w.pack = :pack AND {condition} ORDER BY w.offset, w.file, w.position",
                {**values, "pack": pack},
            )
            yield PackRead(sector, TableRow(*row), wants.fetchall())
