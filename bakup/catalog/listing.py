"""What a target lists, held against what the catalog believes is there."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator

from msgspec import Struct


class SectorRow(Struct, frozen=True):
    """A sector of the catalog; `size` in bytes."""

    id: int
    uuid: bytes
    locator: str
    size: int
    state: str
    header_digest: bytes | None


class NewObjects(Struct, frozen=True):
    """Objects that a listing showed and the catalog does not know, as (locator, size in bytes), by locator.

    They stand in a temporary table, which the next comparison on this connection fills anew.
    """

    connection: sqlite3.Connection
    count: int

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[tuple[str, int]]:
        after = ""
        while page := self._page(after):
            yield from page
            after = page[-1][0]

    def _page(self, after: str) -> list[tuple[str, int]]:
        return self.connection.execute(
            "SELECT locator, size FROM unseen WHERE locator > ? ORDER BY locator LIMIT 1000", [after]
        ).fetchall()


class Comparison(Struct, frozen=True):
    """What differs.

    Args:
        new: objects to look at.
        missing: sectors that are not there, or in another size.
        adopted: pending ones that are there.
        struck: pending ones that are not there.
        back: missing ones that are there again.
        present: how many known sectors are there.
        known: how many ought to be.
    """

    new: NewObjects
    missing: tuple[SectorRow, ...]
    adopted: tuple[SectorRow, ...]
    struck: tuple[SectorRow, ...]
    back: tuple[SectorRow, ...]
    present: int
    known: int


def sectors(connection: sqlite3.Connection, target: int) -> list[SectorRow]:
    """All sectors that the catalog knows of a target."""
    rows = connection.execute(
        "SELECT id, uuid, locator, size, state, header_digest FROM sectors WHERE target = ? ORDER BY id",
        [target],
    )
    return [SectorRow(*row) for row in rows]


def sector(connection: sqlite3.Connection, identity: int) -> SectorRow:
    """One sector by its row id."""
    row = connection.execute(
        "SELECT id, uuid, locator, size, state, header_digest FROM sectors WHERE id = ?", [identity]
    ).fetchone()
    return SectorRow(*row)


def compare(connection: sqlite3.Connection, target: int, listed: Iterable[tuple[str, int]]) -> Comparison:
    """Hold a listing, streamed as (locator, size in bytes), against the catalog; changes nothing.

    The listing is spilled to temporary tables: memory stays flat for any number of objects.
    """
    for table in ("listed", "unseen"):
        connection.execute(
            f"CREATE TEMP TABLE IF NOT EXISTS {table} (locator TEXT PRIMARY KEY, size INTEGER) WITHOUT ROWID"
        )
        connection.execute(f"DELETE FROM {table}")
    return compare_more(connection, target, listed)


def compare_more(connection: sqlite3.Connection, target: int, listed: Iterable[tuple[str, int]]) -> Comparison:
    """As `compare`, of the listing before and these objects, which it lacked."""
    connection.executemany("INSERT OR REPLACE INTO listed VALUES (?, ?)", listed)
    connection.execute("DELETE FROM unseen")
    new = connection.execute(
        "INSERT INTO unseen SELECT l.locator, l.size FROM listed l WHERE NOT EXISTS (SELECT 1 FROM sectors s"
        " WHERE s.target = :t AND s.locator = l.locator AND s.size = l.size) AND NOT EXISTS (SELECT 1 FROM others o"
        " WHERE o.target = :t AND o.locator = l.locator AND o.size = l.size)",
        {"t": target},
    ).rowcount
    groups: dict[str, list[SectorRow]] = {"missing": [], "adopted": [], "struck": [], "back": []}
    known = present = 0
    for row in connection.execute(
        "SELECT s.id, s.uuid, s.locator, s.size, s.state, s.header_digest, l.size FROM sectors s"
        " LEFT JOIN listed l ON l.locator = s.locator WHERE s.target = ?",
        [target],
    ):
        sector_row, listed_size = SectorRow(*row[:6]), row[6]
        there = listed_size == sector_row.size
        known += sector_row.state in ("stored", "damaged", "missing")
        present += there
        match sector_row.state, there:
            case ("building", _) | ("pending", False):
                groups["struck"].append(sector_row)
            case "pending", True:
                groups["adopted"].append(sector_row)
            case (("stored" | "damaged"), False):
                groups["missing"].append(sector_row)
            case (("missing" | "removed"), True):
                groups["back"].append(sector_row)
            case _:
                pass
    return Comparison(
        NewObjects(connection, new),
        tuple(groups["missing"]),
        tuple(groups["adopted"]),
        tuple(groups["struck"]),
        tuple(groups["back"]),
        present,
        known,
    )


def cut_short(connection: sqlite3.Connection, target: int) -> bool:
    """Whether an object of the last listing has the name of a known sector and another size."""
    found = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM unseen l JOIN sectors s ON s.locator = l.locator WHERE s.target = ?)", [target]
    ).fetchone()
    return bool(found[0])


def strike(connection: sqlite3.Connection, rows: Iterable[int]) -> None:
    """Forget sectors (row ids) that never came to the target, with all that they would have held."""
    for row in rows:
        connection.execute("DELETE FROM chunks WHERE pack IN (SELECT id FROM packs WHERE sector = ?)", [row])
        connection.execute("DELETE FROM packs WHERE sector = ?", [row])
        connection.execute("DELETE FROM boxes WHERE sector = ?", [row])
        connection.execute("DELETE FROM sectors WHERE id = ?", [row])


def holding(connection: sqlite3.Connection, target: int, checkpoints: Iterable[int]) -> list[SectorRow]:
    """Sectors that hold entries of the check points with these row ids."""
    wanted = set(checkpoints)
    found = {
        sector
        for sector, checkpoint in connection.execute("SELECT sector, checkpoint FROM boxes")
        if checkpoint in wanted
    }
    return [row for row in sectors(connection, target) if row.id in found]


def settle(connection: sqlite3.Connection, comparison: Comparison) -> None:
    """Write down what a comparison found: states of sectors; pending ones that never came are struck.

    Adopted ones are for the caller: they are read again, as any sector that another run has put.
    """
    strike(connection, (row.id for row in comparison.struck))
    for rows, state in ((comparison.missing, "missing"), (comparison.back, "stored")):
        connection.executemany("UPDATE sectors SET state = ? WHERE id = ?", [(state, row.id) for row in rows])
