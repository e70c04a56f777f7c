"""What passes between here and a store: counted, held to a rate, and cut off at once when a run ends."""

from __future__ import annotations

import io
import os
import threading
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Literal, TypeAlias

from bakup.store.counting import Counts
from bakup.store.faults import cut_off

Request: TypeAlias = Literal["lists", "puts", "reads", "heads", "deletes"]

PIECE = 1 << 18
"""Most bytes that move between two looks at the rate and at the end of the run."""
_STEPS = 16
"""A rate is kept in so many steps a second: that is how smooth it is."""
_LEAST_PIECE = 1 << 10
_STEP_S = 1.0
"""Longest rest of a coroutine in one piece."""


class Rate:
    """So many bytes a second, for all threads together. Nothing is saved up while nothing moves."""

    def __init__(self, per_second: int) -> None:
        self.piece = max(_LEAST_PIECE, min(PIECE, per_second // _STEPS))
        self._per_second = per_second
        self._free_at = 0.0
        self._guard = threading.Lock()

    def delay(self, size: int) -> float:
        """Seconds to wait after `size` bytes have moved."""
        with self._guard:
            now = time.monotonic()
            self._free_at = max(self._free_at, now) + size / self._per_second
            return self._free_at - now


class Wire:
    """Counts of one target, its rates in bytes a second, and its end. Safe for several threads.

    `mark` tells what this run leaves at a store from what others do.
    """

    def __init__(self, upload: int | None = None, download: int | None = None) -> None:
        self.counts = Counts()
        self.mark = uuid.uuid4().hex
        self._up = Rate(upload) if upload else None
        self._down = Rate(download) if download else None
        self._guard = threading.Lock()
        self._cut = threading.Event()

    @property
    def up_piece(self) -> int:
        """Most bytes to send before the next `sent`."""
        return self._up.piece if self._up else PIECE

    @property
    def down_piece(self) -> int:
        """Most bytes to take before the next `took`."""
        return self._down.piece if self._down else PIECE

    def count(self, request: Request, number: int = 1) -> None:
        """Requests that go out now."""
        with self._guard:
            setattr(self.counts, request, getattr(self.counts, request) + number)

    def sent(self, size: int) -> None:
        """`size` bytes went up; waits as the rate wants it. Raises StoreError after `cut`."""
        self.wait(self._moved("put_bytes", size, self._up))

    def took(self, size: int) -> None:
        """`size` bytes came down; waits as the rate wants it. Raises StoreError after `cut`."""
        self.wait(self._moved("read_bytes", size, self._down))

    async def took_soon(self, size: int) -> AsyncIterator[None]:
        """As `took`, without holding up the thread; looks up from the wait every `_STEP_S`."""
        import asyncio  # takes 15 ms to load, and local targets need none of it

        left = self._moved("read_bytes", size, self._down)
        while left > _STEP_S:
            await asyncio.sleep(_STEP_S)
            self.wait(0)
            yield
            left -= _STEP_S
        await asyncio.sleep(left)
        self.wait(0)

    def wait(self, seconds: float) -> None:
        """Sleep, unless the end comes first. Raises StoreError after `cut`."""
        if self._cut.wait(seconds) if seconds > 0 else self._cut.is_set():
            raise cut_off()

    def cut(self) -> None:
        """From now on nothing passes any more."""
        self._cut.set()

    def _moved(self, bytes_: str, size: int, rate: Rate | None) -> float:
        with self._guard:
            setattr(self.counts, bytes_, getattr(self.counts, bytes_) + size)
        return rate.delay(size) if rate else 0.0


class Body(io.RawIOBase):
    """A slice of a file on its way up, read piece by piece.

    Args:
        path: the file.
        offset, length: of the slice, in bytes.
        wire: is told of what is read, while `counted`; a reader that only hashes sets it False.
    """

    def __init__(self, path: str, offset: int, length: int, wire: Wire) -> None:
        self.path = path
        self.counted = True
        self.moved_at = time.monotonic()
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115 - closed by `close`
        self._start = offset
        self._length = length
        self._at = 0
        self._wire = wire
        self._file.seek(offset)

    def __len__(self) -> int:
        return self._length

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes, inside the slice."""
        return True

    def tell(self) -> int:
        """Bytes from the slice's start."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As of any file, inside the slice."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._length}[whence]
        self._at = max(0, base + offset)
        self._file.seek(self._start + self._at)
        return self._at

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """At most one piece; waits as the rate wants it."""
        most = min(len(buffer), max(0, self._length - self._at), self._wire.up_piece if self.counted else PIECE)
        got = self._file.readinto(memoryview(buffer)[:most]) or 0
        self._at += got
        self.moved_at = time.monotonic()
        if self.counted:
            self._wire.sent(got)
            self.moved_at = time.monotonic()
        return got

    def close(self) -> None:
        """Nothing: libraries close what they sent, and then send it again. `with` lets go of the file."""

    def __exit__(self, *error: object) -> None:
        self._file.close()


class Sink:
    """Bytes on their way down. What came to nothing has been paid for all the same, so it counts."""

    def __init__(self, wire: Wire) -> None:
        self.moved_at = time.monotonic()
        self.size = 0
        self.piece = wire.down_piece
        self._wire = wire
        self._pieces: list[bytes] = []

    def take(self, piece: bytes, came: int | None = None) -> None:
        """A piece came; waits as the rate wants it. `came`: bytes, with those that nobody asked for."""
        self._keep(piece)
        self._wire.took(len(piece) if came is None else came)
        self.moved_at = time.monotonic()

    async def take_soon(self, piece: bytes, came: int | None = None) -> None:
        """As `take`, in a coroutine; to wait for the rate is no silence of the store."""
        self._keep(piece)
        async for _ in self._wire.took_soon(len(piece) if came is None else came):
            self.moved_at = time.monotonic()
        self.moved_at = time.monotonic()

    def content(self) -> bytes:
        """All of it."""
        return self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)

    def _keep(self, piece: bytes) -> None:
        if piece:
            self._pieces.append(piece)
        self.size += len(piece)
        self.moved_at = time.monotonic()


@contextmanager
def going_up(content: bytes | str, offset: int, length: int, wire: Wire) -> Iterator[Body | io.BytesIO]:
    """A slice of bytes or of a local file, to be sent once: another try takes another.

    Bytes are in memory anyway, so the rate is kept before they go.
    """
    if isinstance(content, bytes):
        wire.sent(length)
        yield io.BytesIO(content[offset : offset + length])
    else:
        with Body(content, offset, length, wire) as body:
            yield body
