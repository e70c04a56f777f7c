"""The two SQLite files of a BAKUP_HOME, opened and brought to their newest schema."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlite_utils import Database

from bakup.errors import Failed
from bakup.migrations.catalog import catalog as catalog_migrations
from bakup.migrations.state import state as state_migrations

CACHE_KIB = 32 * 1024
CATALOG_FILE = "catalog.db"
STATE_FILE = "state.db"


def open_catalog(folder: str) -> Database:
    """The catalog of the BAKUP_HOME `folder`. A file that is no database is set aside, since it can be rebuilt.

    Raises Failed when the folder cannot be written.
    """
    path = os.path.join(folder, CATALOG_FILE)
    try:
        return _open(path, catalog_migrations)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise Failed(f"cannot open {path}: {error}") from error
        drop_files(path)
        return _open(path, catalog_migrations)


def open_state(folder: str) -> Database:
    """The state of the BAKUP_HOME `folder`; raises Failed when it cannot be used: it is never thrown away."""
    path = os.path.join(folder, STATE_FILE)
    try:
        return _open(path, state_migrations)
    except sqlite3.DatabaseError as error:
        raise Failed(f"cannot open {path}: {error}") from error


def reader(folder: str) -> sqlite3.Connection:
    """A second connection to the catalog, for long reads beside a writer; it cannot write."""
    connection = sqlite3.connect(f"file:{_quoted(os.path.join(folder, CATALOG_FILE))}?mode=ro", uri=True)
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """One write transaction: committed whole or rolled back whole."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def drop_files(path: str) -> None:
    """Remove a database with its journals."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        if os.path.exists(path + suffix):
            os.unlink(path + suffix)


def _open(path: str, migrations: object) -> Database:
    # Made by this user only: names of files stand in it.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    os.close(descriptor)
    db = Database(sqlite3.connect(path, timeout=60.0, isolation_level=None), execute_plugins=False)
    try:
        db.conn.execute("PRAGMA journal_mode = WAL")
        db.conn.execute("PRAGMA synchronous = NORMAL")
        db.conn.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        db.conn.execute("PRAGMA temp_store = FILE")
        migrations.apply(db)  # type: ignore[attr-defined]
    except BaseException:
        db.close()
        raise
    return db


def _quoted(path: str) -> str:
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
