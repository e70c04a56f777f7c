"""A target in front of another: passes all on. What changes something of it says only that."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from bakup.store.target import AtOnce, Capabilities, Growing, Limits, Locator, Target


class PassingTarget:
    """See `bakup.store.target.Target`; every call is the inner target's."""

    def __init__(self, target: Target) -> None:
        self._target = target

    @property
    def url(self) -> str:
        """The inner target's."""
        return self._target.url

    @property
    def identity(self) -> str:
        """The inner target's."""
        return self._target.identity

    @property
    def limits(self) -> Limits:
        """The inner target's."""
        return self._target.limits

    @property
    def capabilities(self) -> Capabilities:
        """The inner target's."""
        return self._target.capabilities

    @property
    def at_once(self) -> AtOnce:
        """The inner target's."""
        return self._target.at_once

    @property
    def mark(self) -> str | None:
        """The inner target's."""
        return self._target.mark

    def sweep(self, marks: Collection[str]) -> set[str]:
        """Passed on."""
        return self._target.sweep(marks)

    def exists(self) -> bool:
        """Passed on."""
        return self._target.exists()

    def create(self) -> None:
        """Passed on."""
        self._target.create()

    def put_new(self, name: str, spool: str) -> Locator:
        """Passed on."""
        return self._target.put_new(name, spool)

    def growing(self, name: str, spool: str) -> Growing | None:
        """Passed on."""
        return self._target.growing(name, spool)

    def discard(self, name: str) -> None:
        """Passed on."""
        self._target.discard(name)

    def put_all(self, objects: Sequence[tuple[str, str]]) -> list[Locator]:
        """Passed on."""
        return self._target.put_all(objects)

    def list(self) -> Iterator[tuple[Locator, int]]:
        """Passed on."""
        return self._target.list()

    def size(self, locator: Locator) -> int | None:
        """Passed on."""
        return self._target.size(locator)

    def read(self, locator: Locator, offset: int, length: int) -> bytes:
        """Passed on."""
        return self._target.read(locator, offset, length)

    def read_ranges(self, locator: Locator, ranges: Sequence[tuple[int, int]]) -> Sequence[bytes]:
        """Passed on."""
        return self._target.read_ranges(locator, ranges)

    def free_bytes(self) -> int | None:
        """Passed on."""
        return self._target.free_bytes()

    def spool_folder(self) -> str | None:
        """Passed on."""
        return self._target.spool_folder()

    def abort(self) -> None:
        """Passed on."""
        self._target.abort()

    def close(self) -> None:
        """Passed on."""
        self._target.close()
