"""A bucket's listing in key order of paths, with the folders that its keys imply, in flat memory.

A store lists by key, and `/` is not its lowest byte: so what is listed goes through a temporary SQLite file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from itertools import chain, pairwise
from typing import NamedTuple

from bakup.model import path_key
from bakup.source.bucket import keys
from bakup.store.buckets.interface import Listed

_CACHE_KIB = 16 << 10
_TABLE = """
CREATE TABLE found (
    place BLOB, folder INTEGER, key TEXT, size INTEGER, mtime_ns INTEGER, token TEXT, version TEXT, class TEXT,
    problem TEXT, PRIMARY KEY (place, folder)
) WITHOUT ROWID
"""


class Placed(NamedTuple):
    """An object with its path; `folder`: it stands for one."""

    path: bytes
    folder: bool
    listed: Listed


def in_order(listing: Iterable[Listed], *, keyed: bool) -> Iterator[Placed]:
    """The objects in key order of their paths.

    Args:
        listing: each object once, in any order.
        keyed: keys are any text, and are escaped; else they are paths, but for what no path has.
    """
    connection = sqlite3.connect("")  # on disk, without a name, gone when it is closed
    try:
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        connection.execute(_TABLE)
        rows = (_row(listed, keyed) for listed in listing)
        connection.executemany("INSERT OR REPLACE INTO found VALUES (?, ?, CAST(? AS BLOB), ?, ?, ?, ?, ?, ?)", rows)
        found = connection.execute("SELECT * FROM found ORDER BY place, folder")
        yield from _beside_folders(_placed(row) for row in found)
    finally:
        connection.close()


def _row(listed: Listed, keyed: bool) -> tuple[object, ...]:
    key = listed.key
    folder = listed.folder or (keyed and not listed.size and (not key or key.endswith("/")))
    raw = key.encode("utf-8", "surrogateescape")
    if not keyed:
        path = keys.plain_path(key)
    elif folder:
        path = keys.folder_path(key)
    else:
        path = keys.to_path(key)
    said = (listed.size, listed.mtime_ns, listed.token, listed.version, listed.storage_class, listed.problem)
    return path_key(path), folder, raw, *said


def _placed(row: tuple[bytes, int, bytes, int, int, str, str, str, str]) -> Placed:
    place, folder, raw, size, mtime_ns, token, version, tier, problem = row
    key = raw.decode("utf-8", "surrogateescape")
    listed = Listed(key, size, mtime_ns, token, version, tier, problem=problem)
    return Placed(place.replace(b"\0", b"/"), bool(folder), listed)


def _beside_folders(found: Iterator[Placed]) -> Iterator[Placed]:
    """Objects whose name a folder has too come later, under the name that `keys` gives them."""
    held: list[tuple[bytes, Placed]] = []
    for placed, following in pairwise(chain(found, (None,))):
        assert placed is not None
        while held and held[0][0] < path_key(placed.path):
            yield heappop(held)[1]
        if not placed.folder and following is not None and _is_folder_of(placed.path, following):
            beside = placed._replace(path=placed.path + keys.SLASH)
            heappush(held, (path_key(beside.path), beside))
        else:
            yield placed
    while held:
        yield heappop(held)[1]


def _is_folder_of(path: bytes, following: Placed) -> bool:
    return following.path.startswith(path + b"/") or following.path == path
