"""Check points, sources and versions of paths, read from the catalog."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from msgspec import Struct

from bakup.catalog.lineage import BASED
from bakup.catalog.rows import VERSION_COLUMNS, PartsDigest, Version, decode_extents, version_of
from bakup.format.constants import PATH_MAX
from bakup.model import CheckpointRef, Extent, Kind, path_key

_CONTENTS = (
    "((SELECT coalesce(sum(length), 0) FROM packs WHERE sector = k.id {of_pack})"
    " + (SELECT coalesce(sum(length), 0) FROM boxes WHERE sector = k.id {of_box}))"
)
_MINE = _CONTENTS.format(of_pack="AND checkpoint = c.uuid", of_box="AND checkpoint = c.id")
_ALL = _CONTENTS.format(of_pack="", of_box="")
MINE_OF_SECTOR = f"CASE WHEN {_MINE} = {_ALL} THEN k.size ELSE k.size * {_MINE} / nullif({_ALL}, 0) END"
"""A check point's part of a sector that is there, by the contents of the boxes."""
_SHARED = "(SELECT count(*) FROM (SELECT 1 FROM lines o WHERE o.sector = l.sector LIMIT 2)) > 1"
_PART = f"coalesce(CASE WHEN {_SHARED} THEN k.size * {_MINE} / nullif({_ALL}, 0) END, k.size, l.bytes)"
"""A check point's part of a sector, in bytes: one that several list is divided by the contents of the boxes."""

_TAGS = (
    "coalesce((SELECT t.tags FROM tagged t WHERE t.target = s.target AND t.signer = s.signer AND t.uuid = c.uuid"
    " AND t.digest = c.digest AND (t.account OR t.by = t.signer) ORDER BY t.version DESC, t.rank DESC LIMIT 1), c.tags)"
)
"""A check point's tags, as JSON: those that it was given last."""

SELECT_CHECKPOINT = (
    f"SELECT c.id, c.uuid, c.source, c.ordinal, c.sequence, c.time_ns, c.digest, c.files, c.bytes, {_TAGS},"
    " c.entries_lost, c.previous_uuid, c.previous_digest, c.based_on,"
    f" coalesce((SELECT sum({_PART}) FROM lines l LEFT JOIN sectors k ON k.target = s.target"
    " AND k.uuid = l.sector AND k.signer = s.signer AND k.header_digest IS coalesce(l.header_digest, k.header_digest)"
    " WHERE l.checkpoint = c.id), 0)"
    " FROM checkpoints c JOIN sources s ON s.id = c.source"
)


class SourceRow(Struct, frozen=True):
    """A source at a target; `current` is the row id of the check point that the standing versions show.

    `lacking`: when that was read in, a chunk of it had no place.
    """

    id: int
    uuid: bytes
    signer: bytes
    host: str
    location: bytes
    name: str
    current: int | None
    lacking: int = 0

    @property
    def made_up(self) -> bool:
        """Whether no check point at the target says so: loose objects of the plain layout."""
        return not self.host and not self.location

    @property
    def label(self) -> str:
        """`host:/path`, or the name that the user gave it."""
        return self.name or place_label(self.host, self.location)


def place_label(host: str, location: bytes) -> str:
    """`host:/path`; a bucket is no computer's own: its URL, with the server where that does not say it."""
    place = location.decode("utf-8", "surrogateescape")
    if "://" in place:
        return f"{place} on {host}" if host else place
    return f"{host}:{place}" if host else place


class CheckpointRow(Struct, frozen=True):
    """A complete check point, or one without its END: `incomplete`, whose numbers are of what is there.

    `stored`: its part of the sectors it lists, in bytes; `files`: None when END is lost.
    """

    id: int
    uuid: bytes
    source: int
    ordinal: int
    sequence: int
    time_ns: int
    digest: bytes
    files: int | None
    size: int | None
    tags: tuple[str, ...]
    entries_lost: int
    previous: CheckpointRef | None
    based_on: bytes | None
    stored: int
    incomplete: bool = False

    @property
    def ref(self) -> CheckpointRef:
        """What the next check point says of this one."""
        return CheckpointRef(self.uuid, self.digest)


