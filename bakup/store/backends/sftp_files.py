"""Files at an SFTP server."""

from __future__ import annotations

import stat
from collections.abc import Callable, Coroutine
from typing import Any

import asyncssh

from bakup.store.backends.coroutines import Coroutines
from bakup.store.files import Files, Kind, Reading, Told, told

Client = Callable[[], Coroutine[Any, Any, asyncssh.SFTPClient]]
Write = Callable[[str, Reading], Coroutine[Any, Any, None]]


class SftpFiles(Files):
    """Over the connection that the target of this kind keeps, so that a server proves who it is here as well.

    Args:
        client: gives the session.
        write: writes a new file.
    """

    def __init__(self, coroutines: Coroutines, client: Client, write: Write) -> None:
        self._coroutines = coroutines
        self._client = client
        self._write = write

    def ls(self, path: str, *, detail: bool = True) -> list[Told]:
        """Links as such."""
        return self._coroutines.run(self._entries(path))

    def info(self, path: str) -> Told:
        """By lstat."""
        return self._coroutines.run(self._looked(path))

    def store(self, path: str, content: Reading) -> None:
        """A new file."""
        self._coroutines.run(self._write(path, content), content)

    def rm_file(self, path: str) -> None:
        """Remove it."""
        self._coroutines.run(self._asked("remove", path))

    def mv(self, path: str, to: str) -> None:
        """Rename it."""
        self._coroutines.run(self._asked("rename", path, to))

    def mkdir(self, path: str) -> None:
        """Make it."""
        self._coroutines.run(self._asked("mkdir", path))

    def rmdir(self, path: str) -> None:
        """Remove it."""
        self._coroutines.run(self._asked("rmdir", path))

    async def _asked(self, request: str, *paths: str) -> None:
        await getattr(await self._client(), request)(*paths)

    async def _entries(self, path: str) -> list[Told]:
        found = [one async for one in (await self._client()).scandir(path or "/")]
        below = path.rstrip("/")
        return [_told(f"{below}/{one.filename!s}", one.attrs) for one in found if one.filename not in (".", "..")]

    async def _looked(self, path: str) -> Told:
        try:
            return _told(path, await (await self._client()).lstat(path or "/"))
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
            raise FileNotFoundError(path) from None


def _told(path: str, found: asyncssh.SFTPAttrs) -> Told:
    mode = found.permissions or 0
    kind: Kind = "directory" if stat.S_ISDIR(mode) else "file" if stat.S_ISREG(mode) else "other"
    return told(path, kind, found.size or 0, mtime=found.mtime)
