"""FTP and FTP over TLS."""

from __future__ import annotations

import ftplib
import posixpath
import ssl
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import unquote, urlsplit

from bakup.store.backend import Page, half_name
from bakup.store.backends.certificates import checking
from bakup.store.backends.coroutines import SILENCE_S
from bakup.store.backends.folders import Folders
from bakup.store.backends.ftp_files import FtpFiles
from bakup.store.backends.ftp_pool import Pool
from bakup.store.backends.ftp_session import Server, Session
from bakup.store.backends.logins import login
from bakup.store.target import Capabilities
from bakup.store.wire import Body, Sink, Wire

_IMPLICIT_PORT = 990
"""Where servers speak TLS from the first byte."""


class Ftp:
    """A folder. Objects go up under a name of their own, then are renamed.

    A rename replaces what is there on most servers, so creates are not exclusive.
    """

    capabilities = Capabilities(exclusive_create=False, atomic=True)

    def __init__(self, url: str, options: Mapping[str, Any], wire: Wire) -> None:
        parts = urlsplit(url)
        path = unquote(parts.path).rstrip("/")
        self.root = path[1:] if path == "/~" or path.startswith("/~/") else path
        self._server = server(url, options)
        self._pool = Pool(self._server)
        self._wire = wire
        self._folders = Folders(self._entries)

    @property
    def filesystem(self) -> Any:
        """The same connections, as what sources and restores ask."""
        return FtpFiles(self._pool)

    def server(self) -> str:
        """Whose home it is, if anybody's: `~/.netrc` may say so."""
        user = "" if self._server.user == "anonymous" else self._server.user
        return f"{user}@{self._server.host}" if user else ""

    def exists(self) -> bool:
        """Whether the folder is there: whether one can go into it."""
        with self._pool.session() as ftp:
            return ftp.is_folder(self._path(ftp))

    def create(self) -> None:
        """MKD."""
        with self._pool.session() as ftp:
            ftp.mkd(self._path(ftp))

    def page(self, after: str | None) -> Page:
        """A folder's files."""
        return self._folders.page(after)

    def size(self, key: str) -> int | None:
        """SIZE."""
        with self._pool.session() as ftp:
            return ftp.bytes_of(self._path(ftp, key))

    def get(self, key: str, offset: int, length: int) -> bytes:
        """RETR from `offset`, hung up when enough has come. Raises ConnectionError when less comes than there is."""
        sink = Sink(self._wire)
        with self._pool.session() as ftp:
            path = self._path(ftp, key)
            length = min(length, _there(ftp, path) - offset)
            if length <= 0:
                return b""
            with _opened(ftp, path, offset) as stream:
                while sink.size < length and (piece := stream.recv(min(sink.piece, length - sink.size))):
                    sink.take(piece)
            ftp.hung_up()
            # A connection that broke ends like a file that does.
            if sink.size < length:
                raise ConnectionError(f"{sink.size} of {length} bytes came")
        return sink.content()

    def put(self, key: str, body: Body) -> None:
        """STOR under another name, then RNFR and RNTO."""
        with self._pool.session() as ftp:
            final = self._path(ftp, key)
            half = posixpath.join(posixpath.dirname(final), half_name(self._wire.mark))
            try:
                ftp.store(half, body)
                ftp.rename(half, final)
            except BaseException:
                with suppress(Exception):
                    ftp.delete(half)
                raise

    def throw_away(self, key: str) -> None:
        """DELE."""
        with self._pool.session() as ftp:
            ftp.delete(self._path(ftp, key))

    def close(self) -> None:
        """Hang up."""
        self._pool.close()

    def _path(self, ftp: Session, key: str = "") -> str:
        return ftp.path(f"{self.root}/{key}".rstrip("/"))

    def _entries(self, folder: str) -> list[tuple[str, int | None]]:
        with self._pool.session() as ftp:
            found = [*ftp.entries(self._path(ftp, folder))]
        return [(one.name, None if one.kind == "directory" else one.size) for one in found if one.kind != "other"]


def server(url: str, options: Mapping[str, Any]) -> Server:
    """Where a URL leads. `ftps://` is FTP over TLS, at port 990 from the first byte, else by AUTH TLS."""
    parts, given = urlsplit(url), dict(options)
    host = parts.hostname or ""
    context: ssl.SSLContext | None = checking(given)
    if not given.get("tls", parts.scheme == "ftps"):
        context = None
    implicit = bool(given.get("implicit", context is not None and parts.port == _IMPLICIT_PORT))
    port = parts.port or int(given.get("port", _IMPLICIT_PORT if implicit else ftplib.FTP_PORT))
    user, password = login(host, given) or ("", "")
    return Server(host, port, user, password, context, implicit, float(given.get("timeout", SILENCE_S)))


def _there(ftp: Session, path: str) -> int:
    found = ftp.bytes_of(path)
    if found is None:
        raise FileNotFoundError(path)
    return found


def _opened(ftp: Session, path: str, offset: int) -> Any:
    """Data of a file that is there. Raises PermissionError where the server does not give it."""
    try:
        return ftp.transfercmd(f"RETR {path}", rest=offset or None)
    except ftplib.error_perm as error:
        if str(error).startswith("550"):
            raise PermissionError(str(error)) from error
        raise
