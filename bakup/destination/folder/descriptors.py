"""The folders below a destination, held by descriptors: no name is ever resolved through a link that stands
there."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections import OrderedDict
from typing import NamedTuple

from bakup.destination.alike import OtherName, above, parted, variants
from bakup.destination.folder import names
from bakup.destination.folder.unfinished import EVERY_FOLDER, RestoreRun
from bakup.errors import Failed
from bakup.source.tree import paths

OPEN = 64
"""Descriptors of folders that are kept open at most, besides the root's."""


_NO_NAMES = frozenset((b"", b".", b".."))
_PRIVATE = 0o700
_OUTSIDE = "is not a path inside the destination"


class Refused(Failed):
    """A path that is not followed, or that is in the way; `reason` in lower case."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, code="refused")
        self.reason = reason


class Another(Refused):
    """A path whose name is taken by `other`, which is the same name here."""

    def __init__(self, other: bytes) -> None:
        super().__init__(OtherName(os.fsdecode(other)))


class Folder(NamedTuple):
    """An open folder; `gid`: the group that a new file in it gets; `inherits`: it hands ACLs on to new
    files."""

    descriptor: int
    gid: int
    inherits: bool


class Folders:
    """Opens folders below a root, made when they are missing. For one thread; may be used on after a fork.

    Args:
        root: absolute path, made with its parents when missing; links in it are followed, it is the user's
            word.
        system: what names may be here.
        run: what is told of each folder that is made.

    Raises:
        Failed: the root cannot be made or opened.
    """

    def __init__(self, root: bytes, system: names.System, run: RestoreRun) -> None:
        self._system = system
        self._run = run
        self._made: set[bytes] = set()
        try:
            if not os.path.isdir(root):
                self._note(b"")  # before it is there: a kill in between leaves no folder that nobody knows
                os.makedirs(root, _PRIVATE, exist_ok=True)
            self._root = _opened(os.open(root, os.O_RDONLY | os.O_DIRECTORY), None)
            self.fresh = not os.listdir(self._root.descriptor)
        except OSError as error:
            raise Failed(f"cannot write to {os.fsdecode(root)}: {paths.reason(error)}") from error
        if self.fresh:
            run.made(EVERY_FOLDER)
        self._open: OrderedDict[bytes, Folder] = OrderedDict()

    def close(self) -> None:
        """Close all descriptors."""
        for folder in (self._root, *self._open.values()):
            os.close(folder.descriptor)
        self._open.clear()

    def folds(self, path: bytes = b"", *, trial: bool) -> bool:
        """Whether names that differ are one name in the folder at a path, or in the nearest above it that stands: by
        what is in it, or, in a `trial`, by a file that is made in it and removed."""
        with contextlib.suppress(OSError):
            folder = self._nearest(path)
            with os.scandir(folder.descriptor) as entries:
                for entry in entries:
                    name = os.fsencode(entry.name)
                    if others := variants(name):
                        return any(_are_one(folder.descriptor, name, other) for other in others)
            return trial and self._folds_in_trial(folder, "A\N{LATIN SMALL LETTER E WITH ACUTE}".encode())
        return False

    def _nearest(self, path: bytes) -> Folder:
        for standing in (path, *above(path)):
            with contextlib.suppress(OSError, Refused):
                return self.open(standing, make=False)
        return self._root

    def expect_own(self, folder: Folder, path: bytes) -> None:
        """Raise Another if a path to be made in a folder has a name that is another's here: as the system says of two
        such names in a folder that is made for that, and removed."""
        first = self._run.alike.get(path)
        if first is not None:
            _, other, name = parted(first, path)
            if self._folds_in_trial(folder, other, name):
                raise Another(other)

    def is_one(self, folder: Folder, first: bytes, path: bytes) -> bool:
        """Whether the first of two paths that stand, the second in a folder, is there by the same name."""
        _, other, name = parted(first, path)
        return _are_one(folder.descriptor, self.name(other), self.name(name))

    def _folds_in_trial(self, folder: Folder, name: bytes, *others: bytes) -> bool:
        trial = self._run.temporary_name()
        os.mkdir(trial, _PRIVATE, dir_fd=folder.descriptor)
        try:
            at = _descriptor(folder, trial)
            try:
                held = self.name(name)
                os.close(os.open(held, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=at))
                one = any(_are_one(at, held, self.name(other)) for other in others or variants(name))
                os.unlink(held, dir_fd=at)
                return one
            finally:
                os.close(at)
        finally:
            os.rmdir(trial, dir_fd=folder.descriptor)

    def made(self, path: bytes) -> bool:
        """Whether this restore, or one that it goes on with, made the folder at a path, so that nobody else had a say
        in what it is like."""
        if path in self._made or (self.fresh and path):
            return True
        private = stat.S_IMODE(os.fstat(self.open(path, make=False).descriptor).st_mode) & 0o777 == _PRIVATE
        return private and self._run.was_made(path)

    def _note(self, path: bytes) -> None:
        self._made.add(path)
        self._run.made(path)

    def place(self, path: bytes, make: bool = True) -> tuple[Folder, bytes]:
        """The folder that a path is in, and its name there as the system holds it.

        Args:
            path: below the root, as an entry has it.
            make: whether folders that are missing are made (mode 0700).

        Raises:
            Refused: the path would leave the root, or a link or a file stands on its way.
            OSError: a folder is missing, or cannot be made or opened.
        """
        parent, _, name = path.rpartition(b"/")
        held = self.name(name)
        return self.open(parent, make), held

    def name(self, name: bytes) -> bytes:
        """A name as the system holds it; raises Refused for what is none."""
        if name in _NO_NAMES or b"\0" in name or b"/" in name:
            raise Refused(_OUTSIDE)
        return name if self._system == "bytes" else names.escape(name, self._system)

    def open(self, path: bytes, make: bool = True) -> Folder:
        """The folder at a path, which stays open until some others were asked for; raises as `place`."""
        if not path:
            return self._root
        if folder := self._open.get(path):
            self._open.move_to_end(path)
            return folder
        missing = self._missing(path)
        path = b"/".join(path.split(b"/")[: -len(missing)])
        folder = self._open[path] if path else self._root
        for name in reversed(missing):
            path = path + b"/" + name if path else name
            folder = self._keep(path, self._step(folder, path, name, make))
        return folder

    def _missing(self, path: bytes) -> list[bytes]:
        """The names from the nearest folder that is open down to the path, the last one first."""
        if path.startswith(b"/"):
            raise Refused(_OUTSIDE)
        missing = []
        while path and path not in self._open:
            path, _, name = path.rpartition(b"/")
            self.name(name)
            missing.append(name)
        return missing

    def _keep(self, path: bytes, folder: Folder) -> Folder:
        self._open[path] = folder
        if len(self._open) > OPEN:
            _, oldest = self._open.popitem(last=False)
            os.close(oldest.descriptor)
        return folder

    def _step(self, parent: Folder, path: bytes, name: bytes, make: bool) -> Folder:
        held = self.name(name)
        if make:
            self.expect_own(parent, path)
        elif (first := self._run.alike.get(path)) is not None and self.is_one(parent, first, path):
            raise Another(first.rpartition(b"/")[2])
        try:
            return self._opened(parent, held)
        except FileNotFoundError:
            if not make:
                raise
        # Another process of the same restore may have made it since.
        with contextlib.suppress(FileExistsError):
            os.mkdir(held, _PRIVATE, dir_fd=parent.descriptor)
            if not self.fresh:
                self._note(path)
        return self._opened(parent, held)

    def _opened(self, parent: Folder, held: bytes) -> Folder:
        # Below a folder that was empty all is ours, and hands on what that does.
        return _opened(_descriptor(parent, held), parent.inherits if self.fresh else None)


def _are_one(at: int, name: bytes, other: bytes) -> bool:
    """Whether two names in a folder stand for the same; what has both names shows them both."""
    try:
        found, same = (os.stat(one, dir_fd=at, follow_symlinks=False) for one in (name, other))
    except OSError:
        return False
    return os.path.samestat(found, same) and not {name, other} <= set(map(os.fsencode, os.listdir(at)))


def _descriptor(parent: Folder, name: bytes) -> int:
    try:
        return os.open(name, paths.FOLDER_FLAGS, dir_fd=parent.descriptor)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _in_the_way(name, parent) or error from error


def _opened(descriptor: int, inherits: bool | None) -> Folder:
    """A folder; `inherits` where that is known."""
    found = os.fstat(descriptor)
    parents = sys.platform != "linux" or found.st_mode & stat.S_ISGID
    return Folder(
        descriptor,
        found.st_gid if parents else os.getegid(),
        _hands_on_acls(descriptor) if inherits is None else inherits,
    )


def _hands_on_acls(descriptor: int) -> bool:
    if sys.platform != "linux":
        return False
    try:
        return bool(os.getxattr(descriptor, "system.posix_acl_default"))
    except OSError:
        return False


def _in_the_way(name: bytes, parent: Folder) -> Refused | None:
    """What stands at a name where a folder should be; None if it is one."""
    try:
        mode = os.stat(name, dir_fd=parent.descriptor, follow_symlinks=False).st_mode
    except OSError:
        return None
    if stat.S_ISDIR(mode):
        return None
    return Refused("a symbolic link is on the way" if stat.S_ISLNK(mode) else "a file is where a folder should be")
