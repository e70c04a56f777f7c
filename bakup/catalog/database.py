"""The two SQLite files of a BAKUP_HOME, opened and brought to their newest schema."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Literal

from bakup.errors import Failed

CACHE_KIB = 32 * 1024
CATALOG_FILE = "catalog.db"
STATE_FILE = "state.db"

SCHEMA = 9
"""The number of the schema, as `user_version` says it: only a file that has another is migrated."""

Name = Literal["catalog", "state"]


def open_catalog(folder: str) -> sqlite3.Connection:
    """The catalog of the BAKUP_HOME `folder`. A file that is no database is set aside, since it can be rebuilt.

    Raises Failed when the folder cannot be written.
    """
    path = os.path.join(folder, CATALOG_FILE)
    try:
        return _open(path, "catalog")
    except OSError as error:
        raise Failed(f"cannot write {path}: {(error.strerror or str(error)).lower()}", code="local-state") from error
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise _unusable(path, error) from error
        drop_files(path)
        return _open(path, "catalog")


def open_state(folder: str) -> sqlite3.Connection:
    """The state of the BAKUP_HOME `folder`; raises Failed when it cannot be used: it is never thrown away."""
    path = os.path.join(folder, STATE_FILE)
    try:
        return _open(path, "state")
    except sqlite3.DatabaseError as error:
        raise _unusable(path, error) from error


def holds_rows(connection: sqlite3.Connection) -> bool:
    """Whether any table of a database has a row, but for what its migrations wrote of themselves."""
    ours = "SELECT name FROM sqlite_master WHERE type = 'table' AND substr(name, 1, 7) <> '_sqlite'"
    tables = connection.execute(ours).fetchall()
    return any(connection.execute(f'SELECT 1 FROM "{name}" LIMIT 1').fetchone() for (name,) in tables)


def can_write(folder: str) -> bool:
    """Whether the databases of a BAKUP_HOME, there or not yet, can be written."""
    places = (os.path.join(folder, name) for name in (CATALOG_FILE, STATE_FILE))
    return _may(folder, os.W_OK | os.X_OK) and all(_may(place, os.W_OK) for place in places if os.path.exists(place))


def _may(path: str, mode: int) -> bool:
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def copy(folder: str, into: str) -> None:
    """Copy the databases of a BAKUP_HOME that cannot be written; what is not there is made there when it is opened.

    Raises Failed when one cannot be read.
    """
    for name in (CATALOG_FILE, STATE_FILE):
        path = os.path.join(folder, name)
        try:
            os.stat(path)
            _copy(path, os.path.join(into, name))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise Failed(f"cannot read {path}: {(error.strerror or str(error)).lower()}", code="local-state") from error


def _copy(path: str, into: str) -> None:
    # SQLite reads beside a writer, but not where it cannot make the files it needs for that: then nobody writes.
    try:
        with closing(sqlite3.connect(f"file:{_quoted(path)}?mode=ro", uri=True)) as before:
            before.execute("SELECT count(*) FROM sqlite_master")
            with closing(sqlite3.connect(into)) as after:
                before.backup(after)
    except sqlite3.DatabaseError:
        for suffix in ("", "-wal"):
            if os.path.exists(path + suffix):
                shutil.copyfile(path + suffix, into + suffix)


def is_whole(folder: str, name: str) -> bool:
    """Whether a database of a BAKUP_HOME can be read through; one that is not there is whole."""
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        return True
    try:
        with closing(sqlite3.connect(f"file:{_quoted(path)}?mode=ro", uri=True)) as connection:
            return bool(connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
    except sqlite3.DatabaseError:
        return False


def _unusable(path: str, error: sqlite3.DatabaseError) -> Failed:
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
        hint = "make room and run the same command again"
        return Failed(f"no space left at {os.path.dirname(path)}: {error}", hints=(hint,), code="no-space")
    return Failed(f"cannot open {path}: {error}")


def reader(folder: str, *, cache_kib: int = CACHE_KIB) -> sqlite3.Connection:
    """A second connection to the catalog, for long reads beside a writer; it cannot write. For one thread at a time."""
    url = f"file:{_quoted(os.path.join(folder, CATALOG_FILE))}?mode=ro"
    connection = sqlite3.connect(url, uri=True, timeout=60.0, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA cache_size = -{cache_kib}")
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


def _open(path: str, name: Name) -> sqlite3.Connection:
    # Made for this user only: names of files stand in it.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600))
    connection = sqlite3.connect(path, timeout=60.0, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        connection.execute("PRAGMA temp_store = FILE")
        if connection.execute("PRAGMA user_version").fetchone()[0] != SCHEMA:
            _migrate(connection, name)
    except BaseException:
        connection.close()
        raise
    return connection


def _migrate(connection: sqlite3.Connection, name: Name) -> None:
    # sqlite-utils takes 80 ms to load: a quarter of what a look at an unchanged tree may take.
    from sqlite_utils import Database

    from bakup.migrations.catalog import catalog
    from bakup.migrations.state import state

    (catalog if name == "catalog" else state).apply(Database(connection, execute_plugins=False))
    connection.execute(f"PRAGMA user_version = {SCHEMA}")


def _quoted(path: str) -> str:
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
