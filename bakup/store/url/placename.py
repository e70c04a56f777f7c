"""Whether what a user gave as a place names one: an unset variable leaves `s3://`, `sftp:///photos`, or nothing."""

from __future__ import annotations

import re

from bakup.errors import Usage
from bakup.store.url.secrets import Place

_URL = re.compile(r"(\w+)://([^/]*)(.*)", re.DOTALL)
_PORT = re.compile(r":\d*\Z")
_BUCKETS = frozenset(("s3", "s3a", "gs", "gcs", "abfs", "abfss", "az"))
_SERVERS = frozenset(("sftp", "ssh", "smb", "ftp", "ftps", "webdav", "webdavs", "dav", "davs", "http", "https"))
_HINT = "is a variable unset, or empty?"


def expect_place(place: str, word: str) -> None:
    """Raise Usage if a place names none.

    Args:
        place: as typed.
        word: what it is to be: DST, OUT, SRC.
    """
    if not place:
        raise Usage(f"{word} is empty", hints=(_HINT,), code="empty-place")
    lacks = _lacks(place)
    if lacks:
        raise Usage(f"{word} names no {lacks}: {Place(place)}", hints=(_HINT,), code="empty-place")


def _lacks(place: str) -> str:
    found = _URL.match(place.rpartition("::")[2])
    if found is None:
        return ""
    scheme, authority, path = found[1].lower(), found[2], found[3]
    if scheme == "file":
        return "" if path else "folder"
    if scheme in _BUCKETS:
        container, at, account = authority.partition("@")
        return "bucket" if not container or (at and not account) else ""
    if scheme in _SERVERS:
        if not _PORT.sub("", authority.rpartition("@")[2]):
            return "host"
        return "share" if scheme == "smb" and not path.strip("/") else ""
    return "" if authority or path else "place"
