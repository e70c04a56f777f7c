"""All check points of a target as one tree of folders: what a mount and the servers show."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

from msgspec import Struct

from bakup.archive.contents import Contents
from bakup.archive.moments import Folder, Folders, Link, Moment
from bakup.catalog.rows import Version


class At(Struct, frozen=True):
    """A path inside a check point, and what stands there."""

    moment: Moment
    path: bytes
    version: Version


class Tree:
    """Paths without a slash at either end; the root is empty.

    Args:
        contents: what is shown.
        refresh: brings the catalog up to the target; called now and then, by one thread at a time.
        every: seconds between two of these, at least.
    """

    def __init__(self, contents: Contents, refresh: Callable[[], None], every: float) -> None:
        self.contents = contents
        self._refresh = refresh
        self._every = every
        self._refreshed = time.monotonic()
        self._refreshing = Lock()
        self._naming = Lock()
        self._folders = Folders()
        self._known: tuple[Moment, ...] = ()
        self._top: Folder = {}
        self.look()

    def look(self) -> Folder:
        """The folders as they are now, with the check points that came meanwhile."""
        if time.monotonic() - self._refreshed > self._every and self._refreshing.acquire(blocking=False):
            try:
                self._refresh()
            finally:
                self._refreshed = time.monotonic()
                self._refreshing.release()
        found = self.contents.moments()
        with self._naming:
            if found != self._known or not self._top:
                self._known, self._top = found, self._folders.of(found)
            return self._top

    def find(self, path: bytes, *, follow: bool = False) -> Folder | Link | At | None:
        """What stands at a path; None where nothing does. With `follow` a Link is the check point that it means."""
        known = None if follow else self._walk(self._top, path)
        return known if isinstance(known, At) else self._walk(self.look(), path, follow=follow)

    def listed(self, path: bytes) -> Folder | None:
        """The names in a folder outside of check points, as they are now; None where there is none."""
        found = self._walk(self.look(), path)
        return found if isinstance(found, dict) else None

    def _walk(self, top: Folder, path: bytes, *, follow: bool = False) -> Folder | Link | At | None:
        at: Folder | Link | Moment = top
        rest = path
        while rest and isinstance(at, dict):
            name, _, rest = rest.partition(b"/")
            below = at.get(name)
            if below is None:
                return None
            at = below.moment if follow and isinstance(below, Link) else below
        if not isinstance(at, Moment):
            return None if rest else at
        version = self.contents.entry(at, rest)
        return None if version is None else At(at, rest, version)
