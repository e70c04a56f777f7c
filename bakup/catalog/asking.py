"""Questions in SQL: a connection that reads the views of one target, and nothing else."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from bakup.catalog import history, views
from bakup.catalog.database import reader
from bakup.catalog.rows import decode_attributes, decode_extents

CELL_MAX = 64 * 2**20
"""Bytes of the largest value, and of the largest row."""
_STEPS = 10_000
"""So many steps of SQLite's machine between two looks at the clock: about a millisecond."""
_REFUSED_FUNCTIONS = {"load_extension"}
_VIEWS = {*views.VIEWS, *views.INNER}


@contextmanager
def asking(connection: sqlite3.Connection, folder: str, target: int, seconds: float) -> Iterator[sqlite3.Connection]:
    """A connection that takes SELECT on the views of `target`, for so many seconds.

    Args:
        connection: the catalog, brought up to the target.
        folder: where the catalog is.

    What is not allowed raises sqlite3.DatabaseError with `SQLITE_AUTH`, what takes longer with `SQLITE_INTERRUPT`.
    """
    with closing(reader(folder)) as own:
        for name, function in _FUNCTIONS.items():
            own.create_function(name, 1, function, deterministic=True)
        own.create_function("bakup_bytes", 1, bytes.fromhex, deterministic=True)
        for statement in views.statements(target):
            own.execute(statement)
        own.executemany(f"INSERT INTO temp.points VALUES ({', '.join('?' * 12)})", _points(connection, target))
        own.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, CELL_MAX)
        own.set_authorizer(_guard({name for (name,) in own.execute("SELECT name FROM main.sqlite_master")}))
        end = time.monotonic() + seconds
        own.set_progress_handler(lambda: time.monotonic() > end, _STEPS)
        yield own


def _points(connection: sqlite3.Connection, target: int) -> Iterator[tuple[Any, ...]]:
    for source in history.sources(connection, target):
        rows = sorted(history.checkpoints(connection, target, source.id), key=lambda row: row.ordinal)
        ordinals = [None, *(row.ordinal for row in rows), None]
        around = zip(ordinals, ordinals[2:], strict=False)
        for row, (before, after) in zip(rows, around, strict=True):
            facts = (row.uuid.hex(), source.label, source.signer.hex(), row.time_ns, row.files, row.size, row.stored)
            yield source.id, row.ordinal, before, after, *facts, ", ".join(row.tags)


def _guard(tables: set[str]) -> Callable[..., int]:
    """What SQLite asks of each thing that a statement would do; `tables`: those that only views may read."""
    behind = {*tables, *views.INNER, "points"}

    def is_open(name: str, column: str | None, schema: str | None) -> bool:
        # Without a column only rows are counted, and names stand as they were typed; a WITH of the user's is asked too.
        if (schema or "temp").lower() != "temp" or name.lower().startswith("sqlite_"):
            return False
        return name.lower() in views.VIEWS or (column == "" and name.lower() not in behind)

    def allowed(action: int, first: str | None, second: str | None, schema: str | None, view: str | None) -> int:
        match action:
            case sqlite3.SQLITE_SELECT | sqlite3.SQLITE_RECURSIVE:
                good = True
            case sqlite3.SQLITE_FUNCTION:
                good = second not in _REFUSED_FUNCTIONS
            case sqlite3.SQLITE_READ:
                good = (view or "").lower() in _VIEWS or is_open(first or "", second, schema)
            case _:
                good = False
        return sqlite3.SQLITE_OK if good else sqlite3.SQLITE_DENY

    return allowed


def _mode(attributes: bytes) -> int:
    return decode_attributes(attributes).mode & 0o7777


def _owner(attributes: bytes) -> str | None:
    found = decode_attributes(attributes)
    names = [name or number for name, number in ((found.user, found.uid), (found.group, found.gid))]
    return None if names == [None, None] else ":".join("" if name is None else str(name) for name in names)


def _extents(blob: bytes) -> str:
    """A list of [offset, length, chunk id in hex], without holes."""
    found, at = [], 0
    for length, chunk in decode_extents(blob):
        if chunk is not None:
            found.append((at, length, chunk.hex()))
        at += length
    return json.dumps(found)


_FUNCTIONS: dict[str, Callable[[bytes], str | int | None]] = {
    "bakup_mode": _mode,
    "bakup_owner": _owner,
    "bakup_link_group": lambda attributes: decode_attributes(attributes).link_group,
    "bakup_extents": _extents,
}
