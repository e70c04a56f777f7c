"""Check points become versions: intervals of ordinals, in the order in which check points are applied.

An *ordinal* numbers applied check points of all sources, ascending. A version stands at ordinal o when
`first <= o` and (`last` is NULL or `last >= o`); the versions with `last` NULL are the state of the source's
`current` check point, which the next run compares with.

Where `key IN (...)` stands beside a bound on `first`, that column has a plus before it: SQLite before 3.41 ignores the
bound when it takes both from the index (its OP_SeekScan), and rows that are new would be closed.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager

from bakup.catalog import lineage
from bakup.catalog.history import LAST_KEY
from bakup.catalog.lanes import COVERED
from bakup.catalog.places import lost_keys
from bakup.catalog.recording import VERSION_VALUES

COPY = f"source, key, first, last, checkpoint, {VERSION_VALUES.removeprefix('key, ')}"


def next_ordinal(connection: sqlite3.Connection) -> int:
    """The first ordinal above all that are in use."""
    row = connection.execute(
        "SELECT max((SELECT coalesce(max(ordinal), 0) FROM checkpoints), (SELECT coalesce(max(stood), 0) FROM sources))"
    ).fetchone()
    return int(row[0]) + 1


def reserve(connection: sqlite3.Connection, checkpoint: int) -> int:
    """An ordinal for a check point that our own run is making; `strike_open` takes it back after a kill."""
    ordinal = next_ordinal(connection)
    connection.execute("UPDATE checkpoints SET ordinal = ? WHERE id = ?", [ordinal, checkpoint])
    return ordinal


def strike_open(connection: sqlite3.Connection, target: int) -> list[int]:
    """Forget the entries of our own check points that never became complete; their chunks stay. Gives their row ids."""
    rows = connection.execute(
        "SELECT c.id, c.ordinal, c.source FROM checkpoints c JOIN sources s ON s.id = c.source"
        " WHERE s.target = ? AND c.complete = 0 AND c.ordinal IS NOT NULL",
        [target],
    ).fetchall()
    for checkpoint, ordinal, source in rows:
        connection.execute("DELETE FROM versions WHERE source = ? AND first = ?", [source, ordinal])
        connection.execute("UPDATE checkpoints SET ordinal = NULL, digest = NULL WHERE id = ?", [checkpoint])
        for table in ("removals", "parts", "unread", "lines", "lanes"):
            connection.execute(f"DELETE FROM {table} WHERE checkpoint = ?", [checkpoint])
    return [int(row[0]) for row in rows]


def mark_complete(connection: sqlite3.Connection, target: int, silent: Collection[int]) -> list[int]:
    """Check points that are complete but not applied, in the order to apply them (spec sections 6.2 and 6.4).

    Complete: the END is known, or a later check point of the same source and signer, not `silent`, names the digest.
    """
    connection.execute(
        "UPDATE checkpoints SET digest = (SELECT n.previous_digest FROM checkpoints n WHERE n.source ="
        " checkpoints.source AND n.previous_uuid = checkpoints.uuid AND n.id NOT IN (SELECT value FROM json_each(:s))"
        " LIMIT 1), entries_lost = 1"
        " WHERE digest IS NULL AND refused IS NULL AND EXISTS (SELECT 1 FROM checkpoints n"
        " WHERE n.source = checkpoints.source AND n.previous_uuid = checkpoints.uuid"
        " AND n.id NOT IN (SELECT value FROM json_each(:s)))"
        " AND source IN (SELECT id FROM sources WHERE target = :t)",
        {"t": target, "s": json.dumps(list(silent))},
    )
    rows = connection.execute(
        "SELECT c.id FROM checkpoints c JOIN sources s ON s.id = c.source"
        " WHERE s.target = ? AND c.complete = 0 AND c.digest IS NOT NULL AND c.ordinal IS NULL AND c.refused IS NULL"
        " ORDER BY c.source, c.sequence, c.time_ns, c.uuid",
        [target],
    ).fetchall()
    return [int(row[0]) for row in rows]


@contextmanager
def by_checkpoint(connection: sqlite3.Connection) -> Iterator[None]:
    """Staged entries are found by their check point, however many others are staged."""
    connection.execute("CREATE INDEX staged_by_checkpoint ON staged (checkpoint)")
    yield
    connection.execute("DROP INDEX staged_by_checkpoint")


def apply_staged(connection: sqlite3.Connection, checkpoint: int, silent: Collection[int]) -> None:
    """Apply a complete check point that another run made: its staged entries become versions.

    `silent`: row ids of those that are not believed or refused, and so are no base.
    """
    source, based_on = connection.execute(
        "SELECT source, based_on FROM checkpoints WHERE id = ?", [checkpoint]
    ).fetchone()
    if based_on is not None:
        base = _base(connection, checkpoint, silent)
        if base is None:
            _stand_nowhere(connection, source)
        else:
            _stand_at(connection, source, base)
    ordinal = next_ordinal(connection)
    connection.execute(
        f"INSERT OR REPLACE INTO versions (source, first, checkpoint, {VERSION_VALUES})"
        f" SELECT ?, ?, checkpoint, {VERSION_VALUES} FROM staged WHERE checkpoint = ? ORDER BY key, place, rowid",
        [source, ordinal, checkpoint],
    )
    if based_on is not None:
        connection.execute(
            "INSERT OR IGNORE INTO removals SELECT checkpoint, key, 0 FROM staged WHERE checkpoint = ?",
            [checkpoint],
        )
    connection.execute("DELETE FROM staged WHERE checkpoint = ?", [checkpoint])
    connection.execute("DELETE FROM versions WHERE source = ?", [-checkpoint])
    connection.execute("UPDATE checkpoints SET ordinal = ? WHERE id = ?", [ordinal, checkpoint])
    finish(connection, checkpoint)


def finish(connection: sqlite3.Connection, checkpoint: int) -> None:
    """A check point whose entries stand in `versions` at its ordinal becomes the source's current one."""
    source, ordinal, based_on = connection.execute(
        "SELECT source, ordinal, based_on FROM checkpoints WHERE id = ?", [checkpoint]
    ).fetchone()
    if based_on is None:
        _close_unlisted(connection, source, ordinal)
    else:
        _close_removed(connection, source, ordinal, checkpoint)
    connection.execute("DELETE FROM removals WHERE checkpoint = ?", [checkpoint])
    connection.execute("UPDATE checkpoints SET complete = 1 WHERE id = ?", [checkpoint])
    connection.execute("UPDATE sources SET current = ? WHERE id = ?", [checkpoint, source])


