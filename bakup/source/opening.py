"""From what a user types to a source."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from bakup.errors import Failed, Usage
from bakup.source.filters import Rules
from bakup.source.interface import Source
from bakup.source.targets import refuse_target_folder
from bakup.source.tree import LocalTree
from bakup.store.buckets import open_bucket
from bakup.store.opening import is_url, local_path
from bakup.store.target import TERMS, Terms

if TYPE_CHECKING:
    from bakup.source.bucket import BucketSource


def open_source(place: bytes, rules: Rules, options: Mapping[str, object], target: str, terms: Terms = TERMS) -> Source:
    """A folder or URL to back up, without the target when that lies inside.

    Raises:
        Failed: it is not there.
        Usage: it is no folder, or a target itself; a kind of store that is not known or not installed.
    """
    shown = os.fsdecode(place)
    if is_url(shown):
        return _open_bucket(shown, rules, options, target, terms)
    folder = local_path(shown)
    if not os.path.exists(folder):
        raise Failed(f"there is no {shown}", hints=("is the drive mounted?",), code="source-missing")
    if not os.path.isdir(folder):
        hint = "give the folder that it is in, and --include"
        raise Usage(f"{shown} is no folder", hints=(hint,), code="source-kind")
    refuse_target_folder(folder)
    return LocalTree(folder, rules)


def _open_bucket(url: str, rules: Rules, options: Mapping[str, object], target: str, terms: Terms) -> BucketSource:
    from bakup.source.bucket import PARALLEL, BucketSource

    bucket = open_bucket(url, options, terms)
    try:
        if not bucket.exists():
            raise Failed(f"there is no {bucket.url}", code="source-missing")
    except BaseException:
        bucket.close()
        raise
    below = target.rstrip("/").removeprefix(url.rstrip("/") + "/")
    inside = below + "/" if is_url(target) and below != target.rstrip("/") else ""
    return BucketSource(bucket, rules, inside, terms.parallel or PARALLEL)
