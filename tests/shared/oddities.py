"""A tree of all that fidelity is about, and what is to be seen of a tree."""

from __future__ import annotations

import os
import socket
import stat
import struct

ROOT = os.geteuid() == 0
ENTRIES = ((1, 7, 0xFFFFFFFF), (2, 5, 1234), (4, 5, 0xFFFFFFFF), (0x10, 5, 0xFFFFFFFF), (0x20, 0, 0xFFFFFFFF))
ACL = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in ENTRIES)


def facts_of(root: bytes) -> dict[bytes, tuple[object, ...]]:
    """All that a restored tree must have in common with the first, by path; links of an inode share a number."""
    found: dict[bytes, tuple[object, ...]] = {}
    groups: dict[int, int] = {}
    for folder, folders, files in os.walk(root):
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        for name in sorted([b".", *files, *links]):
            path = os.path.join(folder, name)
            found[os.path.relpath(path, root)] = _fact(path, groups)
    return found


def _fact(path: bytes, groups: dict[int, int]) -> tuple[object, ...]:
    now = os.lstat(path)
    content: object = None
    if stat.S_ISLNK(now.st_mode):
        content = os.readlink(path)
    elif stat.S_ISREG(now.st_mode):
        with open(path, "rb") as file:
            content = file.read()
    names = os.listxattr(path, follow_symlinks=False)
    extended = {name: os.getxattr(path, name, follow_symlinks=False) for name in names}
    group = groups.setdefault(now.st_ino, len(groups)) if now.st_nlink > 1 and not stat.S_ISDIR(now.st_mode) else 0
    return now.st_mode, now.st_uid, now.st_gid, now.st_mtime_ns, now.st_rdev, content, extended, group


def write(path: bytes, content: bytes = b"x") -> None:
    """A new file."""
    with open(path, "wb") as file:
        file.write(content)


def plant_odd_things(root: bytes) -> None:
    """A tree of all that fidelity is about, as far as this user may make it."""
    for name in (b"plain", b"caf\xe9", b"new\nline", b" blank ", b"n" * 255, b"-rf", b".hidden", b"%41"):
        write(root + b"/" + name, name * 3)
    write(root + b"/empty", b"")
    for index, time_ns in enumerate((0, -1, -2_000_000_000_123_456_789, 7_500_000_000_000_000_001, 999_999_999)):
        write(root + b"/time%d" % index)
        os.utime(root + b"/time%d" % index, ns=(0, time_ns))
    for mode in (0o000 if ROOT else 0o500, 0o400, 0o444, 0o600, 0o755, 0o777, 0o4755, 0o2755, 0o6711, 0o1644):
        write(root + b"/mode%o" % mode)
        os.chmod(root + b"/mode%o" % mode, mode)
    os.link(root + b"/plain", root + b"/another name of plain")
    os.symlink(b"nowhere\xff\n", root + b"/link")
    os.link(root + b"/link", root + b"/same link", follow_symlinks=False)
    os.symlink(b"..", root + b"/up")
    os.mkfifo(root + b"/fifo", 0o620)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(root + b"/socket")
    write(root + b"/extended")
    os.setxattr(root + b"/extended", b"user.some", b"\0value")
    os.setxattr(root + b"/extended", b"system.posix_acl_access", ACL)
    for folder, mode in ((b"closed", 0o500), (b"sticky", 0o1777), (b"group", 0o2775), (b"empty folder", 0o755)):
        os.makedirs(root + b"/" + folder + b"/in")
        write(root + b"/" + folder + b"/file")
        os.chmod(root + b"/" + folder, mode)
    os.setxattr(root + b"/group", b"system.posix_acl_default", ACL)
    if ROOT:
        os.mknod(root + b"/block", 0o060640, os.makedev(7, 200))
        os.mknod(root + b"/character", 0o020606, os.makedev(1, 3))
        for number, name in enumerate((b"plain", b"link", b"closed", b"fifo", b"mode4755", b"mode644")):
            if os.path.lexists(root + b"/" + name):
                mode = os.lstat(root + b"/" + name).st_mode & 0o7777
                os.chown(root + b"/" + name, 2_000_000 + number, 3_000_000, follow_symlinks=False)
                if name != b"link":
                    os.chmod(root + b"/" + name, mode)
        os.setxattr(root + b"/link", b"trusted.of.a.link", b"1", follow_symlinks=False)
        os.removexattr(root + b"/link", b"trusted.of.a.link", follow_symlinks=False)
