"""What an open file is like right now, with its time of birth where the system tells it.

Linux has it only through statx(2), which Python 3.11 lacks: it is called by ctypes, once for all facts, which
costs little more than `os.fstat`. Elsewhere, and on a C library without it, `os.fstat` serves.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
import threading
from typing import NamedTuple

from bakup.source.tree import recorded

_unpack = struct.Struct("=I28xQQ32xqI4xqI4xqI").unpack_from
"""Mask, inode, size, times of birth, change, modification in a struct statx (linux/stat.h)."""

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
        self.facts = ctypes.create_string_buffer(_BUFFER_BYTES)


_buffer = _Buffer()
_new = tuple.__new__
# Without argument types, which would double the time of a call; all are ints, bytes or the buffer.
_statx = getattr(ctypes.CDLL(None), "statx", None) if sys.platform == "linux" else None


def look(descriptor: int) -> Now:
    """The open file as it is now; raises OSError."""
    return _look(descriptor, b"", _AT_EMPTY_PATH) or _from_stat(os.fstat(descriptor))


def born(path: bytes) -> int | None:
    """Time of birth of the path itself in ns, None where it is not known."""
    found = _look(_AT_FDCWD, path, _AT_SYMLINK_NOFOLLOW)
    return found.birth_ns if found else None


def _look(descriptor: int, path: bytes, flags: int) -> Now | None:
    facts = _buffer.facts
    if _statx is None or _statx(descriptor, path, flags, _BASIC_AND_BIRTH, facts):
        return None
    mask, inode, size, born_s, born_ns, changed_s, changed_ns, modified_s, modified_ns = _unpack(facts)
    birth = recorded.time_ns(born_s * _SECOND + born_ns) if mask & _BIRTH else None
    modified = recorded.time_ns(modified_s * _SECOND + modified_ns)
    changed = recorded.time_ns(changed_s * _SECOND + changed_ns)
    return _new(Now, (size, modified, changed, recorded.inode(inode), birth))


def _from_stat(found: os.stat_result) -> Now:
    birth = getattr(found, "st_birthtime_ns", None)
    if birth is None and (seconds := getattr(found, "st_birthtime", None)) is not None:
        birth = round(seconds * 1_000_000) * 1000
    modified, changed = recorded.time_ns(found.st_mtime_ns), recorded.time_ns(found.st_ctime_ns)
    return Now(found.st_size, modified, changed, recorded.inode(found.st_ino), birth)