def sources(connection: sqlite3.Connection, target: int, *, complete: bool = True) -> list[SourceRow]:
    """Sources at the target that have a complete check point, or all: those with one first, by name."""
    rows = connection.execute(
        "SELECT id, uuid, signer, host, location, name, current, lacking FROM sources WHERE target = ?"
        " AND (current IS NOT NULL OR NOT ?) ORDER BY current IS NULL, name, host, location, id",
        [target, int(complete)],
    )
    return [SourceRow(*row) for row in rows]


def checkpoints(
    connection: sqlite3.Connection, target: int, source: int | None = None, *, hidden: bool = False
) -> list[CheckpointRow]:
    """Complete check points, by source, oldest first; also those that are not offered if they may be `hidden`."""
    rows = connection.execute(
        f"{SELECT_CHECKPOINT} WHERE s.target = ? AND (? IS NULL OR s.id = ?) AND c.complete = 1"
        " AND (c.hidden IS NULL OR ?) ORDER BY s.name, s.host, s.location, s.id, c.sequence, c.time_ns, c.uuid",
        [target, source, source, int(hidden)],
    )
    return [_checkpoint(row) for row in rows]


def version_of_tags(connection: sqlite3.Connection, target: int, checkpoint: CheckpointRow) -> int:
    """The highest version of tags that any check point there of this uuid was given; 0 if it was given none."""
    row = connection.execute(
        "SELECT coalesce(max(version), 0) FROM tagged WHERE target = ? AND uuid = ?", [target, checkpoint.uuid]
    ).fetchone()
    return int(row[0])


def based(connection: sqlite3.Connection, target: int) -> set[int]:
    """Row ids of incremental check points whose base is there and as it was, or another stands for it."""
    rows = connection.execute(
        "SELECT c.id FROM checkpoints c JOIN sources s ON s.id = c.source WHERE s.target = ? AND c.based_on IS NOT NULL"
        f" AND {BASED}",
        [target],
    )
    return {identity for (identity,) in rows}


def last_times(connection: sqlite3.Connection, target: int, until_ns: int | None = None) -> dict[int, int]:
    """Row id of a source -> time_ns of its newest complete check point, or of the newest until `until_ns`."""
    rows = connection.execute(
        "SELECT s.id, max(c.time_ns) FROM checkpoints c JOIN sources s ON s.id = c.source WHERE s.target = :t"
        " AND c.complete = 1 AND c.hidden IS NULL AND (:u IS NULL OR c.time_ns <= :u) GROUP BY s.id",
        {"t": target, "u": until_ns},
    )
    return dict(rows)


def head(connection: sqlite3.Connection, source: int) -> CheckpointRow | None:
    """The check point whose state stands, which the next one of this source follows."""
    row = connection.execute(f"{SELECT_CHECKPOINT} WHERE s.id = ? AND c.id = s.current", [source]).fetchone()
    return None if row is None else _checkpoint(row)


LAST_KEY = b"\xff" * (PATH_MAX + 1)
"""Above every key."""


