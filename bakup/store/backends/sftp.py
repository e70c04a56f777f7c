"""SFTP, through asyncssh: `~/.ssh/config`, `known_hosts` and ssh-agent count as they do for ssh."""

from __future__ import annotations

import asyncio
import getpass
import posixpath
import stat
import time
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import unquote, urlsplit

import asyncssh

from bakup.store.backend import Page, Upload, half_name
from bakup.store.backends.coroutines import CONNECT_S, SILENCE_S, Coroutines
from bakup.store.backends.folders import Folders
from bakup.store.backends.sftp_files import SftpFiles
from bakup.store.files import Reading
from bakup.store.target import Capabilities
from bakup.store.wire import PIECE, Body, Sink, Wire

_AT_ONCE = 16
"""Pieces on their way at once: what hides the round trip."""
_ALIVE_S = 15


class Sftp:
    """A folder. Objects grow under a name of their own; a rename, which replaces nothing, makes them seen.

    That a rename fails where the new name is taken is the protocol's word (draft-ietf-secsh-filexfer-02, 6.5).
    """

    capabilities = Capabilities(exclusive_create=True, atomic=True)
    in_order = False

    def __init__(self, url: str, options: Mapping[str, Any], wire: Wire) -> None:
        parts = urlsplit(url)
        path = unquote(parts.path).rstrip("/")
        self.root = path[3:] or "." if path == "/~" or path.startswith("/~/") else path
        self._options: dict[str, Any] = {
            "connect_timeout": CONNECT_S,
            "login_timeout": CONNECT_S,
            "keepalive_interval": _ALIVE_S,
            "keepalive_count_max": int(SILENCE_S // _ALIVE_S),
            **({"port": parts.port} if parts.port else {}),
            **options,
            "host": parts.hostname or "",
        }
        self._wire = wire
        self._coroutines = Coroutines()
        self._folders = Folders(lambda folder: self._coroutines.run(self._entries(folder)))
        self._connecting = asyncio.Lock()
        self._connection: asyncssh.SSHClientConnection | None = None
        self._client: asyncssh.SFTPClient | None = None

    @property
    def filesystem(self) -> Any:
        """The same connection, as what sources and restores ask."""
        return SftpFiles(self._coroutines, self._sftp, partial(self._write, offset=0, mode="xb"))

    def server(self) -> str:
        """Whose home it is, and where, as `~/.ssh/config` says: empty if that is what anybody would guess."""
        known = asyncssh.SSHClientConnectionOptions(**self._options)
        host, user = self._options["host"], known.username
        if "username" in self._options or user != getpass.getuser():
            return f"{user}@{known.host or host}"
        return "" if (known.host or host) == host else str(known.host)

    def exists(self) -> bool:
        """Whether the folder is there."""
        return self._coroutines.run(self._is_folder())

    def create(self) -> None:
        """Make the folder."""
        self._coroutines.run(self._make())

    def page(self, after: str | None) -> Page:
        """A folder's files."""
        return self._folders.page(after)

    def size(self, key: str) -> int | None:
        """As `stat` tells it."""
        return self._coroutines.run(self._size(self._path(key)))

    def get(self, key: str, offset: int, length: int) -> bytes:
        """A range, read in blocks at once."""
        sink = Sink(self._wire)
        self._coroutines.run(self._read(self._path(key), offset, length, sink), sink)
        return sink.content()

    def put(self, key: str, body: Body) -> None:
        """As one part."""
        upload = self.begin(key, len(body))
        try:
            self.part(upload, 0, 0, body)
            self.finish(upload, ())
        except BaseException:
            with suppress(Exception):
                self.abort(upload)
            raise

    def begin(self, key: str, size: int) -> Upload:
        """An empty file that no listing shows."""
        half = posixpath.join(posixpath.dirname(self._path(key)), half_name(self._wire.mark))
        self._coroutines.run(self._touch(half))
        return Upload(key, size, half)

    def part(self, upload: Upload, number: int, offset: int, body: Body) -> str:
        """Bytes in their place."""
        self._coroutines.run(self._write(upload.token, body, offset), body)
        return ""

    def finish(self, upload: Upload, parts: Iterable[str]) -> None:
        """Rename. A file that is there no more was renamed by an earlier try."""
        self._coroutines.run(self._rename(upload.token, self._path(upload.key)))

    def abort(self, upload: Upload) -> None:
        """Remove the file."""
        self._coroutines.run(self._remove(upload.token))

    def left(self, key: str) -> Iterable[Upload]:
        """None: a half bears the mark of its run, not the name of its object, and is found by that."""
        return ()

    def throw_away(self, key: str) -> None:
        """Remove a file."""
        self._coroutines.run(self._remove(self._path(key)))

    def close(self) -> None:
        """End what runs, and the connection."""
        self._coroutines.end(self._disconnect())

    def _path(self, key: str) -> str:
        return f"{self.root}/{key}"

    async def _sftp(self) -> asyncssh.SFTPClient:
        async with self._connecting:
            if self._client is None or self._connection is None or self._connection.is_closed():
                connection = await self._connected()
                try:
                    client = await connection.start_sftp_client()
                except BaseException:
                    connection.abort()
                    raise
                self._connection, self._client = connection, client
            return self._client

    async def _connected(self) -> asyncssh.SSHClientConnection:
        try:
            return await asyncssh.connect(**self._options)
        except TimeoutError as error:
            raise TimeoutError("timed out") from error

    async def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.abort()

    async def _is_folder(self) -> bool:
        return bool(await (await self._sftp()).isdir(self.root or "/"))

    async def _make(self) -> None:
        await (await self._sftp()).mkdir(self.root)

    async def _entries(self, folder: str) -> list[tuple[str, int | None]]:
        sftp = await self._sftp()
        found: list[tuple[str, int | None]] = []
        async for entry in sftp.scandir(self._path(folder).rstrip("/") or "/"):
            mode, name = entry.attrs.permissions or 0, str(entry.filename)
            if stat.S_ISDIR(mode) and name not in (".", ".."):
                found.append((name, None))
            elif stat.S_ISREG(mode):
                found.append((name, entry.attrs.size or 0))
        return found

    async def _size(self, path: str) -> int | None:
        try:
            return (await (await self._sftp()).stat(path)).size
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
            return None

    async def _read(self, path: str, offset: int, length: int, sink: Sink) -> None:
        sftp = await self._sftp()
        async with sftp.open(path, "rb") as file:
            ahead: deque[asyncio.Task[bytes]] = deque()
            at, end = offset, offset + length
            try:
                while at < end or ahead:
                    while at < end and len(ahead) < _AT_ONCE:
                        ahead.append(asyncio.ensure_future(_piece(file, min(sink.piece, end - at), at)))
                        at += sink.piece
                    found = await ahead.popleft()
                    await sink.take_soon(found)
                    if len(found) < sink.piece:
                        return
            finally:
                # What was asked behind the end, or before a fault, is answered too.
                await asyncio.gather(*ahead, return_exceptions=True)

    async def _touch(self, path: str) -> None:
        async with (await self._sftp()).open(path, "xb"):
            pass

    async def _write(self, path: str, body: Body | Reading, offset: int, mode: str = "r+b") -> None:
        sftp = await self._sftp()
        async with sftp.open(path, mode) as file:

            async def write(piece: bytes, at: int) -> None:
                await file.write(piece, at)
                body.moved_at = time.monotonic()

            running: set[asyncio.Task[None]] = set()
            while piece := await asyncio.to_thread(body.read, PIECE):
                running.add(asyncio.ensure_future(write(piece, offset)))
                offset += len(piece)
                if len(running) >= _AT_ONCE:
                    done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                    await asyncio.gather(*done)
            await asyncio.gather(*running)
            with suppress(asyncssh.SFTPOpUnsupported):
                await file.fsync()

    async def _rename(self, half: str, final: str) -> None:
        sftp = await self._sftp()
        try:
            await sftp.rename(half, final)
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPFailure, asyncssh.SFTPFileAlreadyExists):
            # OpenSSH says only "failure" when the name is taken.
            if await sftp.exists(final):
                raise FileExistsError(final) from None
            raise

    async def _remove(self, path: str) -> None:
        await (await self._sftp()).remove(path)


async def _piece(file: Any, length: int, offset: int) -> bytes:
    found: bytes = await file.read(length, offset)
    return found
