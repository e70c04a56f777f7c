"""Writing down what sectors hold: the same rows whether a sync made the sector or a rebuild read it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Literal

from bakup.catalog.rows import Rows
from bakup.errors import Damaged
from bakup.model import Checkpoint, End, SectorLine, TableRow

SectorState = Literal["building", "pending", "stored", "damaged", "missing", "removed"]

VERSION_VALUES = "key, path, kind, size, mtime_ns, ctime_ns, inode, digest, parted, plain, file_id, attributes, extra"


def target_id(connection: sqlite3.Connection, url: str) -> int:
    """Row of the target `url`, made when new."""
    connection.execute("INSERT OR IGNORE INTO targets (url) VALUES (?)", [url])
    return int(connection.execute("SELECT id FROM targets WHERE url = ?", [url]).fetchone()[0])


def add_sector(
    connection: sqlite3.Connection,
    target: int,
    uuid: bytes,
    *,
    locator: str,
    size: int,
    state: SectorState,
    header_digest: bytes | None,
    signer: bytes,
    encrypted: bool,
    signed: bool,
) -> int:
    """A new sector's row id. `size` in bytes as listed; `signer` is the signer's public key, empty for none."""
    cursor = connection.execute(
        "INSERT INTO sectors (target, uuid, locator, size, state, header_digest, signer, encrypted, signed)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [target, uuid, locator, size, state, header_digest, signer, int(encrypted), int(signed)],
    )
    return int(cursor.lastrowid or 0)


def close_sector(connection: sqlite3.Connection, sector: int, size: int, header_digest: bytes) -> None:
    """A sector is finished and about to be put: `building` -> `pending`."""
    connection.execute(
        "UPDATE sectors SET state = 'pending', size = ?, header_digest = ? WHERE id = ?",
        [size, header_digest, sector],
    )


def set_state(connection: sqlite3.Connection, sector: int, state: SectorState, locator: str | None = None) -> None:
    """A sector's state, and where the store says it is."""
    connection.execute(
        "UPDATE sectors SET state = ?, locator = coalesce(?, locator) WHERE id = ?", [state, locator, sector]
    )


def move_sector(connection: sqlite3.Connection, sector: int, locator: str, size: int) -> None:
    """A sector that was missing is there, in another place."""
    connection.execute(
        "UPDATE sectors SET state = 'stored', locator = ?, size = ? WHERE id = ?", [locator, size, sector]
    )


def add_other(
    connection: sqlite3.Connection,
    target: int,
    locator: str,
    size: int,
    reason: str,
    detail: str = "",
    *,
    sector: bytes | None = None,
) -> None:
    """An object at the target that is no sector of ours; `sector`: the uuid that it claims to have."""
    connection.execute(
        "INSERT OR REPLACE INTO others VALUES (?, ?, ?, ?, ?, ?)", [target, locator, size, reason, detail, sector]
    )


def source_id(connection: sqlite3.Connection, target: int, checkpoint: Checkpoint, signer: bytes) -> int:
    """Row of the source that `checkpoint` belongs to; host, location and name are those of the last one seen."""
    connection.execute(
        "INSERT INTO sources (target, uuid, signer, host, location, name) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (target, uuid, signer) DO NOTHING",
        [target, checkpoint.source, signer, checkpoint.host, checkpoint.location, checkpoint.name],
    )
    row = connection.execute(
        "SELECT id FROM sources WHERE target = ? AND uuid = ? AND signer = ?",
        [target, checkpoint.source, signer],
    ).fetchone()
    return int(row[0])


def checkpoint_id(connection: sqlite3.Connection, source: int, checkpoint: Checkpoint, header_digest: bytes) -> int:
    """Row of a check point, made when new. Raises Damaged when another header of it is known (spec section 8, 7)."""
    row = connection.execute(
        "SELECT id, header_digest FROM checkpoints WHERE source = ? AND uuid = ?", [source, checkpoint.uuid]
    ).fetchone()
    if row is not None:
        if row[1] != header_digest:
            raise Damaged(f"two headers of check point {checkpoint.uuid.hex()[:8]}")
        return int(row[0])
    previous = checkpoint.previous
    cursor = connection.execute(
        "INSERT INTO checkpoints (source, uuid, sequence, time_ns, previous_uuid, previous_digest, based_on, tags,"
        " header_digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            source,
            checkpoint.uuid,
            checkpoint.sequence,
            checkpoint.time_ns,
            previous.uuid if previous else None,
            previous.digest if previous else None,
            checkpoint.based_on,
            json.dumps(checkpoint.tags),
            header_digest,
        ],
    )
    return int(cursor.lastrowid or 0)


