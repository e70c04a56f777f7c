"""Which check points are offered: not those that were forgotten, replaced, or made after their writer was revoked."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Collection, Container

NONE = bytes(32)
"""Stands for no signer in a signer id."""
_FORGOTTEN = (
    "UPDATE checkpoints SET hidden = 'forgotten' WHERE id IN (SELECT c.id FROM checkpoints c"
    " JOIN sources s ON s.id = c.source JOIN forgotten f ON f.target = s.target AND f.signer = s.signer"
    " AND f.uuid = c.uuid AND (f.account OR f.by = f.signer) AND (f.digest = c.digest OR c.digest IS NULL)"
    " WHERE s.target = ? AND f.checkpoint NOT IN (SELECT value FROM json_each(?)))"
)


def settle(connection: sqlite3.Connection, target: int, silent: Collection[int]) -> None:
    """Write down of all check points whether they are offered (spec sections 6.4 and 6.6).

    `silent`: row ids of those whose RECORDs do not count.
    """
    connection.execute(
        "UPDATE checkpoints SET hidden = NULL WHERE hidden IS NOT NULL"
        " AND source IN (SELECT id FROM sources WHERE target = ?)",
        [target],
    )
    _hide_replaced(connection, target)
    connection.execute(_FORGOTTEN, [target, json.dumps(list(silent))])
    hide = unbelieved(connection, target, silent)
    connection.executemany("UPDATE checkpoints SET hidden = 'revoked' WHERE id = ?", [(one,) for one in hide])


def revoked(connection: sqlite3.Connection, target: int, signer: bytes, silent: Container[int]) -> bool:
    """Whether the account said that a signer is not to be believed any more, in a check point that is not `silent`."""
    rows = connection.execute(
        "SELECT r.checkpoint FROM revocations r WHERE r.target = :t AND (r.writer = :s OR r.writer IN"
        " (SELECT w.writer FROM writers w WHERE w.target = :t AND w.signer = :s))",
        {"t": target, "s": signer},
    )
    return any(checkpoint not in silent for (checkpoint,) in rows)


def unbelieved(connection: sqlite3.Connection, target: int, silent: Container[int]) -> set[int]:
    """Row ids of check points of revoked writers that come after what the account still believes of them.

    What `silent` check points say of writers does not count.
    """
    records: dict[tuple[bytes, bytes], dict[bytes, set[bytes]]] = defaultdict(lambda: defaultdict(set))
    for checkpoint, record, writer, source, digest in connection.execute(
        "SELECT checkpoint, record, writer, source, digest FROM revocations WHERE target = ?", [target]
    ):
        if checkpoint not in silent:
            records[record, writer][source].add(digest)
    hide: set[int] = set()
    for (_, writer), last in records.items():
        for source, uuid in connection.execute(
            "SELECT s.id, s.uuid FROM sources s WHERE s.target = :t AND s.signer <> x'' AND (s.signer = :w OR s.signer"
            " IN (SELECT w.signer FROM writers w WHERE w.target = :t AND w.writer = :w))",
            {"t": target, "w": writer},
        ).fetchall():
            hide |= _after(connection, source, last.get(uuid, set()))
    return hide


def _after(connection: sqlite3.Connection, source: int, last: set[bytes]) -> set[int]:
    rows = connection.execute(
        "SELECT uuid, id, digest, previous_uuid, previous_digest FROM checkpoints WHERE source = ?", [source]
    ).fetchall()
    by_uuid = {row[0]: row for row in rows}
    believed: set[int] = set()
    waiting = [row for row in rows if row[2] is not None and row[2] in last]
    while waiting:
        _, identity, _, previous, named = waiting.pop()
        if identity not in believed:
            believed.add(identity)
            before = by_uuid.get(previous)
            if before is not None and before[2] in (None, named):
                waiting.append(before)
    return {identity for _, identity, *_ in rows} - believed


def _hide_replaced(connection: sqlite3.Connection, target: int) -> None:
    for identity, source, replaces, account, signer in connection.execute(
        "SELECT c.id, c.source, c.replaces, c.account, s.signer FROM checkpoints c JOIN sources s ON s.id = c.source"
        " WHERE s.target = ? AND c.replaces IS NOT NULL AND c.complete = 1 ORDER BY c.uuid DESC",
        [target],
    ).fetchall():
        named = bytes(replaces[:32]).replace(NONE, b""), bytes(replaces[32:48]), bytes(replaces[48:])
        good = _replaceable(connection, target, identity, source, named) if account or named[0] == signer else False
        if not good:
            connection.execute("UPDATE checkpoints SET hidden = 'replaces nothing' WHERE id = ?", [identity])


def _replaceable(
    connection: sqlite3.Connection, target: int, identity: int, source: int, named: tuple[bytes, bytes, bytes]
) -> bool:
    row = connection.execute(
        "SELECT o.id, o.digest = ? AND o.sequence = n.sequence AND o.time_ns = n.time_ns AND o.previous_digest IS"
        " n.previous_digest AND s.uuid = (SELECT uuid FROM sources WHERE id = ?) FROM checkpoints o"
        " JOIN sources s ON s.id = o.source JOIN checkpoints n ON n.id = ?"
        " WHERE s.target = ? AND s.signer = ? AND o.uuid = ?",
        [named[2], source, identity, target, named[0], named[1]],
    ).fetchone()
    if row is None:
        return True
    if row[1]:
        connection.execute("UPDATE checkpoints SET hidden = 'replaced' WHERE id = ?", [row[0]])
    return bool(row[1])
