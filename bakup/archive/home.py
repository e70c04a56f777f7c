"""A BAKUP_HOME: the one folder with all local state - account, catalog.db, state.db, lock."""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
import time
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING

from bakup.account import keyfile
from bakup.api.ask import Ask
from bakup.catalog import database
from bakup.errors import BakupError, Failed, Locked

if TYPE_CHECKING:
    from bakup.account.keys import Account, PublicKeys

LOCK_FILE = "lock"


def home_folder(folder: str | None = None) -> str:
    """The folder of local state: `folder`, else BAKUP_HOME, else the platform's place for application data."""
    if chosen := folder or os.environ.get("BAKUP_HOME"):
        return os.path.abspath(chosen)
    import platformdirs

    return platformdirs.user_data_dir("bakup", appauthor=False)


class Home:
    """An open BAKUP_HOME. Use as `with Home.open(...) as home:`."""

    def __init__(self, folder: str | None = None, *, lock_wait: float = 60.0, command: str = "bakup") -> None:
        self.folder = home_folder(folder)
        self.command = command
        self.lock_wait = lock_wait
        self.locked = False
        self._lock: int | None = None
        self._copies: tempfile.TemporaryDirectory[str] | None = None
        self._catalog: sqlite3.Connection | None = None
        self._state: sqlite3.Connection | None = None
        self._account: Account | None = None
        self._before: list[str] | None = None

    @classmethod
    def open(
        cls,
        folder: str | None = None,
        *,
        lock_wait: float = 60.0,
        write: bool = False,
        remember: bool = True,
        command: str = "bakup",
    ) -> Home:
        """Open the folder, made when missing (mode 0700). A writer waits up to `lock_wait` seconds for other runs.

        Args:
            write: for more than a look.
            remember: whether what comes of it must be kept. Where it need not be, and for a look, a folder that cannot
                be written serves too: the run works on copies of its databases, and nothing is remembered.

        Raises Locked when another run does not end, Failed when the folder cannot be used.
        """
        home = cls(folder, lock_wait=lock_wait, command=command)
        with suppress(OSError):
            home._before = os.listdir(home.folder)
        try:
            os.makedirs(home.folder, mode=0o700, exist_ok=True)
        except OSError as error:
            if write and remember:
                raise Failed(f"cannot make {home.folder}: {(error.strerror or str(error)).lower()}") from error
        if not (write and remember) and not database.can_write(home.folder):
            home._copy()
        if write:
            home.lock(lock_wait)
        return home

    def __enter__(self) -> Home:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and not self._before:
            self._leave_nothing()
        self.close()

    def close(self) -> None:
        """Close the databases and let other runs in."""
        self.close_databases()
        if self._lock is not None:
            os.close(self._lock)
        if self._copies is not None:
            self._copies.cleanup()
        self._lock, self._copies, self.locked = None, None, False

    def close_databases(self) -> None:
        """Close the databases; they are opened again on their next use."""
        for db in (self._catalog, self._state):
            if db is not None:
                db.close()
        self._catalog = self._state = None

    def _leave_nothing(self) -> None:
        """Of a run that came to nothing, in a folder that held nothing, nothing stays: no lock, no databases."""
        with suppress(OSError, sqlite3.Error, BakupError):
            if self.remembers and not self.has_account and self.try_lock() and not database.holds_rows(self.state):
                self.close_databases()
                for name in os.listdir(self.folder):
                    if name.startswith((LOCK_FILE, database.CATALOG_FILE, database.STATE_FILE)):
                        os.unlink(os.path.join(self.folder, name))
                if self._before is None:
                    os.rmdir(self.folder)

    @property
    def remembers(self) -> bool:
        """Whether what is written here is there for the next run."""
        return self._copies is None

    @property
    def databases(self) -> str:
        """The folder that the databases are in, and what a run spills to disk."""
        return self.folder if self._copies is None else self._copies.name

    def _copy(self) -> None:
        """Work on copies of the databases, which no other run can use."""
        self._copies, self.locked = tempfile.TemporaryDirectory(prefix="bakup-", ignore_cleanup_errors=True), True
        try:
            database.copy(self.folder, self._copies.name)
        except BaseException:
            self.close()
            raise

    @property
    def catalog(self) -> sqlite3.Connection:
        """The catalog's connection, opened on first use."""
        if self._catalog is None:
            self._catalog = database.open_catalog(self.databases)
        return self._catalog

    @property
    def state(self) -> sqlite3.Connection:
        """The state's connection, opened on first use."""
        if self._state is None:
            self._state = database.open_state(self.databases)
        return self._state

    @property
    def has_account(self) -> bool:
        """Whether there is an account here."""
        return keyfile.exists(self.folder)

    def account(self, ask: Ask) -> Account:
        """The account, its passphrase asked for when it has one. Raises Usage when there is none."""
        if self._account is None:
            self._account = keyfile.load(self.folder, ask.passphrase)
        return self._account

    def public(self) -> PublicKeys | None:
        """The account's public keys, which need no passphrase; None without an account."""
        return keyfile.load_public(self.folder) if self.has_account else None

    def lock(self, wait: float) -> None:
        """Be the only writer of this BAKUP_HOME. Raises Locked, naming the other run, after `wait` seconds."""
        if self.locked:
            return
        deadline = time.monotonic() + wait
        path = os.path.join(self.folder, LOCK_FILE)
        descriptor = _open_lock(path)
        while not _try_lock(descriptor):
            if time.monotonic() >= deadline:
                holder = _read_holder(descriptor)
                os.close(descriptor)
                raise Locked(
                    f"another run is using {self.folder}: {holder}",
                    hints=("it ends by itself; to wait longer: --lock-wait 10min",),
                    code="locked",
                )
            time.sleep(0.05)
        if not _is_at(path, descriptor):  # the run that had it removed all that it had made
            os.close(descriptor)
            return self.lock(deadline - time.monotonic())
        _write_holder(descriptor, self.command)
        self._lock, self.locked = descriptor, True

    def unlock(self) -> None:
        """Let other runs in; the databases stay open. Of copies that nobody else has nothing is let go."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock, self.locked = None, False

    def again(self) -> Home:
        """The same folder opened once more, for another thread, with the account that is open."""
        home = Home.open(self.folder, lock_wait=0.0, command=self.command)
        home._account = self._account
        return home

    def try_lock(self) -> bool:
        """Become the only writer if no other run is; readers go on without."""
        try:
            self.lock(0.0)
        except Locked:
            return False
        return True


def _open_lock(path: str) -> int:
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    except OSError as error:
        raise Failed(f"cannot write {path}: {(error.strerror or str(error)).lower()}", code="local-state") from error


def _is_at(path: str, descriptor: int) -> bool:
    """Whether a file that is open still has this name."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _try_lock(descriptor: int) -> bool:
    try:
        import fcntl
    except ImportError:
        return _try_lock_windows(descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _try_lock_windows(descriptor: int) -> bool:
    import msvcrt

    try:
        # A byte far behind the text, so that others can read who holds the lock.
        os.lseek(descriptor, 1 << 30, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    except OSError:
        return False
    return True


def _write_holder(descriptor: int, command: str) -> None:
    facts = {"process": os.getpid(), "command": command, "since": time.strftime("%Y-%m-%d %H:%M:%S")}
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, json.dumps(facts).encode())


def _read_holder(descriptor: int) -> str:
    try:
        os.lseek(descriptor, 0, os.SEEK_SET)
        facts = json.loads(os.read(descriptor, 4096))
        return f"process {facts['process']}, bakup {facts['command']}, since {facts['since']}"
    except (ValueError, KeyError, OSError):
        return "a process that did not say which"
