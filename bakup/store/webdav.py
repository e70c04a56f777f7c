"""WebDAV (RFC 4918), through webdav4's client."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import httpx
from webdav4.client import Client, HTTPError, ResourceAlreadyExists, ResourceNotFound
from webdav4.fsspec import WebdavFileSystem

from bakup.store.backend import Page, half_name
from bakup.store.coroutines import CONNECT_S, SILENCE_S
from bakup.store.folders import Folders
from bakup.store.logins import login
from bakup.store.target import Capabilities
from bakup.store.wire import PIECE, Body, Sink, Wire

_PARTIAL, _WHOLE, _OUT_OF_RANGE, _METHOD_NOT_ALLOWED = 206, 200, 416, 405


class _Client(Client):  # type: ignore[misc] # webdav4 has no types
    """Takes a path as it is; webdav4 takes `%25` in one for `%`, and none with `#`, `?` or a tabulator.

    Asks for no depth that is not bounded.
    """

    def join_url(self, path: str, add_trailing_slash: bool = False) -> httpx.URL:
        """The URL of a path."""
        url: httpx.URL = super().join_url(quote(path), add_trailing_slash)
        return url

    def propfind(self, path: str, data: Any = None, headers: Any = None, follow_redirects: bool = False) -> Any:
        """Of the resource alone unless `headers` say else; without a depth it is all below it, which servers refuse."""
        return super().propfind(path, data, {"Depth": "0", **(headers or {})}, follow_redirects)


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
        for name in ("username", "password"):
            given.pop(name, None)
        given.setdefault("timeout", httpx.Timeout(SILENCE_S, connect=CONNECT_S))
        self._client = _Client(base, retry=False, **given)
        self._base = base
        self._wire = wire
        self._folders = Folders(self._entries)

    @property
    def filesystem(self) -> Any:
        """webdav4's, asking once."""
        return WebdavFileSystem(self._base, client=self._client)

    def exists(self) -> bool:
        """Whether the folder is there."""
        return bool(self._client.exists(self.root))

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
            return int(self._client.content_length(self._path(key)) or 0)
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
            left = 0 if answer.status_code == _PARTIAL else offset
            for piece in answer.iter_raw(sink.piece):
                sink.take(piece[left : left + length - sink.size])
                left = max(0, left - len(piece))
                if sink.size >= length:
                    break
        return sink.content()

    def put(self, key: str, body: Body) -> None:
        """PUT under another name, then MOVE."""
        final = self._path(key)
        half = posixpath.join(posixpath.dirname(final), half_name(self._wire.mark))
        try:
            self._send(half, body)
            self._client.move(half, final, overwrite=False)
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
        return posixpath.join(self.root, key)

    def _send(self, path: str, body: Body) -> None:
        headers = {"Content-Length": str(len(body)), "Content-Type": "application/octet-stream"}
        self._client.request("PUT", path, content=_pieces(body), headers=headers)

    def _remove(self, path: str) -> None:
        try:
            self._client.remove(path)
        except (HTTPError, httpx.HTTPError, ResourceNotFound, RuntimeError):
            return

    def _entries(self, folder: str) -> list[tuple[str, int | None]]:
        found = self._client.ls(posixpath.join(self.root, folder), detail=True, allow_listing_resource=False)
        return [
            (
                posixpath.basename(str(one["name"]).rstrip("/")),
                None if one["type"] == "directory" else int(one["content_length"] or 0),
            )
            for one in found
            if isinstance(one, dict)
        ]


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
