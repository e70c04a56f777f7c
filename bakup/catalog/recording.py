"""Writing down what sectors hold: the same rows whether a sync made the sector or a rebuild read it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import Literal

from bakup.catalog.rows import Rows
from bakup.format.constants import OUTSIDE
from bakup.format.records import Forgotten, Revocation, Tagged
from bakup.model import Checkpoint, LaneLine, SectorLine, TableRow

SectorState = Literal["building", "pending", "stored", "damaged", "missing", "removed"]

VERSION_VALUES = "key, path, kind, size, mtime_ns, ctime_ns, inode, digest, parted, plain, file_id, attributes, extra"


REASONS_MAX = 1000
"""Characters of reasons after which no more are kept of a box."""


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


def checkpoint_id(
    connection: sqlite3.Connection, source: int, checkpoint: Checkpoint, header_digest: bytes, *, account: bool = False
) -> int:
    """Row of a check point, made when new; the first header of it counts until its END says another."""
    row = connection.execute(
        "SELECT id FROM checkpoints WHERE source = ? AND uuid = ?", [source, checkpoint.uuid]
    ).fetchone()
    if row is not None:
        return int(row[0])
    previous, replaces = checkpoint.previous, checkpoint.replaces
    cursor = connection.execute(
        "INSERT INTO checkpoints (source, uuid, sequence, time_ns, previous_uuid, previous_digest, based_on, tags,"
        " header_digest, replaces, account) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
            replaces.signer + replaces.uuid + replaces.digest if replaces else None,
            int(account),
        ],
    )
    return int(cursor.lastrowid or 0)


def set_header(connection: sqlite3.Connection, checkpoint: int, value: Checkpoint, header_digest: bytes) -> None:
    """The header that counts, of several that were found of a check point."""
    previous, replaces = value.previous, value.replaces
    connection.execute(
        "UPDATE checkpoints SET sequence = ?, time_ns = ?, previous_uuid = ?, previous_digest = ?, based_on = ?,"
        " tags = ?, header_digest = ?, replaces = ? WHERE id = ?",
        [
            value.sequence,
            value.time_ns,
            previous.uuid if previous else None,
            previous.digest if previous else None,
            value.based_on,
            json.dumps(value.tags),
            header_digest,
            replaces.signer + replaces.uuid + replaces.digest if replaces else None,
            checkpoint,
        ],
    )


def add_header(connection: sqlite3.Connection, checkpoint: int, digest: bytes, content: bytes) -> None:
    """A header that a sector has of a check point; there may be several."""
    connection.execute("INSERT OR IGNORE INTO headers VALUES (?, ?, ?)", [checkpoint, digest, content])


def add_pack(connection: sqlite3.Connection, sector: int, row: TableRow) -> int:
    """Row id of a pack that stands in `sector`."""
    cursor = connection.execute(
        "INSERT INTO packs (sector, position, length, raw_length, checkpoint, offset) VALUES (?, ?, ?, ?, ?, ?)",
        # Of the sector's own boxes only the uuid of zeros is kept: their offset is beyond SQLite's integers.
        [sector, row.position, row.length, row.raw_length, row.checkpoint, row.offset if row.offset < OUTSIDE else 0],
    )
    return int(cursor.lastrowid or 0)


def add_box(
    connection: sqlite3.Connection, sector: int, checkpoint: int, offset: int, length: int, digest: bytes
) -> None:
    """A box of a check point's metadata in a sector; `offset` says lane and place in it, `digest` is its content's."""
    connection.execute(
        "INSERT OR IGNORE INTO boxes VALUES (?, ?, ?, ?, ?, NULL, NULL)", [sector, checkpoint, offset, length, digest]
    )


def refuse_box(
    connection: sqlite3.Connection, sector: int, checkpoint: int, offset: int, digest: bytes, why: str
) -> None:
    """Not all of a box could be used: its entries are missing, its place in the lane is not. Reasons add up."""
    connection.execute(
        "UPDATE boxes SET refused = iif(length(refused) < ?, refused || '; ' || ?, coalesce(refused, ?))"
        " WHERE sector = ? AND checkpoint = ? AND offset = ? AND digest = ?",
        [REASONS_MAX, why, why, sector, checkpoint, offset, digest],
    )


def set_beyond(
    connection: sqlite3.Connection, sector: int, checkpoint: int, offset: int, digest: bytes, what: str
) -> None:
    """A box says what must be understood, and is not: if it counts, its check point cannot be used."""
    connection.execute(
        "UPDATE boxes SET beyond = ? WHERE sector = ? AND checkpoint = ? AND offset = ? AND digest = ?",
        [what, sector, checkpoint, offset, digest],
    )


def refuse_checkpoint(connection: sqlite3.Connection, checkpoint: int, why: str | None) -> None:
    """A check point that cannot be used, whatever of it is there (None: it can); its chunks stay good."""
    connection.execute("UPDATE checkpoints SET refused = ? WHERE id = ?", [why, checkpoint])


def add_entries(
    connection: sqlite3.Connection, rows: Rows, *, checkpoint: int, source: int, ordinal: int | None, place: int = 0
) -> None:
    """Rows of entries: straight into `versions` when `ordinal` is reserved (our own run), else staged.

    `place`: the offset of their box, by which the last of several entries of a path, or parts of a file, is told.
    """
    marks = ", ".join("?" * 13)
    if ordinal is None:
        connection.executemany(
            f"INSERT INTO staged (checkpoint, place, {VERSION_VALUES}) VALUES ({checkpoint}, {place}, {marks})",
            rows.versions,
        )
    else:
        connection.executemany(
            f"INSERT OR REPLACE INTO versions (source, first, checkpoint, {VERSION_VALUES})"
            f" VALUES ({source}, {ordinal}, {checkpoint}, {marks})",
            rows.versions,
        )
    connection.executemany("INSERT OR IGNORE INTO chunks (id, pack, offset, length) VALUES (?, ?, ?, ?)", rows.chunks)
    connection.executemany(
        f"INSERT INTO parts VALUES ({checkpoint}, ?, ?, ?, ?, ?, {place}) ON CONFLICT DO UPDATE SET"
        " length = excluded.length, extents = excluded.extents, place = excluded.place WHERE excluded.place >= place",
        rows.parts,
    )
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


def drop_entries(
    connection: sqlite3.Connection, checkpoint: int, source: int, ordinal: int, first: bytes, last: bytes
) -> None:
    """Forget what our own run wrote down from the key `first` to the key `last`: it is to be stored again."""
    connection.execute(
        "DELETE FROM versions WHERE source = ? AND first = ? AND key BETWEEN ? AND ?", [source, ordinal, first, last]
    )
    for table in ("parts", "removals", "unread"):
        connection.execute(
            f"DELETE FROM {table} WHERE checkpoint = ? AND key BETWEEN ? AND ?", [checkpoint, first, last]
        )


def close_checkpoint(connection: sqlite3.Connection, checkpoint: int, digest: bytes, files: int, size: int) -> None:
    """A check point's END is known."""
    connection.execute(
        "UPDATE checkpoints SET digest = ?, files = ?, bytes = ? WHERE id = ?", [digest, files, size, checkpoint]
    )


