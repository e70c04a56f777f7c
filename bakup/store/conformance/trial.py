"""A place of its own at a target, to try things out, and its removal."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress

from msgspec import Struct

from bakup.errors import BakupError
from bakup.store.faults import missing
from bakup.store.files import HasFilesystem
from bakup.store.opening import is_url, local_path, open_target
from bakup.store.target import TERMS, Target, Terms
from bakup.store.url.secrets import Place

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
            _remove(below, given, terms)
        made.left = _left(made.target)
        made.target.close()


def _expect_there(place: str, options: Mapping[str, object], terms: Terms) -> None:
    target = open_target(place, options=options, terms=terms)
    try:
        if not target.exists():
            raise missing(target.url)
    finally:
        target.close()


def _remove(place: str, options: Mapping[str, object], terms: Terms) -> None:
    if not is_url(place):
        shutil.rmtree(local_path(place))
        return
    import fsspec  # 60 ms that folders need not wait for

    from bakup.store.kinds import backend
    from bakup.store.remote.line import Line

    with closing(backend(place, options, Line(place, options, terms))) as store:
        if isinstance(store, HasFilesystem):
            store.filesystem.rm(store.root, recursive=True)
        else:
            fs, root = fsspec.url_to_fs(place, **options)
            fs.rm(root, recursive=True)


def _left(target: Target) -> tuple[int, int]:
    try:
        sizes = [size for _, size in target.list()]
    except BakupError:
        return 0, 0
    return len(sizes), sum(sizes)
