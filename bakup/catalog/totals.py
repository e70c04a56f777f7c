"""Totals over all check points: what sectors hold of each source, how many versions there are."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator

from msgspec import Struct

from bakup.format.action import ACTION, RAW_LENGTH

FRAME = ACTION.size + RAW_LENGTH.size
"""Bytes of a PACK before its chunks."""


class Held(Struct, frozen=True):
    """What one sector holds of one source, in bytes.

    Args:
        source: row of the source; None for what belongs to none.
        stored: its part of the sector: a shared sector is divided by the contents of the boxes.
        packed, raw: chunks in its packs as they are stored, and unpacked; without the frame of a pack.
    """

    source: int | None
    stored: int
    packed: int
    raw: int


def held(connection: sqlite3.Connection, target: int) -> Iterator[tuple[int, list[Held]]]:
    """(size in bytes, what it holds) of each sector that is at the target, in the order in which they became known."""
    rows = connection.execute(_HELD, {"target": target, "frame": FRAME})
    for _, group in itertools.groupby(rows, key=lambda row: row[0]):
        found = list(group)
        yield int(found[0][1]), _divided(int(found[0][1]), [row[2:] for row in found])


_HELD = """
WITH known AS MATERIALIZED (
    SELECT c.id, c.uuid, c.source, o.signer FROM checkpoints c JOIN sources o ON o.id = c.source
        WHERE o.target = :target
), there AS (
    SELECT id, size, signer FROM sectors WHERE target = :target AND state IN ('stored', 'damaged')
), parts AS (
    SELECT s.id AS sector, k.source AS source, sum(p.length) AS stored, sum(p.length - :frame) AS packed,
        sum(p.raw_length) AS raw
        FROM there s JOIN packs p ON p.sector = s.id LEFT JOIN known k ON k.uuid = p.checkpoint AND k.signer = s.signer
        GROUP BY s.id, k.source
    UNION ALL
    SELECT s.id, k.source, sum(b.length), 0, 0
        FROM boxes b JOIN there s ON s.id = b.sector JOIN known k ON k.id = b.checkpoint GROUP BY s.id, k.source
    UNION ALL
    SELECT id, NULL, 0, 0, 0 FROM there
)
SELECT t.sector, s.size, t.source, sum(t.stored), sum(t.packed), sum(t.raw)
    FROM parts t JOIN there s ON s.id = t.sector GROUP BY t.sector, t.source ORDER BY t.sector, t.source
"""


def _divided(size: int, rows: list[tuple[int | None, int, int, int]]) -> list[Held]:
    whole = sum(row[1] for row in rows)
    found, left = [], size
    for number, (source, part, packed, raw) in enumerate(rows, 1):
        # The last one takes what rounding leaves.
        stored = left if number == len(rows) else size * part // (whole or 1)
        left -= stored
        found.append(Held(source, stored, packed, raw))
    return found


class Versions(Struct, frozen=True):
    """Versions of files, the paths that have any, and the sum of the versions' sizes in bytes."""

    versions: int
    paths: int
    bytes: int


def file_versions(connection: sqlite3.Connection, source: int) -> Versions:
    """All versions of files in check points of a source that are offered: what differs in content or metadata, as
    `search.spans` tells them apart."""
    row = connection.execute(_VERSIONS, {"source": source}).fetchone()
    return Versions(*map(int, row))


_VERSIONS = """
SELECT count(*), count(DISTINCT key), coalesce(sum(size), 0) FROM (
    SELECT key, size, coalesce(lag(last) OVER beside = first - 1 AND lag(size) OVER beside = size
        AND lag(digest) OVER beside = digest AND lag(attributes) OVER beside = attributes, 0) AS again
    FROM versions v WHERE source = :source AND kind = 1 AND EXISTS (
        SELECT 1 FROM checkpoints c WHERE c.source = :source AND c.complete AND c.hidden IS NULL
        AND c.ordinal >= v.first AND (v.last IS NULL OR c.ordinal <= v.last))
    WINDOW beside AS (PARTITION BY key ORDER BY first)
) WHERE NOT again
"""
