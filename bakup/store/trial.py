"""A place of its own at a target, to try things out, and its removal."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, cast

from msgspec import Struct

from bakup.errors import BakupError
from bakup.store.faults import missing
from bakup.store.opening import is_url, local_path, open_target
from bakup.store.secrets import Place
from bakup.store.target import TERMS, Target, Terms

PREFIX = ".bakup-test-"
"""How the name of such a place begins."""


class Trial(Struct):
    """`target` is the place; when the trial is over, `left` says the objects and bytes that could not be removed."""

    target: Target
    left: tuple[int, int] = (0, 0)


@contextmanager
def trial(place: str, options: Mapping[str, object] | None = None, terms: Terms = TERMS) -> Iterator[Trial]:
    """Make `.bakup-test-<random>/` at `place`, and remove it afterwards where the store lets us.

    Raises NoTarget when there is no `place`.
    """
    there = Place(place)
    given = {**there.credentials, **(options or {})}
    _expect_there(there, given, terms)
    below = f"{there.rstrip('/')}/{PREFIX}{uuid.uuid4().hex[:12]}"
    made = Trial(open_target(below, create=True, options=given, terms=terms))
    try:
        yield made
    finally:
        with suppress(Exception):  # whatever the store's library raises: what is left is told
            _remove(below, given)
        made.left = _left(made.target)
        made.target.close()


def _expect_there(place: str, options: Mapping[str, object], terms: Terms) -> None:
    target = open_target(place, options=options, terms=terms)
    try:
        if not target.exists():
            raise missing(target.url)
    finally:
        target.close()


def _remove(place: str, options: Mapping[str, object]) -> None:
    if not is_url(place):
        shutil.rmtree(local_path(place))
        return
    store, root = _filesystem(place, options)
    store.rm(root, recursive=True)


def _filesystem(place: str, options: Mapping[str, object]) -> tuple[Any, str]:
    """The store as fsspec has it, since a target removes nothing; and the place in it."""
    import fsspec  # 60 ms that folders need not wait for

    if not place.startswith(("webdav", "dav")):
        return cast(tuple[Any, str], fsspec.url_to_fs(place, **options))
    from bakup.store.webdav import address

    given = dict(options)
    base, root = address(place, given)
    user, password = given.pop("username", None), given.pop("password", "")
    return fsspec.filesystem("webdav", base_url=base, **({"auth": (user, password)} if user else {}), **given), root


def _left(target: Target) -> tuple[int, int]:
    try:
        sizes = [size for _, size in target.list()]
    except BakupError:
        return 0, 0
    return len(sizes), sum(sizes)
