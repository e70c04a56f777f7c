"""Which sectors check points need: those that hold their metadata, and every place of the bytes of their files."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping

from bakup.catalog.rows import decode_extents

_STANDING = (
    "v.source = :source AND v.kind = 1 AND (:at IS NULL OR v.first <= :at AND (v.last IS NULL OR v.last >= :at))"
)


def sectors_needed(
    connection: sqlite3.Connection, target: int, ordinals: Mapping[int, int | None], checkpoints: Iterable[int]
) -> frozenset[int]:
    """Row ids of sectors, in whatever state.

    Args:
        ordinals: source -> ordinal of the check point whose files count; None for those of all its check points.
        checkpoints: row ids of those whose entries count.
    """
    for table in ("needed", "telling"):
        connection.execute(f"DROP TABLE IF EXISTS temp.{table}")
        connection.execute(f"CREATE TEMP TABLE {table} (id ANY PRIMARY KEY) WITHOUT ROWID")
    for source, at in ordinals.items():
        _add_chunks(connection, source, at)
    connection.executemany("INSERT OR IGNORE INTO telling VALUES (?)", ((row,) for row in checkpoints))
    rows = connection.execute(
        "SELECT s.id FROM needed n JOIN chunks c ON c.id = n.id JOIN packs p ON p.id = c.pack"
        " JOIN sectors s ON s.id = p.sector WHERE s.target = :target"
        " UNION SELECT s.id FROM telling t JOIN boxes b ON b.checkpoint = t.id"
        " JOIN sectors s ON s.id = b.sector WHERE s.target = :target",
        {"target": target},
    )
    return frozenset(row for (row,) in rows)


def _add_chunks(connection: sqlite3.Connection, source: int, at: int | None) -> None:
    what = {"source": source, "at": at}
    connection.execute(
        "INSERT OR IGNORE INTO needed SELECT v.digest FROM versions v"
        f" WHERE {_STANDING} AND v.parted = 0 AND v.digest IS NOT NULL",
        what,
    )
    parts = connection.execute(
        "SELECT p.extents FROM versions v JOIN parts p ON p.checkpoint = v.checkpoint AND p.key = v.key"
        f" AND p.file_id = v.file_id WHERE {_STANDING} AND v.parted = 1",
        what,
    )
    chunks = ((chunk,) for (blob,) in parts for _, chunk in decode_extents(blob) if chunk is not None)
    connection.executemany("INSERT OR IGNORE INTO needed VALUES (?)", chunks)
