"""Requests of WebDAV (RFC 4918) that servers understand differently."""

from __future__ import annotations

import errno
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
from webdav4.client import BadGatewayError, Client, HTTPError, ResourceAlreadyExists, ResourceNotFound

from bakup.errors import NoTarget, StoreError
from bakup.store.backends.coroutines import CONNECT_S
from bakup.store.files import Told, told

_BAD_REQUEST, _PRECONDITION_FAILED, _BAD_GATEWAY = 400, 412, 502
_MULTI_STATUS, _METHOD_NOT_ALLOWED = 207, 405


class WebdavClient(Client):  # type: ignore[misc] # webdav4 has no types
    """Takes a path as it is; webdav4 takes `%25` in one for `%`, and none with `#`, `?` or a tabulator.

    Asks for no depth that is not bounded, and for folders by their names with a slash: Apache knows them by no other.
    """

    _spelling = 0

    def join_url(self, path: str, add_trailing_slash: bool = False) -> httpx.URL:
        """The URL of a path."""
        url: httpx.URL = super().join_url(quote(path), add_trailing_slash)
        return url

    def is_folder(self, path: str) -> bool:
        """Whether there is a folder."""
        try:
            found = self._described(path, depth="0", folder=True)
        except (ResourceNotFound, _Redirected):
            return False
        except HTTPError as error:
            if error.status_code != _BAD_REQUEST:
                raise
            return False
        return any(one.properties.collection for one in found.values())

    def look(self, path: str) -> Told:
        """What there is at a path. Raises ResourceNotFound."""
        try:
            found = self._described(path, depth="0", folder=False)
        except _Redirected:
            found = self._described(path, depth="0", folder=True)
        if not found:
            raise ResourceNotFound(path)
        return _told(path, next(iter(found.values())))

    def children(self, path: str) -> list[Told]:
        """What is in a folder. Raises NotADirectoryError for a file."""
        try:
            found = self._described(path, depth="1", folder=True)
        except (HTTPError, _Redirected):  # how servers refuse a slash behind a file's name
            if self.look(path)["type"] == "file":
                raise NotADirectoryError(errno.ENOTDIR, "not a directory", path) from None
            raise
        # A server behind a proxy may name itself otherwise than we do: its folder's path begins all the others.
        own = min(found, key=len, default="")
        if own and not found.pop(own).properties.collection:
            raise NotADirectoryError(errno.ENOTDIR, "not a directory", path)
        below = path.rstrip("/")
        return [_told(f"{below}/{name.rpartition('/')[2]}", one) for name, one in found.items()]

    def rename(self, path: str, to: str) -> None:
        """MOVE, which replaces nothing.

        Where a proxy ends TLS, the server behind it takes our `https://` for another server's: then the name is told
        without one, and as the server itself would say it. Raises ResourceAlreadyExists.
        """
        for spelling in sorted(range(3), key=lambda number: number != self._spelling):
            url = str(self.join_url(to))
            names = (url, urlsplit(url).path, url.replace("https://", "http://", 1))
            headers = {"Destination": names[spelling], "Overwrite": "F"}
            answer = self.http.request("MOVE", self.join_url(path), headers=headers)
            if answer.status_code not in (_BAD_REQUEST, _BAD_GATEWAY):
                _expect_moved(answer, path, to)
                self._spelling = spelling
                return
        if answer.status_code == _BAD_GATEWAY and not self.exists(path):
            raise BadGatewayError
        raise StoreError(
            f"the server renames nothing: {answer.status_code} to MOVE",
            hints=("if a proxy ends TLS before it, let the proxy write http: for https: in the header Destination",),
            code="store",
        )

    def propfind(self, path: str, data: Any = None, headers: Any = None, follow_redirects: bool = False) -> Any:
        """Of the resource alone unless `headers` say else; without a depth it is all below it, which servers refuse."""
        return super().propfind(path, data, {"Depth": "0", **(headers or {})}, follow_redirects)

    def _described(self, path: str, *, depth: str, folder: bool) -> dict[str, Any]:
        url = self.join_url(path, add_trailing_slash=folder and path not in ("", "/"))
        patience = {"timeout": CONNECT_S} if depth == "0" else {}
        answer = self.http.request("PROPFIND", url, headers={"Depth": depth}, **patience)
        if answer.is_redirect:
            raise _redirected(url, answer)
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise ResourceNotFound(path)
        if answer.is_error:
            raise HTTPError(answer)
        if answer.status_code != _MULTI_STATUS:
            raise NoTarget(
                f"{self.base_url.host} speaks no WebDAV: it answers {answer.status_code} to PROPFIND",
                hints=("is it the address for WebDAV? often a path such as /remote.php/dav belongs to it",),
                code="target-kind",
            )
        return _multistatus(answer)


class _Redirected(Exception):
    """To the same name with, or without, a slash at its end."""


def _redirected(url: httpx.URL, answer: httpx.Response) -> Exception:
    there = url.join(answer.headers.get("Location", ""))
    if there.path.rstrip("/") == url.path.rstrip("/") and there.host == url.host and there.scheme == url.scheme:
        return _Redirected(url.path)
    return NoTarget(
        f"the server sends us on to {there.copy_with(userinfo=b'')}",
        hints=("give that address",),
        code="target-moved",
    )


def _multistatus(answer: httpx.Response) -> dict[str, Any]:
    from webdav4.multistatus import parse_multistatus_response

    found: dict[str, Any] = parse_multistatus_response(answer).responses
    return found


def _expect_moved(answer: httpx.Response, path: str, to: str) -> None:
    if answer.status_code == _PRECONDITION_FAILED:
        raise ResourceAlreadyExists(to)
    if answer.status_code == httpx.codes.NOT_FOUND:
        raise ResourceNotFound(path)
    if answer.is_error or answer.is_redirect or answer.status_code == _MULTI_STATUS:
        raise HTTPError(answer)


def _told(path: str, found: Any) -> Told:
    facts = found.properties
    return told(
        path,
        "directory" if facts.collection else "file",
        int(facts.content_length or 0),
        modified=facts.modified,
        etag=facts.etag,
        content_type=facts.content_type,
        content_language=facts.content_language,
    )
