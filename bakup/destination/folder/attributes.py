"""Setting on a restored path what was recorded of it: owner, mode, extended attributes, times, inode flags.

The order is what keeps them: a change of owner drops setuid bits and capabilities, extended attributes of the
user need the right to write, and ACLs are part of the mode. What the system does not let us set is noted, not
an error.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, TypeAlias

from bakup.destination.folder.descriptors import Folder
from bakup.destination.skipped import Skipped
from bakup.model import Attributes
from bakup.source.tree import attributes, paths

if sys.platform != "win32":
    import grp
    import pwd

Xattrs: TypeAlias = tuple[tuple[bytes, bytes], ...]

_STEPS = (100, 10_000_000, 1_000_000_000, 2_000_000_000)
"""Nanoseconds that file systems cut times down to: NTFS to 100, exFAT to 10 ms, others to 1 s, FAT to 2 s."""

ACLS = b"system.posix_acl_"


@lru_cache(maxsize=1024)
def owner(uid: int | None, gid: int | None, user: str | None, group: str | None) -> tuple[int, int]:
    """The ids here of an owner and a group: of the name where that is known here; -1 where nothing is
    known."""
    if sys.platform == "win32":
        return -1, -1
    return (
        _id(lambda: pwd.getpwnam(user or "").pw_uid, uid),
        _id(lambda: grp.getgrnam(group or "").gr_gid, gid),
    )


def _id(look_up: Callable[[], int], recorded: int | None) -> int:
    try:
        return look_up()
    except (KeyError, ValueError):
        return -1 if recorded is None else recorded


class Held:
    """What attributes are set on: an open file or folder, or a name in an open folder, which is not followed."""

    def __init__(self, at: int | bytes, folder: Folder | None = None) -> None:
        self._at = at
        self._where: dict[str, Any] = {}
        self._extended = at
        if folder is not None:
            self._where = {"dir_fd": folder.descriptor, "follow_symlinks": False}
            self._extended = b"/proc/self/fd/%d/%s" % (folder.descriptor, at)

    def look(self) -> os.stat_result:
        """What the system says of it."""
        return os.stat(self._at, **self._where)

    def change_owner(self, uid: int, gid: int) -> None:
        """Set the owner and the group."""
        os.chown(self._at, uid, gid, **self._where)

    def change_mode(self, mode: int) -> None:
        """Set the permission bits; not of a link."""
        try:
            os.chmod(self._at, mode, **self._where)
        except NotImplementedError:  # an old C library follows links only
            raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP)) from None

    def change_time(self, mtime_ns: int) -> None:
        """Set the times."""
        os.utime(self._at, ns=(mtime_ns, mtime_ns), **self._where)

    def xattrs(self) -> dict[bytes, bytes]:
        """Its extended attributes."""
        return dict(attributes.xattrs(self._extended))

    def set(self, name: bytes, value: bytes) -> None:
        """Set an extended attribute."""
        os.setxattr(self._extended, name, value, follow_symlinks=isinstance(self._extended, int))

    def remove(self, name: bytes) -> None:
        """Remove an extended attribute."""
        os.removexattr(self._extended, name, follow_symlinks=isinstance(self._extended, int))


class Applier:
    """Sets attributes, and notes what it could not."""

    def __init__(self) -> None:
        self.skipped = Skipped()
        self.uid = os.geteuid() if sys.platform != "win32" else -1

    def to_descriptor(self, descriptor: int, path: bytes, wanted: Attributes, mode: int, gid: int) -> None:
        """Set all but inode flags on an open file or folder.

        Args:
            descriptor: of it; ours.
            path: below the destination, for what is skipped.
            wanted: what to set.
            mode: permission bits that it has, -1 if that is not known.
            gid: group that it has, -1 if that is not known.

        Raises:
            OSError: mode or times could not be set.
        """
        wanted_mode = wanted.mode & 0o7777
        uid, group = owner(wanted.uid, wanted.gid, wanted.user, wanted.group)
        held = Held(descriptor)
        ids = -1 if uid == self.uid else uid, -1 if group == gid else group
        if ids != (-1, -1) and not self._own(held, path, *ids):
            wanted_mode &= ~(stat.S_ISUID | stat.S_ISGID)
        acls = self._extend(held, path, wanted.xattrs) if wanted.xattrs else ()
        if wanted_mode != mode:
            os.fchmod(descriptor, wanted_mode)
        for name, value in acls:
            self._set(held, path, name, value)
        os.utime(descriptor, ns=(wanted.mtime_ns, wanted.mtime_ns))

    def amend(self, held: Held, path: bytes, wanted: Attributes) -> None:
        """Set what differs of all but inode flags; what is as wanted is not touched.

        Raises:
            OSError: it cannot be looked at.
        """
        found = held.look()
        mode = wanted.mode & 0o7777
        uid, gid = owner(wanted.uid, wanted.gid, wanted.user, wanted.group)
        if not self._amend_owner(held, path, found, uid, gid):
            mode &= ~(stat.S_ISUID | stat.S_ISGID)
        have = held.xattrs()
        acls = self._amend_xattrs(held, path, have, wanted.xattrs)
        other = not stat.S_ISLNK(found.st_mode) and stat.S_IMODE(held.look().st_mode) != mode
        if other and self._try(path, "mode", lambda: held.change_mode(mode)):
            have = held.xattrs()
        for name, value in acls:
            if have.get(name) != value:
                self._set(held, path, name, value)
        if not same_time(held.look().st_mtime_ns, wanted.mtime_ns):
            self._try(path, "times", lambda: held.change_time(wanted.mtime_ns))

    def differs(self, held: Held, wanted: Attributes) -> bool:
        """Whether `amend` would have something to do that this user may do; raises OSError."""
        found, have = held.look(), held.xattrs()
        uid, gid = owner(wanted.uid, wanted.gid, wanted.user, wanted.group)
        owned = self.uid != 0 or (uid in (-1, found.st_uid) and gid in (-1, found.st_gid))
        same_mode = stat.S_ISLNK(found.st_mode) or stat.S_IMODE(found.st_mode) == wanted.mode & 0o7777
        same_acls = {name for name in have if name.startswith(ACLS)} <= {name for name, _ in wanted.xattrs}
        same_xattrs = same_acls and all(have.get(name) == value for name, value in wanted.xattrs)
        return not (owned and same_mode and same_xattrs and same_time(found.st_mtime_ns, wanted.mtime_ns))

    def _amend_owner(self, held: Held, path: bytes, found: os.stat_result, uid: int, gid: int) -> bool:
        """Whether owner and group are as wanted now."""
        ids = -1 if uid == found.st_uid else uid, -1 if gid == found.st_gid else gid
        return ids == (-1, -1) or self._own(held, path, *ids)

    def _amend_xattrs(self, held: Held, path: bytes, have: dict[bytes, bytes], wanted: Xattrs) -> Xattrs:
        """Remove ACLs that are not wanted, set what differs; gives back the wanted ACLs, which follow the mode."""
        names = {name for name, _ in wanted}
        for name in have:
            if name.startswith(ACLS) and name not in names:
                self._try(path, f"extended attribute {os.fsdecode(name)}", partial(held.remove, name))
        return self._extend(held, path, tuple(pair for pair in wanted if have.get(pair[0]) != pair[1] or _is_acl(pair)))

    def _try(self, path: bytes, what: str, change: Callable[[], None]) -> bool:
        """Whether a change was made; else it is noted."""
        try:
            change()
        except OSError as error:
            self.skipped.note(path, f"{what}: {paths.reason(error)}")
            return False
        return True

    def _own(self, held: Held, path: bytes, uid: int, gid: int) -> bool:
        """Set owner and group, -1 being as it is; whether both are as wanted. The group alone, where the owner is not
        for us to set."""
        try:
            held.change_owner(uid, gid)
        except OSError as error:
            self.skipped.note(path, f"owner: {paths.reason(error)}")
            with contextlib.suppress(OSError):
                held.change_owner(-1, gid)
            return False
        return True

    def _extend(self, held: Held, path: bytes, xattrs: Xattrs) -> Xattrs:
        """Set extended attributes; gives back ACLs, which follow the mode."""
        for pair in xattrs:
            if not _is_acl(pair):
                self._set(held, path, *pair)
        return tuple(filter(_is_acl, xattrs))

    def _set(self, held: Held, path: bytes, name: bytes, value: bytes) -> None:
        try:
            held.set(name, value)
        except (OSError, ValueError, AttributeError) as error:
            reason = paths.reason(error) if isinstance(error, OSError) else "none that this system can hold"
            self.skipped.note(path, f"extended attribute {os.fsdecode(name)}: {reason}")

    def flags(self, descriptor: int, path: bytes, wanted: int) -> None:
        """Set inode flags, the very last thing: an immutable file takes nothing more."""
        try:
            attributes.set_inode_flags(descriptor, wanted)
        except OSError as error:
            self.skipped.note(path, f"inode flags: {paths.reason(error)}")


def _is_acl(pair: tuple[bytes, bytes]) -> bool:
    return pair[0].startswith(ACLS)


def same_time(found_ns: int, wanted_ns: int) -> bool:
    """Whether a time is the wanted one, as far as file systems keep it."""
    return found_ns == wanted_ns or any(found_ns == wanted_ns - wanted_ns % step for step in _STEPS)


def without_acls(descriptor: int) -> None:
    """Remove the ACLs that a new file has from the folder that it was made in."""
    for name in (ACLS + b"access", ACLS + b"default"):
        with contextlib.suppress(OSError):
            os.removexattr(descriptor, name)