def versions_at(
    connection: sqlite3.Connection,
    source: int,
    ordinal: int,
    path: bytes = b"",
    *,
    kinds: tuple[Kind, ...] = (),
    plain: bool = True,
    descending: bool = False,
) -> Iterator[Version]:
    """Versions that stand at `ordinal`, at or below `path`, in key order or backwards.

    With `kinds` only those; without `plain` no plain files (see `versions`).
    """
    key = path_key(path)
    low, high = (key + b"\0", key + b"\1") if key else (b"", LAST_KEY)
    where = "source = ? AND first <= ? AND (last IS NULL OR last >= ?)"
    if kinds:
        where += f" AND kind IN ({', '.join(str(int(kind)) for kind in kinds)})"
    if not plain:
        where += " AND NOT plain"
    sql = f"SELECT {VERSION_COLUMNS} FROM versions WHERE {where} AND"
    arguments = [source, ordinal, ordinal]
    itself = connection.execute(f"{sql} key = ?", [*arguments, key]) if key else iter(())
    below = connection.execute(
        f"{sql} key >= ? AND key < ? ORDER BY key {'DESC' if descending else ''}", [*arguments, low, high]
    )
    return map(version_of, chain(below, itself) if descending else chain(itself, below))


def version_at(connection: sqlite3.Connection, source: int, ordinal: int, path: bytes) -> Version | None:
    """The version of one path that stands at `ordinal`."""
    row = connection.execute(
        f"SELECT {VERSION_COLUMNS} FROM versions WHERE source = ? AND key = ? AND first <= ?"
        " AND (last IS NULL OR last >= ?)",
        [source, path_key(path), ordinal, ordinal],
    ).fetchone()
    return None if row is None else version_of(row)


def look_alikes(connection: sqlite3.Connection, source: int, ordinal: int, path: bytes = b"") -> set[bytes]:
    """Keys of files at `ordinal`, at or below `path`, of which another version has the same size, about the same mtime
    (FAT keeps two seconds) and other content."""
    key = path_key(path)
    rows = connection.execute(
        "SELECT DISTINCT a.key FROM versions a CROSS JOIN versions b ON b.source = a.source AND b.key = a.key"
        " AND b.size = a.size AND abs(b.mtime_ns - a.mtime_ns) < 2000000000 AND b.digest <> a.digest"
        " WHERE a.source = ? AND a.kind = 1 AND a.first <= ? AND (a.last IS NULL OR a.last >= ?)"
        " AND a.key >= ? AND a.key < ?",
        [source, ordinal, ordinal, key, key + b"\1" if key else LAST_KEY],
    )
    return {bytes(key) for (key,) in rows}


NOWHERE = b"\xff" * 32
"""Stands for the chunks of bytes of which not even the chunks are known: a part of the file stood in a lost sector."""


def extents_of(connection: sqlite3.Connection, version: Version) -> Iterable[Extent]:
    """The extents of a file's version, in order: known ones, holes, and NOWHERE where parts are lost.

    Their lengths add up to the file's size. A file whose closing part is not known ends with an empty NOWHERE.
    """
    if version.parted:
        return _extents_of_parts(connection, version)
    return (Extent(version.size, version.digest),) if version.size else ()


def _extents_of_parts(connection: sqlite3.Connection, version: Version) -> Iterator[Extent]:
    at, digest, gap = 0, PartsDigest(), False
    parts = connection.execute(
        "SELECT offset, length, extents FROM parts WHERE checkpoint = ? AND key = ? AND file_id = ? ORDER BY offset",
        [version.checkpoint, version.key, version.file_id],
    )
    for offset, length, blob in parts:
        if offset > at:
            yield Extent(offset - at, NOWHERE)
        gap |= offset != at
        digest.add(blob)
        for extent, chunk in decode_extents(blob):
            yield Extent(extent, chunk)
        at = offset + length
    rest = (version.size or 0) - at
    if rest > 0 or version.digest is None:
        yield Extent(rest, NOWHERE)
    elif not gap and (rest < 0 or digest.value() != version.digest):
        # All of it is there, and it is not the file that was backed up: it never gets its name.
        yield Extent(0, NOWHERE)


def size_below(connection: sqlite3.Connection, source: SourceRow | None, key: bytes) -> int:
    """Bytes of the files that stand below the path with this key."""
    row = connection.execute(
        "SELECT coalesce(sum(size), 0) FROM versions WHERE source = ? AND last IS NULL AND key > ? AND key < ?",
        [source.id if source else None, key + b"\0" if key else b"", key + b"\1" if key else LAST_KEY],
    ).fetchone()
    return int(row[0])


