"""query: SQL on the views of a target's catalog."""

from __future__ import annotations

import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from bakup.api.ask import Ask
from bakup.api.listings import Answer
from bakup.api.reports import TargetOptions
from bakup.api.watch import Watch
from bakup.archive.home import Home
from bakup.archive.opening import attach
from bakup.catalog.asking import asking
from bakup.errors import Failed, Usage

_ALLOWED = "only SELECT on the views is allowed"


@contextmanager
def query(
    home: Home, dst: str, sql: str, *, seconds: float, target: TargetOptions, watch: Watch, ask: Ask
) -> Iterator[Answer]:
    """The answer to `sql`, row by row; the catalog is brought up to the target first.

    Raises Usage for SQL that is wrong, or does anything but read the views; Failed when it takes longer than `seconds`.
    """
    with attach(home, dst, target, watch, ask) as attached:
        catalog = home.catalog
        with asking(catalog, home.databases, attached.row, seconds) as connection, _explained(dst, seconds):
            cursor = connection.execute(sql)
            if cursor.description is None:
                raise _refused(_ALLOWED, dst)
            yield Answer(tuple(column[0] for column in cursor.description), cursor)


@contextmanager
def _explained(dst: str, seconds: float) -> Iterator[None]:
    """SQLite's refusals in bakup's words."""
    try:
        yield
    except (sqlite3.Error, sqlite3.Warning) as error:
        code = getattr(error, "sqlite_errorcode", None)
        if code == sqlite3.SQLITE_INTERRUPT:
            hint = f"give it more time: --time-limit {seconds * 10:g}s"
            raise Failed(f"the query took longer than {seconds:g} s", hints=(hint,), code="query-time") from error
        if code == sqlite3.SQLITE_AUTH:
            raise _refused(f"{_ALLOWED}: {error}", dst) from error
        if code in (None, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_RANGE):
            raise _refused(f"this SQL cannot be run: {_lower(error)}", dst) from error
        raise


def _refused(message: str, dst: str) -> Usage:
    return Usage(message, hints=(f"the views: bakup query {shlex.quote(dst)} --list",), code="query")


def _lower(error: Exception) -> str:
    text = str(error).rstrip(".")
    return text[:1].lower() + text[1:]
