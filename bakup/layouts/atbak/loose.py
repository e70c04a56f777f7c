"""Objects that no check point names: ATBU wrote them, or the object of their check point is gone, or a run was cut off.

They form a source of their own with made-up check points: as many as the path with the most versions has. The newest
version of each path, by the time in its preamble, is in the latest.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from blake3 import blake3

from bakup.catalog import applying, objects
from bakup.catalog.recording import VERSION_VALUES
from bakup.catalog.rows import Rows, rows_of
from bakup.model import Attributes, Dir, Entry, Extent, File

NAME = "loose objects"
"""What the source is called."""
UUID = blake3(b"bakup/1 loose objects").digest()[:16]
_MODE = 0o644
_BATCH = 1000
_INSERT = (
    f"INSERT OR IGNORE INTO versions (source, first, last, checkpoint, {VERSION_VALUES})"
    f" VALUES (?, ?, ?, ?, {', '.join('?' * 13)})"
)


def make_loose(connection: sqlite3.Connection, target: int) -> int:
    """Make the source of loose objects anew, or none; gives how many check points it has.

    Runs in the caller's transaction.
    """
    source = _source(connection, target)
    _forget(connection, source)
    states = max((row[5] for row in objects.loose(connection, target)), default=0)
    if not states:
        connection.execute("DELETE FROM sources WHERE id = ?", [source])
        return 0
    first = applying.next_ordinal(connection)
    rows = [_add_checkpoint(connection, source, first + number, number + 1) for number in range(states)]
    _add_versions(connection, target, source, first, rows)
    for number, row in enumerate(rows):
        _total(connection, source, row, first + number)
    connection.execute("UPDATE sources SET current = ? WHERE id = ?", [rows[-1], source])
    return states


def _source(connection: sqlite3.Connection, target: int) -> int:
    connection.execute(
        "INSERT OR IGNORE INTO sources (target, uuid, signer, host, location, name) VALUES (?, ?, x'', '', x'', ?)",
        [target, UUID, NAME],
    )
    return int(connection.execute("SELECT id FROM sources WHERE target = ? AND uuid = ?", [target, UUID]).fetchone()[0])


def _forget(connection: sqlite3.Connection, source: int) -> None:
    connection.execute("DELETE FROM versions WHERE source = ?", [source])
    connection.execute("UPDATE sources SET current = NULL WHERE id = ?", [source])
    connection.execute("DELETE FROM checkpoints WHERE source = ?", [source])


def _add_checkpoint(connection: sqlite3.Connection, source: int, ordinal: int, sequence: int) -> int:
    uuid = blake3(UUID + sequence.to_bytes(8, "little")).digest()
    previous = blake3(UUID + (sequence - 1).to_bytes(8, "little")).digest() if sequence > 1 else None
    cursor = connection.execute(
        "INSERT INTO checkpoints (source, uuid, ordinal, complete, sequence, time_ns, previous_uuid, previous_digest,"
        " tags, header_digest, digest) VALUES (?, ?, ?, 1, ?, 0, ?, ?, '[]', ?, ?)",
        [source, uuid[:16], ordinal, sequence, previous and previous[:16], previous, uuid, uuid],
    )
    return int(cursor.lastrowid or 0)


def _add_versions(connection: sqlite3.Connection, target: int, source: int, first: int, rows: list[int]) -> None:
    latest = first + len(rows) - 1
    values: list[tuple[object, ...]] = []
    for entry, version, versions in _entries(connection, target):
        # The last of n versions stands at the latest check point, the one before it at the one before; the first also
        # at all that are older.
        begins = first if version == 0 else latest - (versions - 1 - version)
        ends = None if version == versions - 1 else latest - (versions - 1 - version)
        row: Rows = rows_of([entry], {})
        values.append((source, begins, ends, rows[begins - first], *row.versions[0]))
        if len(values) == _BATCH:
            connection.executemany(_INSERT, values)
            values = []
    connection.executemany(_INSERT, values)


def _entries(connection: sqlite3.Connection, target: int) -> Iterator[tuple[Entry, int, int]]:
    """(entry, version from 0, versions of the path), with the folders that the paths imply."""
    folder = b""
    yield Dir(b"", Attributes()), 0, 1
    for path, size, modified_ns, sha256, version, versions in objects.loose(connection, target):
        above = path.rpartition(b"/")[0]
        if above != folder:
            folder = above
            names = above.split(b"/")
            for depth in range(1, len(names) + 1):
                yield Dir(b"/".join(names[:depth]), Attributes()), 0, 1
        extents = (Extent(size, sha256),) if size else ()
        yield File(path, Attributes(mode=_MODE, mtime_ns=modified_ns), size, extents), version, versions


def _total(connection: sqlite3.Connection, source: int, row: int, ordinal: int) -> None:
    """A made-up check point counts its files, and was made when the newest of them was changed."""
    connection.execute(
        "UPDATE checkpoints SET (files, bytes, time_ns) = (SELECT count(*), coalesce(sum(size), 0),"
        " coalesce(max(mtime_ns), 0) FROM versions WHERE source = ? AND kind = 1 AND first <= ?"
        " AND (last IS NULL OR last >= ?)) WHERE id = ?",
        [source, ordinal, ordinal, row],
    )
