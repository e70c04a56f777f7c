"""Arguments that name places: sources, targets, paths inside a source."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Annotated

from bakup.cli.parsing.habits import refuse_check_point_as_place, refuse_other_machine
from bakup.cli.parsing.options import argument
from bakup.errors import Usage
from bakup.store.url.placename import expect_place
from bakup.store.url.secrets import Place

Sources = Annotated[list[str], argument("SRC...")]
Target = Annotated[str, argument("DST")]


def source(place: str) -> bytes:
    """A source's folder as raw bytes; a trailing slash means nothing. Raises Usage for `host:path` and for no place."""
    expect_place(place, "SRC")
    refuse_other_machine(place)
    return _without_slash(os.fsencode(place))


def target(place: str, word: str = "DST") -> str:
    """A target, or what else a `word` names, as it may be shown, which keeps its user info to itself. Raises Usage for
    `host:path` and for no place."""
    expect_place(place, word)
    refuse_other_machine(place)
    return Place(place)


def out(place: str, dst: str) -> str:
    """A place to restore to. Raises Usage for `host:path`, for a check point, and for no place."""
    expect_place(place, "OUT")
    refuse_check_point_as_place(dst, place)
    refuse_other_machine(place)
    return place


def folder(place: str) -> str:
    """A place here to restore to. Raises Usage for a URL, and for no place."""
    from bakup.store.opening import is_url, local_path  # not loaded for help

    expect_place(place, "OUT")
    if is_url(place):
        raise Usage(f"OUT is a place here, no URL: {place}", hints=("give a folder, and copy it then",), code="usage")
    return local_path(place)


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
    from bakup.store.url.options import read_words

    kinds = {place.partition("://")[0] for place in (*urls, dst) if "://" in place}
    return read_words(own or (targets if len(kinds) == 1 else None) or ())


def inside(path: str) -> bytes:
    """A path inside a source as raw bytes; `.` is the root. Raises Usage for none."""
    if not path:
        raise Usage(
            "PATH is empty", hints=("is a variable unset, or empty?", "the root of the source: ."), code="usage"
        )
    raw = _without_slash(os.fsencode(path))
    while raw.startswith(b"./"):
        raw = raw[2:].lstrip(b"/")
    return b"" if raw == b"." else raw


def _without_slash(raw: bytes) -> bytes:
    return raw.rstrip(b"/") or raw[:1]
