"""Making files and names in folders survive a power cut."""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import sys
from collections.abc import Callable, Collection

FEW = 4
"""So many files are made durable one by one; more of them together with all else on their file system."""

_NO_FOLDER_SYNC = (errno.EINVAL, errno.EBADF, errno.ENOTSUP, errno.EOPNOTSUPP)


def sync_files(paths: Collection[str]) -> None:
    """Make the contents of files durable that stand in one folder. Raises OSError."""
    if len(paths) > FEW and (syncfs := _syncfs()) is not None:
        syncfs(next(iter(paths)))
        return
    for path in paths:
        # Opened for writing: Windows flushes no other handle.
        with open(path, "rb+", buffering=0) as file:
            os.fsync(file.fileno())


def sync_folders(folders: Collection[str]) -> None:
    """Make names in folders of one file system durable, where a system lets folders be opened at all."""
    if os.name == "nt":
        return
    if len(folders) > FEW and (syncfs := _syncfs()) is not None:
        syncfs(next(iter(folders)))
        return
    for folder in folders:
        _sync_folder(folder)


def _sync_folder(folder: str) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        os.close(handle)


@functools.cache
def _syncfs() -> Callable[[str], None] | None:
    """syncfs(2) of the file system that holds a path; None where there is none."""
    if sys.platform != "linux":
        return None
    call = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if call is None:
        return None

    def syncfs(path: str) -> None:
        handle = os.open(path, os.O_RDONLY)
        try:
            if call(handle):
                code = ctypes.get_errno()
                raise OSError(code, os.strerror(code), path)
        finally:
            os.close(handle)

    return syncfs