def add_lanes(connection: sqlite3.Connection, checkpoint: int, lanes: Iterable[LaneLine]) -> None:
    """The lanes that an END lists."""
    connection.executemany(
        "INSERT OR IGNORE INTO lanes VALUES (?, ?, ?, ?)",
        [(checkpoint, line.lane, line.length, line.digest) for line in lanes],
    )


def add_writer(connection: sqlite3.Connection, target: int, signer: bytes, writer: bytes) -> None:
    """A writer's key, by its signer id, as a certificate of the account has it."""
    connection.execute("INSERT OR IGNORE INTO writers VALUES (?, ?, ?)", [target, signer, writer])


def add_revocation(
    connection: sqlite3.Connection, target: int, checkpoint: int, record: bytes, revocation: Revocation
) -> None:
    """The account's word on a writer, in one of its check points; `record` is the digest of it."""
    writer, last = revocation
    connection.executemany(
        "INSERT OR IGNORE INTO revocations VALUES (?, ?, ?, ?, ?, ?)",
        [(target, checkpoint, record, writer, source, digest) for source, digest in (last or ((b"", b""),))],
    )


def add_forgotten(
    connection: sqlite3.Connection, target: int, checkpoint: int, forgotten: Forgotten, *, by: bytes, account: bool
) -> None:
    """Check points dropped on purpose, as `by` (signer id) says in a `checkpoint` of its own."""
    connection.executemany(
        "INSERT OR IGNORE INTO forgotten VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(target, checkpoint, *names, by, int(account)) for names in forgotten],
    )


def add_tagged(connection: sqlite3.Connection, target: int, tagged: Tagged, *, by: bytes, account: bool) -> None:
    """Tags that check points have from now on, as `by` (signer id) says."""
    connection.executemany(
        "INSERT OR IGNORE INTO tagged VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (target, signer, uuid, digest, version, "\0".join(tags).encode(), json.dumps(tags), by, int(account))
            for signer, uuid, digest, version, tags in tagged
        ],
    )


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
    for table in ("headers", "lines", "lanes", "ends", "boxes", "staged", "removals", "parts", "unread"):
        connection.execute(f"DELETE FROM {table} WHERE checkpoint IN ({checkpoints})", [target])
    connection.execute(f"DELETE FROM versions WHERE -source IN ({checkpoints}) AND source < 0", [target])
    connection.execute("DELETE FROM versions WHERE source IN (SELECT id FROM sources WHERE target = ?)", [target])
    connection.execute(f"DELETE FROM chunks WHERE pack IN ({packs})", [target])
    connection.execute(f"DELETE FROM packs WHERE id IN ({packs})", [target])
    connection.execute(f"DELETE FROM checkpoints WHERE id IN ({checkpoints})", [target])
    for table in ("sources", "sectors", "others", "writers", "revocations", "forgotten", "tagged"):
        connection.execute(f"DELETE FROM {table} WHERE target = ?", [target])
