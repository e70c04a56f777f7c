"""From what a user types to a source or to a place to restore to."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from bakup.errors import Failed, Usage
from bakup.source.destination import Destination
from bakup.source.filters import Rules
from bakup.source.interface import Source
from bakup.source.out import Out
from bakup.source.targets import refuse_target_folder
from bakup.source.tree import LocalTree
from bakup.store.buckets import Asked, Bucket, open_bucket
from bakup.store.opening import is_url, local_path
from bakup.store.secrets import without_user

if TYPE_CHECKING:
    from bakup.source.bucket import BucketSource


class OutPlace:
    """A folder or URL to restore to, before anything of it is opened.

    Args:
        place: as typed.
        options: of the store that a URL is in.
    """

    def __init__(self, place: str, options: Mapping[str, object]) -> None:
        self._place = place if is_url(place) else local_path(place)
        self._options = options
        self.asked = Asked() if is_url(place) else None

    @property
    def shown(self) -> str:
        """As reports name it: an absolute path, or a URL without user info."""
        return without_user(self._place) if is_url(self._place) else os.path.abspath(self._place)

    def is_empty(self) -> bool:
        """Whether nothing is there, so that nothing can be in the way."""
        if not is_url(self._place):
            return not (os.path.isdir(self._place) and os.listdir(self._place))
        bucket = self._bucket()
        return not bucket.exists() or next(iter(bucket.list()), None) is None

    def open(self) -> Out:
        """A folder is made when it is missing.

        Raises:
            Failed: it cannot be made or opened.
            Usage: a kind of store that is not known or not installed.
        """
        if not is_url(self._place):
            return Destination(self._place)
        from bakup.source.upload import BucketDestination

        return BucketDestination(self._bucket())

    def _bucket(self) -> Bucket:
        return open_bucket(self._place, self._options, self.asked)


def open_source(
    place: bytes, rules: Rules, options: Mapping[str, object], target: str, parallel: int | None = None
) -> Source:
    """A folder or URL to back up, without the target when that lies inside.

    Raises:
        Failed: it is not there.
        Usage: it is no folder, or a target itself; a kind of store that is not known or not installed.
    """
    shown = os.fsdecode(place)
    if is_url(shown):
        return _open_bucket(shown, rules, options, target, parallel)
    folder = local_path(shown)
    if not os.path.exists(folder):
        raise Failed(f"there is no {shown}", hints=("is the drive mounted?",), code="source-missing")
    if not os.path.isdir(folder):
        hint = "give the folder that it is in, and --include"
        raise Usage(f"{shown} is no folder", hints=(hint,), code="source-kind")
    refuse_target_folder(folder)
    return LocalTree(folder, rules)


def _open_bucket(
    url: str, rules: Rules, options: Mapping[str, object], target: str, parallel: int | None
) -> BucketSource:
    from bakup.source.bucket import PARALLEL, BucketSource

    bucket = open_bucket(url, options)
    if not bucket.exists():
        raise Failed(f"there is no {bucket.url}", code="source-missing")
    below = target.rstrip("/").removeprefix(url.rstrip("/") + "/")
    inside = below + "/" if is_url(target) and below != target.rstrip("/") else ""
    return BucketSource(bucket, rules, inside, parallel or PARALLEL)
