"""Setting on a restored path what was recorded of it: owner, mode, extended attributes, times, inode flags.

The order is what keeps them: a change of owner drops setuid bits and capabilities, extended attributes of the
user need the right to write, and ACLs are part of the mode. What the system does not let us set is noted, not
an error.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

from bakup.model import Attributes
from bakup.source import attributes, paths
from bakup.source.folders import Folder

if sys.platform != "win32":
    import grp
    import pwd

Xattrs: TypeAlias = tuple[tuple[bytes, bytes], ...]

ACLS = b"system.posix_acl_"

NOTED = 1000
"""Paths that are kept at most for each thing that was skipped."""


class Skipped:
    """What could not be set: how often, and on which paths first."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.paths: dict[str, list[bytes]] = {}

    def note(self, path: bytes, what: str) -> None:
        """Note one thing that was not set on a path."""
        self.counts[what] = self.counts.get(what, 0) + 1
        kept = self.paths.setdefault(what, [])
        if len(kept) < NOTED:
            kept.append(path)

    def clear(self) -> None:
        """Forget what was noted."""
        self.counts.clear()
        self.paths.clear()

    def merge(self, other: Skipped) -> None:
        """Add what another, of a worker, has noted."""
        for what, count in other.counts.items():
            self.counts[what] = self.counts.get(what, 0) + count
            kept = self.paths.setdefault(what, [])
            kept += other.paths[what][: NOTED - len(kept)]

    def pairs(self) -> tuple[tuple[bytes, str], ...]:
        """(path, what) for reports."""
        return tuple((path, what) for what, kept in self.paths.items() for path in kept)


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
        uid_gid = owner(wanted.uid, wanted.gid, wanted.user, wanted.group)
        if uid_gid != (self.uid, gid) and not self._own(descriptor, path, uid_gid, gid):
            wanted_mode &= ~(stat.S_ISUID | stat.S_ISGID)
        acls = self._extend(descriptor, path, wanted.xattrs) if wanted.xattrs else ()
        if wanted_mode != mode:
            os.fchmod(descriptor, wanted_mode)
        for name, value in acls:
            self._set(descriptor, path, name, value)
        os.utime(descriptor, ns=(wanted.mtime_ns, wanted.mtime_ns))

    def amend(self, descriptor: int, path: bytes, wanted: Attributes) -> None:
        """Set all but inode flags on a file that was there, if it has another mode, owner or extended attribute.

        Raises:
            OSError: mode or times could not be set.
        """
        found = os.fstat(descriptor)
        if _as_wanted(found, wanted) and set(attributes.xattrs(descriptor)) == set(wanted.xattrs):
            return
        without_acls(descriptor)
        if found.st_uid != self.uid:
            with contextlib.suppress(OSError):
                os.fchown(descriptor, self.uid, -1)  # like one that we made
        self.to_descriptor(descriptor, path, wanted, -1, found.st_gid)

    def _own(self, descriptor: int, path: bytes, wanted: tuple[int, int], gid: int) -> bool:
        """Set owner and group; whether both are as wanted. The group alone, where the owner is not for us to
        set."""
        uid, group = wanted
        uid = -1 if uid == self.uid else uid
        group = -1 if group == gid else group
        try:
            os.fchown(descriptor, uid, group)
        except OSError as error:
            self.skipped.note(path, f"owner: {paths.reason(error)}")
            self._own_group(descriptor, group)
            return False
        return True

    def _own_group(self, descriptor: int, group: int) -> None:
        with contextlib.suppress(OSError):
            os.fchown(descriptor, -1, group)

    def _extend(self, descriptor: int, path: bytes, xattrs: Xattrs) -> Xattrs:
        """Set extended attributes; gives back ACLs, which follow the mode."""
        for name, value in xattrs:
            if not name.startswith(ACLS):
                self._set(descriptor, path, name, value)
        return tuple(pair for pair in xattrs if pair[0].startswith(ACLS))

    def _set(self, descriptor: int, path: bytes, name: bytes, value: bytes) -> None:
        try:
            os.setxattr(descriptor, name, value)
        except (OSError, ValueError, AttributeError) as error:
            reason = paths.reason(error) if isinstance(error, OSError) else "none that this system can hold"
            self.skipped.note(path, f"extended attribute {os.fsdecode(name)}: {reason}")

    def to_name(self, name: bytes, folder: Folder, path: bytes, wanted: Attributes) -> None:
        """Set owner and times of a symbolic link, or of what is not opened, by its name in a folder; raises
        OSError."""
        uid_gid = owner(wanted.uid, wanted.gid, wanted.user, wanted.group)
        if uid_gid != (self.uid, folder.gid):
            try:
                os.chown(name, *uid_gid, dir_fd=folder.descriptor, follow_symlinks=False)
            except OSError as error:
                self.skipped.note(path, f"owner: {paths.reason(error)}")
        times = wanted.mtime_ns, wanted.mtime_ns
        os.utime(name, ns=times, dir_fd=folder.descriptor, follow_symlinks=False)

    def flags(self, descriptor: int, path: bytes, wanted: int) -> None:
        """Set inode flags, the very last thing: an immutable file takes nothing more."""
        try:
            attributes.set_inode_flags(descriptor, wanted)
        except OSError as error:
            self.skipped.note(path, f"inode flags: {paths.reason(error)}")


def _as_wanted(found: os.stat_result, wanted: Attributes) -> bool:
    uid, gid = owner(wanted.uid, wanted.gid, wanted.user, wanted.group)
    same_owner = uid in (-1, found.st_uid) and gid in (-1, found.st_gid)
    return same_owner and stat.S_IMODE(found.st_mode) == wanted.mode & 0o7777


def without_acls(descriptor: int) -> None:
    """Remove the ACLs that a file or folder has from the folder that it was made in."""
    for name in (ACLS + b"access", ACLS + b"default"):
        with contextlib.suppress(OSError):
            os.removexattr(descriptor, name)
