"""What cannot be looked at: entries whose sector is gone, so that not even their names are known."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from bakup.catalog import damage, places
from bakup.catalog.history import CheckpointRow
from bakup.flows.reports import LostEntries


def lost_entries(connection: sqlite3.Connection, target: int, rows: Iterable[CheckpointRow]) -> tuple[LostEntries, ...]:
    """Entries that are not known of the check points `rows`, by check point and place in it."""
    if not places.troubled(connection, target):
        return ()
    wanted = {(row.source, row.uuid) for row in rows}
    return tuple(
        LostEntries(line.sector, line.checkpoint, line.entries, line.first_path, line.last_path)
        for line in damage.missing_lines(connection, target)
        if not line.known and line.entries and (line.source, line.checkpoint) in wanted
    )


def chain_of(rows: Iterable[CheckpointRow], ends: Iterable[CheckpointRow]) -> list[CheckpointRow]:
    """Of a source's check points `rows` those whose entries make the states of `ends`."""
    by_uuid = {row.uuid: row for row in rows}
    found: dict[bytes, CheckpointRow] = {}
    for end in ends:
        row: CheckpointRow | None = end
        while row is not None and row.uuid not in found:
            found[row.uuid] = row
            row = by_uuid.get(row.based_on) if row.based_on is not None else None
    return list(found.values())
