"""FTP (RFC 959, with MLSD and SIZE of RFC 3659), through Python's ftplib."""

from __future__ import annotations

import ftplib
import posixpath
import queue
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import unquote, urlsplit

from bakup.store.backend import Page, half_name
from bakup.store.coroutines import SILENCE_S
from bakup.store.folders import Folders
from bakup.store.logins import login
from bakup.store.target import Capabilities
from bakup.store.wire import PIECE, Body, Sink, Wire

_MISSING = "550"


class Ftp:
    """A folder. Objects go up under a name of their own, then are renamed.

    A rename replaces what is there on most servers, so creates are not exclusive.
    """

    capabilities = Capabilities(exclusive_create=False, atomic=True)

    def __init__(self, url: str, options: Mapping[str, Any], wire: Wire) -> None:
        parts = urlsplit(url)
        self._root = unquote(parts.path).rstrip("/") or "/"
        self._host, self._port = parts.hostname or "", parts.port or ftplib.FTP_PORT
        self._secure = bool(options.get("tls", parts.scheme == "ftps"))
        self._user, self._password = login(self._host, options) or ("", "")
        self._timeout = float(options.get("timeout", SILENCE_S))
        self._wire = wire
        self._folders = Folders(self._entries)
        self._idle: queue.SimpleQueue[ftplib.FTP] = queue.SimpleQueue()
        self._busy: set[ftplib.FTP] = set()

    def exists(self) -> bool:
        """Whether the folder is there: whether one can go into it."""
        with self._connection() as ftp:
            try:
                ftp.cwd(self._root)
            except ftplib.error_perm as error:
                if str(error).startswith(_MISSING):
                    return False
                raise
            return True

    def create(self) -> None:
        """MKD."""
        with self._connection() as ftp:
            ftp.mkd(self._root)

    def page(self, after: str | None) -> Page:
        """A folder's files."""
        return self._folders.page(after)

    def size(self, key: str) -> int | None:
        """SIZE."""
        with self._connection() as ftp:
            try:
                return ftp.size(self._path(key))
            except ftplib.error_perm as error:
                if str(error).startswith(_MISSING):
                    return None
                raise

    def get(self, key: str, offset: int, length: int) -> bytes:
        """RETR from `offset`, hung up when enough has come. Raises ConnectionError when less comes than SIZE says."""
        path, sink = self._path(key), Sink(self._wire)
        with self._connection() as ftp:
            if offset + length > (ftp.size(path) or 0):
                length = max(0, (ftp.size(path) or 0) - offset)
            if not length:
                return b""
            with ftp.transfercmd(f"RETR {path}", rest=offset or None) as stream:
                while sink.size < length and (piece := stream.recv(min(sink.piece, length - sink.size))):
                    sink.take(piece)
            # Servers say 226, or 426 since we hung up: both end the transfer.
            with suppress(ftplib.error_temp):
                ftp.voidresp()
            # A connection that broke ends like a file that does.
            if sink.size < length:
                raise ConnectionError(f"{sink.size} of {length} bytes came")
        return sink.content()

    def put(self, key: str, body: Body) -> None:
        """STOR under another name, then RNFR and RNTO."""
        final = self._path(key)
        half = posixpath.join(posixpath.dirname(final), half_name(self._wire.mark))
        with self._connection() as ftp:
            try:
                ftp.storbinary(f"STOR {half}", body, blocksize=PIECE)
                ftp.rename(half, final)
            except BaseException:
                with suppress(Exception):
                    ftp.delete(half)
                raise

    def throw_away(self, key: str) -> None:
        """DELE."""
        with self._connection() as ftp:
            ftp.delete(self._path(key))

    def close(self) -> None:
        """Hang up."""
        while True:
            try:
                self._busy.add(self._idle.get_nowait())
            except queue.Empty:
                break
        for ftp in list(self._busy):
            if ftp.sock is not None:
                with suppress(OSError):
                    ftp.sock.shutdown(socket.SHUT_RDWR)
            ftp.close()

    def _path(self, key: str) -> str:
        return posixpath.join(self._root, key)

    @contextmanager
    def _connection(self) -> Iterator[ftplib.FTP]:
        """One that nobody else uses; kept for the next, unless something went wrong on it."""
        try:
            ftp = self._idle.get_nowait()
        except queue.Empty:
            ftp = self._connect()
        self._busy.add(ftp)
        try:
            yield ftp
        except ftplib.error_perm:
            self._idle.put(ftp)
            raise
        except BaseException:
            ftp.close()
            raise
        else:
            self._idle.put(ftp)
        finally:
            self._busy.discard(ftp)

    def _connect(self) -> ftplib.FTP:
        ftp = (ftplib.FTP_TLS if self._secure else ftplib.FTP)(timeout=self._timeout)
        try:
            ftp.connect(self._host, self._port)
            ftp.login(self._user, self._password)
            if isinstance(ftp, ftplib.FTP_TLS):
                ftp.prot_p()
            ftp.voidcmd("TYPE I")
        except BaseException:
            ftp.close()
            raise
        return ftp

    def _entries(self, folder: str) -> list[tuple[str, int | None]]:
        with self._connection() as ftp:
            try:
                found = [*ftp.mlsd(posixpath.join(self._root, folder), ["type", "size"])]
            except ftplib.error_perm:
                # It is kept for the next, which wants no text.
                ftp.voidcmd("TYPE I")
                raise
            ftp.voidcmd("TYPE I")
        return [
            (name, None if facts["type"] == "dir" else int(facts.get("size", 0)))
            for name, facts in found
            if facts.get("type") in ("file", "dir")
        ]
