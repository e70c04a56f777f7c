"""From what a user types to a source."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import unquote

from bakup.errors import Failed, Usage
from bakup.source.interface import Source
from bakup.source.targets import refuse_target_folder
from bakup.source.tree.filters import Rules
from bakup.source.tree.onefile import LocalFile
from bakup.source.tree.tree import LocalTree
from bakup.store.buckets.interface import Bucket, Listed, Pairs
from bakup.store.buckets.opening import open_bucket
from bakup.store.opening import is_url, local_path, spot_of
from bakup.store.target import TERMS, Terms
from bakup.store.url.inside import key_inside, spot
from bakup.store.url.placename import expect_place
from bakup.store.url.secrets import links

if TYPE_CHECKING:
    from bakup.source.bucket.bucket import BucketSource

_INSTEAD = "mount it, or write what it gives to a file first"


def open_source(
    place: bytes,
    rules: Rules,
    options: Mapping[str, object],
    target: str,
    terms: Terms = TERMS,
    target_options: Mapping[str, object] | None = None,
    *,
    may_be_gone: bool = False,
) -> Source:
    """A folder, file or URL to back up, without the target when that lies inside.

    Args:
        place: as the user typed it.
        rules: what is left out.
        options: of the store that a URL is at.
        target: DST.
        terms: how a store is spoken to.
        target_options: of the store that DST is at.
        may_be_gone: where nothing is any more, that is what the source gives.

    Raises:
        Failed: it is not there.
        Usage: it is neither folder nor file, or a target itself; a kind of store that is not known or not installed.
    """
    shown = os.fsdecode(place)
    expect_place(shown, "SRC")
    if is_url(shown):
        return _open_bucket(shown, rules, options, (target, target_options or {}), terms)
    path = local_path(shown)
    if not os.path.exists(path):
        if may_be_gone and not os.path.lexists(path):
            return LocalFile(path, rules)
        raise not_there(shown)
    if os.path.isfile(path):
        return LocalFile(path, rules)
    if not os.path.isdir(path):
        raise Usage(f"{shown} is neither a folder nor a file", hints=(_INSTEAD,), code="source-kind")
    refuse_target_folder(path)
    return LocalTree(path, rules)


def not_there(shown: str) -> Failed:
    """Nothing is where a source was to be."""
    return Failed(f"there is no {shown}", hints=("is the drive mounted?",), code="source-missing")


def _open_bucket(
    url: str, rules: Rules, options: Mapping[str, object], target: tuple[str, Mapping[str, object]], terms: Terms
) -> BucketSource:
    from bakup.source.bucket.bucket import PARALLEL, BucketSource

    bucket = open_bucket(url, options, terms)
    try:
        if not bucket.exists():
            raise Failed(f"there is no {bucket.url}", code="source-missing")
        inside = _target_inside(url, options, bucket.server, *target)
    except BaseException:
        bucket.close()
        raise
    alone = partial(_object, url, options, terms)
    return BucketSource(bucket, rules, f"{inside}/" if inside else "", terms.parallel or PARALLEL, alone)


def _target_inside(
    url: str, options: Mapping[str, object], server: str, target: str, target_options: Mapping[str, object]
) -> str:
    """The key of the target below a URL; empty if it is not there."""
    if not is_url(target):
        return ""
    return key_inside(spot_of(target, target_options), spot(url, options, server))


def _object(url: str, options: Mapping[str, object], terms: Terms) -> tuple[Bucket, Listed] | None:
    """The object that a URL names below which nothing is, and the bucket above it."""
    above, slash, name = url.rstrip("/").rpartition("/")
    if len(links(url)) > 1 or not slash or above.endswith("/"):
        return None
    bucket = open_bucket(above, options, terms)
    found = bucket.stat(name if bucket.keyed else unquote(name))
    if found is None or found[0].folder or _is_page(url, found[1]):
        bucket.close()
        return None
    return bucket, found[0]


def _is_page(url: str, pairs: Pairs) -> bool:
    """Whether a web server tells it as a page, which may list links some other day."""
    return url.startswith("http") and ("content-type", "text/html") in pairs
