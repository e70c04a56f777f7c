"""Stores as sources and as places to restore to: objects with what their store says of them.

A target's objects are bakup's own and all alike; these are the user's. Each has a key below the URL, a token that
changes with every version of it, and facts: content type, metadata, tags.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple, Protocol, TypeAlias

from bakup.errors import StoreError
from bakup.store.counting import Counts
from bakup.store.faults import OBJECT_DENIED, OBJECT_REFUSED, reason
from bakup.store.remote.answers import causes

Pairs: TypeAlias = tuple[tuple[str, str], ...]
"""What a store knows of an object, ascending by name (docs/format/sector.md section 6.7)."""

Content: TypeAlias = bytes | str
"""Bytes, or the path of a local file."""

OBJECT_CHANGED = "object-changed"

_ONE_ONLY = {errno.EINVAL, errno.ENAMETOOLONG, errno.EMSGSIZE, errno.EISDIR, errno.ENOTDIR}


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
        digest: the content's MD5 in base64, where the store tells it apart from the token.
        problem: why it cannot be read, in lower case; else empty.
    """

    key: str
    size: int
    mtime_ns: int
    token: str = ""
    version: str = ""
    storage_class: str = ""
    folder: bool = False
    digest: str = ""
    problem: str = ""


class Fetched(NamedTuple):
    """An object read whole. `listed` is the version that was read; `settled`: it is one version's bytes for sure."""

    data: bytes
    listed: Listed
    pairs: Pairs
    settled: bool


class Bucket(Protocol):
    """Objects below a URL. Safe for several threads.

    Every method asks again while that may help, and raises NoAnswer when patience ends.
    """

    @property
    def counts(self) -> Counts:
        """What was asked of the store so far, retries with it."""

    @property
    def url(self) -> str:
        """Without user info and trailing slash."""

    @property
    def server(self) -> str:
        """See `backend.Named`."""

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

    def put(self, key: str, body: Content, size: int, pairs: Pairs) -> None:
        """Put an object in place of what is there; nothing is visible before it is whole. Folders are made, no bucket.

        Args:
            key: below the URL.
            body: the bytes, or the path of a file.
            size: of the body, in bytes.
            pairs: facts to put back; those that a store makes itself (etag, version) are passed over.
        """

    def copy(self, key: str, to: str) -> None:
        """Copy an object with its facts."""

    def are_one(self, folder: str, name: str, other: str) -> bool:
        """Whether two names are one in a folder, as the store says of an object of ours, or where it cannot say. Keys
        that are any text never are."""

    def close(self) -> None:
        """Let go of connections; what is under way fails."""


@contextmanager
def of_one(key: str | None) -> Iterator[None]:
    """What a store answers to one object's name or facts, not to all; the rest is for `answers.meaning`."""
    try:
        yield
    except PermissionError as error:
        if key is None:
            raise
        raise StoreError(reason(error), code=OBJECT_DENIED) from error
    except Exception as error:
        # A header that is no text, of the object's metadata, is wrapped as if the connection were broken.
        wrong = any(isinstance(cause, UnicodeError) or type(cause).__name__ == "InvalidURL" for cause in causes(error))
        if key is None or not (wrong or getattr(error, "errno", None) in _ONE_ONLY):
            raise
        raise StoreError(reason(error), code=OBJECT_REFUSED) from error


def in_order(facts: Mapping[str, str | None]) -> Pairs:
    """What is known of an object; of metadata and tags also what is empty."""
    kept = ((name, value) for name, value in facts.items() if value or name.startswith(("metadata.", "tag.")))
    return tuple(sorted(((name, value or "") for name, value in kept), key=lambda pair: pair[0].encode()))


def facts_named(pairs: Pairs, beginning: str) -> dict[str, str]:
    """The facts whose names begin so, without that."""
    return {name.removeprefix(beginning): value for name, value in pairs if name.startswith(beginning)}


def nanoseconds(moment: datetime) -> int:
    """Since 1970 UTC; microseconds are exact."""
    seconds = int(moment.replace(microsecond=0).timestamp())
    return seconds * 1_000_000_000 + moment.microsecond * 1000
