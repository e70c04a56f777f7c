"""Which END counts, of the parts that were found (spec section 6.2), and which check points are offered."""

from __future__ import annotations

import sqlite3
from collections.abc import Container
from itertools import islice, product

from blake3 import blake3

from bakup.catalog import belief, recording
from bakup.errors import Beyond
from bakup.format.constants import WAYS_MAX
from bakup.format.structures import decode_end, expect_known

CONTRADICTED = "its end is told in two ways"


def add_part(connection: sqlite3.Connection, checkpoint: int, part: int, content: bytes) -> None:
    """A part of a check point's END, as a sector holds it; several of one number may contradict each other."""
    connection.execute(
        "INSERT OR IGNORE INTO ends VALUES (?, ?, ?, ?)", [checkpoint, part, blake3(content).digest(), content]
    )


def choose_ends(connection: sqlite3.Connection, target: int, silent: Container[int]) -> None:
    """Find the END of check points that have parts of one and are not complete yet.

    Names of digests in `silent` ones do not count.
    """
    rows = connection.execute(
        "SELECT DISTINCT c.id, c.digest IS NOT NULL FROM ends e JOIN checkpoints c ON c.id = e.checkpoint"
        " JOIN sources s ON s.id = c.source WHERE s.target = ? AND c.complete = 0 AND c.ordinal IS NULL",
        [target],
    ).fetchall()
    for checkpoint, chosen in rows:
        if chosen:
            _take_back(connection, checkpoint)
        try:
            _choose(connection, checkpoint, silent)
        except Beyond as error:
            recording.refuse_checkpoint(connection, checkpoint, error.message)


def drop_parts(connection: sqlite3.Connection, target: int) -> None:
    """Of check points whose END was chosen, the parts are not needed any more."""
    connection.execute(
        "DELETE FROM ends WHERE checkpoint IN (SELECT c.id FROM checkpoints c JOIN sources s ON s.id = c.source"
        " WHERE s.target = ? AND c.digest IS NOT NULL AND c.refused IS NULL)",
        [target],
    )


def _take_back(connection: sqlite3.Connection, checkpoint: int) -> None:
    connection.execute("UPDATE checkpoints SET digest = NULL, files = NULL, bytes = NULL WHERE id = ?", [checkpoint])
    for table in ("lines", "lanes"):
        connection.execute(f"DELETE FROM {table} WHERE checkpoint = ?", [checkpoint])


def _choose(connection: sqlite3.Connection, checkpoint: int, silent: Container[int]) -> None:
    parts: dict[int, list[bytes]] = {}
    for part, digest in connection.execute(
        "SELECT part, digest FROM ends WHERE checkpoint = ? ORDER BY part, digest", [checkpoint]
    ):
        parts.setdefault(part, []).append(digest)
    named = _named(connection, checkpoint, silent)
    single = all(len(candidates) == 1 for candidates in parts.values())
    if not named and not single:
        named = _believed(connection, checkpoint, silent)
    if not named and not single:
        recording.refuse_checkpoint(connection, checkpoint, CONTRADICTED)
        return
    numbers = range(max(parts) + 1)
    # Parts behind the last of a way are another way's: with a name for it, shorter ways count as well.
    ways = []
    for count in range(1, len(numbers) + 1) if named else [len(numbers)]:
        if count - 1 not in parts or any(number not in parts for number in range(count)):
            break
        for way in islice(product(*(parts[number] for number in range(count))), WAYS_MAX):
            digest = blake3(b"".join(way)).digest()
            if (not named or digest in named) and _is_way(connection, checkpoint, way):
                ways.append((digest, way))
    if len(ways) > 1:
        recording.refuse_checkpoint(connection, checkpoint, CONTRADICTED)
    elif ways:
        _record(connection, checkpoint, *ways[0])


def _named(connection: sqlite3.Connection, checkpoint: int, silent: Container[int]) -> set[bytes]:
    """Digests by which others name a check point."""
    rows = connection.execute(
        "SELECT n.id, n.previous_digest FROM checkpoints c JOIN checkpoints n ON n.source = c.source"
        " AND n.previous_uuid = c.uuid WHERE c.id = :c"
        " UNION SELECT n.id, substr(n.replaces, 49) FROM checkpoints n CROSS JOIN sources m ON m.id = n.source"
        " CROSS JOIN checkpoints c ON c.id = :c CROSS JOIN sources s ON s.id = c.source"
        " WHERE n.replaces IS NOT NULL"
        " AND m.target = s.target AND (n.account OR m.signer = s.signer)"
        " AND substr(n.replaces, 33, 16) = c.uuid"
        " AND substr(n.replaces, 1, 32) = CASE s.signer WHEN x'' THEN :none ELSE s.signer END",
        {"c": checkpoint, "none": belief.NONE},
    )
    return {digest for by, digest in rows if by not in silent}


def _believed(connection: sqlite3.Connection, checkpoint: int, silent: Container[int]) -> set[bytes]:
    """What the account still believes of a revoked writer's source: of contradicting ends it names the one."""
    rows = connection.execute(
        "SELECT r.checkpoint, r.digest FROM checkpoints c JOIN sources s ON s.id = c.source JOIN revocations r"
        " ON r.target = s.target AND r.source = s.uuid WHERE c.id = ? AND (r.writer = s.signer OR r.writer IN"
        " (SELECT w.writer FROM writers w WHERE w.target = s.target AND w.signer = s.signer))",
        [checkpoint],
    )
    return {digest for by, digest in rows if by not in silent}


def _is_way(connection: sqlite3.Connection, checkpoint: int, way: tuple[bytes, ...]) -> bool:
    lane = -1
    for number, digest in enumerate(way):
        end = decode_end(_content(connection, checkpoint, number, digest))
        if end.last != (number == len(way) - 1):
            return False
        for line in end.lanes:
            if line.lane <= lane or (lane < 0 and line.lane != 0):
                return False
            lane = line.lane
    return lane >= 0


def _record(connection: sqlite3.Connection, checkpoint: int, digest: bytes, way: tuple[bytes, ...]) -> None:
    position = 0
    for number, part in enumerate(way):
        end = decode_end(_content(connection, checkpoint, number, part))
        expect_known(end.facts)
        recording.add_lines(connection, checkpoint, position, end.sectors)
        recording.add_lanes(connection, checkpoint, end.lanes)
        position += len(end.sectors)
        if end.last:
            recording.close_checkpoint(connection, checkpoint, digest, end.files, end.size)


def _content(connection: sqlite3.Connection, checkpoint: int, part: int, digest: bytes) -> bytes:
    row = connection.execute(
        "SELECT content FROM ends WHERE checkpoint = ? AND part = ? AND digest = ?", [checkpoint, part, digest]
    ).fetchone()
    return bytes(row[0])
