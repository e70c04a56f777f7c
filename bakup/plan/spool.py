"""The plan's actions, spilled to a temporary file in batches: memory does not grow with the tree."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

import msgspec

BATCH = 2048
IN_MEMORY = 32 << 20
LENGTH = struct.Struct("<I")

T = TypeVar("T")


class Spool(Generic[T]):
    """Values written once and read back in order, any number of times. Small plans never touch the disk.

    Args:
        folder: where a large plan is spilled; names of files stand in it, so it is this user's own.
        to_tuple, from_tuple: how a value is taken apart into plain numbers, bytes and text, and put together again.
    """

    def __init__(
        self, folder: str, to_tuple: Callable[[T], tuple[Any, ...]], from_tuple: Callable[[list[Any]], T]
    ) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY, dir=folder)  # noqa: SIM115
        self._to_tuple = to_tuple
        self._from_tuple = from_tuple
        self.length = 0

    def fill(self, values: Iterable[T]) -> None:
        """Write all values."""
        batch: list[tuple[Any, ...]] = []
        for value in values:
            batch.append(self._to_tuple(value))
            if len(batch) == BATCH:
                self._write(batch)
                batch = []
        if batch:
            self._write(batch)

    def __iter__(self) -> Iterator[T]:
        position = 0
        while True:
            self._file.seek(position)
            head = self._file.read(LENGTH.size)
            if not head:
                return
            data = self._file.read(LENGTH.unpack(head)[0])
            position += LENGTH.size + len(data)
            for value in msgspec.msgpack.decode(data):
                yield self._from_tuple(value)

    def close(self) -> None:
        """Forget the values."""
        self._file.close()

    def _write(self, batch: list[tuple[Any, ...]]) -> None:
        data = msgspec.msgpack.encode(batch)
        self._file.write(LENGTH.pack(len(data)) + data)
        self.length += len(batch)
