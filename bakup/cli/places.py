"""Arguments that name places: sources, targets, paths inside a source."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Annotated

from bakup.cli.habits import refuse_other_machine
from bakup.cli.options import argument
from bakup.store.secrets import Place

Sources = Annotated[list[str], argument("SRC...")]
Target = Annotated[str, argument("DST")]


def source(place: str) -> bytes:
    """A source's folder as raw bytes; a trailing slash means nothing. Raises Usage for `host:path`."""
    refuse_other_machine(place)
    return _without_slash(os.fsencode(place))


def target(place: str) -> str:
    """A target as it may be shown, which keeps its user info to itself. Raises Usage for `host:path`."""
    refuse_other_machine(place)
    return Place(place)


def absolute(place: str) -> str:
    """A path from the root on; a URL is that already."""
    return place if "://" in place else os.path.abspath(place)


def store_options(
    own: list[str] | None, targets: list[str] | None, urls: Iterable[str], dst: str
) -> Mapping[str, object]:
    """Options of the stores that a SRC or OUT is in: its own, else DST's where that is local or of the same kind.

    Args:
        own: `--source-option` or `--out-option`.
        targets: `--store-option`.
        urls: each SRC, or OUT.
        dst: the target.

    Raises:
        Usage: an option that cannot be read.
    """
    from bakup.store.words import read_words

    kinds = {place.partition("://")[0] for place in (*urls, dst) if "://" in place}
    return read_words(own or (targets if len(kinds) == 1 else None) or ())


def inside(path: str) -> bytes:
    """A path inside a source as raw bytes; `.` is the root."""
    raw = _without_slash(os.fsencode(path))
    while raw.startswith(b"./"):
        raw = raw[2:].lstrip(b"/")
    return b"" if raw == b"." else raw


def _without_slash(raw: bytes) -> bytes:
    return raw.rstrip(b"/") or raw[:1]
