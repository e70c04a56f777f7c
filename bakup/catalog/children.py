"""Names in a folder of a check point, found by seeking from one to the next: the cost is theirs, not the subtree's."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

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
