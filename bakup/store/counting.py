"""A target that counts what is asked of it: for reports, and for tests of what a read costs."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bakup.store.faults import faults
from bakup.store.target import Capabilities, Limits, Locator, Target


@dataclass(slots=True)
class Counts:
    """Requests and bytes so far. `ranges` holds the (offset, length) asked of each object."""

    lists: int = 0
    puts: int = 0
    put_bytes: int = 0
    reads: int = 0
    read_bytes: int = 0
    ranges: dict[Locator, list[tuple[int, int]]] = field(default_factory=dict)


class CountingTarget:
    """Passes all to another target and counts it; safe for several threads."""

    def __init__(self, target: Target, *, keep_ranges: bool = False) -> None:
        self.counts = Counts()
        self._target = target
        self._keep_ranges = keep_ranges
        self._guard = threading.Lock()

    @property
    def url(self) -> str:
        """The inner target's."""
        return self._target.url

    @property
    def limits(self) -> Limits:
        """The inner target's."""
        return self._target.limits

    @property
    def capabilities(self) -> Capabilities:
        """The inner target's."""
        return self._target.capabilities

    def exists(self) -> bool:
        """Not counted."""
        return self._target.exists()

    def create(self) -> None:
        """Not counted."""
        self._target.create()

    def put_new(self, name: str, spool: str) -> Locator:
        """One put, and its bytes."""
        with faults(self.url):
            size = os.path.getsize(spool)
        locator = self._target.put_new(name, spool)
        with self._guard:
            self.counts.puts += 1
            self.counts.put_bytes += size
        return locator

    def put_all(self, objects: Sequence[tuple[str, str]]) -> list[Locator]:
        """As many puts, and their bytes."""
        with faults(self.url):
            size = sum(os.path.getsize(spool) for _, spool in objects)
        locators = self._target.put_all(objects)
        with self._guard:
            self.counts.puts += len(objects)
            self.counts.put_bytes += size
        return locators

    def list(self) -> Iterator[tuple[Locator, int]]:
        """One list."""
        with self._guard:
            self.counts.lists += 1
        return self._target.list()

    def read(self, locator: Locator, offset: int, length: int) -> bytes:
        """One read."""
        found = self._target.read(locator, offset, length)
        self._count(locator, [(offset, length)], len(found))
        return found

    def read_ranges(self, locator: Locator, ranges: Sequence[tuple[int, int]]) -> Sequence[bytes]:
        """As many reads as ranges."""
        found = self._target.read_ranges(locator, ranges)
        self._count(locator, ranges, sum(map(len, found)))
        return found

    def free_bytes(self) -> int | None:
        """Not counted."""
        return self._target.free_bytes()

    def spool_folder(self) -> str | None:
        """Not counted."""
        return self._target.spool_folder()

    def close(self) -> None:
        """Not counted."""
        self._target.close()

    def _count(self, locator: Locator, ranges: Sequence[tuple[int, int]], size: int) -> None:
        with self._guard:
            self.counts.reads += len(ranges)
            self.counts.read_bytes += size
            if self._keep_ranges:
                self.counts.ranges.setdefault(locator, []).extend(ranges)
