"""Folders for spool files: one a run, locked while the run lives, removed after it."""

from __future__ import annotations

import os
import re
import shutil
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

SPOOL = ".bakup-spool"
"""The folder that holds them. At the top of a local target it never holds objects."""
_LOCK = "lock"
_RUN = re.compile(r"[0-9a-f]{32}")


class SpoolFolder:
    """A folder of this run below `<parent>/.bakup-spool`. Makes it, and removes those of runs that are dead.

    Raises OSError. A run is alive while it holds the lock on its folder's `lock` file; the system drops that
    lock with the process, however it ends.
    """

    def __init__(self, parent: str) -> None:
        top = os.path.join(parent, SPOOL)
        self._top = top
        self.folder = os.path.join(top, uuid.uuid4().hex)
        with _held(top):
            remove_stale(top)
            os.mkdir(self.folder, 0o700)
            self._lock = _open(os.path.join(self.folder, _LOCK))
            try_lock(self._lock)

    def close(self) -> None:
        """Remove the folder and all in it. May be called again."""
        if self._lock < 0:
            return
        os.close(self._lock)
        self._lock = -1
        shutil.rmtree(self.folder, ignore_errors=True)
        with suppress(OSError), _held(self._top):
            if os.listdir(self._top) == [_LOCK]:
                shutil.rmtree(self._top)


def remove_stale(top: str) -> None:
    """Remove the folders below `top` whose runs are dead: each has the name and the lock of a run's. The caller holds
    the lock of `top`."""
    for entry in list(os.scandir(top)):
        if _RUN.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False) and _dead(entry.path):
            shutil.rmtree(entry.path, ignore_errors=True)


def try_lock(handle: int) -> bool:
    """Lock an open file without waiting. False if another holds it, or if the file system has no locks."""
    try:
        _lock(handle, wait=False)
    except OSError:
        return False
    return True


def _dead(folder: str) -> bool:
    try:
        handle = os.open(os.path.join(folder, _LOCK), os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return False
    try:
        return try_lock(handle)
    finally:
        os.close(handle)


@contextmanager
def _held(top: str) -> Iterator[None]:
    """Make the folder `top`, never its parents, and hold its lock."""
    handle = _locked(top)
    try:
        yield
    finally:
        os.close(handle)


def _locked(top: str) -> int:
    path = os.path.join(top, _LOCK)
    while True:
        with suppress(FileExistsError):
            os.mkdir(top, 0o700)
        try:
            handle = _open(path)
        except FileNotFoundError:
            continue
        # Without locks nothing is taken for dead either, so two runs do each other no harm.
        with suppress(OSError):
            _lock(handle, wait=True)
        if _is_at(handle, path):
            return handle
        # Another run removed the whole folder while this one waited for its lock.
        os.close(handle)


def _is_at(handle: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False


def _open(path: str) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)


def _lock(handle: int, *, wait: bool) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(handle, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
