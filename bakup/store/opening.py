"""From what a user types to a target."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

from bakup.errors import NoTarget, Usage
from bakup.store.limited import limited
from bakup.store.local.folder import FolderTarget
from bakup.store.target import TERMS, Locator, Target, Terms
from bakup.store.url.inside import Spot, spot
from bakup.store.url.placename import expect_place
from bakup.store.url.secrets import Place

_FILE = "file://"
_URL = re.compile(r"(\w+::)*\w+://.")
"""A scheme, in chains several: `simplecache::s3://bucket/x`, `zip://::s3://bucket/x.zip`."""


def is_url(place: str) -> bool:
    """Whether `place` is a URL of a store, not a local path."""
    return bool(_URL.match(place)) and not _is_file_url(place)


def open_target(
    place: str, *, create: bool = False, options: Mapping[str, object] | None = None, terms: Terms = TERMS
) -> Target:
    """The target at a local path, a `file://` URL or any URL that fsspec knows.

    Nothing is looked at yet, so a missing target shows at first use, or by `exists()`; with `create` its last
    folder is made. `options` are the store's own. Raises Usage for an unknown or not installed kind of store.
    """
    target: Target
    expect_place(place, "DST")
    place = Place(place)
    if is_url(place):
        from bakup.store.kinds import remote  # fsspec takes 60 ms to load, and folders need none of it

        target = remote(place, {**place.credentials, **(options or {})}, terms)
    else:
        target = limited(FolderTarget(local_path(place)), terms)
    if create:
        target.create()
    return target


def spot_of(place: str, options: Mapping[str, object]) -> Spot:
    """Where a URL leads to, as the client of its store knows it. Raises what `open_target` raises."""
    from bakup.store.kinds import remote

    shown = Place(place)
    given = {**shown.credentials, **options}
    target = remote(shown, given, TERMS)
    try:
        return spot(shown, given, target.server)
    finally:
        target.close()


def open_object(
    place: str, *, options: Mapping[str, object] | None = None, terms: Terms = TERMS
) -> tuple[Target, Locator, int]:
    """One object by itself, from a path or URL: the target that holds it, its locator, its size in bytes.

    Raises NoTarget when it is not there.
    """
    expect_place(place, "FILE")
    place = Place(place)
    folder, _, name = (place if is_url(place) else os.path.abspath(local_path(place))).rpartition("/")
    target = open_target(folder or "/", options={**place.credentials, **(options or {})}, terms=terms)
    try:
        size = target.size(name) if name else None
    except BaseException:
        target.close()
        raise
    if size is not None:
        return target, name, size
    target.close()
    raise NoTarget(f"there is no {place}", code="target-missing")


def local_path(place: str) -> str:
    """The path of a `file://` URL (RFC 8089); any other text is a path already.

    Raises:
        Usage: the URL is of another computer.
    """
    if not _is_file_url(place):
        return place
    host, slash, path = place[len(_FILE) :].partition("/")
    if host.lower() not in ("", "localhost"):
        raise Usage(f"{place} is at another computer, {host}", hints=(f"here: {_FILE}/{host}/{path}",), code="url")
    return os.fsdecode(unquote_to_bytes(os.fsencode(slash + path)))


def _is_file_url(place: str) -> bool:
    return place[: len(_FILE)].lower() == _FILE
