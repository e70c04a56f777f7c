"""Which stored bytes check points need, and which no check point needs any more."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

from bakup.catalog.rows import decode_extents

_STANDS = (
    "v.kind = 1 AND EXISTS (SELECT 1 FROM temp.standing k WHERE k.source = v.source AND k.ordinal >= v.first"
    " AND (v.last IS NULL OR k.ordinal <= v.last))"
)


class Unneeded(NamedTuple):
    """What no check point needs, in bytes.

    Args:
        packs: packs of which no chunk is needed, as they are stored.
        stored, raw: chunks, also those beside needed ones, as they are stored and unpacked.
    """

    packs: int = 0
    stored: int = 0
    raw: int = 0


def unneeded(
    connection: sqlite3.Connection, target: int, without: Iterable[int] = (), source: int | None = None
) -> Unneeded:
    """What no check point needs, if those with the row ids `without` were dropped too; with `source` of what that one
    stored."""
    needed_chunks(connection, target, without)
    row = connection.execute(_UNNEEDED, {"t": target, "o": source}).fetchone()
    return Unneeded(*map(int, row))


_UNNEEDED = """
WITH known AS MATERIALIZED (
    SELECT c.uuid, c.source, o.signer, c.complete = 0 AND c.hidden IS NOT 'forgotten' AS open
    FROM checkpoints c JOIN sources o ON o.id = c.source WHERE o.target = :t
), needed AS MATERIALIZED (
    SELECT c.pack, sum(c.length) AS bytes FROM temp.alive a CROSS JOIN chunks c ON c.id = a.id GROUP BY c.pack
), dead AS (
    SELECT p.length, p.raw_length AS raw, min(p.raw_length, coalesce(n.bytes, 0)) AS needed
    FROM packs p JOIN sectors s ON s.id = p.sector LEFT JOIN needed n ON n.pack = p.id
    LEFT JOIN known k ON k.uuid = p.checkpoint AND k.signer = s.signer
    WHERE s.target = :t AND s.state IN ('stored', 'damaged') AND (:o IS NULL OR k.source = :o) AND k.open IS NOT 1
)
SELECT coalesce(sum(CASE WHEN needed = 0 THEN length END), 0), coalesce(sum(length * (raw - needed) / max(raw, 1)), 0),
    coalesce(sum(raw - needed), 0) FROM dead
