"""Whether one URL lies inside another, whatever they are spelled like: what counts is the store and the place in it.

Where a store is, its client says: endpoints come from options, profiles and the environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from bakup.store.url.secrets import Place

_KINDS = {
    "s3a": "s3",
    "gcs": "gs",
    "abfss": "abfs",
    "az": "abfs",
    "ssh": "sftp",
    "dav": "webdav",
    "webdavs": "webdav",
    "davs": "webdav",
}
_BUCKETS = ("s3", "gs", "abfs")
_SERVERS = {"sftp": 22, "smb": 445, "ftp": 21, "ftps": 21, "webdav": None, "http": 80, "https": 443}
"""Kinds of store that a host and port name, with the port that needs no mention."""
_HERE = ("localhost", "::1")


class Spot(NamedTuple):
    """`store` is equal for places at one store only; `path` is that of the place in it."""

    store: tuple[object, ...]
    path: str


def spot(url: str, options: Mapping[str, object], server: str) -> Spot:
    """Where a URL leads to.

    Args:
        url: may have user info.
        options: of its store.
        server: as the store's client knows it; see `backend.Named`.
    """
    place = Place(url)
    scheme, _, rest = place.partition("://")
    kind = _KINDS.get(scheme, scheme)
    if kind in _BUCKETS:
        bucket, _, key = rest.strip("/").partition("/")
        return Spot((kind, bucket.partition("@")[0], server), key)
    if kind in _SERVERS:
        parts = urlsplit(place)
        port = _port(parts) or options.get("port") or _SERVERS[kind]
        return Spot((kind, _host(parts), port, options.get("base_url"), server), unquote(parts.path).strip("/"))
    return Spot((kind,), rest.strip("/"))


def key_inside(inner: Spot, outer: Spot) -> str:
    """The key of `inner` below `outer`, without a slash at its end; empty if it is not inside."""
    beginning = f"{outer.path}/" if outer.path else ""
    if inner.store != outer.store or not inner.path.startswith(beginning):
        return ""
    return inner.path.removeprefix(beginning)


def at_server(url: str, server: str) -> str:
    """How a place is known from one of the same URL at another server."""
    return f"{url} on {server}" if server else url


def address(endpoint: str) -> str:
    """Host, port and path of an endpoint's URL, without user info: equal for one server."""
    parts = urlsplit(endpoint)
    port = _port(parts)
    return f"{_host(parts)}{f':{port}' if port else ''}{parts.path.rstrip('/')}"


def _host(parts: SplitResult) -> str:
    return "127.0.0.1" if parts.hostname in _HERE else parts.hostname or ""


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError:  # none; it is for who opens the store to say so
        return None
