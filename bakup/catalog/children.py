"""Names in a folder of a check point, found by seeking from one to the next: the cost is theirs, not the subtree's."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from bakup.catalog.history import LAST_KEY
from bakup.catalog.rows import VERSION_COLUMNS, Version, version_of
from bakup.model import Kind, path_key

_NEXT = (
    "SELECT key, kind FROM versions WHERE source = ? AND key >= ? AND first <= ? AND (last IS NULL OR last >= ?)"
    " ORDER BY key LIMIT 1"
)


def children(
    connection: sqlite3.Connection, source: int, ordinal: int, folder: bytes, prefix: bytes
) -> Iterator[tuple[bytes, bool]]:
    """(name, whether it is a folder) of what stands in `folder` at `ordinal` and begins with `prefix`, in order."""
    base = path_key(folder) + b"\0" if folder else b""
    low = base + prefix or b"\x01"  # not the root itself, whose key is empty
    while row := connection.execute(_NEXT, [source, low, ordinal, ordinal]).fetchone():
        key = bytes(row[0])
        if not key.startswith(base + prefix):
            return
        name, *below = key[len(base) :].split(b"\0", 1)
        yield name, bool(below) or row[1] == Kind.DIR
        low = base + name + b"\1"


_STANDING = (
    f"SELECT {VERSION_COLUMNS} FROM versions WHERE source = ? AND key >= ? AND key < ? AND first <= ?"
    " AND (last IS NULL OR last >= ?) ORDER BY key"
)


def versions_in(connection: sqlite3.Connection, source: int, ordinal: int, folder: bytes) -> Iterator[Version]:
    """The versions of what stands in `folder` itself at `ordinal`, in key order; folders below are jumped over."""
    base = path_key(folder) + b"\0" if folder else b""
    low, high = base or b"\x01", path_key(folder) + b"\1" if folder else LAST_KEY
    while low:
        begin, low = low, b""
        for row in connection.execute(_STANDING, [source, begin, high, ordinal, ordinal]):
            name, below, _ = row[0][len(base) :].partition(b"\0")
            if below:
                low = base + name + b"\1"
                break
            yield version_of(row)
