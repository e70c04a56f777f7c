"""What is lost: files whose chunks have no usable place, and the sectors that are to blame."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from uuid import UUID

from msgspec import Struct

from bakup.catalog.lanes import COVERED
from bakup.catalog.places import READABLE, left_of, nowhere
from bakup.catalog.rows import raw


class LostVersion(Struct, frozen=True):
    """A version of a file that cannot be had whole; `available` of `size` bytes are left. `chunks`: the lost ones."""

    source: int
    path: bytes
    size: int
    available: int
    mtime_ns: int
    first: int
    last: int | None
    chunks: frozenset[bytes]


OFFERED = (
    "EXISTS (SELECT 1 FROM checkpoints c WHERE c.source = v.source AND c.complete AND c.hidden IS NULL"
    " AND c.ordinal >= v.first AND (v.last IS NULL OR c.ordinal <= v.last))"
)
"""Whether a version `v` stands at a check point that is offered."""

_TELLING = (
    "(WITH RECURSIVE telling(id, source, based_on) AS (SELECT id, source, based_on FROM checkpoints WHERE complete"
    " AND hidden IS NULL UNION SELECT b.id, b.source, b.based_on FROM telling t JOIN checkpoints b"
    " ON b.source = t.source AND b.uuid = t.based_on AND b.complete) SELECT id FROM telling)"
)
"""Check points that are offered, and those that they are made on."""


def lost_versions(connection: sqlite3.Connection, target: int) -> Iterator[LostVersion]:
    """All versions, of all sources and check points that are offered, that miss a chunk."""
    rows = connection.execute(
        "SELECT v.source, v.path, v.size, v.mtime_ns, v.first, v.last, v.digest FROM versions v"
        " JOIN sources o ON o.id = v.source WHERE o.target = :t AND v.kind = 1 AND v.parted = 0 AND v.size > 0"
        f" AND {nowhere(READABLE)} AND {OFFERED} ORDER BY v.source, v.key, v.first",
        {"t": target},
    )
    for source, path, size, mtime_ns, first, last, digest in rows:
        yield LostVersion(source, raw(path), size, 0, mtime_ns, first, last, frozenset((digest,)))
    yield from _lost_parted(connection, target)


def _lost_parted(connection: sqlite3.Connection, target: int) -> Iterator[LostVersion]:
    rows = connection.execute(
        "SELECT v.source, v.path, v.size, v.mtime_ns, v.first, v.last, v.checkpoint, v.key, v.file_id, v.digest"
        " FROM versions v"
        f" JOIN sources o ON o.id = v.source WHERE o.target = ? AND v.kind = 1 AND v.parted = 1 AND {OFFERED}"
        " ORDER BY v.source, v.key, v.first",
        [target],
    )
    for source, path, size, mtime_ns, first, last, checkpoint, key, file_id, digest in rows:
        left = left_of(connection, target, checkpoint, key, file_id, READABLE)
        if not left.whole(size, digest):
            yield LostVersion(source, raw(path), size, left.available, mtime_ns, first, last, frozenset(left.lost))


def blamed(connection: sqlite3.Connection, target: int) -> dict[bytes, set[bytes]]:
    """Chunk id -> uuids of the sectors that held it and are missing, or damaged at its place."""
    found: dict[bytes, set[bytes]] = {}
    for chunk, uuid in connection.execute(
        "SELECT c.id, s.uuid FROM sectors s JOIN packs p ON p.sector = s.id JOIN chunks c ON c.pack = p.id"
        " WHERE s.target = ? AND (s.state IN ('damaged', 'missing') OR p.damaged = 1 OR c.damaged)",
        [target],
    ):
        found.setdefault(chunk, set()).add(uuid)
    return found


class MissingLine(Struct):
    """A sector that an END lists and the target lacks, or does not give: then `state` is that of the object with its
    name."""

    sector: bytes
    source: int
    checkpoint: bytes
    ordinal: int
    entries: int
    size: int
    first_path: bytes
    last_path: bytes
    known: bool
    state: str = "missing"
    reason: str = "is missing"

    @property
    def told(self) -> str:
        """Why it is not there, with its name."""
        return f"sector {UUID(bytes=self.sector)} {self.reason}"


def missing_lines(connection: sqlite3.Connection, target: int) -> list[MissingLine]:
    """Lines of ENDs whose sectors are not there, of check points that count.

    `known`: the catalog still has the names that stood in them.
    """
    rows = connection.execute(
        "SELECT l.sector, c.source, c.uuid, c.ordinal, l.entries, coalesce(s.size, l.bytes), l.first_path,"
        " l.last_path, s.id IS NOT NULL FROM lines l JOIN checkpoints c ON c.id = l.checkpoint AND c.complete"
        " JOIN sources o ON o.id = c.source LEFT JOIN sectors s ON s.target = o.target AND s.uuid = l.sector"
        " AND s.header_digest IS coalesce(l.header_digest, s.header_digest)"
        f" WHERE o.target = ? AND (s.id IS NULL OR s.state = 'missing') AND c.id IN {_TELLING}"
        f" AND NOT {COVERED.format(checkpoint='l.checkpoint')} ORDER BY c.ordinal, l.position",
        [target],
    )
    given = _withheld(connection, target)
    lines = [MissingLine(*row) for row in rows]
    for line in lines:
        line.state, line.reason = given.get(str(UUID(bytes=line.sector)), (line.state, line.reason))
    return lines


def _withheld(connection: sqlite3.Connection, target: int) -> dict[str, tuple[str, str]]:
    """Of objects that the store does not give: by the uuid that they are called by, state and what is said of it."""
    found = {}
    for locator, reason, detail in connection.execute(
        "SELECT locator, reason, detail FROM others WHERE target = ? AND reason IN ('archived', 'withheld')", [target]
    ):
        state = "archived" if reason == "archived" else "unreadable"
        found[locator.rpartition("/")[2].partition(".")[0]] = state, f"is {state}: {detail}"
    return found


def refused_boxes(connection: sqlite3.Connection, checkpoint: int) -> list[str]:
    """Why entries of a check point could not be used, a line a box."""
    rows = connection.execute(
        "SELECT DISTINCT b.refused FROM boxes b JOIN sectors s ON s.id = b.sector WHERE b.checkpoint = ?"
        " AND b.refused IS NOT NULL AND s.state = 'stored' ORDER BY b.offset",
        [checkpoint],
    )
    return [why for (why,) in rows]


def unusable(connection: sqlite3.Connection, target: int) -> list[tuple[bytes, str]]:
    """(uuid, why) of check points that cannot be used, whatever of them is there."""
    rows = connection.execute(
        "SELECT c.uuid, c.refused FROM checkpoints c JOIN sources s ON s.id = c.source WHERE s.target = ?"
        " AND c.refused IS NOT NULL AND c.hidden IS NULL ORDER BY c.source, c.sequence",
        [target],
    )
    return [(uuid, why) for uuid, why in rows]