def settle_current(connection: sqlite3.Connection, target: int) -> None:
    """Make each source's standing versions those of its latest check point that is offered (spec section 6.4)."""
    for (source,) in connection.execute("SELECT id FROM sources WHERE target = ?", [target]).fetchall():
        row = connection.execute(
            "SELECT id FROM checkpoints WHERE source = ? AND complete = 1 AND hidden IS NULL"
            " ORDER BY sequence DESC, time_ns DESC, uuid DESC LIMIT 1",
            [source],
        ).fetchone()
        if row is not None:
            _stand_at(connection, source, row[0])
        else:
            connection.execute("UPDATE sources SET current = NULL WHERE id = ?", [source])


def note_lacking(connection: sqlite3.Connection, target: int, checkpoints: Iterable[int]) -> None:
    """Of the sources of these check points, just applied: whether a file that stands lacks a chunk.

    An END lists the sectors of its check point, not those that known extents need: when such a one is gone and nothing
    else names it, this alone tells.
    """
    for source, ordinal in connection.execute(
        "SELECT DISTINCT s.id, c.ordinal FROM checkpoints n JOIN sources s ON s.id = n.source"
        " JOIN checkpoints c ON c.id = s.current"
        " WHERE n.id IN (SELECT value FROM json_each(?))",
        [json.dumps(list(checkpoints))],
    ).fetchall():
        set_lacking(connection, source, bool(lost_keys(connection, target, source, ordinal)))


def set_lacking(connection: sqlite3.Connection, source: int, lacking: bool) -> None:
    """Whether a sync has to look for chunks of the standing state that have no place."""
    connection.execute("UPDATE sources SET lacking = ? WHERE id = ?", [int(lacking), source])


def _base(connection: sqlite3.Connection, checkpoint: int, silent: Collection[int]) -> int | None:
    """The check point whose state an incremental one changes (spec section 6.4, The base), by its row id."""
    row = connection.execute(
        f"SELECT b.id, {lineage.FITS} AND b.entries_lost = 0 AND {COVERED.format(checkpoint='b.id')} FROM checkpoints c"
        " JOIN checkpoints b ON b.source = c.source AND b.uuid = c.based_on WHERE c.id = ? AND b.complete = 1",
        [checkpoint],
    ).fetchone()
    there = row is not None and row[0] not in silent
    if there and row[1]:
        return int(row[0])
    instead = connection.execute(
        f"SELECT r.id FROM checkpoints c JOIN checkpoints r ON {lineage.STANDS_IN} WHERE c.id = ? AND r.complete = 1"
        " AND r.entries_lost = 0 ORDER BY r.uuid DESC",
        [checkpoint],
    ).fetchall()
    found = next((identity for (identity,) in instead if identity not in silent), None)
    if found is not None or there:
        return int(row[0] if found is None else found)
    earlier = connection.execute(
        "SELECT b.id FROM checkpoints c JOIN checkpoints b ON b.source = c.source AND b.sequence < c.sequence"
        " WHERE c.id = ? AND b.complete = 1 ORDER BY b.sequence DESC, b.time_ns DESC, b.uuid DESC",
        [checkpoint],
    )
    return next((int(identity) for (identity,) in earlier if identity not in silent), None)


