"""A local target held to a rate. Remote ones are held to theirs where the bytes move."""

from __future__ import annotations

import os
from collections.abc import Sequence

from msgspec.structs import replace

from bakup.store.faults import faults
from bakup.store.passing import PassingTarget
from bakup.store.target import AtOnce, Locator, Target, Terms
from bakup.store.wire import Wire


def limited(target: Target, terms: Terms) -> Target:
    """`target` itself where there is no limit."""
    return LimitedTarget(target, terms) if terms.upload or terms.download else target


class LimitedTarget(PassingTarget):
    """Passes all to another target, not faster than its terms allow: what is put waits as long as it would move."""

    def __init__(self, target: Target, terms: Terms) -> None:
        super().__init__(target)
        self._wire = Wire(terms.upload, terms.download)

    @property
    def at_once(self) -> AtOnce:
        """The inner target's; in one process, which keeps the rate."""
        return replace(self._target.at_once, processes=False)

    def put_new(self, name: str, spool: str) -> Locator:
        """Waits first, since the put itself is a link."""
        with faults(self.url):
            size = os.path.getsize(spool)
        self._wire.sent(size)
        return self._target.put_new(name, spool)

    def growing(self, name: str, spool: str) -> None:
        """Put as a whole, which keeps the rate."""

    def put_all(self, objects: Sequence[tuple[str, str]]) -> list[Locator]:
        """Waits first."""
        with faults(self.url):
            size = sum(os.path.getsize(spool) for _, spool in objects)
        self._wire.sent(size)
        return self._target.put_all(objects)

    def read(self, locator: Locator, offset: int, length: int) -> bytes:
        """Waits after the read."""
        return self.read_ranges(locator, [(offset, length)])[0]

    def read_ranges(self, locator: Locator, ranges: Sequence[tuple[int, int]]) -> Sequence[bytes]:
        """Waits after the reads."""
        found = self._target.read_ranges(locator, ranges)
        self._wire.took(sum(map(len, found)))
        return found

    def abort(self) -> None:
        """What waits is over."""
        self._wire.cut()
        self._target.abort()
