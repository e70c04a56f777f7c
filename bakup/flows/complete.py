"""What a shell may complete, from the catalog alone: no target is touched, no file is made, no lock is taken."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import islice

from bakup.api.reports import CheckpointLine
from bakup.archive.home import home_folder
from bakup.archive.select import choose_checkpoint, choose_source, inner_path, line_of
from bakup.catalog import database, history
from bakup.catalog.children import children
from bakup.errors import Usage
from bakup.store.opening import is_url, local_path

MOST = 1000
"""More names than that help nobody."""


def sources(dst: str) -> list[str]:
    """The sources at `dst`, as `host:/path` or by their name."""
    with _catalog(dst) as (connection, target):
        return [source.label for source in history.sources(connection, target)]


def check_points(dst: str, source: str | None) -> list[CheckpointLine]:
    """Check points of the source that is meant, else of all, newest first."""
    with _catalog(dst) as (connection, target):
        try:
            chosen = [choose_source(connection, target, source, dst)]
        except Usage:  # several, and no word which
            chosen = history.sources(connection, target)
        rows = [line_of(row, one) for one in chosen for row in history.checkpoints(connection, target, one.id)]
        return sorted(rows, key=lambda line: line.time_ns, reverse=True)


def paths(dst: str, source: str | None, at: str, typed: bytes) -> list[bytes]:
    """Paths that go on from `typed` by one name, folders with a slash behind."""
    folder, slash, prefix = typed.rpartition(b"/")
    with _catalog(dst) as (connection, target):
        chosen = choose_source(connection, target, source, dst, at)
        row = choose_checkpoint(connection, target, chosen, at)
        found = children(connection, chosen.id, row.ordinal, inner_path(chosen, folder + slash), prefix)
        return [folder + slash + name + b"/" * is_folder for name, is_folder in islice(found, MOST)]


@contextmanager
def _catalog(dst: str) -> Iterator[tuple[sqlite3.Connection, int]]:
    with closing(database.reader(home_folder())) as connection:
        row = connection.execute("SELECT id FROM targets WHERE url = ?", [_url(dst)]).fetchone()
        if row is None:
            raise Usage(f"the catalog does not know {dst}", code="no-catalog")
        yield connection, int(row[0])


def _url(dst: str) -> str:
    """The name under which the catalog knows a target, as the target itself would say it."""
    if is_url(dst):
        return dst
    return os.path.abspath(os.path.expanduser(local_path(dst)))
