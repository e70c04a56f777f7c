"""Folders for spool files: one a run, locked while the run lives, removed after it."""

from __future__ import annotations

import os
import shutil
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

SPOOL = ".bakup-spool"
"""The folder, at the top of a local target, that never holds objects."""
_LOCK = "lock"


class Spool:
    """A folder of this run below `<parent>/.bakup-spool`. Makes it, and removes those of runs that are dead.

    Raises OSError. A run is alive while it holds the lock on its folder's `lock` file; the system drops that
    lock with the process, however it ends.
    """

    def __init__(self, parent: str) -> None:
        top = os.path.join(parent, SPOOL)
        os.makedirs(top, mode=0o700, exist_ok=True)
        self._top = top
        self.folder = os.path.join(top, uuid.uuid4().hex)
        with _held(os.path.join(top, _LOCK)):
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
        with suppress(OSError), _held(os.path.join(self._top, _LOCK)):
            if os.listdir(self._top) == [_LOCK]:
                shutil.rmtree(self._top)


def remove_stale(top: str) -> None:
    """Remove the folders below `top` whose runs are dead. The caller holds the lock of `top`."""
    for entry in list(os.scandir(top)):
        if entry.is_dir(follow_symlinks=False) and _dead(entry.path):
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
        handle = _open(os.path.join(folder, _LOCK))
    except OSError:
        return False
    try:
        return try_lock(handle)
    finally:
        os.close(handle)


@contextmanager
def _held(path: str) -> Iterator[None]:
    handle = _open(path)
    try:
        # Without locks nothing is taken for dead either, so two runs do each other no harm.
        with suppress(OSError):
            _lock(handle, wait=True)
        yield
    finally:
        os.close(handle)


def _open(path: str) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)


def _lock(handle: int, *, wait: bool) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(handle, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
