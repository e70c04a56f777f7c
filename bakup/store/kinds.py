"""From a URL to the kind of store behind it. Each kind's library is loaded only here, and only that kind's."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

from bakup.errors import Usage, install
from bakup.store.backend import Backend, Named
from bakup.store.faults import reason
from bakup.store.remote.line import Line
from bakup.store.remote.remote import RemoteTarget
from bakup.store.target import AtOnce, Terms
from bakup.store.wire import Wire

Made = TypeVar("Made")

_LIBRARIES = ("aiobotocore", "asyncio", "asyncssh", "azure", "botocore", "gcsfs", "httpx", "s3fs", "smbprotocol")
"""What they log would be printed where a program has no logging; what counts of it is told as an error."""

_AT_ONCE = AtOnce(puts=2, packs=8, heads=32)
"""Where `--parallel` says nothing: 32 hide 80 ms in a rebuild; each object on its way needs its size in the spool, and
a second one keeps the line busy while the first is completed and another one begins."""

_PACKAGES = {
    **dict.fromkeys(("abfs", "abfss", "az"), "adlfs"),
    **dict.fromkeys(("gcs", "gs"), "gcsfs"),
    **dict.fromkeys(("s3", "s3a"), "s3fs"),
    **dict.fromkeys(("sftp", "ssh"), "sshfs"),
    "smb": "smbprotocol",
    **dict.fromkeys(("webdav", "webdavs", "dav", "davs"), "'webdav4[fsspec]'"),
}

_PATHS = frozenset(["sftp", "ssh", "webdav", "webdavs", "dav", "davs", "smb", "ftp", "ftps"])
"""Kinds whose URLs have a path, percent-escaped; a bucket's name and key stand in its URL as they are."""


def remote(url: str, options: Mapping[str, Any], terms: Terms) -> RemoteTarget:
    """The target at `url`, which has no user info. Raises Usage for a kind of store or option that cannot be used."""
    line = Line(url, options, terms)
    at_once = AtOnce(terms.parallel, terms.parallel, terms.parallel) if terms.parallel else _AT_ONCE
    store = backend(url, options, line, at_once)
    return RemoteTarget(url, store, line.wire, line.patience, at_once, lambda: server(store, url, options))


def backend(url: str, options: Mapping[str, Any], line: Line, at_once: AtOnce = _AT_ONCE) -> Backend:
    """The kind of store at `url`. Raises Usage as `remote`."""
    return loaded(url, line, lambda: _backend(url, options, line.wire, at_once))


def server(store: Backend, url: str, options: Mapping[str, Any]) -> str:
    """See `backend.Named`; where the URL names the server, the user whose place it is."""
    if isinstance(store, Named):
        return store.server()
    user = options.get("username") or options.get("user")
    scheme = urlsplit(url).scheme
    return f"{user}@{urlsplit(url).hostname or ''}" if user and scheme in _PATHS else ""


def loaded(url: str, line: Line, make: Callable[[], Made]) -> Made:
    """What `make` gives, which loads the library of the store at `url`. Raises Usage as `remote`."""
    for name in _LIBRARIES:
        logging.getLogger(name).addHandler(logging.NullHandler())
    try:
        return line.patience.ask(make, answers=False)
    except ImportError as error:
        raise _not_installed(url, error) from None


def _backend(url: str, options: Mapping[str, Any], wire: Wire, at_once: AtOnce) -> Backend:
    scheme = urlsplit(url).scheme
    if scheme in _PATHS:
        _expect_path(scheme, url)
    match scheme:
        case "s3" | "s3a":
            from bakup.store.backends.s3 import S3

            return S3(url.partition("://")[2], options, wire, at_once)
        case "gs" | "gcs":
            from bakup.store.backends.gcs import Gcs

            return Gcs(url.partition("://")[2], options, wire)
        case "abfs" | "abfss" | "az":
            from bakup.store.backends.azure import Azure

            return Azure(url, options, wire)
        case "sftp" | "ssh":
            from bakup.store.backends.sftp import Sftp

            return Sftp(url, options, wire)
        case "webdav" | "webdavs" | "dav" | "davs":
            from bakup.store.backends.webdav import Webdav

            return Webdav(url, options, wire)
        case "smb":
            from bakup.store.backends.smb import Smb

            return Smb(url, options, wire)
        case "ftp" | "ftps":
            from bakup.store.backends.ftp import Ftp

            return Ftp(url, options, wire)
        case _:
            from bakup.store.backends.anyfs import AnyFilesystem

            return AnyFilesystem(url, options, wire)


def _expect_path(scheme: str, url: str) -> None:
    """In a URL with a path these begin something else, and what follows them would be dropped. Raises Usage."""
    for mark, written in (("#", "%23"), ("?", "%3F")):
        if mark in url:
            hint = f"where a name has one, write {written}"
            raise Usage(f"a bare {mark} stands in a URL of {scheme}://", hints=(hint,), code="url")


def _not_installed(url: str, error: ImportError) -> Usage:
    scheme = urlsplit(url).scheme
    package = _PACKAGES.get(scheme)
    hints = (install(package),) if package else ()
    message = f"{scheme}:// needs a package that is not installed"
    return Usage(message if package else f"{message}: {reason(error)}", hints=hints, code="not-installed")
