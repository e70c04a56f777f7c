"""Any other store that fsspec knows: what its common interface gives, and no promises."""

from __future__ import annotations

import inspect
import posixpath
from base64 import b64encode
from collections.abc import Mapping
from contextlib import nullcontext
from difflib import get_close_matches
from threading import Lock
from typing import Any

import fsspec

from bakup.errors import Usage
from bakup.store.backend import Page
from bakup.store.backends.folders import Folders
from bakup.store.faults import reason
from bakup.store.target import Capabilities
from bakup.store.url.needed import SCHEMES
from bakup.store.url.secrets import links
from bakup.store.wire import Body, Wire

ONE_AT_A_TIME = ("ftp", "ftps", "smb")
"""Kinds of store to which fsspec has one connection, that is not for several threads."""

_UNCACHED = {"use_listings_cache": False}


def _like(url: str) -> tuple[str, ...]:
    """A URL of a kind that is known by nearly that name."""
    scheme, slashes, rest = url.partition("://")
    return tuple(f"did you mean: {close}{slashes}{rest}" for close in get_close_matches(scheme, SCHEMES, 1, 0.5))


class AnyFilesystem:
    """A folder of an fsspec file system."""

    capabilities = Capabilities(exclusive_create=False, atomic=False)

    def __init__(self, url: str, options: Mapping[str, Any], wire: Wire) -> None:
        try:
            self._fs, root = _filesystem(url, _of_last(url, options))
        except (ValueError, TypeError) as error:
            raise Usage(f"{url}: {reason(error)}", hints=_like(url), code="url") from None
        self.root = str(root).rstrip("/")
        self._wire = wire
        self._turns = Lock() if last_kind(url) in ONE_AT_A_TIME else nullcontext()
        self._folders = Folders(self._entries)
        self._creates = "mode" in inspect.signature(self._fs.put_file).parameters

    @property
    def filesystem(self) -> Any:
        """fsspec's."""
        return self._fs

    def exists(self) -> bool:
        """Whether the folder is there."""
        with self._turns:
            return bool(self._fs.exists(self.root))

    def create(self) -> None:
        """Make the folder."""
        with self._turns:
            self._fs.mkdir(self.root, create_parents=False)

    def page(self, after: str | None) -> Page:
        """A folder's objects."""
        return self._folders.page(after)

    def size(self, key: str) -> int | None:
        """As `info` tells it."""
        try:
            with self._turns:
                return int(self._fs.info(self._path(key))["size"])
        except FileNotFoundError:
            return None

    def get(self, key: str, offset: int, length: int) -> bytes:
        """One `cat_file`. A server that knows no ranges gives the whole object for one (RFC 9110, section 14.2)."""
        with self._turns:
            found = bytes(self._fs.cat_file(self._path(key), start=offset, end=offset + length))
        self._wire.took(len(found))
        return found if len(found) <= length else found[offset : offset + length]

    def put(self, key: str, body: Body) -> None:
        """One `put_file` of the whole spool; its bytes count when they are up."""
        with self._turns:
            self._fs.put_file(body.path, self._path(key), **({"mode": "create"} if self._creates else {}))
        self._wire.sent(len(body))

    def close(self) -> None:
        """Nothing is held."""

    def _path(self, key: str) -> str:
        return f"{self.root}/{key}"

    def _entries(self, folder: str) -> list[tuple[str, int | None]]:
        with self._turns:
            found = self._fs.ls(posixpath.join(self.root, folder) if folder else self.root, detail=True)
        return [
            (posixpath.basename(one["name"].rstrip("/")), None if one["type"] == "directory" else int(one["size"] or 0))
            for one in found
        ]


def _filesystem(url: str, options: Mapping[str, Any]) -> tuple[Any, str]:
    """What asks the store, and the path of the URL in it."""
    if url.startswith(("http://", "https://")):
        from bakup.store.backends.web_files import WebFiles

        return WebFiles(url, options), ""
    found: tuple[Any, str] = fsspec.url_to_fs(url, **{**_UNCACHED, **options})
    return found


def _of_last(url: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options as fsspec takes them: of a chain the last one is the store, and has them."""
    kind = last_kind(url)
    given = _signed_in(options) if kind in ("http", "https") else dict(options)
    if kind in ("sftp", "ssh"):
        given = {"known_hosts": (), **given}  # sshfs asks nobody for it by itself
    if kind == "ftp" and given.get("tls"):
        raise Usage("in a chain, ftp:// has no TLS that checks who is there", code="url")
    return {kind: {**_UNCACHED, **given}} if len(links(url)) > 1 else given


def _signed_in(options: Mapping[str, Any]) -> dict[str, Any]:
    """User and password as a web server is told them (RFC 7617); fsspec would pass them on as they are."""
    given = dict(options)
    if "username" in given:
        user = f"{given.pop('username')}:{given.pop('password', '')}"
        more = given.get("client_kwargs", {})
        headers = {"Authorization": f"Basic {b64encode(user.encode()).decode()}", **more.get("headers", {})}
        given["client_kwargs"] = {**more, "headers": headers}
    return given


def last_kind(url: str) -> str:
    """The scheme of the store itself, which stands last in a chain."""
    return links(url)[-1].partition("://")[0]
