"""The calls of FUSE, answered from the tree of check points. Any number of threads call at once."""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from stat import S_IFDIR
from typing import Any, TypeVar

from bakup.archive.contents import Contents
from bakup.archive.moments import Link
from bakup.archive.tree import At, Tree
from bakup.errors import BakupError, Failed
from bakup.model import Kind
from bakup.mount import stat

Result = TypeVar("Result")
_READDIRPLUS = 1 << 13 | 1 << 14
"""`FUSE_CAP_READDIRPLUS` and `FUSE_CAP_READDIRPLUS_AUTO`."""
NO_ATTRIBUTE = getattr(errno, "ENODATA", None) or errno.ENOATTR  # type: ignore[attr-defined,unused-ignore]


class Operations:
    """Read-only. What is damaged is EIO for what touches it, and told to `report` with its path.

    There is no `open`: the kernel asks for bytes at once, and keeps what it was given, since nothing here ever changes.
    """

    use_ns = True

    def __init__(self, tree: Tree, report: Callable[[bytes, BakupError], None], began: Callable[[], None]) -> None:
        self._tree = tree
        self._contents: Contents = tree.contents
        self._report = report
        self._began = began
        self._since = time.time_ns()
        self.begun = False

    def init_with_config(self, connection: Any, config: Any) -> None:
        """The mount stands. Kernels from 6.16 on forget at once what a listing says of attributes: it shall not."""
        connection.want &= ~_READDIRPLUS
        self.begun = True
        self._began()

    def getattr(self, path: str, fh: int | None = None) -> stat.Stat:
        """What stat(2) says."""
        return self._stat(_raw(path))

    def _stat(self, raw: bytes) -> stat.Stat:
        found = self._guarded(raw, lambda: self._tree.find(raw))
        if isinstance(found, At):
            return self._guarded(raw, lambda: stat.of_entry(self._contents, found))
        if isinstance(found, Link):
            return stat.of_link(raw, found.to, self._since)
        if found is None:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        return stat.of_folder(raw, self._since)

    def opendir(self, path: str) -> int:
        """Nothing is held open."""
        return 0

    def readdir(self, path: str, fh: int) -> Iterator[tuple[str, stat.Stat, int]]:
        """Names in a folder, with kind and inode."""
        raw = _raw(path)
        here: stat.Stat = {"st_mode": S_IFDIR, "st_ino": 1}
        yield from ((name, here, 0) for name in (".", ".."))
        listed = self._guarded(raw, lambda: self._tree.listed(raw))
        if listed is not None:
            yield from ((_text(name), here, 0) for name in sorted(listed))
            return
        at = self._at(raw)
        for name, version in self._guarded(raw, lambda: self._contents.folder(at.moment, at.path)).items():
            yield _text(name), stat.of_name(at.moment, version), 0

    def is_kept(self, path: bytes) -> bool:
        """Whether a listing of the folder stays true: in a check point it does."""
        return isinstance(self._tree.find(path.strip(b"/")), At)

    def readlink(self, path: str) -> str:
        """Where a link points."""
        raw = _raw(path)
        found = self._guarded(raw, lambda: self._tree.find(raw))
        if isinstance(found, Link):
            return _text(found.to)
        if isinstance(found, At) and found.version.kind == Kind.SYMLINK:
            return _text(found.version.extra or b"")
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    def open(self, path: str, flags: int) -> int:
        """The kernel asks once, and does without from then on."""
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        """Verified bytes; never fewer than there are, which would cut the file short."""
        raw = _raw(path)
        return self._guarded(raw, lambda: self._contents.file(self._at(raw).version).read(offset, size))

    def listxattr(self, path: str) -> list[str]:
        """Names of extended attributes."""
        return [_text(name) for name, _ in self._xattrs(path)]

    def getxattr(self, path: str, name: str, position: int = 0) -> bytes:
        """One extended attribute."""
        wanted = _raw(name)
        for found, value in self._xattrs(path):
            if found == wanted:
                return value
        raise OSError(NO_ATTRIBUTE, os.strerror(NO_ATTRIBUTE))

    def statfs(self, path: str) -> dict[str, int]:
        """No room for anything more."""
        return {"f_bsize": 4096, "f_frsize": 4096, "f_namemax": 255}

    def _at(self, path: bytes) -> At:
        found = self._tree.find(path)
        if not isinstance(found, At):
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        return found

    def _xattrs(self, path: str) -> tuple[tuple[bytes, bytes], ...]:
        raw = _raw(path)
        found = self._guarded(raw, lambda: self._tree.find(raw))
        return found.version.attributes.xattrs if isinstance(found, At) else ()

    def _guarded(self, path: bytes, call: Callable[[], Result]) -> Result:
        try:
            return call()
        except BakupError as error:
            self._report(path, error)
        except sqlite3.Error as error:
            self._report(path, Failed(f"the catalog cannot be read: {error}", code="local-state"))
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def _raw(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape").strip(b"/")


def _text(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")
