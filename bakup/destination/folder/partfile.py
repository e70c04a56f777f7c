"""A file that is brought back piece by piece, under a temporary name until it is whole."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterable

from bakup.destination.folder.attributes import without_acls
from bakup.destination.folder.descriptors import Folder
from bakup.destination.folder.temporary import ERRORS, Places
from bakup.model import Attributes

OPEN = 64
"""Files that are open at a time; others are opened again when they are written to."""

NAME_MAX = 255

_MODE = 0o600
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
_AGAIN = os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0)


class PartFiles:
    """The descriptors of files in the making, not more than `OPEN` of them."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self._open: OrderedDict[bytes, int] = OrderedDict()

    def create(self, folder: Folder) -> bytes:
        """Make an empty file in a folder; its temporary name. Raises OSError."""
        temporary = self.places.run.temporary_name()
        self._keep(temporary, os.open(temporary, _NEW, _MODE, dir_fd=folder.descriptor))
        return temporary

    def descriptor(self, path: bytes, temporary: bytes) -> int:
        """Descriptor of the file that will be at a path; raises one of `ERRORS`."""
        if (found := self._open.get(temporary)) is not None:
            self._open.move_to_end(temporary)
            return found
        folder, _ = self.places.folders.place(path, make=False)
        return self._keep(temporary, os.open(temporary, _AGAIN, dir_fd=folder.descriptor))

    def close(self, temporary: bytes) -> None:
        """Close a file, if it is open."""
        if (found := self._open.pop(temporary, None)) is not None:
            os.close(found)

    def close_all(self) -> None:
        """Close all files."""
        for temporary in list(self._open):
            self.close(temporary)

    def _keep(self, temporary: bytes, descriptor: int) -> int:
        self._open[temporary] = descriptor
        if len(self._open) > OPEN:
            os.close(self._open.popitem(last=False)[1])
        return descriptor


class PartFile:
    """One file in the making. Ends with one of `finish`, `keep_partial`, `abandon`.

    Args:
        files: where it is kept open.
        path: that it will have, below the destination.
        size: in bytes, that it will have.

    Raises:
        OSError, Refused, ValueError: it cannot be made (`places.ERRORS`).
    """

    def __init__(self, files: PartFiles, path: bytes, size: int) -> None:
        self.path = path
        self.size = size
        self._files = files
        self._places = files.places
        folder, _ = self._places.folders.place(path)
        self._temporary = files.create(folder)
        self._broken: Exception | None = None

    def write_at(self, offset: int, data: bytes | memoryview) -> None:
        """Write verified bytes in their place; what is never written stays a hole.

        An error of this file alone makes `finish` fail.

        Raises:
            Failed: no space, or another error that would meet every path.
        """
        if self._broken:
            return
        try:
            rest = memoryview(data)
            descriptor = self._files.descriptor(self.path, self._temporary)
            while rest:
                written = os.pwrite(descriptor, rest, offset)
                rest, offset = rest[written:], offset + written
        except ERRORS as error:
            self._broken = error
            self._places.raise_fatal(self.path, error)

    def finish(self, attributes: Attributes) -> bool:
        """Set size and attributes, and give the file its name; False if it could not be made, then nothing is
        left."""
        try:
            self._complete(attributes)
        except ERRORS as error:
            self.abandon()
            return self._places.refuse(self.path, error)
        return True

    def _complete(self, attributes: Attributes) -> None:
        if self._broken:
            raise self._broken
        folder, name = self._places.folders.place(self.path, make=False)
        descriptor = self._files.descriptor(self.path, self._temporary)
        os.ftruncate(descriptor, self.size)
        if folder.inherits:
            without_acls(descriptor)
        mode = -1 if folder.inherits else _MODE
        self._places.applier.to_descriptor(descriptor, self.path, attributes, mode, folder.gid)
        self._files.close(self._temporary)
        self._places.settle(self.path, folder, self._temporary, name)

    def abandon(self) -> None:
        """Leave nothing behind."""
        self._files.close(self._temporary)
        try:
            folder, _ = self._places.folders.place(self.path, make=False)
        except ERRORS:
            return
        self._places.drop(folder, self._temporary)

    def keep_partial(self, ranges: Iterable[tuple[int, int]]) -> bytes | None:
        """Keep what there is as `NAME.part`, of full size, and the list of what is there as
        `NAME.part.ranges`.

        To be called when all whole files have their names, as an entry may be called so too. The list has a
        line `OFFSET LENGTH` (bytes, decimal) for each range.

        Args:
            ranges: (offset, length) in bytes of what was written.

        Returns:
            The path that it has now, None if that could not be done.
        """
        try:
            return self._keep(b"".join(b"%d %d\n" % span for span in ranges))
        except ERRORS as error:
            self.abandon()
            self._places.refuse(self.path, error)
            return None

    def _keep(self, listed: bytes) -> bytes:
        folder, name = self._places.folders.place(self.path, make=False)
        os.ftruncate(self._files.descriptor(self.path, self._temporary), self.size)
        self._files.close(self._temporary)
        kept = _partial_name(folder, name)
        ranges = self._files.create(folder)
        os.write(self._files.descriptor(self.path, ranges), listed)
        self._files.close(ranges)
        path = self.path.rpartition(b"/")[0] + b"/" + kept if b"/" in self.path else kept
        self._places.settle(path + b".ranges", folder, ranges, kept + b".ranges")
        self._places.settle(path, folder, self._temporary, kept)
        return path


def _partial_name(folder: Folder, name: bytes) -> bytes:
    """`NAME.part`, or with a number where that is the name of something that was not kept so."""
    kept = _shorten(name, b".part")
    number = 2
    while _there(folder, kept) and not _there(folder, kept + b".ranges"):
        kept = _shorten(name, b".part%d" % number)
        number += 1
    return kept


def _shorten(name: bytes, suffix: bytes) -> bytes:
    return name[: NAME_MAX - len(suffix) - len(b".ranges")] + suffix


def _there(folder: Folder, name: bytes) -> bool:
    try:
        os.lstat(name, dir_fd=folder.descriptor)
    except OSError:
        return False
    return True
