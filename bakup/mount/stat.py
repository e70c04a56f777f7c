"""What stat(2) says of what a mount shows."""

from __future__ import annotations

import os
import stat
from typing import TypedDict

from blake3 import blake3

from bakup.archive.contents import Contents
from bakup.archive.moments import Moment
from bakup.archive.tree import At
from bakup.catalog.rows import Version
from bakup.destination.folder.attributes import owner
from bakup.model import Kind, SpecialType

_BLOCK = 4096
_SPECIAL = {
    SpecialType.FIFO: stat.S_IFIFO,
    SpecialType.SOCKET: stat.S_IFSOCK,
    SpecialType.CHARACTER: stat.S_IFCHR,
    SpecialType.BLOCK: stat.S_IFBLK,
}


class Stat(TypedDict, total=False):
    """Fields of `struct stat`; times in nanoseconds."""

    st_mode: int
    st_ino: int
    st_nlink: int
    st_uid: int
    st_gid: int
    st_rdev: int
    st_size: int
    st_blocks: int
    st_blksize: int
    st_atime: int
    st_mtime: int
    st_ctime: int


def of_entry(contents: Contents, at: At) -> Stat:
    """Of a path in a check point: as it was when that was made."""
    version = at.version
    attributes = version.attributes
    uid, gid = owner(attributes.uid, attributes.gid, attributes.user, attributes.group)
    found: Stat = {
        "st_mode": _type(version) | attributes.mode & 0o7777,
        "st_ino": inode(at.moment, version),
        "st_nlink": 1,
        "st_uid": uid if uid >= 0 else os.geteuid(),
        "st_gid": gid if gid >= 0 else os.getegid(),
        "st_blksize": _BLOCK,
        "st_atime": attributes.mtime_ns,
        "st_mtime": attributes.mtime_ns,
        "st_ctime": attributes.mtime_ns if attributes.ctime_ns is None else attributes.ctime_ns,
    }
    if version.kind != Kind.DIR:
        found["st_nlink"] = contents.names_of(at.moment, version)
    if version.kind == Kind.FILE:
        found["st_size"] = version.size or 0
        found["st_blocks"] = -(-contents.stored_bytes(version) // _BLOCK) * (_BLOCK // 512)
    elif version.kind == Kind.DIR:
        below = contents.folder(at.moment, at.path).values()
        found["st_size"] = _BLOCK
        found["st_nlink"] = 2 + sum(one.kind == Kind.DIR for one in below)
    elif version.kind == Kind.SYMLINK:
        found["st_size"] = len(version.extra or b"")
    else:
        device = version.special[1]
        found["st_rdev"] = os.makedev(device >> 32, device & 0xFFFFFFFF)
    return found


def of_name(moment: Moment, version: Version) -> Stat:
    """What a listing says of a name."""
    return {"st_mode": _type(version), "st_ino": inode(moment, version)}


def of_folder(path: bytes, time_ns: int) -> Stat:
    """Of a folder that no check point holds."""
    return _made_up(path, stat.S_IFDIR | 0o555, time_ns, 0)


def of_link(path: bytes, to: bytes, time_ns: int) -> Stat:
    """Of a link that no check point holds."""
    return _made_up(path, stat.S_IFLNK | 0o777, time_ns, len(to))


def _made_up(path: bytes, mode: int, time_ns: int, size: int) -> Stat:
    # A count of 1 tells find(1) nothing of how many folders are below: they come while it looks.
    found: Stat = {"st_mode": mode, "st_ino": _number(b"folder", path), "st_nlink": 1, "st_size": size}
    found["st_uid"], found["st_gid"] = os.geteuid(), os.getegid()
    found["st_atime"] = found["st_mtime"] = found["st_ctime"] = time_ns
    return found


def inode(moment: Moment, version: Version) -> int:
    """A number of 63 bits: one for all names of a file; the same wherever a check point is shown.

    Folders of two check points never share one, since programs that compare trees pass over what is one.
    """
    source = moment.source.to_bytes(8)
    if version.kind == Kind.DIR:
        return _number(b"dir", moment.uuid, version.key)
    group = version.attributes.link_group
    if group is not None:
        content = version.digest or version.extra or b""
        return _number(b"links", moment.uuid, group.to_bytes(16, signed=True), content)
    return _number(b"entry", source, version.checkpoint.to_bytes(8), version.first.to_bytes(8), version.key)


def _type(version: Version) -> int:
    match version.kind:
        case Kind.FILE:
            return stat.S_IFREG
        case Kind.DIR:
            return stat.S_IFDIR
        case Kind.SYMLINK:
            return stat.S_IFLNK
        case _:
            return _SPECIAL[SpecialType(version.special[0])]


def _number(*parts: bytes) -> int:
    return int.from_bytes(blake3(b"\0".join(parts)).digest(8)) >> 1 or 1
