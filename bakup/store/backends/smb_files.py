"""Files at an SMB server."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import smbclient
from smbprotocol.file_info import FileAttributes

from bakup.store.files import Files, Reading, Told, told
from bakup.store.wire import PIECE

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class SmbFiles(Files):
    """Paths below a share, with `/` between.

    Args:
        call: asks on the connection that is kept, with a function of smbclient's and a path.
        path: gives the path that smbclient takes.
    """

    def __init__(self, call: Callable[..., Any], path: Callable[[str], str]) -> None:
        self._call = call
        self._path = path

    def ls(self, path: str, *, detail: bool = True) -> list[Told]:
        """Links as such."""
        below = path.rstrip("/")
        return [_told(f"{below}/{name}", *facts) for name, *facts in self._call(_listed, self._path(path))]

    def info(self, path: str) -> Told:
        """By lstat."""
        found = self._call(smbclient.lstat, self._path(path))
        moment = _EPOCH + timedelta(microseconds=found.st_mtime_ns // 1000)
        return _told(path, found.st_file_attributes, found.st_size, moment)

    def store(self, path: str, content: Reading) -> None:
        """A new file."""
        with self._call(smbclient.open_file, self._path(path), mode="xb", buffering=0, share_access="r") as file:
            while piece := content.read(PIECE):
                write(file, piece)

    def rm_file(self, path: str) -> None:
        """Remove it."""
        self._call(smbclient.remove, self._path(path))

    def mv(self, path: str, to: str) -> None:
        """Rename it."""
        self._call(smbclient.rename, self._path(path), self._path(to))

    def mkdir(self, path: str) -> None:
        """Make it."""
        self._call(smbclient.mkdir, self._path(path))

    def rmdir(self, path: str) -> None:
        """Remove it."""
        self._call(smbclient.rmdir, self._path(path))


def write(file: Any, piece: bytes) -> None:
    """All of a piece."""
    view = memoryview(piece)
    while view:
        view = view[file.write(view) :]


def _listed(path: str, **words: Any) -> list[tuple[str, int, int, datetime]]:
    with smbclient.scandir(path, **words) as entries:
        found = [(entry.name, entry.smb_info) for entry in entries]
    return [(name, info.file_attributes, info.end_of_file, info.last_write_time) for name, info in found]


def _told(path: str, attributes: int, size: int, modified: datetime) -> Told:
    if attributes & FileAttributes.FILE_ATTRIBUTE_REPARSE_POINT:
        return told(path, "other", 0)
    folder = attributes & FileAttributes.FILE_ATTRIBUTE_DIRECTORY
    return told(path, "directory" if folder else "file", int(size), mtime=modified)
