"""Memory that large files are read into, used again and again: their chunks are never copied while they wait."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class Buffer:
    """A piece of memory. `used`: bytes of it that stand for chunks; `holders`: batches that still need those."""

    view: memoryview
    used: int = 0
    holders: int = 0


class Buffers:
    """Gives out room one after the other; a buffer comes back when nobody holds it. For one thread.

    Args:
        size: bytes of a buffer.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._free: list[Buffer] = []
        self._current: Buffer | None = None

    def room(self, length: int) -> Buffer:
        """A buffer with at least `length` bytes from `used` on, and as a rule more: the last one, or another."""
        current = self._current
        if current is not None:
            if current.used + length <= self._size:
                return current
            if not current.holders:
                self._free.append(current)
        found = self._free.pop() if self._free else Buffer(memoryview(bytearray(self._size)))
        found.used = 0
        self._current = found
        return found

    def release(self, buffer: Buffer) -> None:
        """One holder less."""
        buffer.holders -= 1
        if not buffer.holders and buffer is not self._current:
            self._free.append(buffer)
