"""A plan's actions, or other values, spilled to a temporary file in batches: memory does not grow with the tree.

A batch is a slice of the plan: contiguous paths, which a worker can take by its number.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO, Generic, TypeVar, cast

import msgspec

BATCH = 1024
"""Values of a batch, and ..."""
BATCH_BYTES = 64 << 20
"""... bytes of their files, after which it ends."""
IN_MEMORY = 32 << 20


T = TypeVar("T")


class Spool(Generic[T]):
    """Values written once and read back in order, any number of times. Small plans never touch the disk.

    What was written can be read in forked processes too, beside each other.

    Args:
        folder: where a large plan is spilled; names of files stand in it, so it is this user's own.
        kind: what the values are read back as: a type that msgspec makes by itself, without Python's help.
    """

    def __init__(self, folder: str, kind: Any) -> None:
        self._folder = folder
        self._decoder: msgspec.msgpack.Decoder[list[T]] = msgspec.msgpack.Decoder(list[kind])
        self._held: list[bytes] = []
        self._file: BinaryIO | None = None
        self._ends = [0]
        self.length = 0

    @property
    def batches(self) -> int:
        """How many there are."""
        return len(self._ends) - 1

    def fill(
        self,
        values: Iterable[T],
        *,
        size_of: Callable[[T], int] = lambda _: 0,
        joined: Callable[[T, T], bool] = lambda _, __: False,
    ) -> None:
        """Write all values.

        Args:
            size_of: bytes that have to be read for a value.
            joined: whether two neighbours must stay in one batch.
        """
        batch: list[T] = []
        size = 0
        for value in values:
            if (len(batch) >= BATCH or size >= BATCH_BYTES) and not joined(batch[-1], value):
                self._write(batch)
                batch, size = [], 0
            batch.append(value)
            size += size_of(value)
        if batch:
            self._write(batch)

    def batch(self, number: int) -> list[T]:
        """The values of a batch, counted from 0."""
        if self._file is None:
            return self._decoder.decode(self._held[number])
        start, end = self._ends[number : number + 2]
        if hasattr(os, "pread"):
            # Not by the position in the file, which forked processes share.
            return self._decoder.decode(os.pread(self._file.fileno(), end - start, start))
        self._file.seek(start)
        return self._decoder.decode(self._file.read(end - start))

    def __iter__(self) -> Iterator[T]:
        for number in range(self.batches):
            yield from self.batch(number)

    def close(self) -> None:
        """Forget the values."""
        self._held = []
        if self._file is not None:
            self._file.close()

    def _write(self, batch: list[T]) -> None:
        data = msgspec.msgpack.encode(batch)
        self._ends.append(self._ends[-1] + len(data))
        self.length += len(batch)
        if self._file is None:
            self._held.append(data)
            if self._ends[-1] <= IN_MEMORY:
                return
            # Unbuffered, so that another process sees what was written.
            self._file = cast(BinaryIO, tempfile.TemporaryFile(dir=self._folder, buffering=0))  # noqa: SIM115
            data, self._held = b"".join(self._held), []
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]
