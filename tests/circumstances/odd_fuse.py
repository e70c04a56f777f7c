"""A file system that shows a folder read-only, with one fault: `python odd_fuse.py FOLDER MOUNTED FAULT`.

twice: every name is listed twice; misses: every second name is not listed; inodes: they are others with each mount;
short: half of each size is told; unreadable: one file gives EIO.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterator
from typing import Any

from mfusepy import FUSE, FuseOSError, Operations

_TOLD = ("st_gid", "st_uid", "st_mode", "st_nlink", "st_size", "st_ino")
_TIMES = ("st_atime", "st_ctime", "st_mtime")


class Odd(Operations):  # type: ignore[misc] # mfusepy has no types
    """Paths are those of the folder."""

    use_ns = True

    def __init__(self, folder: str, fault: str) -> None:
        self._folder = folder
        self._fault = fault
        self._salt = int.from_bytes(os.urandom(4), "little")

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        """What `lstat` says."""
        found = os.lstat(self._folder + path)
        told = {name: getattr(found, name) for name in _TOLD} | {name: getattr(found, f"{name}_ns") for name in _TIMES}
        if self._fault == "inodes":
            told["st_ino"] += self._salt
        if self._fault == "short" and stat.S_ISREG(found.st_mode):
            told["st_size"] //= 2
        return told

    def readdir(self, path: str, fh: int) -> Iterator[tuple[str, dict[str, int], int]]:
        """Names, as the fault has them; an entry without an inode is passed over by the C library."""
        names = sorted(os.listdir(self._folder + path))
        listed = names[::2] if self._fault == "misses" else names * 2 if self._fault == "twice" else names
        yield from ((name, {"st_mode": 0, "st_ino": 1}, 0) for name in (".", "..", *listed))

    def open(self, path: str, flags: int) -> int:
        """A descriptor."""
        return os.open(self._folder + path, os.O_RDONLY)

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        """Bytes."""
        if self._fault == "unreadable" and path == "/b":
            raise FuseOSError(errno.EIO)
        return os.pread(fh, size, offset)

    def release(self, path: str, fh: int) -> int:
        """Close."""
        os.close(fh)
        return 0


if __name__ == "__main__":
    # direct_io: what is read does not end where the size says.
    options = {
        "foreground": True,
        "use_ino": True,
        "direct_io": True,
        "attr_timeout": 0,
        "entry_timeout": 0,
        "ro": True,
    }
    FUSE(Odd(sys.argv[1], sys.argv[3]), sys.argv[2], **options)
