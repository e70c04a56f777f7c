"""What an open file is like right now, with its time of birth where the system tells it.

Linux has it only through statx(2), which Python 3.11 lacks: it is called by ctypes, once for all facts, which takes
1.1 us where `os.fstat` and the reading of its fields take as long. Elsewhere, and on a C library without it, `os.fstat`.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
import threading
from typing import NamedTuple

_FIELDS = struct.Struct(
    "=I28xQQ32xqI4xqI4xqI"
)  # mask, ino, size, btime, ctime, mtime of struct statx (linux/stat.h)
_BUFFER_BYTES = 256
_AT_EMPTY_PATH = 0x1000
_AT_SYMLINK_NOFOLLOW = 0x100
_AT_FDCWD = -100
_BASIC_AND_BIRTH = 0xFFF
_BIRTH = 0x800
_SECOND = 1_000_000_000


class Now(NamedTuple):
    """Size in bytes, times in ns; the first four, in order, are those of `Found` from `size` on."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    birth_ns: int | None


class _Buffer(threading.local):
    """The thread's own struct statx."""

    def __init__(self) -> None:
        self.bytes = ctypes.create_string_buffer(_BUFFER_BYTES)
        self.address = ctypes.addressof(self.bytes)


_buffer = _Buffer()
_statx = getattr(ctypes.CDLL(None), "statx", None) if sys.platform == "linux" else None


def look(descriptor: int) -> Now:
    """The open file as it is now; raises OSError."""
    return _look(descriptor, b"", _AT_EMPTY_PATH) or _from_stat(os.fstat(descriptor))


def born(path: bytes) -> int | None:
    """Time of birth of the path itself in ns, None where it is not known."""
    found = _look(_AT_FDCWD, path, _AT_SYMLINK_NOFOLLOW)
    return found.birth_ns if found else None


def _look(descriptor: int, path: bytes, flags: int) -> Now | None:
    buffer = _buffer
    if _statx is None or _statx(descriptor, path, flags, _BASIC_AND_BIRTH, ctypes.c_void_p(buffer.address)):
        return None
    mask, inode, size, *times = _FIELDS.unpack_from(buffer.bytes)
    birth_s, birth_ns, change_s, change_ns, modified_s, modified_ns = times
    return Now(
        size,
        modified_s * _SECOND + modified_ns,
        change_s * _SECOND + change_ns,
        inode,
        birth_s * _SECOND + birth_ns if mask & _BIRTH else None,
    )


def _from_stat(found: os.stat_result) -> Now:
    birth = getattr(found, "st_birthtime_ns", None)
    if birth is None and (seconds := getattr(found, "st_birthtime", None)) is not None:
        birth = round(seconds * 1_000_000) * 1000
    return Now(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, birth)
