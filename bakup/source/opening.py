"""From what a user types to a source or to a place to restore to."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from bakup.errors import Failed, Usage
from bakup.source.filters import Rules
from bakup.source.interface import Source
from bakup.source.out import Out
from bakup.source.targets import refuse_target_folder
from bakup.source.tree import LocalTree
from bakup.store.buckets import open_bucket
from bakup.store.counting import Counts
from bakup.store.opening import is_url, local_path
from bakup.store.target import TERMS, Terms

if TYPE_CHECKING:
    from bakup.source.bucket import BucketSource


class OutPlace:
    """A folder or URL to restore to, before anything of it is opened. Close it at the end.

    Args:
        place: as typed.
        options: of the store that a URL is in.
        terms: how that is spoken to.
    """

    def __init__(self, place: str, options: Mapping[str, object], terms: Terms = TERMS) -> None:
        self._folder = local_path(place)
        self._bucket = open_bucket(place, options, terms) if is_url(place) else None

    @property
    def shown(self) -> str:
        """As reports name it: an absolute path, or a URL without user info."""
        return self._bucket.url if self._bucket else os.path.abspath(self._folder)

    @property
    def counts(self) -> Counts | None:
        """What was asked of the store so far; None where there is none."""
        return self._bucket.counts if self._bucket else None

    def is_empty(self) -> bool:
        """Whether nothing is there, so that nothing can be in the way."""
        if self._bucket is None:
            return not (os.path.isdir(self._folder) and os.listdir(self._folder))
        return not self._bucket.exists() or next(iter(self._bucket.list()), None) is None

    def open(self) -> Out:
        """A folder is made when it is missing.

        Raises:
            Failed: it cannot be made or opened.
        """
        if self._bucket is None:
            from bakup.source.destination import Destination

            return Destination(self._folder)
        from bakup.source.upload import BucketDestination

        return BucketDestination(self._bucket)

    def close(self) -> None:
        """Let go of connections; what is under way fails."""
        if self._bucket is not None:
            self._bucket.close()


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
