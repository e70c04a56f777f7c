"""From what a user types to a source."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import unquote

from bakup.errors import Failed, Usage
from bakup.source.filters import Rules
from bakup.source.interface import Source
from bakup.source.targets import refuse_target_folder
from bakup.source.tree import LocalTree
from bakup.store.buckets import Pairs, open_bucket
from bakup.store.inside import key_inside, spot
from bakup.store.opening import is_url, local_path, spot_of
from bakup.store.placename import expect_place
from bakup.store.secrets import links
from bakup.store.target import TERMS, Terms

if TYPE_CHECKING:
    from bakup.source.bucket import BucketSource


def open_source(
    place: bytes,
    rules: Rules,
    options: Mapping[str, object],
    target: str,
    terms: Terms = TERMS,
    target_options: Mapping[str, object] | None = None,
) -> Source:
    """A folder or URL to back up, without the target when that lies inside.

    Args:
        place: as the user typed it.
        rules: what is left out.
        options: of the store that a URL is at.
        target: DST.
        terms: how a store is spoken to.
        target_options: of the store that DST is at.

    Raises:
        Failed: it is not there.
        Usage: it is no folder, or a target itself; a kind of store that is not known or not installed.
    """
    shown = os.fsdecode(place)
    expect_place(shown, "SRC")
    if is_url(shown):
        return _open_bucket(shown, rules, options, (target, target_options or {}), terms)
    folder = local_path(shown)
    if not os.path.exists(folder):
        raise Failed(f"there is no {shown}", hints=("is the drive mounted?",), code="source-missing")
    if not os.path.isdir(folder):
        hint = "give the folder that it is in, and --include"
        raise Usage(f"{shown} is no folder", hints=(hint,), code="source-kind")
    refuse_target_folder(folder)
    return LocalTree(folder, rules)


def _open_bucket(
    url: str, rules: Rules, options: Mapping[str, object], target: tuple[str, Mapping[str, object]], terms: Terms
) -> BucketSource:
    from bakup.source.bucket import PARALLEL, BucketSource

    bucket = open_bucket(url, options, terms)
    try:
        if not bucket.exists():
            raise Failed(f"there is no {bucket.url}", code="source-missing")
        inside = _target_inside(url, options, bucket.server, *target)
    except BaseException:
        bucket.close()
        raise
    if_empty = partial(_refuse_object, url, options, terms)
    return BucketSource(bucket, rules, f"{inside}/" if inside else "", terms.parallel or PARALLEL, if_empty)


def _target_inside(
    url: str, options: Mapping[str, object], server: str, target: str, target_options: Mapping[str, object]
) -> str:
    """The key of the target below a URL; empty if it is not there."""
    if not is_url(target):
        return ""
    return key_inside(spot_of(target, target_options), spot(url, options, server))


def _refuse_object(url: str, options: Mapping[str, object], terms: Terms) -> None:
    """Raise Usage if a URL below which nothing is names an object."""
    above, slash, name = url.rstrip("/").rpartition("/")
    if len(links(url)) > 1 or not slash or above.endswith("/"):
        return
    with closing(open_bucket(above, options, terms)) as bucket:
        found = bucket.stat(name if bucket.keyed else unquote(name))
        if found is None or found[0].folder or _is_page(url, found[1]):
            return
        hint = f"give {bucket.url}, and --include"
        raise Usage(f"{bucket.url}/{name} is one object", hints=(hint,), code="source-kind")


def _is_page(url: str, pairs: Pairs) -> bool:
    """Whether a web server tells it as a page, which may list links some other day."""
    return url.startswith("http") and ("content-type", "text/html") in pairs
