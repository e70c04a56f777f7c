"""Which check points can be used, and what counts of each: what they and RECORDs say of one another (spec section 6.2).

What is refused, or not believed any more, names no digest and says nothing. So it is asked in rounds until what is
`silent` stays so; where nothing is refused that is one.
"""

from __future__ import annotations

import sqlite3

from bakup.catalog import belief, ending, lanes, recording
from bakup.format.structures import decode_checkpoint

ROUNDS_MAX = 8
CONTRADICTED = "its header is told in two ways"


def judge(connection: sqlite3.Connection, target: int) -> set[int]:
    """Find END and header of all check points that are not complete yet, and refuse what cannot be used.

    Gives the row ids of those that are silent.
    """
    silent: set[int] = set()
    for _ in range(ROUNDS_MAX):
        _forget_refusals(connection, target)
        ending.choose_ends(connection, target, silent)
        for checkpoint in _doubtful(connection, target):
            _decide(connection, target, checkpoint, silent)
        now = _refused(connection, target) | belief.unbelieved(connection, target, silent)
        if now == silent:
            break
        silent = now
    ending.drop_parts(connection, target)
    return silent


def held(connection: sqlite3.Connection, target: int, checkpoint: int, silent: set[int]) -> lanes.Held:
    """What counts of a check point's boxes."""
    boxes, headers = lanes.boxes_of(connection, checkpoint)
    lines = lanes.lanes_of(connection, checkpoint)
    (signer,) = connection.execute(
        "SELECT s.signer FROM checkpoints c JOIN sources s ON s.id = c.source WHERE c.id = ?", [checkpoint]
    ).fetchone()
    revoked = belief.revoked(connection, target, signer, silent)
    return lanes.held(boxes, headers, lines or None, revoked=revoked)


def _forget_refusals(connection: sqlite3.Connection, target: int) -> None:
    connection.execute(
        "UPDATE checkpoints SET refused = NULL WHERE complete = 0 AND refused IS NOT NULL"
        " AND source IN (SELECT id FROM sources WHERE target = ?)",
        [target],
    )


def _refused(connection: sqlite3.Connection, target: int) -> set[int]:
    rows = connection.execute(
        "SELECT c.id FROM checkpoints c JOIN sources s ON s.id = c.source WHERE s.target = ? AND c.refused IS NOT NULL",
        [target],
    )
    return {identity for (identity,) in rows}


def _doubtful(connection: sqlite3.Connection, target: int) -> list[int]:
    """Those with several headers, or with something that must be understood and is not."""
    rows = connection.execute(
        "SELECT c.id FROM checkpoints c JOIN sources s ON s.id = c.source WHERE s.target = ? AND c.complete = 0"
        " AND c.refused IS NULL AND (EXISTS (SELECT 1 FROM boxes b WHERE b.checkpoint = c.id AND b.beyond IS NOT NULL)"
        " OR (SELECT count(*) FROM headers h WHERE h.checkpoint = c.id) > 1)",
        [target],
    )
    return [identity for (identity,) in rows.fetchall()]


def _decide(connection: sqlite3.Connection, target: int, checkpoint: int, silent: set[int]) -> None:
    counting = {(box.offset, box.digest) for box in held(connection, target, checkpoint, silent).boxes}
    heads = [digest for offset, digest in counting if offset == lanes.HEADER]
    if not heads:
        recording.refuse_checkpoint(connection, checkpoint, CONTRADICTED)
        return
    (content,) = connection.execute(
        "SELECT content FROM headers WHERE checkpoint = ? AND digest = ?", [checkpoint, heads[0]]
    ).fetchone()
    recording.set_header(connection, checkpoint, decode_checkpoint(content), heads[0])
    beyond = connection.execute(
        "SELECT offset, digest, beyond FROM boxes WHERE checkpoint = ? AND beyond IS NOT NULL", [checkpoint]
    )
    for offset, digest, what in beyond.fetchall():
        if (offset, digest) in counting:
            recording.refuse_checkpoint(connection, checkpoint, what)