def _stand_at(connection: sqlite3.Connection, source: int, base: int) -> None:
    # A fork, or check points found out of order: go back to the state that the next one changes.
    base_ordinal, current = connection.execute(
        "SELECT c.ordinal, s.current FROM checkpoints c JOIN sources s ON s.id = c.source WHERE c.id = ?", [base]
    ).fetchone()
    if base == current:
        return
    now = next_ordinal(connection)
    connection.execute(
        f"INSERT INTO versions ({COPY}) SELECT {COPY.replace('first, last', '?, NULL')} FROM versions"
        " WHERE source = ? AND first <= ? AND last >= ?",
        [now, source, base_ordinal, base_ordinal],
    )
    connection.execute(
        "UPDATE versions SET last = ? WHERE source = ? AND last IS NULL AND first > ? AND first < ?",
        [now - 1, source, base_ordinal, now],
    )
    connection.execute("UPDATE sources SET current = ?, stood = ? WHERE id = ?", [base, now, source])


def _stand_nowhere(connection: sqlite3.Connection, source: int) -> None:
    # Nothing that may serve as a base is there: what stands is of check points that are not believed.
    now = next_ordinal(connection)
    connection.execute("UPDATE versions SET last = ? WHERE source = ? AND last IS NULL", [now - 1, source])
    connection.execute("UPDATE sources SET current = NULL, stood = ? WHERE id = ?", [now, source])


def _close_unlisted(connection: sqlite3.Connection, source: int, ordinal: int) -> None:
    # A full listing: what it repeats goes on, what it does not list ends.
    if not connection.execute(
        "SELECT EXISTS (SELECT 1 FROM versions WHERE source = ? AND first < ?)", [source, ordinal]
    ).fetchone()[0]:
        return
    connection.execute("DROP TABLE IF EXISTS temp.same")
    connection.execute("CREATE TEMP TABLE same (key BLOB PRIMARY KEY, first INTEGER NOT NULL) WITHOUT ROWID")
    connection.execute(
        "INSERT INTO same SELECT n.key, o.first FROM versions n JOIN versions o ON o.source = n.source"
        " AND o.key = n.key WHERE n.source = ? AND n.first = ? AND o.first < n.first AND o.last IS NULL"
        " AND o.kind = n.kind AND o.size IS n.size AND o.digest IS n.digest AND o.attributes = n.attributes"
        " AND o.extra IS n.extra",
        [source, ordinal],
    )
    connection.execute(
        "UPDATE versions SET last = ? WHERE source = ? AND last IS NULL AND first < ?"
        " AND key NOT IN (SELECT key FROM same)",
        [ordinal - 1, source, ordinal],
    )
    # The newer row goes on: its parts may stand where the older one's were lost. With the older one's parts, where
    # some of its own were lost.
    connection.execute(
        "UPDATE versions SET (checkpoint, file_id) = (SELECT o.checkpoint, o.file_id FROM versions o JOIN same s"
        " ON s.key = o.key AND s.first = o.first WHERE o.source = versions.source AND o.key = versions.key)"
        " WHERE source = ? AND +first = ? AND parted = 1 AND key IN (SELECT key FROM same) AND size > (SELECT"
        " coalesce(sum(p.length), 0) FROM parts p WHERE p.checkpoint = versions.checkpoint AND p.key = versions.key"
        " AND p.file_id = versions.file_id)",
        [source, ordinal],
    )
    connection.execute(
        "DELETE FROM versions WHERE source = ? AND last IS NULL AND +first < ? AND key IN (SELECT key FROM same)",
        [source, ordinal],
    )
    connection.execute(
        "UPDATE versions SET first = (SELECT same.first FROM same WHERE same.key = versions.key)"
        " WHERE source = ? AND +first = ? AND key IN (SELECT key FROM same)",
        [source, ordinal],
    )


def _close_removed(connection: sqlite3.Connection, source: int, ordinal: int, checkpoint: int) -> None:
    connection.execute(
        "UPDATE versions SET last = ? WHERE source = ? AND last IS NULL AND +first < ? AND key IN"
        " (SELECT key FROM removals WHERE checkpoint = ?)",
        [ordinal - 1, source, ordinal, checkpoint],
    )
    subtrees = connection.execute(
        "SELECT key FROM removals WHERE checkpoint = ? AND subtree = 1", [checkpoint]
    ).fetchall()
    connection.executemany(
        "UPDATE versions SET last = ? WHERE source = ? AND last IS NULL AND first < ? AND key > ? AND key < ?",
        [
            (ordinal - 1, source, ordinal, key + b"\0" if key else b"", key + b"\1" if key else LAST_KEY)
            for (key,) in subtrees
        ],
    )
