"""Where chunks are: what serves dedup, what is lost, and the plan of reads for a restore."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from msgspec import Struct, field

from bakup.catalog.lanes import COVERED
from bakup.catalog.lineage import BASED
from bakup.catalog.rows import PartsDigest, decode_extents

BATCH = 500
READABLE = "p.damaged <> 1 AND c.damaged = 0 AND s.state IN ('building', 'pending', 'stored')"
"""Places that give their chunk."""
USABLE = f"p.damaged <> 3 AND {READABLE}"
"""Places that dedup may rely on: any reader gets the chunk, also a stricter one."""
_REMOVED = "s.state = 'removed'"
_OF_CONTENT = (
    "FROM chunks c JOIN packs p ON p.id = c.pack JOIN sectors s ON s.id = p.sector"
    " WHERE c.id = v.digest AND s.target = :t"
)


def nowhere(place: str) -> str:
    """The condition that the one chunk of a version `v` has no `place` at the target `:t`, USABLE or READABLE.

    What has none since a user took all its places away is not lost, and not to be stored again.
    """
    return (
        f"NOT EXISTS (SELECT 1 {_OF_CONTENT} AND {place}) AND coalesce((SELECT min({_REMOVED}) {_OF_CONTENT}), 0) = 0"
    )


class Place(Struct, frozen=True):
    """A chunk's place: `position` of its data box, `length` of the box's content, `offset` of the chunk in the pack.

    `header`: the digest of the sector's header, by which it is known whatever is called so.
    """

    sector: int
    uuid: bytes
    header: bytes
    position: int
    length: int
    raw_length: int
    checkpoint: bytes
    box_offset: int
    offset: int
    chunk_length: int


def has_chunks(connection: sqlite3.Connection, target: int) -> bool:
    """Whether any chunk of the target is known."""
    return bool(
        connection.execute(
            "SELECT EXISTS (SELECT 1 FROM packs p JOIN sectors s ON s.id = p.sector WHERE s.target = ?)",
            [target],
        ).fetchone()[0]
    )


def last_sector(connection: sqlite3.Connection) -> int:
    """The row of the sector that was recorded last, of any target; 0 when there is none."""
    return int(connection.execute("SELECT coalesce(max(id), 0) FROM sectors").fetchone()[0])


def believed(*, signer: bytes, encrypted: bool, signed: bool, after: int) -> str:
    """Places that a check point may refer to: USABLE, stored by this signer, not under weaker protection, in a sector
    whose row comes behind `after`."""
    return (
        f"s.signer = x'{signer.hex()}' AND s.encrypted >= {int(encrypted)} AND s.signed >= {int(signed)}"
        f" AND s.id > {after} AND {USABLE}"
    )


def known_chunks(connection: sqlite3.Connection, target: int, chunks: Sequence[bytes], place: str) -> set[bytes]:
    """Which of `chunks` have such a `place`, see `believed`."""
    found: set[bytes] = set()
    for start in range(0, len(chunks), BATCH):
        batch = chunks[start : start + BATCH]
        marks = ",".join("?" * len(batch))
        found.update(
            row[0]
            for row in connection.execute(
                "SELECT c.id FROM chunks c JOIN packs p ON p.id = c.pack JOIN sectors s ON s.id = p.sector"
                f" WHERE c.id IN ({marks}) AND s.target = ? AND {place}",
                [*batch, target],
            )
        )
    return found


def places_of(connection: sqlite3.Connection, target: int, chunk: bytes) -> list[Place]:
    """All usable places of a chunk, those not known to be damaged first."""
    rows = connection.execute(
        "SELECT s.id, s.uuid, s.header_digest, p.position, p.length, p.raw_length, p.checkpoint, p.offset,"
        " c.offset, c.length"
        " FROM chunks c JOIN packs p ON p.id = c.pack JOIN sectors s ON s.id = p.sector"
        " WHERE c.id = ? AND s.target = ? AND s.state <> 'missing'"
        " ORDER BY p.damaged IN (1, 3) OR c.damaged OR s.state = 'damaged', p.id",
        [chunk, target],
    )
    return [Place(*row) for row in rows]


def packs_behind(connection: sqlite3.Connection, place: Place, count: int) -> list[Place]:
    """The next packs of a sector, each as the place of all that it holds."""
    rows = connection.execute(
        "SELECT s.id, s.uuid, s.header_digest, p.position, p.length, p.raw_length, p.checkpoint, p.offset, 0,"
        " p.raw_length FROM packs p JOIN sectors s ON s.id = p.sector"
        " WHERE p.sector = ? AND p.position > ? ORDER BY p.position LIMIT ?",
        [place.sector, place.position, count],
    )
    return [Place(*row) for row in rows]


def troubled(connection: sqlite3.Connection, target: int, source: int | None = None) -> bool:
    """Whether a sector that a check point lists is not there, or a pack is damaged: then look for `lost_keys`."""
    return bool(
        connection.execute(
            "SELECT EXISTS (SELECT 1 FROM sectors WHERE target = :t AND state IN ('damaged', 'missing'))"
            " OR EXISTS (SELECT 1 FROM packs p JOIN sectors s ON s.id = p.sector WHERE s.target = :t AND p.damaged)"
            " OR EXISTS (SELECT 1 FROM lines l JOIN checkpoints c ON c.id = l.checkpoint JOIN sources o"
            " ON o.id = c.source LEFT JOIN sectors s ON s.target = o.target AND s.uuid = l.sector"
            " WHERE o.target = :t AND (:s IS NULL OR o.id = :s) AND s.id IS NULL)"
            " OR EXISTS (SELECT 1 FROM checkpoints c JOIN sources o ON o.id = c.source WHERE o.target = :t"
            f" AND c.complete AND (c.entries_lost OR c.based_on IS NOT NULL AND NOT {BASED}))",
            {"t": target, "s": source},
        ).fetchone()[0]
    )


def weaker(connection: sqlite3.Connection, target: int, source: int, *, encrypted: bool, signed: bool) -> bool:
    """Whether the standing state needs sectors under weaker protection: then the next uses nothing of it."""
    rows = connection.execute(
        "SELECT based_on IS NULL, EXISTS (SELECT 1 FROM lines l CROSS JOIN sectors s ON s.target = ? AND s.uuid"
        " = l.sector WHERE l.checkpoint = checkpoints.id AND (s.encrypted < ? OR s.signed < ?)) FROM checkpoints"
        " WHERE source = ? AND complete = 1 ORDER BY ordinal DESC",
        [target, int(encrypted), int(signed), source],
    )
    for full, found in rows:
        if found or full:
            return bool(found)
    return False


def missing_of_chain(connection: sqlite3.Connection, target: int, source: int) -> tuple[bytes, ...]:
    """Sectors with entries of the standing state that are not there: then the next check point lists everything."""
    rows = connection.execute(
        "SELECT id, uuid, based_on, entries_lost FROM checkpoints WHERE source = ? AND complete = 1"
        " ORDER BY ordinal DESC",
        [source],
    ).fetchall()
    there = {uuid for _, uuid, _, _ in rows}
    missing: list[bytes] = []
    for checkpoint, uuid, based_on, lost in rows:
        gone = connection.execute(
            "SELECT l.sector FROM lines l LEFT JOIN sectors s ON s.target = ? AND s.uuid = l.sector"
            " AND s.header_digest IS coalesce(l.header_digest, s.header_digest)"
            " WHERE l.checkpoint = ? AND (s.id IS NULL OR s.state NOT IN ('stored', 'pending', 'removed'))"
            f" AND NOT {COVERED.format(checkpoint='l.checkpoint')}"
            " ORDER BY l.position",
            [target, checkpoint],
        ).fetchall()
        missing += [sector for (sector,) in gone] or ([uuid] if lost else [])
        if based_on is None:
            break
        if based_on not in there:
            missing.append(based_on)
    return tuple(missing)


def lost_keys(
    connection: sqlite3.Connection, target: int, source: int, ordinal: int, *, since: int = 0, place: str = USABLE
) -> set[bytes]:
    """Keys of files at `ordinal` with a chunk that has no such `place`, of versions that begin at `since` or later."""
    lost = {
        row[0]
        for row in connection.execute(
            "SELECT v.key FROM versions v WHERE v.source = :s AND v.first <= :o AND (v.last IS NULL OR v.last >= :o)"
            f" AND v.kind = 1 AND v.parted = 0 AND v.size > 0 AND v.first >= :f AND {nowhere(place)}",
            {"s": source, "o": ordinal, "t": target, "f": since},
        )
    }
    parted = connection.execute(
        "SELECT key, size, checkpoint, file_id, digest FROM versions WHERE source = :s AND first <= :o"
        " AND (last IS NULL OR last >= :o) AND kind = 1 AND parted = 1 AND first >= :f",
        {"s": source, "o": ordinal, "f": since},
    ).fetchall()
    for key, size, checkpoint, file_id, digest in parted:
        if not left_of(connection, target, checkpoint, key, file_id, place).whole(size, digest):
            lost.add(key)
    return lost


class Left(Struct):
    """What is left of a file in parts: `lost` chunks; bytes that its parts cover, and those that are `available`.

    Parts that stood in a lost sector are not in the catalog at all: then less is covered than the file's size.
    """

    lost: set[bytes] = field(default_factory=set)
    covered: int = 0
    available: int = 0
    digest: bytes = b""

    def whole(self, size: int, digest: bytes) -> bool:
        """Whether it is all of a file of this size and file digest."""
        return not self.lost and self.covered == size and self.digest == digest


def left_of(connection: sqlite3.Connection, target: int, checkpoint: int, key: bytes, file_id: int, place: str) -> Left:
    """What is left of a file in parts, by the places of its chunks that are USABLE, or READABLE."""
    left, digest = Left(), PartsDigest()
    for (blob,) in connection.execute(
        "SELECT extents FROM parts WHERE checkpoint = ? AND key = ? AND file_id = ? ORDER BY offset",
        [checkpoint, key, file_id],
    ):
        digest.add(blob)
        missing = _lost_chunks(connection, target, blob, place)
        left.lost |= missing
        for length, chunk in decode_extents(blob):
            left.covered += length
            left.available += length if chunk not in missing else 0
    left.digest = digest.value()
    return left


def _lost_chunks(connection: sqlite3.Connection, target: int, blob: bytes, place: str) -> set[bytes]:
    wanted = list({chunk for _, chunk in decode_extents(blob) if chunk is not None})
    there: set[bytes] = set()
    for start in range(0, len(wanted), BATCH):
        batch = wanted[start : start + BATCH]
        marks = ",".join("?" * len(batch))
        there.update(
            row[0]
            for row in connection.execute(
                "SELECT c.id FROM chunks c JOIN packs p ON p.id = c.pack JOIN sectors s ON s.id = p.sector"
                f" WHERE c.id IN ({marks}) AND s.target = ? AND {place}",
                [*batch, target],
            )
        )
    return set(wanted) - there


def clear_damage(connection: sqlite3.Connection, sector: int) -> None:
    """A sector (row id) is about to be judged anew."""
    connection.execute(
        "UPDATE chunks SET damaged = 0 WHERE damaged"
        " AND pack IN (SELECT id FROM packs WHERE sector = ? AND damaged > 1)",
        [sector],
    )
    connection.execute("UPDATE packs SET damaged = 0 WHERE sector = ?", [sector])


def mark_chunks(connection: sqlite3.Connection, sector: int, places: Iterable[tuple[int, int]]) -> None:
    """Chunks of a sector (row id) that are damaged in packs that are not as a whole: (position of the box, offset)."""
    rows = [(sector, position, offset) for position, offset in places]
    connection.executemany(
        "UPDATE packs SET damaged = 2 WHERE sector = ? AND position = ? AND damaged = 0", [row[:2] for row in rows]
    )
    connection.executemany(
        "UPDATE chunks SET damaged = 1 WHERE pack = (SELECT id FROM packs WHERE sector = ? AND position = ?)"
        " AND offset = ?",
        rows,
    )


def mark_damaged(
    connection: sqlite3.Connection, target: int, sector: bytes, positions: Iterable[int], *, how: int = 1
) -> None:
    """Packs of a sector that were found damaged, by the position of their boxes."""
    connection.executemany(
        f"UPDATE packs SET damaged = {how} WHERE sector = (SELECT id FROM sectors WHERE target = ? AND uuid = ?)"
        " AND position = ? AND damaged = 0",
        [(target, sector, position) for position in positions],
    )
