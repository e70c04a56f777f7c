"""What one kind of store can do, request by request. `RemoteTarget` makes a target of it.

A method asks the store once and raises whatever its library raises; `bakup.store.remote.answers` knows what that means.
Keys are what stands below the target's URL, with "/" between.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Protocol, TypeAlias, runtime_checkable

from msgspec import Struct

from bakup.store.target import Capabilities
from bakup.store.wire import Body

Page: TypeAlias = tuple[list[tuple[str, int]], str | None]
"""Some (key, size in bytes) of a listing, and what to ask the next page by; None after the last."""

PART = 8 << 20
"""Bytes of a part: 32 GiB are 4,096 of them, S3 takes 10,000. All are equal, since some stores want that."""

HALF = ".bakup-half-"
"""How names of objects begin that are not whole yet, where a store would show them."""


def half_name(mark: str) -> str:
    """A new such name, of the run with this mark."""
    return f"{HALF}{mark}-{uuid.uuid4().hex}"


def marked(key: str) -> str | None:
    """The mark of the run that the half object at `key` is of; None for any other object."""
    _, half, rest = key.rpartition(HALF)
    return rest.partition("-")[0] if half else None


class Backend(Protocol):
    """A kind of store. Its methods may be called by several threads at once."""

    @property
    def capabilities(self) -> Capabilities:
        """What its creates promise."""

    def exists(self) -> bool:
        """Whether the bucket or folder is there."""

    def create(self) -> None:
        """Make the last folder, never its parents nor a bucket."""

    def page(self, after: str | None) -> Page:
        """A page of the listing: the first one, or the one that `after` names."""

    def size(self, key: str) -> int | None:
        """Bytes of an object, None if there is none."""

    def get(self, key: str, offset: int, length: int) -> bytes:
        """A range, `length` being at least 1; fewer bytes only where the object ends."""

    def put(self, key: str, body: Body) -> None:
        """A whole object. Raises FileExistsError where the store can tell that there is one."""

    def close(self) -> None:
        """Let go of connections; what is under way fails. May be called again."""


@runtime_checkable
class Named(Protocol):
    """A backend whose URL does not say where its store is."""

    def server(self) -> str:
        """The server, and the user where each has a place of his own there, as the client knows them now.

        Empty for the one that everybody means by such a URL. No request is made for it.
        """


@runtime_checkable
class ShowsHalves(Protocol):
    """A backend whose store shows halves of objects, by names that `half_name` gave."""

    def throw_away(self, key: str) -> None:
        """Remove a half."""


class Upload(Struct):
    """An object going up in parts; `token` is the store's word for it. Its `size` is 0 while nobody knows it."""

    key: str
    size: int
    token: str


@runtime_checkable
class TakesParts(Protocol):
    """A backend that takes an object in parts and shows it only when it is finished."""

    in_order: bool
    """Whether a part may go only after the one before it."""

    def begin(self, key: str, size: int) -> Upload:
        """Begin an object of `size` bytes; 0 where parts need no order and it is too early to say."""

    def part(self, upload: Upload, number: int, offset: int, body: Body) -> str:
        """Send part `number`, counted from 0; returns the store's word for it. May be repeated."""

    def finish(self, upload: Upload, parts: Iterable[str]) -> None:
        """Make it one object. Raises FileExistsError if there is one, or if the upload is known no more."""

    def abort(self, upload: Upload) -> None:
        """Throw the parts away."""

    def left(self, key: str) -> Iterable[Upload]:
        """Unfinished objects of that very key that the store still holds parts of and does not forget by itself."""
