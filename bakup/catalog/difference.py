"""What differs between two check points of one source: one pass over its versions, in flat memory."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from typing import NamedTuple

from bakup.catalog.rows import VERSION_COLUMNS, Version, raw, version_of

_STANDS = "(first <= :{0} AND (last IS NULL OR last >= :{0}))"


class Pair(NamedTuple):
    """A path's version at either check point; None where there is none."""

    key: bytes
    before: Version | None
    after: Version | None


class Unread(NamedTuple):
    """A path that could not be read at a check point."""

    key: bytes
    path: bytes
    reason: str


def differing(connection: sqlite3.Connection, source: int, before: int, after: int) -> Iterator[Pair]:
    """Paths with another row at ordinal `after` than at `before`, in key order; rows may still say the same."""
    at_before, at_after = _STANDS.format("before"), _STANDS.format("after")
    rows = connection.execute(
        f"SELECT {at_after}, {VERSION_COLUMNS} FROM versions WHERE source = :source"
        f" AND {at_before} <> {at_after} ORDER BY key, first",
        {"source": source, "before": before, "after": after},
    )
    for key, group in itertools.groupby(rows, key=lambda row: row[1]):
        found = {bool(row[0]): version_of(row[1:]) for row in group}
        yield Pair(key, found.get(False), found.get(True))


def unread(connection: sqlite3.Connection, checkpoint: int) -> Iterator[Unread]:
    """Paths that could not be read at a check point, in key order."""
    rows = connection.execute("SELECT key, path, reason FROM unread WHERE checkpoint = ? ORDER BY key", [checkpoint])
    for key, path, reason in rows:
        yield Unread(key, raw(path), reason)


def unread_above(connection: sqlite3.Connection, checkpoint: int, key: bytes) -> bool:
    """Whether the path with `key`, or a folder above it, could not be read at a check point."""
    parts = key.split(b"\0")
    above = [b"", *(b"\0".join(parts[:count]) for count in range(1, len(parts) + 1))]
    marks = ",".join("?" * len(above))
    row = connection.execute(
        f"SELECT EXISTS (SELECT 1 FROM unread WHERE checkpoint = ? AND key IN ({marks}))", [checkpoint, *above]
    ).fetchone()
    return bool(row[0])
