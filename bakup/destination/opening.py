"""From what a user types to a place to restore to."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from bakup.destination.folder.folder import Destination
from bakup.destination.folder.unfinished import RestoreRun
from bakup.destination.interface import Out
from bakup.store.buckets.opening import open_bucket
from bakup.store.counting import Counts
from bakup.store.local.room import Room, room
from bakup.store.opening import is_url, local_path
from bakup.store.target import TERMS, Terms
from bakup.store.url.placename import expect_place


class OutPlace:
    """A folder or URL to restore to, before anything of it is opened. Close it at the end.

    Args:
        place: as typed.
        options: of the store that a URL is in.
        terms: how that is spoken to.
    """

    def __init__(self, place: str, options: Mapping[str, object], terms: Terms = TERMS) -> None:
        expect_place(place, "OUT")
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

    def room(self) -> Room | None:
        """What may be made there; None where nobody says."""
        return None if self._bucket else room(self._folder)

    def exists(self) -> bool:
        """Whether there is a folder, or a bucket."""
        return os.path.isdir(self._folder) if self._bucket is None else self._bucket.exists()

    def run(self, records: str, scope: bytes, *, write: bool) -> RestoreRun:
        """A restore to this place (see `RestoreRun`); of one to a URL there is nothing to record."""
        return RestoreRun(
            os.path.abspath(os.fsencode(self._folder)), None if self._bucket else records, scope, write=write
        )

    def open(self, run: RestoreRun, spared: Callable[[bytes], bool] = lambda _: False) -> Out:
        """A folder is made when it is missing; paths that are `spared` are no leftovers of a killed restore in it.

        Raises:
            Failed: it cannot be made or opened.
        """
        if self._bucket is None:
            return Destination(self._folder, run=run, spared=spared)
        from bakup.destination.bucket.bucket import BucketDestination

        return BucketDestination(self._bucket)

    def close(self) -> None:
        """Let go of connections; what is under way fails."""
        if self._bucket is not None:
            self._bucket.close()
