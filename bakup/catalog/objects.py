"""Objects of the plain layout in the catalog: each is a sector with one pack that holds one chunk, its file.

The chunk's id is the sha256 of the file. The lines of a check point list the objects that it brought; an object in no
line of a complete check point is *loose*.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bakup.catalog.recording import SectorState
from bakup.format.constants import CUT_PATH
from bakup.model import End, SectorLine

NO_CHECKPOINT = bytes(16)
"""Stands for the check point of a pack whose object is loose."""
EMPTY_SHA256 = bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
LINES = 4096
"""Lines of one END."""
TRIED = 3
"""Objects of one content that a reader tries."""

_LISTED = (
    "EXISTS (SELECT 1 FROM lines l JOIN checkpoints c ON c.id = l.checkpoint JOIN sources o ON o.id = c.source"
    " WHERE l.sector = s.uuid AND o.target = s.target AND c.complete)"
)


_OF_PATH = (
    "FROM sectors s JOIN packs p ON p.sector = s.id"
    " WHERE s.target = ? AND s.path = ? AND s.header_digest = ? AND s.state = 'stored'"
)


class ObjectRow(NamedTuple):
    """An object that holds a file; `stored` and `size` in bytes: the object's, and the file's; `path` as told in it."""

    uuid: bytes
    locator: str
    stored: int
    size: int
    sha256: bytes
    path: bytes
    modified_ns: int | None
    encrypted: bool
    seal: bytes | None = None


def add_objects(
    connection: sqlite3.Connection, target: int, rows: Sequence[ObjectRow], *, state: SectorState, checkpoint: bytes
) -> list[int]:
    """Record objects that hold files; gives their row ids. Runs in the caller's transaction."""
    first = [
        int(connection.execute(f"SELECT coalesce(max(id), 0) + 1 FROM {table}").fetchone()[0])
        for table in ("sectors", "packs")
    ]
    numbered = [(first[0] + number, first[1] + number, row) for number, row in enumerate(rows)]
    connection.executemany(
        "INSERT INTO sectors (id, target, uuid, locator, size, state, header_digest, path, modified_ns, seal,"
        " signer, encrypted, signed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, x'', ?, 0)",
        [
            (sector, target, row.uuid, row.locator, row.stored, state, *row[4:7], row.seal, int(row.encrypted))
            for sector, _, row in numbered
        ],
    )
    connection.executemany(
        "INSERT INTO packs (id, sector, position, length, raw_length, checkpoint, offset) VALUES (?, ?, 0, ?, ?, ?, 0)",
        [(pack, sector, row.stored, row.size, checkpoint) for sector, pack, row in numbered],
    )
    connection.executemany(
        "INSERT INTO chunks (id, pack, offset, length) VALUES (?, ?, 0, ?)",
        [(row.sha256, pack, row.size) for _, pack, row in numbered],
    )
    return [sector for sector, _, _ in numbered]


def has_files(connection: sqlite3.Connection, target: int) -> bool:
    """Whether any object of a file is at the target."""
    row = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM sectors WHERE target = ? AND path IS NOT NULL AND state = 'stored')", [target]
    ).fetchone()
    return bool(row[0])


def stored_object(
    connection: sqlite3.Connection, target: int, path: bytes, sha256: bytes, *, encrypted: bool
) -> SectorLine | None:
    """The line of an object that is at the target and holds this file of this path, as well protected."""
    row = connection.execute(
        f"SELECT s.uuid, s.size {_OF_PATH} AND s.encrypted >= ? AND p.damaged = 0 LIMIT 1",
        [target, path, sha256, int(encrypted)],
    ).fetchone()
    return None if row is None else line_of(bytes(row[0]), sha256, int(row[1]), path)


def is_loose(connection: sqlite3.Connection, target: int, uuid: bytes) -> bool:
    """Whether an object is in no line of a complete check point."""
    row = connection.execute(
        f"SELECT NOT {_LISTED} FROM sectors s WHERE s.target = ? AND s.uuid = ?", [target, uuid]
    ).fetchone()
    return bool(row and row[0])