def files_below(connection: sqlite3.Connection, source: SourceRow | None, path: bytes) -> Iterator[bytes]:
    """Paths of the files that stand below a path, in key order."""
    key = path_key(path)
    rows = connection.execute(
        "SELECT key FROM versions WHERE source = ? AND last IS NULL AND key > ? AND key < ? AND kind = 1 ORDER BY key",
        [source.id if source else None, key + b"\0" if key else b"", key + b"\1" if key else LAST_KEY],
    )
    return (bytes(row[0]).replace(b"\0", b"/") for row in rows)


def unread_at(connection: sqlite3.Connection, checkpoint: int) -> dict[bytes, str]:
    """Keys of the paths that could not be read at a check point, with the reasons."""
    rows = connection.execute("SELECT key, reason FROM unread WHERE checkpoint = ? ORDER BY key", [checkpoint])
    return {bytes(key): str(reason) for key, reason in rows}


def unread_counts(connection: sqlite3.Connection) -> dict[int, int]:
    """How many paths could not be read, by check point; those where all could are left out."""
    return dict(connection.execute("SELECT checkpoint, count(*) FROM unread GROUP BY checkpoint"))


def last_version(connection: sqlite3.Connection, source: int, path: bytes) -> bytes | None:
    """Uuid of the newest check point that has a version of `path`."""
    row = connection.execute(
        "SELECT c.uuid FROM versions v JOIN checkpoints c ON c.source = v.source AND c.complete = 1"
        " AND c.hidden IS NULL AND c.ordinal >= v.first AND (v.last IS NULL OR c.ordinal <= v.last)"
        " WHERE v.source = ? AND v.key = ? AND NOT EXISTS (SELECT 1 FROM unread u WHERE u.checkpoint = c.id"
        " AND u.key = v.key) ORDER BY c.ordinal DESC LIMIT 1",
        [source, path_key(path)],
    ).fetchone()
    return None if row is None else bytes(row[0])


def chain_of(rows: Iterable[CheckpointRow], *checkpoints: CheckpointRow) -> list[CheckpointRow]:
    """The check points whose entries make the states of `checkpoints`: each itself, then back to one that lists all.

    `rows`: those that may be among them, also hidden ones; each check point is given once.
    """
    by_uuid = {(row.source, row.uuid): row for row in rows}
    chain: dict[tuple[int, bytes], CheckpointRow] = {}
    for checkpoint in checkpoints:
        at: CheckpointRow | None = checkpoint
        while at is not None and (at.source, at.uuid) not in chain:
            chain[at.source, at.uuid] = at
            at = by_uuid.get((at.source, at.based_on)) if at.based_on is not None else None
    return list(chain.values())


def incremental_entries(connection: sqlite3.Connection, source: int) -> tuple[int, int, int]:
    """Since the last full listing: (incremental check points, entries that they brought, entries of that listing)."""
    rows = connection.execute(
        "SELECT based_on IS NULL, (SELECT coalesce(sum(entries), 0) FROM lines WHERE checkpoint = checkpoints.id)"
        " FROM checkpoints WHERE source = ? AND complete = 1 ORDER BY ordinal DESC",
        [source],
    )
    count = changes = 0
    for full, entries in rows:
        if full:
            return count, changes, int(entries)
        count += 1
        changes += int(entries)
    return count, changes, 0


def _checkpoint(row: tuple[Any, ...]) -> CheckpointRow:
    *facts, tags, lost, previous, previous_digest, based_on, stored = row
    ref = CheckpointRef(previous, previous_digest) if previous is not None else None
    rest: list[Any] = [tuple(json.loads(tags)), int(lost), ref, based_on, stored]
    return CheckpointRow(*facts, *rest)
