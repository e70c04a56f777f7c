"""Stores as sources and as places to restore to: objects with what their store says of them.

A target's objects are bakup's own and all alike; these are the user's. Each has a key below the URL, a token that
changes with every version of it, and facts: content type, metadata, tags.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import BinaryIO, NamedTuple, Protocol, TypeAlias
from urllib.parse import urlsplit

from bakup.errors import BakupError, NoTarget, StoreError
from bakup.store.faults import missing, missing_object, reason
from bakup.store.secrets import Place

Pairs: TypeAlias = tuple[tuple[str, str], ...]
"""What a store knows of an object, ascending by name (docs/format/sector.md section 6.7)."""

OBJECT_DENIED = "object-denied"
OBJECT_ARCHIVED = "object-archived"
OBJECT_CHANGED = "object-changed"
OBJECT_REFUSED = "object-refused"

_KEYED = {"s3", "s3a"}
_ONE_ONLY = {errno.EINVAL, errno.ENAMETOOLONG, errno.EMSGSIZE, errno.EISDIR, errno.ENOTDIR}
"""What a store answers to one object's name or facts, not to all."""


class Listed(NamedTuple):
    """One object of a listing.

    Args:
        key: below the URL, as the store names it.
        size: in bytes.
        mtime_ns: when this version was made; 0 where the store does not say.
        token: changes with every version (ETag, generation, checksum); empty where there is none.
        version: names this very version for reading; empty where the store keeps none.
        storage_class: as the store calls it; empty where it has none.
        folder: a folder of a store that has such.
    """

    key: str
    size: int
    mtime_ns: int
    token: str = ""
    version: str = ""
    storage_class: str = ""
    folder: bool = False


class Fetched(NamedTuple):
    """An object read whole. `listed` is the version that was read; `settled`: it is one version's bytes for sure."""

    data: bytes
    listed: Listed
    pairs: Pairs
    settled: bool


class Asked:
    """Requests so far by class, and bytes up and down; safe for several threads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self.lists = self.puts = self.gets = self.up_bytes = self.down_bytes = 0

    def list(self) -> None:
        """A page of a listing."""
        with self._guard:
            self.lists += 1

    def put(self, size: int) -> None:
        """An object or a part of one, or what begins and ends it; `size` in bytes."""
        with self._guard:
            self.puts += 1
            self.up_bytes += size

    def get(self, size: int) -> None:
        """An object, a range or its facts; `size` in bytes of its content."""
        with self._guard:
            self.gets += 1
            self.down_bytes += size


class Bucket(Protocol):
    """Objects below a URL. Safe for several threads."""

    asked: Asked

    @property
    def url(self) -> str:
        """Without user info and trailing slash."""

    @property
    def keyed(self) -> bool:
        """Whether keys are any text; else they are paths of folders and files."""

    @property
    def pinned(self) -> bool:
        """Whether objects are read by the versions that were listed."""

    @property
    def exact(self) -> bool:
        """Whether `read` gives bytes of the listed version or none."""

    def exists(self) -> bool:
        """Whether the bucket or folder is there."""

    def list(self) -> Iterator[Listed]:
        """All objects, in any order, each once; memory does not grow with their number where the store allows."""

    def stat(self, key: str) -> tuple[Listed, Pairs] | None:
        """What is at a key now, with its metadata; None if nothing is."""

    def facts(self, listed: Listed) -> tuple[Listed, Pairs]:
        """The object as it is now, or in the listed version where that is pinned, with all its facts."""

    def fetch(self, listed: Listed) -> Fetched:
        """The whole object and all its facts.

        Raises:
            StoreError: code `object-missing`, `object-denied`, `object-archived`; else the store does not answer.
        """

    def read(self, listed: Listed, offset: int, length: int) -> bytes:
        """A range of exactly this version; raises as `fetch`, and `object-changed` when it is there no more."""

    def put(self, key: str, body: bytes | BinaryIO, size: int, pairs: Pairs) -> None:
        """Put an object in place of what is there; nothing is visible before it is whole. Folders are made, no bucket.

        Args:
            key: below the URL.
            body: the bytes, or a file that is read from its start.
            size: of the body, in bytes.
            pairs: facts to put back; those that a store makes itself (etag, version) are passed over.
        """

    def copy(self, key: str, to: str) -> None:
        """Copy an object with its facts."""

    def close(self) -> None:
        """Let go of connections."""


def open_bucket(url: str, options: Mapping[str, object] | None = None, asked: Asked | None = None) -> Bucket:
    """The objects at any URL that fsspec knows. Nothing is looked at yet; requests are counted in `asked`.

    Raises:
        Usage: an unknown or not installed kind of store.
    """
    place, asked = Place(url), asked or Asked()
    known = {**place.credentials, **(options or {})}
    if urlsplit(place).scheme in _KEYED and "::" not in place:
        from bakup.store.bucket_s3 import S3Bucket

        return S3Bucket(place, known, asked)
    from bakup.store.bucket_plain import PlainBucket

    return PlainBucket(place, known, asked)


@contextmanager
def object_faults(url: str, key: str | None = None) -> Iterator[None]:
    """Every backend raises exceptions of its own; none passes this border."""
    try:
        yield
    except BakupError:
        raise
    except FileNotFoundError as error:
        raise (missing(url) if key is None else missing_object(f"{url}/{key}")) from error
    except PermissionError as error:
        if key is None:
            raise NoTarget(f"{url} denies access: {reason(error)}", code="target-denied") from error
        raise StoreError(reason(error), code=OBJECT_DENIED) from error
    except Exception as error:
        if key is not None and getattr(error, "errno", None) in _ONE_ONLY:
            raise StoreError(reason(error), code=OBJECT_REFUSED) from error
        raise StoreError(f"{url}: {reason(error)}", code="store") from error
