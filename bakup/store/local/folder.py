"""A local folder as target. A put is a link: no byte is written twice."""

from __future__ import annotations

import errno
import io
import os
import shutil
import stat
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress

from bakup.errors import StoreError, Withheld
from bakup.store.faults import OBJECT_DENIED, OBJECT_REFUSED, faults, missing, missing_object, reason
from bakup.store.local.durable import sync_files, sync_folders
from bakup.store.local.spool import SPOOL, SpoolFolder
from bakup.store.target import AtOnce, Capabilities, Limits, Locator

COMPARED = 65_536
"""Bytes at the start of two objects that tell whether they are the same sector: the longest header."""

_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EACCES)


class FolderTarget:
    """Objects are files at or below a folder. See `bakup.store.target.Target`."""

    limits = Limits()
    capabilities = Capabilities(exclusive_create=True, atomic=True)
    at_once = AtOnce(processes=True)

    def __init__(self, path: str) -> None:
        self._root = os.path.abspath(path)
        self._spool: SpoolFolder | None = None
        self._guard = threading.Lock()

    @property
    def url(self) -> str:
        """The folder's absolute path."""
        return self._root

    @property
    def identity(self) -> str:
        """The folder's absolute path."""
        return self._root

    @property
    def mark(self) -> None:
        """None: what a killed run leaves is its spool folder, and the lock in that tells that it is dead."""
        return None

    def sweep(self, marks: Collection[str]) -> set[str]:
        """Nothing is left."""
        return set()

    def exists(self) -> bool:
        """Whether the folder is there."""
        return os.path.isdir(self._root)

    def create(self) -> None:
        """Make the folder, never its parents."""
        if self.exists():
            return
        parent = os.path.dirname(self._root)
        if not os.path.lexists(parent):
            raise missing(parent)
        with faults(self.url):
            try:
                os.mkdir(self._root)
            except FileExistsError:  # by now; another run makes it too
                if not self.exists():
                    raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from None
        sync_folders([parent])

    def put_new(self, name: str, spool: str) -> Locator:
        """Link `spool` to its name and unlink it; copied first when it lies in another file system."""
        return self.put_all([(name, spool)])[0]

    def growing(self, name: str, spool: str) -> None:
        """There is nothing to send ahead: the spool lies at the target."""

    def discard(self, name: str) -> None:
        """Nothing is left of a killed run but its spool folder, and that goes by itself."""

    def put_all(self, objects: Sequence[tuple[str, str]]) -> list[Locator]:
        """All contents are made durable before the first has its name, then all names."""
        with faults(self.url):
            need = sum(os.path.getsize(spool) for _, spool in objects)
        with faults(self.url, folder=self._root, need=need):
            sync_files([spool for _, spool in objects])
            folders = {self._root}
            for name, spool in objects:
                folders.add(self._link(name, spool))
            sync_folders(folders)
            for _, spool in objects:
                with suppress(FileNotFoundError):
                    os.unlink(spool)
        return [name for name, _ in objects]

    def list(self) -> Iterator[tuple[Locator, int]]:
        """Every regular file. Links and folders that deny access (`lost+found`) are passed over."""
        with faults(self.url):
            top = _entries(self._root)
        for entry in top:
            if entry.name != SPOOL:
                yield from self._walk(entry, "")

    def size(self, locator: Locator) -> int | None:
        """As the file system tells it."""
        with faults(self.url):
            try:
                found = os.lstat(self._path(locator))
            except FileNotFoundError:
                return None
            return found.st_size if stat.S_ISREG(found.st_mode) else None

    def read(self, locator: Locator, offset: int, length: int) -> bytes:
        """A range of a file."""
        return self.read_ranges(locator, [(offset, length)])[0]

    def read_ranges(self, locator: Locator, ranges: Sequence[tuple[int, int]]) -> Sequence[bytes]:
        """Ranges of a file, opened once."""
        try:
            with open(self._path(locator), "rb", buffering=0) as file:
                return [_read_at(file, offset, length) for offset, length in ranges]
        except FileNotFoundError:
            if not self.exists():
                raise missing(self.url) from None
            raise missing_object(f"{self.url}/{locator}") from None
        except OSError as error:
            with faults(self.url):
                os.scandir(self._root).close()  # whether it is the folder's fault
            code = OBJECT_DENIED if isinstance(error, PermissionError) else OBJECT_REFUSED
            raise Withheld(f"{self.url}/{locator}", reason(error), code=code) from error

    def free_bytes(self) -> int | None:
        """Space left for this user."""
        with faults(self.url):
            return shutil.disk_usage(self._root).free

    def spool_folder(self) -> str:
        """A folder of this run below `.bakup-spool`."""
        with self._guard, faults(self.url, folder=self._root):
            if self._spool is None:
                if not self.exists():
                    raise missing(self.url)
                self._spool = SpoolFolder(self._root)
            return self._spool.folder

    def abort(self) -> None:
        """A link or a read of a file is over at once."""

    def close(self) -> None:
        """Remove the run's spool folder."""
        with self._guard:
            if self._spool is not None:
                self._spool.close()
                self._spool = None

    def _path(self, locator: Locator) -> str:
        parts = locator.split("/")
        if os.path.isabs(locator) or not all(parts) or ".." in parts or "." in parts:
            raise StoreError(f"{locator} is no object of {self.url}", code="locator")
        return os.path.join(self._root, *parts)

    def _link(self, name: str, spool: str) -> str:
        """Give a file its name in a folder that is made, and returned."""
        final = self._path(name)
        folder = os.path.dirname(final)
        if folder != self._root:
            os.makedirs(folder, exist_ok=True)
        try:
            self._place(spool, final)
        except FileExistsError:
            self._expect_same(spool, name)
        return folder

    def _place(self, spool: str, final: str) -> None:
        try:
            os.link(spool, final)
        except OSError as error:
            if error.errno == errno.EXDEV:
                self._copy(spool, final)
            elif error.errno in _NO_LINKS:
                _rename_new(spool, final)
            else:
                raise

    def _copy(self, spool: str, final: str) -> None:
        """Copy a file of another file system beside the target's own spool files, then place it."""
        near = os.path.join(self.spool_folder(), os.path.basename(final))
        try:
            with open(spool, "rb") as source, open(near, "xb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
                copy.flush()
                os.fsync(copy.fileno())
            self._place(near, final)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(near)

    def _expect_same(self, spool: str, name: str) -> None:
        with open(spool, "rb") as mine, open(self._path(name), "rb") as theirs:
            same = os.fstat(mine.fileno()).st_size == os.fstat(theirs.fileno()).st_size
            if not same or mine.read(COMPARED) != theirs.read(COMPARED):
                raise StoreError(f"another object {name} is at {self.url} already", code="object-exists")

    def _walk(self, entry: os.DirEntry[str], below: str) -> Iterator[tuple[Locator, int]]:
        locator = below + entry.name
        try:
            if entry.is_file(follow_symlinks=False):
                yield locator, entry.stat(follow_symlinks=False).st_size
                return
            inside = _entries(entry.path) if entry.is_dir(follow_symlinks=False) else ()
        except (PermissionError, FileNotFoundError):
            return
        for other in inside:
            yield from self._walk(other, locator + "/")


def _entries(folder: str) -> Sequence[os.DirEntry[str]]:
    with os.scandir(folder) as found:
        return sorted(found, key=lambda entry: entry.name)


def _rename_new(spool: str, final: str) -> None:
    # Names are random, so nobody makes this one between the look and the rename.
    if os.path.lexists(final):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), final)
    os.rename(spool, final)


def _read_at(file: io.FileIO, offset: int, length: int) -> bytes:
    file.seek(offset)
    found = file.read(length) or b""
    while len(found) < length and (more := file.read(length - len(found))):
        found += more
    return found
