"""What is recorded of a path besides its content: owner, names, times, extended attributes, inode flags.

Each fact that a system does not have, or does not give, is left out (None, or empty).
"""

from __future__ import annotations

import errno
import os
import struct
import sys
from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from bakup.model import Attributes
from bakup.source.interface import Stat
from bakup.source.tree import paths, recorded, statx

if sys.platform != "win32":
    import fcntl
    import grp
    import pwd

GET_FLAGS: Final = 0x80086601
SET_FLAGS: Final = 0x40086602
"""FS_IOC_GETFLAGS and FS_IOC_SETFLAGS (linux/fs.h), as 64-bit x86, Arm and RISC-V number them."""

FLAGS: Final = 0x0083_04FD
"""Inode flags (linux/fs.h) that a user sets: secure deletion, compressed, synchronous, immutable, append
only, no dump, no access time, never compressed, synchronous folder, top of a hierarchy, no copy on write."""

XATTRS: Final = hasattr(os, "listxattr")
XATTRS_BYTES: Final = 1 << 20

_FLAGS_CALL = struct.Struct("=I4x")
"""The argument of both calls: they are said to take a long and take an int."""

_NO_FLAGS = bytes(_FLAGS_CALL.size)


def of_descriptor(descriptor: int, stat: Stat | os.stat_result, device: int, birth_ns: int | None) -> Attributes:
    """Facts of an open file or folder; `device` is that of the source's root. Raises OSError as `xattrs`."""
    return _attributes(stat, device, birth_ns, inode_flags(descriptor), xattrs(descriptor))


def of_path(path: bytes, stat: Stat | os.stat_result, device: int) -> Attributes:
    """Facts of what is not opened (links, FIFOs, devices) by absolute path. Raises OSError as `xattrs`.

    A path past `PATH_MAX` is recorded without birth and extended attributes: no call takes it.
    """
    if len(path) > paths.LONGEST:
        return _attributes(stat, device, None, None, ())
    return _attributes(stat, device, statx.born(path), None, xattrs(path))


def _attributes(
    stat: Stat | os.stat_result,
    device: int,
    birth_ns: int | None,
    flags: int | None,
    extended: tuple[tuple[bytes, bytes], ...],
) -> Attributes:
    uid, gid, user, group = _owner(stat.st_uid, stat.st_gid)
    inode = recorded.inode(stat.st_ino)
    return Attributes(
        stat.st_mode & 0o7777,
        uid,
        gid,
        user,
        group,
        recorded.time_ns(stat.st_mtime_ns),
        recorded.time_ns(stat.st_ctime_ns),
        inode or None,
        birth_ns,
        None if stat.st_nlink < 2 or stat.st_mode & 0o170000 == 0o040000 else link_group(inode, stat.st_dev, device),
        flags,
        extended,
    )


def link_group(inode: int, device: int, root_device: int) -> int:
    """What all hard links of an inode share: its number, or a hash if it is not on the root's device."""
    if device == root_device:
        return inode
    identity = device.to_bytes(8, "little") + inode.to_bytes(16, "little")
    return int.from_bytes(blake2b(identity, digest_size=8).digest(), "little")


@lru_cache(maxsize=1024)
def _owner(uid: int, gid: int) -> tuple[int | None, int | None, str | None, str | None]:
    if sys.platform == "win32":
        return None, None, None, None
    return uid, gid, _name(lambda: pwd.getpwuid(uid).pw_name), _name(lambda: grp.getgrgid(gid).gr_name)


def _name(look_up: Callable[[], str]) -> str | None:
    try:
        return os.fsencode(look_up()).decode(errors="replace")
    except KeyError:
        return None


def xattrs(target: int | bytes) -> tuple[tuple[bytes, bytes], ...]:
    """Extended attributes, ACLs among them, of a descriptor or of a path itself; sorted by name.

    Raises OSError when they take more than `XATTRS_BYTES`: an entry has no room for them.
    """
    if not XATTRS:
        return ()
    try:
        names = os.listxattr(target) if isinstance(target, int) else os.listxattr(target, follow_symlinks=False)
    except OSError:
        return ()
    found = tuple(sorted(pair for name in names if (pair := _xattr(target, name)))) if names else ()
    if found and sum(len(name) + len(value) for name, value in found) > XATTRS_BYTES:
        raise OSError(errno.E2BIG, "its extended attributes take more than an entry holds")
    return found


def _xattr(target: int | bytes, name: str) -> tuple[bytes, bytes] | None:
    try:
        value = os.getxattr(target, name, follow_symlinks=isinstance(target, int))
    except OSError:  # removed meanwhile, or not for us
        return None
    return os.fsencode(name), value


def inode_flags(descriptor: int) -> int | None:
    """Those of an open file's or folder's inode flags that a user sets, None if there are none."""
    if sys.platform != "linux":
        return None
    try:
        flags: int = _FLAGS_CALL.unpack(fcntl.ioctl(descriptor, GET_FLAGS, _NO_FLAGS))[0]
    except OSError:
        return None
    return flags & FLAGS or None


def set_inode_flags(descriptor: int, wanted: int) -> None:
    """Set those flags that a user sets, leaving the file system's own; raises OSError."""
    if sys.platform != "linux":
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
    now = _FLAGS_CALL.unpack(fcntl.ioctl(descriptor, GET_FLAGS, _NO_FLAGS))[0]
    following = now & ~FLAGS | wanted & FLAGS
    if following != now:
        fcntl.ioctl(descriptor, SET_FLAGS, _FLAGS_CALL.pack(following))