def line_of(uuid: bytes, sha256: bytes, stored: int, path: bytes) -> SectorLine:
    """How a check point lists an object: it holds no entries, its header digest is the sha256 of its file."""
    cut = path[:CUT_PATH]
    return SectorLine(uuid, sha256, 0, stored, cut, cut)


def ends_of(connection: sqlite3.Connection, checkpoint: int, uuid: bytes, files: int, size: int) -> Iterator[End]:
    """The ENDs of a check point with all its lines, streamed; `files` and `size` (bytes) count the whole source."""
    part, batch = 0, _lines(connection, checkpoint, 0)
    while True:
        following = _lines(connection, checkpoint, (part + 1) * LINES) if len(batch) == LINES else ()
        last = not following
        yield End(uuid, part, last, tuple(batch), files if last else 0, size if last else 0)
        if last:
            return
        part, batch = part + 1, list(following)


def _lines(connection: sqlite3.Connection, checkpoint: int, start: int) -> list[SectorLine]:
    rows = connection.execute(
        "SELECT sector, header_digest, entries, bytes, first_path, last_path FROM lines"
        " WHERE checkpoint = ? AND position >= ? ORDER BY position LIMIT ?",
        [checkpoint, start, LINES],
    )
    return [SectorLine(*row) for row in rows]


def settle(connection: sqlite3.Connection, target: int) -> None:
    """After check points were applied: objects that a line lists belong to its check point; those that are not there
    were removed."""
    removed = connection.execute(
        "SELECT DISTINCT l.sector, l.header_digest, l.bytes, l.first_path, c.uuid FROM lines l"
        " JOIN checkpoints c ON c.id = l.checkpoint AND c.complete JOIN sources o ON o.id = c.source"
        " WHERE o.target = :t AND l.header_digest IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM sectors s WHERE s.target = :t AND s.uuid = l.sector) GROUP BY l.sector",
        {"t": target},
    ).fetchall()
    for uuid, sha256, stored, path, checkpoint in removed:
        row = ObjectRow(uuid, uuid.hex(), stored, 0, sha256, path, None, encrypted=True)
        add_objects(connection, target, [row], state="removed", checkpoint=checkpoint)
    connection.execute(
        "UPDATE packs SET checkpoint = (SELECT c.uuid FROM sectors s JOIN lines l ON l.sector = s.uuid"
        " JOIN checkpoints c ON c.id = l.checkpoint AND c.complete WHERE s.id = packs.sector LIMIT 1)"
        f" WHERE checkpoint = ? AND sector IN (SELECT s.id FROM sectors s WHERE s.target = ? AND {_LISTED})",
        [NO_CHECKPOINT, target],
    )


def remove(connection: sqlite3.Connection, target: int) -> None:
    """Objects of files that the last listing has not are ones that the user removed; one of another size is damaged."""
    for state, before, there in (("removed", "missing", "NOT EXISTS"), ("missing", "removed", "EXISTS")):
        connection.execute(
            f"UPDATE sectors SET state = '{state}' WHERE target = ? AND state = '{before}' AND path IS NOT NULL"
            f" AND {there} (SELECT 1 FROM listed l WHERE l.locator = sectors.locator)",
            [target],
        )


def removed(connection: sqlite3.Connection, target: int) -> list[tuple[str, bytes, int]]:
    """(locator, path as told, bytes of the object) of the objects that the user removed."""
    rows = connection.execute(
        "SELECT locator, path, size FROM sectors WHERE target = ? AND state = 'removed' ORDER BY path, id", [target]
    )
    return [(str(locator), bytes(path), int(size)) for locator, path, size in rows]