"""
"""What is of a check point without its END is left out: a run may be making it, or go on from it."""


def any_forgotten(connection: sqlite3.Connection, target: int) -> bool:
    """Whether a complete check point was dropped: only then is anything surely not needed."""
    row = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM checkpoints c JOIN sources s ON s.id = c.source WHERE s.target = ?"
        " AND c.complete = 1 AND c.hidden = 'forgotten')",
        [target],
    ).fetchone()
    return bool(row[0])


def needed_chunks(connection: sqlite3.Connection, target: int, without: Iterable[int] = ()) -> None:
    """Fill the temporary table `alive` with the ids of all chunks that check points need: those that are complete and
    were not forgotten, but for those with the row ids `without`."""
    connection.execute("DROP TABLE IF EXISTS temp.standing")
    connection.execute(
        "CREATE TEMP TABLE standing (source INTEGER, ordinal INTEGER, PRIMARY KEY (source, ordinal)) WITHOUT ROWID"
    )
    dropped = set(without)
    rows = connection.execute(
        "SELECT c.id, c.source, c.ordinal FROM checkpoints c JOIN sources s ON s.id = c.source WHERE s.target = ?"
        " AND c.complete = 1 AND c.hidden IS NOT 'forgotten' AND c.ordinal IS NOT NULL",
        [target],
    )
    standing = [(source, ordinal) for identity, source, ordinal in rows if identity not in dropped]
    connection.executemany("INSERT OR IGNORE INTO standing VALUES (?, ?)", standing)
    connection.execute("DROP TABLE IF EXISTS temp.alive")
    connection.execute("CREATE TEMP TABLE alive (id BLOB PRIMARY KEY) WITHOUT ROWID")
    connection.execute(
        "INSERT OR IGNORE INTO alive SELECT v.digest FROM versions v JOIN sources s ON s.id = v.source"
        f" WHERE s.target = ? AND v.parted = 0 AND v.digest IS NOT NULL AND {_STANDS}",
        [target],
    )
    parts = connection.execute(
        "SELECT p.extents FROM versions v JOIN sources s ON s.id = v.source JOIN parts p ON p.checkpoint = v.checkpoint"
        f" AND p.key = v.key AND p.file_id = v.file_id WHERE s.target = ? AND v.parted = 1 AND {_STANDS}",
        [target],
    )
    chunks = ((chunk,) for (blob,) in parts for _, chunk in decode_extents(blob) if chunk is not None)
    connection.executemany("INSERT OR IGNORE INTO alive VALUES (?)", chunks)


class SectorUse(NamedTuple):
    """What of a sector that is there is needed, by the contents of its boxes.

    Args:
        needed, unneeded: bytes of packs and metadata; a pack is needed as a whole, and where it is damaged. Of
            the places of a chunk one counts.
        newest_ns: time of the newest check point that has a box in it; None without any.
        is_open: it has a box of a check point without its END that was not dropped.
    """

    uuid: bytes
    size: int
    signer: bytes
    needed: int
    unneeded: int
    newest_ns: int | None
    is_open: bool


def sectors_by_use(connection: sqlite3.Connection, target: int) -> list[SectorUse]:
    """Each sector that is at the target and whole, oldest first."""
    needed_chunks(connection, target)
    rows = connection.execute(_BY_USE, {"t": target}).fetchall()
    return [SectorUse._make((*row[:-1], bool(row[-1]))) for row in rows]


_BY_USE = """
WITH there AS MATERIALIZED (
    SELECT id, uuid, size, signer FROM sectors WHERE target = :t AND state = 'stored'
), known AS MATERIALIZED (
    SELECT c.id, c.uuid, o.signer, c.time_ns, c.complete = 0 AND c.hidden IS NOT 'forgotten' AS open,
        c.complete = 1 AND c.hidden IS 'forgotten' AS dropped
    FROM checkpoints c JOIN sources o ON o.id = c.source WHERE o.target = :t
), places AS (
    SELECT min(p.id) AS pack FROM temp.alive a CROSS JOIN chunks c ON c.id = a.id JOIN packs p ON p.id = c.pack
        JOIN there s ON s.id = p.sector WHERE p.damaged = 0 AND c.damaged = 0 GROUP BY a.id
), needed AS MATERIALIZED (
    SELECT DISTINCT pack FROM places
), parts AS (
    SELECT p.sector, p.length, n.pack IS NOT NULL OR k.open IS 1 OR p.damaged > 0 AS needed, k.time_ns,
        coalesce(k.open, 0) AS open
    FROM packs p JOIN there s ON s.id = p.sector LEFT JOIN needed n ON n.pack = p.id
    LEFT JOIN known k ON k.uuid = p.checkpoint AND k.signer = s.signer
    UNION ALL
    SELECT b.sector, b.length, NOT k.dropped, k.time_ns, k.open
    FROM boxes b JOIN there s ON s.id = b.sector JOIN known k ON k.id = b.checkpoint
)
SELECT s.uuid, s.size, s.signer, coalesce(sum(p.length * p.needed), 0), coalesce(sum(p.length * (1 - p.needed)), 0),
    max(p.time_ns), coalesce(max(p.open), 0)
FROM there s LEFT JOIN parts p ON p.sector = s.id GROUP BY s.id ORDER BY s.id
"""


def listed_anew(connection: sqlite3.Connection, target: int) -> tuple[int, int]:
    """Check points that are offered and made on a dropped one, and the sum of their files: for what was dropped to go,
    they must be listed anew."""
    row = connection.execute(
        "SELECT count(*), coalesce(sum(c.files), 0) FROM checkpoints c JOIN sources s ON s.id = c.source"
        " JOIN checkpoints b ON b.source = c.source AND b.uuid = c.based_on WHERE s.target = ? AND c.complete = 1"
        " AND c.hidden IS NULL AND b.complete = 1 AND b.hidden = 'forgotten'",
        [target],
    ).fetchone()
    return int(row[0]), int(row[1])
