"""Whether one URL lies inside another, whatever they are spelled like: what counts is the store and the place in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from bakup.store.secrets import Place

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
_ACCOUNT = re.compile(r"AccountName=([^;]+)")


class _Spot(NamedTuple):
    """`store` is equal for places at one store only; `path` is that of the place in it."""

    store: tuple[object, ...]
    path: str


def key_inside(inner: str, inner_options: Mapping[str, object], outer: str, outer_options: Mapping[str, object]) -> str:
    """The key of the URL `inner` below the URL `outer`, without a slash at its end; empty if it is not inside.

    Args:
        inner: may have user info, as `outer` may.
        inner_options: of the store that it is at.
        outer: the one around it.
        outer_options: of its store.
    """
    there, here = _spot(Place(inner), inner_options), _spot(Place(outer), outer_options)
    beginning = f"{here.path}/" if here.path else ""
    if there.store != here.store or not there.path.startswith(beginning):
        return ""
    return there.path.removeprefix(beginning)


def _spot(url: Place, options: Mapping[str, object]) -> _Spot:
    scheme, _, rest = url.partition("://")
    kind = _KINDS.get(scheme, scheme)
    if kind in _BUCKETS:
        bucket, _, key = rest.strip("/").partition("/")
        container, _, account = bucket.partition("@")
        return _Spot((kind, container, _endpoint(options), account.partition(".")[0] or _account(options)), key)
    if kind in _SERVERS:
        parts = urlsplit(url)
        port = _port(parts) or options.get("port") or _SERVERS[kind]
        return _Spot((kind, _host(parts), port, options.get("base_url")), unquote(parts.path).strip("/"))
    return _Spot((kind,), rest.strip("/"))


def _endpoint(options: Mapping[str, object]) -> tuple[str, int | None]:
    more = options.get("client_kwargs")
    found = options.get("endpoint_url") or (more.get("endpoint_url") if isinstance(more, Mapping) else None)
    parts = urlsplit(str(found or ""))
    return _host(parts), _port(parts)


def _account(options: Mapping[str, object]) -> str:
    found = _ACCOUNT.search(str(options.get("connection_string", "")))
    return found[1] if found else str(options.get("account_name", ""))


def _host(parts: SplitResult) -> str:
    return "127.0.0.1" if parts.hostname in _HERE else parts.hostname or ""


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError:  # none; it is for who opens the store to say so
        return None
