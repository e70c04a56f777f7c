"""WebDAV (RFC 4918), through webdav4's client."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
from webdav4.client import HTTPError, ResourceAlreadyExists, ResourceNotFound

from bakup.store.backend import Page, half_name
from bakup.store.backends.believing import Slice
from bakup.store.backends.certificates import checking
from bakup.store.backends.coroutines import CONNECT_S, SILENCE_S
from bakup.store.backends.folders import Folders
from bakup.store.backends.logins import login
from bakup.store.backends.webdav_client import WebdavClient
from bakup.store.backends.webdav_files import WebdavFiles
from bakup.store.target import Capabilities
from bakup.store.url.inside import address as where
from bakup.store.wire import PIECE, Body, Sink, Wire

_OUT_OF_RANGE = 416


class Webdav:
    """A folder. Objects go up under a name of their own; MOVE with `Overwrite: F` makes them seen.

    Servers look before they move, so two writers at once may both win: creates are not exclusive.
    """

    capabilities = Capabilities(exclusive_create=False, atomic=True)

    def __init__(self, url: str, options: Mapping[str, Any], wire: Wire) -> None:
        given = dict(options)
        base, self.root = address(url, given)
        given.setdefault("auth", login(urlsplit(base).hostname or "", given))
        if isinstance(given["auth"], list):  # as a command line has user and password
            given["auth"] = tuple(map(str, given["auth"]))
        self._moved = "base_url" in options
        self._server = where(base) if self._moved else urlsplit(base).hostname or ""
        self._user = str(given["auth"][0]) if isinstance(given["auth"], tuple) else ""
        for name in ("username", "password"):
            given.pop(name, None)
        given.setdefault("timeout", httpx.Timeout(SILENCE_S, connect=CONNECT_S))
        self._client = WebdavClient(base, retry=False, verify=checking(given), **given)
        self._wire = wire
        self._folders = Folders(self._entries)

    @property
    def filesystem(self) -> Any:
        """The same connections, as what sources and restores ask."""
        return WebdavFiles(self._client)

    def server(self) -> str:
        """Who asks, which `~/.netrc` may say, and where a `base_url` leads."""
        return "@".join(filter(None, (self._user, self._server if self._user or self._moved else "")))

    def exists(self) -> bool:
        """Whether the folder is there."""
        return self._client.is_folder(self.root)

    def create(self) -> None:
        """MKCOL, which makes no parents."""
        try:
            self._client.mkdir(self.root)
        except ResourceAlreadyExists:
            raise FileExistsError(self.root) from None

    def page(self, after: str | None) -> Page:
        """A folder's files."""
        return self._folders.page(after)

    def size(self, key: str) -> int | None:
        """PROPFIND of one resource."""
        try:
            return int(self._client.look(self._path(key))["size"])
        except ResourceNotFound:
            return None

    def get(self, key: str, offset: int, length: int) -> bytes:
        """A range. A server that knows none sends all, and what stands before the range is passed over."""
        sink = Sink(self._wire)
        headers = {"Range": f"bytes={offset}-{offset + length - 1}", "Accept-Encoding": "identity"}
        with self._client.http.stream("GET", self._client.join_url(self._path(key)), headers=headers) as answer:
            if answer.status_code == _OUT_OF_RANGE:
                return b""
            answer.raise_for_status()
            wanted = Slice(offset, length, answer.status_code, answer.headers.get("Content-Range"))
            for piece in answer.iter_raw(sink.piece):
                sink.take(wanted.cut(piece), len(piece))
                if wanted.full:
                    return sink.content()
            wanted.end()
        return sink.content()

    def put(self, key: str, body: Body) -> None:
        """PUT under another name, then MOVE."""
        final = self._path(key)
        half = posixpath.join(posixpath.dirname(final), half_name(self._wire.mark))
        try:
            self._send(half, body)
            self._client.rename(half, final)
        except ResourceAlreadyExists:
            self._remove(half)
            raise FileExistsError(key) from None
        except Exception:
            self._remove(half)
            raise

    def throw_away(self, key: str) -> None:
        """DELETE."""
        self._client.remove(self._path(key))

    def close(self) -> None:
        """Let go of the connections."""
        self._client.http.close()

    def _path(self, key: str) -> str:
        return f"{self.root}/{key}".rstrip("/")

    def _send(self, path: str, body: Body) -> None:
        headers = {"Content-Length": str(len(body)), "Content-Type": "application/octet-stream"}
        self._client.request("PUT", path, content=_pieces(body), headers=headers)

    def _remove(self, path: str) -> None:
        try:
            self._client.remove(path)
        except (HTTPError, httpx.HTTPError, ResourceNotFound, RuntimeError):
            return

    def _entries(self, folder: str) -> list[tuple[str, int | None]]:
        found = self._client.children(self._path(folder))
        return [(posixpath.basename(one["name"]), None if one["type"] == "directory" else one["size"]) for one in found]


def address(url: str, options: dict[str, Any]) -> tuple[str, str]:
    """(the server's address, the folder there). `webdav://` is HTTPS unless the option `tls` says false."""
    parts = urlsplit(url)
    secure = bool(options.pop("tls", True))
    base = options.pop("base_url", None)
    if base is not None:
        return str(base), unquote(parts.netloc + parts.path).strip("/")
    return f"{'https' if secure else 'http'}://{parts.netloc}", unquote(parts.path).strip("/")


def _pieces(body: Body) -> Iterator[bytes]:
    while piece := body.read(PIECE):
        yield piece
