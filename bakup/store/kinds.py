"""From a URL to the kind of store behind it. Each kind's library is loaded only here, and only that kind's."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from bakup.errors import Usage
from bakup.store.backend import Backend
from bakup.store.faults import reason
from bakup.store.patience import Patience
from bakup.store.remote import RemoteTarget
from bakup.store.secrets import Secrets
from bakup.store.target import AtOnce, Terms
from bakup.store.wire import Wire

_LIBRARIES = ("aiobotocore", "asyncio", "asyncssh", "azure", "botocore", "gcsfs", "httpx", "s3fs", "smbprotocol")
"""What they log would be printed where a program has no logging; what counts of it is told as an error."""

_AT_ONCE = AtOnce(puts=1, packs=8, heads=32)
"""Where `--parallel` says nothing: 32 hide 80 ms in a rebuild; each object on its way needs its size in the spool."""

_EXTRAS = {
    "abfs": "azure",
    "abfss": "azure",
    "az": "azure",
    "gcs": "gs",
    "gs": "gs",
    "s3": "s3",
    "s3a": "s3",
    "sftp": "sftp",
    "smb": "smb",
    "ssh": "sftp",
    "webdav": "webdav",
}


def remote(url: str, options: Mapping[str, Any], terms: Terms) -> RemoteTarget:
    """The target at `url`, which has no user info. Raises Usage for a kind of store or option that cannot be used."""
    for name in _LIBRARIES:
        logging.getLogger(name).addHandler(logging.NullHandler())
    secrets = Secrets(options)
    wire = Wire(terms.upload, terms.download)
    at_once = AtOnce(terms.parallel, terms.parallel, terms.parallel) if terms.parallel else _AT_ONCE
    patience = Patience(url, terms.patience, wire, secrets, terms.tell)
    try:
        backend = patience.ask(lambda: _backend(url, options, wire, at_once))
    except ImportError as error:
        raise _not_installed(url, error) from None
    return RemoteTarget(url, backend, wire, patience, at_once)


def _backend(url: str, options: Mapping[str, Any], wire: Wire, at_once: AtOnce) -> Backend:
    parts = urlsplit(url)
    match parts.scheme:
        case "s3" | "s3a":
            from bakup.store.s3 import S3

            return S3(parts.netloc + parts.path, options, wire, at_once)
        case "gs" | "gcs":
            from bakup.store.gcs import Gcs

            return Gcs(parts.netloc + parts.path, options, wire)
        case "abfs" | "abfss" | "az":
            from bakup.store.azure import Azure

            return Azure(url, options, wire)
        case "sftp" | "ssh":
            from bakup.store.sftp import Sftp

            return Sftp(url, options, wire)
        case "webdav" | "webdavs" | "dav" | "davs":
            from bakup.store.webdav import Webdav

            return Webdav(url, options, wire)
        case "smb":
            from bakup.store.smb import Smb

            return Smb(url, options, wire)
        case "ftp" | "ftps":
            from bakup.store.ftp import Ftp

            return Ftp(url, options, wire)
        case _:
            from bakup.store.anyfs import AnyFilesystem

            return AnyFilesystem(url, options, wire)


def _not_installed(url: str, error: ImportError) -> Usage:
    scheme = urlsplit(url).scheme
    extra = _EXTRAS.get(scheme)
    hints = (f"pip install 'bakup[{extra}]'",) if extra else (reason(error),)
    return Usage(f"{scheme}:// needs a package that is not installed", hints=hints, code="not-installed")
