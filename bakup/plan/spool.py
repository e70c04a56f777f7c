"""A plan's actions, spilled to a temporary file in batches: memory does not grow with the tree."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterable, Iterator
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
        kind: what the values are read back as: a type that msgspec makes by itself, without Python's help.
    """

    def __init__(self, folder: str, kind: Any) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY, dir=folder)  # noqa: SIM115
        self._decoder: msgspec.msgpack.Decoder[list[T]] = msgspec.msgpack.Decoder(list[kind])
        self.length = 0

    def fill(self, values: Iterable[T]) -> None:
        """Write all values."""
        batch: list[Any] = []
        for value in values:
            batch.append(value)
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
            yield from self._decoder.decode(data)

    def close(self) -> None:
        """Forget the values."""
        self._file.close()

    def _write(self, batch: list[Any]) -> None:
        data = msgspec.msgpack.encode(batch)
        self._file.write(LENGTH.pack(len(data)) + data)
        self.length += len(batch)