def add_pack(connection: sqlite3.Connection, sector: int, row: TableRow) -> int:
    """Row id of a pack that stands in `sector`."""
    cursor = connection.execute(
        "INSERT INTO packs (sector, position, length, raw_length, checkpoint, offset) VALUES (?, ?, ?, ?, ?, ?)",
        [sector, row.position, row.length, row.raw_length, row.checkpoint, row.offset],
    )
    return int(cursor.lastrowid or 0)


def add_box(connection: sqlite3.Connection, sector: int, checkpoint: int, offset: int, length: int) -> None:
    """A box of a check point's metadata stream in a sector; `offset` and `length` in bytes of the stream."""
    connection.execute("INSERT OR IGNORE INTO boxes VALUES (?, ?, ?, ?)", [sector, checkpoint, offset, length])


def add_entries(
    connection: sqlite3.Connection, rows: Rows, *, checkpoint: int, source: int, ordinal: int | None
) -> None:
    """Rows of entries: straight into `versions` when `ordinal` is reserved (our own run), else staged."""
    marks = ", ".join("?" * 13)
    if ordinal is None:
        connection.executemany(
            f"INSERT INTO staged (checkpoint, {VERSION_VALUES}) VALUES ({checkpoint}, {marks})",
            rows.versions,
        )
    else:
        connection.executemany(
            f"INSERT OR REPLACE INTO versions (source, first, checkpoint, {VERSION_VALUES})"
            f" VALUES ({source}, {ordinal}, {checkpoint}, {marks})",
            rows.versions,
        )
    connection.executemany("INSERT OR IGNORE INTO chunks (id, pack, offset, length) VALUES (?, ?, ?, ?)", rows.chunks)
    connection.executemany(f"INSERT OR IGNORE INTO parts VALUES ({checkpoint}, ?, ?, ?, ?, ?)", rows.parts)
    connection.executemany(
        f"INSERT OR IGNORE INTO removals VALUES ({checkpoint}, ?, 1)",
        [(key,) for key in rows.deletes],
    )
    connection.executemany(f"INSERT OR IGNORE INTO unread VALUES ({checkpoint}, ?, ?, ?)", rows.unread)


def add_replaced(connection: sqlite3.Connection, checkpoint: int, keys: Iterable[bytes]) -> None:
    """Keys whose standing version our own run replaces."""
    connection.executemany(
        f"INSERT OR IGNORE INTO removals VALUES ({checkpoint}, ?, 0)",
        [(key,) for key in keys],
    )


def add_end(connection: sqlite3.Connection, checkpoint: int, ends: Sequence[End], digest: bytes) -> None:
    """A check point's END, all parts in order: its digest, totals and list of sectors."""
    last = ends[-1]
    connection.execute(
        "UPDATE checkpoints SET digest = ?, files = ?, bytes = ? WHERE id = ?",
        [digest, last.files, last.size, checkpoint],
    )
    add_lines(connection, checkpoint, 0, (line for end in ends for line in end.sectors))


def add_lines(connection: sqlite3.Connection, checkpoint: int, start: int, lines: Iterable[SectorLine]) -> None:
    """Lines of a check point from position `start` on."""
    connection.executemany(
        "INSERT OR IGNORE INTO lines VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                checkpoint,
                position,
                line.uuid,
                line.header_digest,
                line.entries,
                line.size,
                line.first_path,
                line.last_path,
            )
            for position, line in enumerate(lines, start)
        ],
    )


def drop_target(connection: sqlite3.Connection, target: int) -> None:
    """Forget all that is known of a target; the target itself is not touched."""
    checkpoints = "SELECT c.id FROM checkpoints c JOIN sources s ON s.id = c.source WHERE s.target = ?"
    packs = "SELECT p.id FROM packs p JOIN sectors s ON s.id = p.sector WHERE s.target = ?"
    for table in ("lines", "boxes", "staged", "removals", "parts", "unread"):
        connection.execute(f"DELETE FROM {table} WHERE checkpoint IN ({checkpoints})", [target])
    connection.execute("DELETE FROM versions WHERE source IN (SELECT id FROM sources WHERE target = ?)", [target])
    connection.execute(f"DELETE FROM chunks WHERE pack IN ({packs})", [target])
    connection.execute(f"DELETE FROM packs WHERE id IN ({packs})", [target])
    connection.execute(f"DELETE FROM checkpoints WHERE id IN ({checkpoints})", [target])
    for table in ("sources", "sectors", "others"):
        connection.execute(f"DELETE FROM {table} WHERE target = ?", [target])
