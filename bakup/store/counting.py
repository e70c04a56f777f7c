"""A target that counts what is asked of it: for reports, and for tests of what a read costs."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

from msgspec import Struct, field

from bakup.store.faults import faults
from bakup.store.passing import PassingTarget
from bakup.store.target import Locator, Target


class Counts(Struct):
    """Requests and bytes so far, in the classes that stores ask money for.

    Args:
        lists: pages of listings.
        puts: objects put whole, or parts of one and what begins and ends them.
        put_bytes: bytes up, with those that had to be sent again.
        reads: ranges read.
        read_bytes: bytes down, of objects.
        heads: looks at one object, or whether the bucket or folder is there.
        deletes: halves of objects thrown away.
        ranges: the (offset, length) asked of each object.
    """

    lists: int = 0
    puts: int = 0
    put_bytes: int = 0
    reads: int = 0
    read_bytes: int = 0
    heads: int = 0
    deletes: int = 0
    ranges: dict[Locator, list[tuple[int, int]]] = field(default_factory=dict)


@runtime_checkable
class Counted(Protocol):
    """A target that counts by itself, request by request."""

    @property
    def counts(self) -> Counts:
        """So far."""


class CountingTarget(PassingTarget):
    """Passes all to another target and counts it, unless that one does; safe for several threads."""

    def __init__(self, target: Target, *, keep_ranges: bool = False) -> None:
        self._counts_itself = isinstance(target, Counted)
        self.counts = target.counts if isinstance(target, Counted) else Counts()
        super().__init__(target)
        self._keep_ranges = keep_ranges
        self._guard = threading.Lock()

    def put_new(self, name: str, spool: str) -> Locator:
        """One put, and its bytes."""
        with faults(self.url):
            size = os.path.getsize(spool)
        locator = self._target.put_new(name, spool)
        self._count(puts=1, put_bytes=size)
        return locator

    def put_all(self, objects: Sequence[tuple[str, str]]) -> list[Locator]:
        """As many puts, and their bytes."""
        with faults(self.url):
            size = sum(os.path.getsize(spool) for _, spool in objects)
        locators = self._target.put_all(objects)
        self._count(puts=len(objects), put_bytes=size)
        return locators

    def list(self) -> Iterator[tuple[Locator, int]]:
        """One list."""
        self._count(lists=1)
        return self._target.list()

    def size(self, locator: Locator) -> int | None:
        """One look at an object."""
        self._count(heads=1)
        return self._target.size(locator)

    def read(self, locator: Locator, offset: int, length: int) -> bytes:
        """One read."""
        found = self._target.read(locator, offset, length)
        self._read(locator, [(offset, length)], len(found))
        return found

    def read_ranges(self, locator: Locator, ranges: Sequence[tuple[int, int]]) -> Sequence[bytes]:
        """As many reads as ranges."""
        found = self._target.read_ranges(locator, ranges)
        self._read(locator, ranges, sum(map(len, found)))
        return found

    def _read(self, locator: Locator, ranges: Sequence[tuple[int, int]], size: int) -> None:
        self._count(reads=len(ranges), read_bytes=size)
        if self._keep_ranges:
            with self._guard:
                self.counts.ranges.setdefault(locator, []).extend(ranges)

    def _count(self, **numbers: int) -> None:
        if self._counts_itself:
            return
        with self._guard:
            for name, number in numbers.items():
                setattr(self.counts, name, getattr(self.counts, name) + number)
