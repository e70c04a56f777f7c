"""Where a path is not: what stands there and is called nearly so, for the one who wrote it from memory."""

from __future__ import annotations

import shlex
import sqlite3
from difflib import get_close_matches

_LOOKED_AT = 10_000
"""Names beside it that are held against a path, at most."""


def did_you_mean(connection: sqlite3.Connection, source: int, ordinal: int, path: bytes) -> tuple[str, ...]:
    """A hint with the path at a check point that is meant by `path`, if any is like it.

    It is one with the same last name in another folder, or in other letters; else one of nearly that name beside it.
    """
    try:
        text = path.decode()
    except UnicodeDecodeError:
        return ()
    found = _same_name(connection, source, ordinal, text) or _beside(connection, source, ordinal, text)
    return (f"did you mean: {shlex.quote(found)}",) if found else ()


_STANDS = "source = ? AND first <= ? AND (last IS NULL OR last >= ?) AND typeof(path) = 'text'"


def _same_name(connection: sqlite3.Connection, source: int, ordinal: int, path: str) -> str | None:
    name = path.rpartition("/")[2]
    escaped = name.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
    row = connection.execute(
        f"SELECT path FROM versions WHERE {_STANDS} AND (path LIKE ? ESCAPE '\\' OR path LIKE ? ESCAPE '\\')"
        " ORDER BY length(path) LIMIT 1",
        [source, ordinal, ordinal, escaped, f"%/{escaped}"],
    ).fetchone()
    return row[0] if row else None


def _beside(connection: sqlite3.Connection, source: int, ordinal: int, path: str) -> str | None:
    folder, slash, name = path.rpartition("/")
    begin = f"{folder}{slash}"
    rows = connection.execute(
        f"SELECT path FROM versions WHERE {_STANDS} AND path > ? AND path < ? LIMIT ?",
        [source, ordinal, ordinal, begin, f"{begin}\U0010ffff", _LOOKED_AT],
    )
    names = {other[len(begin) :] for (other,) in rows if "/" not in other[len(begin) :]}
    close = get_close_matches(name, names, 1, 0.7)
    return begin + close[0] if close else None