def loose(connection: sqlite3.Connection, target: int) -> Iterator[tuple[bytes, int, int, bytes, int, int]]:
    """Files of loose objects as (path, size in bytes, modified_ns, sha256, version from 0, versions of the path).

    By path, then by the times in their preambles; equal content counts once a path.
    """
    return connection.execute(
        "SELECT path, size, modified_ns, sha256, row_number() OVER beside - 1,"
        " count(*) OVER (PARTITION BY path) FROM (SELECT s.path AS path, p.raw_length AS size,"
        " max(coalesce(s.modified_ns, 0)) AS modified_ns, s.header_digest AS sha256, min(s.locator) AS locator"
        " FROM sectors s JOIN packs p ON p.sector = s.id"
        f" WHERE s.target = ? AND s.state IN ('stored', 'damaged') AND s.path IS NOT NULL AND NOT {_LISTED}"
        " GROUP BY s.path, s.header_digest)"
        " WINDOW beside AS (PARTITION BY path ORDER BY modified_ns, locator) ORDER BY path, modified_ns, locator",
        [target],
    )


def object_of(connection: sqlite3.Connection, target: int, path: bytes, sha256: bytes) -> ObjectRow | None:
    """The object at the target that holds this file of this path."""
    row = connection.execute(
        "SELECT s.uuid, s.locator, s.size, p.raw_length, s.header_digest, s.path, s.modified_ns, s.encrypted, s.seal"
        f" {_OF_PATH} ORDER BY p.damaged, s.id LIMIT 1",
        [target, path, sha256],
    ).fetchone()
    return None if row is None else ObjectRow(*row)


def set_seal(connection: sqlite3.Connection, target: int, uuid: bytes, seal: bytes) -> None:
    """Remember the seal of an object. Runs in the caller's transaction."""
    connection.execute("UPDATE sectors SET seal = ? WHERE target = ? AND uuid = ?", [seal, target, uuid])


class Place(NamedTuple):
    """An object that holds a file; `stored` is its size in bytes."""

    uuid: bytes
    locator: str
    stored: int


def places_of(connection: sqlite3.Connection, target: int, sha256: bytes) -> list[Place]:
    """Some objects that hold a file, of whatever path; those not known to be damaged first."""
    found: list[Place] = []
    for state in ("s.state = 'stored' AND p.damaged = 0", "(s.state = 'damaged' OR s.state = 'stored' AND p.damaged)"):
        rows = connection.execute(
            "SELECT s.uuid, s.locator, s.size FROM chunks c JOIN packs p ON p.id = c.pack"
            f" JOIN sectors s ON s.id = p.sector WHERE c.id = ? AND s.target = ? AND {state} LIMIT {TRIED}",
            [sha256, target],
        )
        found += [Place(*row) for row in rows]
    return found


def was_removed(connection: sqlite3.Connection, target: int, sha256: bytes) -> bool:
    """Whether all objects that held a file were removed."""
    row = connection.execute(
        "SELECT min(s.state = 'removed') FROM chunks c JOIN packs p ON p.id = c.pack JOIN sectors s ON s.id = p.sector"
        " WHERE c.id = ? AND s.target = ?",
        [sha256, target],
    ).fetchone()
    return bool(row[0])


def reads(connection: sqlite3.Connection, target: int, first: int, more: int) -> tuple[int, int, int, int]:
    """(reads, bytes) to see what is there, and to read all files, by reads of `first` bytes, then `more`.

    To see what is there takes the start of each file's object, and those of check points whole.
    """
    whole = "(1 + (max(0, size - :first) + :more - 1) / :more)"
    row = connection.execute(
        f"SELECT sum(CASE WHEN path IS NULL THEN {whole} ELSE 1 END),"
        " sum(CASE WHEN path IS NULL THEN size ELSE min(size, :first) END),"
        f" sum(CASE WHEN path IS NULL THEN 0 ELSE {whole} END), sum(CASE WHEN path IS NULL THEN 0 ELSE size END)"
        " FROM sectors WHERE target = :target AND state = 'stored'",
        {"first": first, "more": more, "target": target},
    ).fetchone()
    return row[0] or 0, row[1] or 0, row[2] or 0, row[3] or 0
