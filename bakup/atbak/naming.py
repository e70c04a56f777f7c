"""How objects are called, at a target and in messages."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from bakup.errors import Damaged, Truncated
from bakup.format.preamble import told_path
from bakup.store.target import Locator

PLAIN = ".atbak"
ENCRYPTED = ".atbake"
INFO = ".atbuinf"


def path_in(location: bytes, path: bytes) -> bytes:
    """What a preamble says of `path` in the source at `location`: the whole path without its root, as ATBU has it."""
    names = [name for name in location.replace(b"\\", b"/").split(b"/") if name not in (b"", b".", b"..")]
    return told_path(b"/".join([*names, path] if path else names))


def new_name(*, encrypted: bool) -> str:
    """A name that no other object has: 64 random hex digits, and the extension."""
    return secrets.token_hex(32) + (ENCRYPTED if encrypted else PLAIN)


def locator_of(name: str, *, folders: bool) -> Locator:
    """Where the object `name` goes: below a folder of its first two characters, or flat, as in a bucket."""
    return f"{name[:2]}/{name}" if folders else name


def uuid_of(locator: Locator) -> bytes:
    """The 16 bytes by which check points and the catalog know an object: the first half of its name."""
    return bytes.fromhex(locator.rpartition("/")[2][:32])


@contextmanager
def named(name: str) -> Iterator[None]:
    """Put an object's name before the message of what is raised inside."""
    try:
        yield
    except Damaged as error:
        kind = "is cut short" if isinstance(error, Truncated) else "is damaged"
        raise type(error)(f"{name} {kind}: {error.message}", hints=error.hints, code=error.code) from error
