"""How the check points of a source follow one another: what is missing between them, and where a history forks."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator

from msgspec import Struct

FITS = "(b.digest IS c.previous_digest AND b.sequence < c.sequence)"
"""Whether a check point `b`, whose uuid an incremental `c` is based on, is the one that it means (spec section 6.4)."""
STANDS_IN = (
    "r.source = c.source AND r.replaces IS NOT NULL AND substr(r.replaces, 33, 16) = c.based_on"
    " AND substr(r.replaces, 49) = c.previous_digest"
)
"""Whether a check point `r` is the base of an incremental `c` listed anew."""


BASED = (
    "(EXISTS (SELECT 1 FROM checkpoints b WHERE b.source = c.source AND b.uuid = c.based_on AND b.complete = 1"
    f" AND b.refused IS NULL AND b.hidden IS NOT 'revoked' AND {FITS})"
    f" OR EXISTS (SELECT 1 FROM checkpoints r WHERE {STANDS_IN} AND r.complete = 1"
    " AND coalesce(r.hidden, 'forgotten') = 'forgotten'))"
)
"""Whether the base of an incremental `c` is there and as it was, or another stands for it."""


class Break(Struct, frozen=True):
    """What is wrong between a check point and the one before it, which is `missing` or another than it should be."""

    checkpoint: bytes
    message: str
    missing: bool = False


class Fork(Struct, frozen=True):
    """Check points of one source (its row id) that stand side by side, by uuid.

    `after`: the one that all of them were made after; None if that is none, or not known.
    """

    source: int
    after: bytes | None
    sequence: int
    rivals: tuple[bytes, ...]


def breaks(connection: sqlite3.Connection, target: int) -> Iterator[Break]:
    """What is wrong with the chains of check points that are offered; those that were forgotten are not missed."""
    rows = connection.execute(
        "SELECT c.uuid, c.sequence, c.previous_uuid, c.previous_digest, p.digest, p.sequence"
        " FROM checkpoints c JOIN sources o ON o.id = c.source LEFT JOIN checkpoints p ON p.source = c.source"
        " AND p.uuid = c.previous_uuid AND p.complete WHERE o.target = ? AND c.complete AND c.hidden IS NULL"
        " AND NOT (c.based_on IS NULL AND EXISTS (SELECT 1 FROM forgotten f WHERE f.target = o.target"
        " AND f.signer = o.signer AND f.uuid = c.previous_uuid AND f.digest = c.previous_digest"
        " AND (f.account OR f.by = f.signer)))"
        " ORDER BY c.source, c.sequence, c.time_ns",
        [target],
    )
    for uuid, sequence, previous, digest, found_digest, found_sequence in rows:
        name = uuid.hex()[:8]
        if previous is None and sequence != 1:
            yield Break(uuid, f"check point {name} is number {sequence} and names none before it")
        elif previous is not None and found_sequence is None:
            yield Break(uuid, f"check point {previous.hex()[:8]}, before {name}, is missing", missing=True)
        elif previous is not None and found_digest != digest:
            yield Break(uuid, f"check point {previous.hex()[:8]} is not the one that {name} was made after")
        elif previous is not None and found_sequence != sequence - 1:
            yield Break(uuid, f"check point {name} is number {sequence} after number {found_sequence}")


def forks(connection: sqlite3.Connection, target: int) -> Iterator[Fork]:
    """Where several complete check points follow one; of longer branches only where they part."""
    rows = connection.execute(
        "SELECT c.source, c.sequence, c.previous_uuid, c.uuid, c.previous_uuid IS NULL OR p.id IS NOT NULL"
        " FROM checkpoints c JOIN sources o ON o.id = c.source LEFT JOIN checkpoints p ON p.source = c.source"
        " AND p.uuid = c.previous_uuid AND p.complete WHERE o.target = ? AND c.complete AND c.hidden IS NULL"
        " ORDER BY c.source, c.sequence, c.time_ns, c.uuid",
        [target],
    )
    for (source, sequence), group in itertools.groupby(rows, key=lambda row: row[:2]):
        followers: dict[bytes | None, list[bytes]] = {}
        known = True
        for _, _, previous, uuid, there in group:
            followers.setdefault(previous, []).append(uuid)
            known = known and bool(there)
        if len(followers) > 1 and not known:
            # Where the one before is missing, nobody sees where that branch began.
            yield Fork(source, None, sequence, tuple(uuid for rivals in followers.values() for uuid in rivals))
            continue
        for previous, rivals in followers.items():
            if len(rivals) > 1:
                yield Fork(source, previous, sequence, tuple(rivals))


def line(connection: sqlite3.Connection, source: int) -> set[bytes]:
    """Uuids of the source's current check point and of all that it was made after."""
    rows = connection.execute(
        "SELECT uuid, previous_uuid, id = (SELECT current FROM sources WHERE id = ?) FROM checkpoints"
        " WHERE source = ? AND complete",
        [source, source],
    ).fetchall()
    before = {uuid: previous for uuid, previous, _ in rows}
    at = next((uuid for uuid, _, current in rows if current), None)
    found: set[bytes] = set()
    while at is not None and at in before and at not in found:
        found.add(at)
        at = before[at]
    return found
