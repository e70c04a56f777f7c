"""Bringing a tree back below a folder. What is brought back comes from a target that may lie, into a place
where others may write: nothing leaves the root, no link on the way is followed, and a file has its own name
only when it is whole.

Order of calls: `make_dir` for folders (in key order, so that none is only implied), then files, links and
special files in any order, then `hard_link`, then `finish_dir`, deepest first, then `set_flags`. A folder
that is only implied keeps the mode 0700.

A method that could not do its work for one path returns False and says why in `problems`; an error that would
meet every path (no space, read-only) is raised. One Destination serves one thread. After a fork each process
goes on with its own copy, whose `problems` and `skipped` the caller brings together.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator

from bakup.destination.alike import alike, parted
from bakup.destination.folder import names
from bakup.destination.folder.attributes import Held, same_time, without_acls
from bakup.destination.folder.descriptors import Another, Folder, Refused
from bakup.destination.folder.partfile import PartFile, PartFiles
from bakup.destination.folder.temporary import ERRORS, Places
from bakup.destination.folder.unfinished import RestoreRun
from bakup.destination.interface import Facts, State
from bakup.destination.skipped import Skipped
from bakup.model import Attributes, Kind, SpecialType
from bakup.source.tree import listing
from bakup.source.tree.paths import FILE_FLAGS

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
_PRIVATE = 0o600
_SPECIAL = {
    SpecialType.FIFO: stat.S_IFIFO,
    SpecialType.SOCKET: stat.S_IFSOCK,
    SpecialType.CHARACTER: stat.S_IFCHR,
    SpecialType.BLOCK: stat.S_IFBLK,
}
_KINDS = {stat.S_IFREG: Kind.FILE, stat.S_IFDIR: Kind.DIR, stat.S_IFLNK: Kind.SYMLINK}


class Destination:
    """A folder that a tree is brought back into (`out.Out`).

    Args:
        root: the folder; made when missing.
        system: what names may be there; others are written as `names.escape` says.
        run: the restore that this is a part of.
        spared: whether a path is to stay though a killed restore gave it its name.

    Raises:
        Failed: it cannot be made or opened.
    """

    unsettled = 0

    def __init__(
        self,
        root: str | bytes,
        system: names.System = names.SYSTEM,
        run: RestoreRun | None = None,
        spared: Callable[[bytes], bool] = lambda _: False,
    ) -> None:
        self.root = os.path.abspath(os.fsencode(root))
        self._places = Places(self.root, system, run or RestoreRun(self.root), spared)
        self._folders = self._places.folders
        self._applier = self._places.applier
        self._files = PartFiles(self._places)

    def __enter__(self) -> Destination:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close what is open. Files that were begun and not ended keep their temporary names: `abandon`
        them."""
        self._files.close_all()
        self._places.put_back()
        self._folders.close()

    @property
    def fresh(self) -> bool:
        """Whether the folder was empty."""
        return self._places.fresh

    @property
    def forks(self) -> bool:
        """Unless one process has to know what the others have made."""
        return not self._places.run.alike

    def expect(self, paths: Callable[[], Iterable[bytes]]) -> None:
        """Find out which of the paths that are wanted are one name here: of those only the first is made.

        What stands here may hold other file systems, and folders that are not as the one above: each is asked."""
        trial = self._places.begun
        if self.fresh:
            self._places.run.alike = alike(paths) if self._folders.folds(trial=trial) else {}
            return
        found = alike(paths)
        folds = {
            folder: self._folders.folds(folder, trial=trial)
            for folder in {parted(found[path], path)[0] for path in found}
        }
        self._places.run.alike = {path: first for path, first in found.items() if folds[parted(first, path)[0]]}

    @property
    def problems(self) -> list[tuple[bytes, str]]:
        """Paths that were not brought back, with the reason; grows only with them."""
        return self._places.problems

    @property
    def skipped(self) -> Skipped:
        """Attributes that were not set."""
        return self._applier.skipped

    def compare(
        self,
        path: bytes,
        kind: int,
        size: int,
        mtime_ns: int,
        *,
        target: bytes = b"",
        special: tuple[int, int] = (0, 0),
        facts: Facts = (),
    ) -> State:
        """What stands at a path, beside what is wanted there.

        Equal is a folder; a file of the same size (bytes) and mtime, as far as the file system keeps that; a link
        with the same target; a special file of the same type and device. What differs is older if its mtime is, else
        newer.

        Args:
            path: below the destination.
            kind: a `model.Kind`.
            size: of a FILE.
            mtime_ns: of what is wanted.
            target: of a SYMLINK.
            special: of a SPECIAL, its `model.SpecialType` and device, `major << 32 | minor`.
            facts: of an object; a folder has none to compare with.
        """
        try:
            folder, name = self._folders.place(path, make=False) if path else (self._folders.open(path), b".")
            found = os.stat(name, dir_fd=folder.descriptor, follow_symlinks=False)
            first = self._places.run.alike.get(path)
            if first is not None and self._folders.is_one(folder, first, path):
                return "absent"
        except Another:
            return "absent"
        except Refused:
            return "other kind"
        except OSError as error:
            return "absent" if listing.gone(error) else "other kind"
        if _KINDS.get(stat.S_IFMT(found.st_mode), Kind.SPECIAL) != kind:
            return "other kind"
        if kind == Kind.FILE:
            same = found.st_size == size and same_time(found.st_mtime_ns, mtime_ns)
        elif kind == Kind.SYMLINK:
            same = os.readlink(name, dir_fd=folder.descriptor) == target
        else:
            same = kind == Kind.DIR or _special(found) == special
        return "equal" if same else "older" if found.st_mtime_ns < mtime_ns else "newer"

    def inode(self, path: bytes) -> tuple[int, int] | None:
        """Device and inode of what stands at a path."""
        try:
            with self._held(path) as held:
                found = held.look()
        except ERRORS:
            return None
        return found.st_dev, found.st_ino

    def read(self, path: bytes, offset: int, length: int, facts: Facts = ()) -> bytes:
        """Bytes of a file that stands at a path; fewer where it ends, none where it cannot be read."""
        try:
            folder, name = self._folders.place(path, make=False)
            descriptor = os.open(name, FILE_FLAGS, dir_fd=folder.descriptor)
        except ERRORS:
            return b""
        try:
            return os.pread(descriptor, length, offset)
        except OSError:
            return b""
        finally:
            os.close(descriptor)

    def amend(self, path: bytes, attributes: Attributes) -> bool:
        """Set mode, owner, extended attributes and times of what stands there, where they are others."""
        try:
            with self._held(path) as held:
                self._applier.amend(held, path, attributes)
        except ERRORS as error:
            return self._places.refuse(path, error)
        return True

    def finish_dir(self, path: bytes, attributes: Attributes) -> bool:
        """Set the same of a folder, once all that is in it is there."""
        self._places.amended(path)
        try:
            self._applier.amend(Held(self._folders.open(path, make=False).descriptor), path, attributes)
        except ERRORS as error:
            return self._places.refuse(path, error)
        return True

    def differs(self, path: bytes, attributes: Attributes) -> bool:
        """Whether what stands at a path has other attributes."""
        try:
            with self._held(path) as held:
                return self._applier.differs(held, attributes)
        except ERRORS:
            return False

    @contextlib.contextmanager
    def _held(self, path: bytes) -> Iterator[Held]:
        """What stands at a path: files and folders are opened, all else is reached by its name."""
        if not path:
            yield Held(self._folders.open(path).descriptor)
            return
        folder, name = self._folders.place(path, make=False)
        found = os.stat(name, dir_fd=folder.descriptor, follow_symlinks=False)
        if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
            yield Held(name, folder)
            return
        descriptor = os.open(name, FILE_FLAGS, dir_fd=folder.descriptor)
        try:
            yield Held(descriptor)
        finally:
            os.close(descriptor)

    def make_dir(self, path: bytes, replace: bool = False, facts: Facts = (), *, filled: bool = True) -> bool:
        """Make a folder, and those above it, if it is not there; leftovers of a killed restore in it are
        removed.

        Args:
            path: below the destination.
            replace: whether a file or link that stands there gives way; one on the way to it never does.
            facts: of an object that stood for it; a folder takes none.
            filled: whether something will be made in it.
        """
        try:
            if replace and path:
                self._clear(path)
            self._places.resume(path, self._folders.open(path), filled=filled)
        except ERRORS as error:
            return self._places.refuse(path, error)
        return True

    def _clear(self, path: bytes) -> None:
        folder, name = self._folders.place(path)
        with contextlib.suppress(FileNotFoundError):
            found = os.stat(name, dir_fd=folder.descriptor, follow_symlinks=False)
            if not stat.S_ISDIR(found.st_mode):
                os.unlink(name, dir_fd=folder.descriptor)

    def write_whole(self, path: bytes, data: bytes | memoryview, attributes: Attributes) -> bool:
        """Bring back a file that is whole in memory, in place of a file or link that stands there.

        Raises:
            Failed: no space, or another error that would meet every path.
        """
        temporary = self._places.run.temporary_name()
        folder = None
        try:
            folder, name = self._folders.place(path)
            self._write(folder, temporary, path, data, attributes)
            self._places.settle(path, folder, temporary, name)
        except ERRORS as error:
            self._places.drop(folder, temporary)
            return self._places.refuse(path, error)
        return True

    def _write(
        self, folder: Folder, temporary: bytes, path: bytes, data: bytes | memoryview, attributes: Attributes
    ) -> None:
        private = attributes.xattrs or folder.inherits
        mode = _PRIVATE if private else attributes.mode & 0o777
        descriptor = os.open(temporary, _NEW, mode, dir_fd=folder.descriptor)
        try:
            _write_all(descriptor, data)
            if folder.inherits:
                without_acls(descriptor)
                mode = -1
            else:
                mode &= ~self._places.umask
            self._applier.to_descriptor(descriptor, path, attributes, mode, folder.gid)
        finally:
            os.close(descriptor)

    def begin_file(self, path: bytes, size: int) -> PartFile | None:
        """Begin a file that comes piece by piece; None if it cannot be made.

        Args:
            path: below the destination.
            size: in bytes, that it will have.
        """
        try:
            return PartFile(self._files, path, size)
        except ERRORS as error:
            self._places.refuse(path, error)
            return None

    def settle(self) -> list[tuple[bytes, int]]:
        """Nothing is still being written."""
        return []

    def symlink(self, path: bytes, target: bytes, attributes: Attributes) -> bool:
        """Make a symbolic link, in place of a file or link that stands there; its target is never
        followed."""
        temporary = self._places.run.temporary_name()
        folder = None
        try:
            folder, name = self._folders.place(path)
            os.symlink(target, temporary, dir_fd=folder.descriptor)
            self._applier.amend(Held(temporary, folder), path, attributes)
            self._places.settle(path, folder, temporary, name)
        except ERRORS as error:
            self._places.drop(folder, temporary)
            return self._places.refuse(path, error)
        return True

    def special(self, path: bytes, kind: int, device: int, attributes: Attributes) -> bool:
        """Make a FIFO, socket or device (which only root may), in place of a file or link that stands there.

        Args:
            path: below the destination.
            kind: a `model.SpecialType`.
            device: `major << 32 | minor`, 0 unless a device.
            attributes: to set.
        """
        temporary = self._places.run.temporary_name()
        folder = None
        try:
            folder, name = self._folders.place(path)
            number = os.makedev(device >> 32, device & 0xFFFF_FFFF)
            os.mknod(temporary, _SPECIAL[SpecialType(kind)] | _PRIVATE, number, dir_fd=folder.descriptor)
            self._applier.amend(Held(temporary, folder), path, attributes)
            self._places.settle(path, folder, temporary, name)
        except ERRORS as error:
            self._places.drop(folder, temporary)
            return self._places.refuse(path, error)
        return True

    def hard_link(self, path: bytes, to: bytes) -> bool:
        """Make a path another name of what was brought back at `to`, in place of a file or link that stands
        there. False if it cannot be, on another file system for one; that is noted nowhere."""
        temporary = self._places.run.temporary_name()
        folder = None
        try:
            source, old = self._folders.place(to, make=False)
            at = os.dup(source.descriptor)
            try:
                folder, name = self._folders.place(path)
                os.link(old, temporary, src_dir_fd=at, dst_dir_fd=folder.descriptor, follow_symlinks=False)
            finally:
                os.close(at)
            self._places.settle(path, folder, temporary, name)
            self._places.drop(folder, temporary)  # a rename between two names of one file does nothing
        except ERRORS as error:
            self._places.drop(folder, temporary)
            self._places.raise_fatal(path, error)
            return False
        return True

    def made(self, path: bytes) -> bool:
        """Whether this restore, or one that it goes on with, made the folder at a path."""
        try:
            return self._folders.made(path)
        except ERRORS:
            return False

    def set_flags(self, path: bytes, flags: int) -> bool:
        """Set the inode flags of a file or folder, after all else; what is not allowed is noted in
        `skipped`."""
        try:
            folder, name = self._folders.place(path, make=False) if path else (self._folders.open(path), b".")
            descriptor = os.open(name, FILE_FLAGS, dir_fd=folder.descriptor)
        except ERRORS as error:
            return self._places.refuse(path, error)
        try:
            self._applier.flags(descriptor, path, flags)
        finally:
            os.close(descriptor)
        return True


def _write_all(descriptor: int, data: bytes | memoryview) -> None:
    written = os.write(descriptor, data) if data else 0
    while written < len(data):
        written += os.write(descriptor, memoryview(data)[written:])


def _special(found: os.stat_result) -> tuple[int, int]:
    """Type and device of what stands there."""
    kind = next((kind for kind, mode in _SPECIAL.items() if mode == stat.S_IFMT(found.st_mode)), 0)
    if kind in (SpecialType.FIFO, SpecialType.SOCKET):
        return kind, 0
    return kind, os.major(found.st_rdev) << 32 | os.minor(found.st_rdev)
