"""Regions: sealed as they grow into a spool file, and opened by ranges (section 4.2 of the format)."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import BinaryIO

from blake3 import blake3
from msgspec import Struct

from bakup.account.stream import SEGMENT, TAG, Opener, Sealer, plain_length, segments, stored_length
from bakup.errors import Damaged, Truncated
from bakup.format.codec import Buffer

BATCH = 16 * SEGMENT
"""Plaintext bytes sealed, hashed and written at once: few calls, and still in the processor's cache."""
WAITING = 4
"""What is added may wait for its turn up to so many times."""


class RegionSpool:
    """One region while it grows: sealed, hashed and written by the batch. Constant memory.

    `plain` bytes were added, `written` bytes are in the file. With `beside` a thread of its own does the work, and what
    went wrong there is raised by a later call.
    The last segment is sealed as such, so a batch leaves only when more bytes come.
    """

    def __init__(self, file: BinaryIO, sealer: Sealer | None, *, beside: bool = False) -> None:
        self.plain = 0
        self.written = 0
        self._file = file
        self._sealer = sealer
        self._hash = blake3()
        self._sealed = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="seal") if beside else None
        self._waiting: deque[Future[None]] = deque()
        self._staged = memoryview(bytearray(BATCH if sealer else 0))
        self._fill = 0
        self._out = memoryview(bytearray(stored_length(BATCH) if sealer else 0))

    @property
    def stored(self) -> int:
        """Bytes that the region would take if it ended here."""
        return self.stored_with(0)

    def stored_with(self, more: int) -> int:
        """Bytes that the region would take with `more` bytes of plaintext."""
        plain = self.plain + more
        return stored_length(plain) if self._sealer else plain

    def append(self, *data: Buffer) -> None:
        """Add plaintext, which must not change before `finish` or `close`."""
        self.plain += sum(map(len, data))
        if self._thread is None:
            self._add(data)
            return
        self._waiting.append(self._thread.submit(self._add, data))
        self._settle(WAITING)

    def finish(self) -> bytes:
        """Seal what is left. Gives the digest of the stored bytes."""
        self._settle(0)
        self.close()
        if self._fill:
            self._seal(self._staged[: self._fill], last=True)
            self._fill = 0
        return self._hash.digest()

    def close(self) -> None:
        """Let go of what waits. The file is the caller's. May be called again."""
        if self._thread is not None:
            self._thread.shutdown(cancel_futures=True)

    def _settle(self, most: int) -> None:
        while len(self._waiting) > most:
            self._waiting.popleft().result()

    def _add(self, data: Sequence[Buffer]) -> None:
        for piece in data:
            view = memoryview(piece)
            if self._sealer is None:
                self._write(view)
                continue
            while view:
                view = view[self._take(view) :]

    def _take(self, view: memoryview) -> int:
        """Stage the start of `view`, or seal it from where it is when long. Gives the bytes taken."""
        long = len(view) > BATCH
        if long and self._fill == 0:
            self._seal(view[:BATCH], last=False)
            return BATCH
        end = segments(self._fill) * SEGMENT if long else BATCH
        if self._fill == end:
            self._seal(self._staged[:end], last=False)
            self._fill = 0
            return 0
        count = min(end - self._fill, len(view))
        self._staged[self._fill : self._fill + count] = view[:count]
        self._fill += count
        return count

    def _seal(self, plain: memoryview, *, last: bool) -> None:
        assert self._sealer is not None
        out = self._out[: stored_length(len(plain))]
        self._sealer.seal(plain, out, self._sealed, last)
        self._sealed += segments(len(plain))
        self._write(out)

    def _write(self, stored: memoryview) -> None:
        self._hash.update(stored)
        rest = stored
        while rest:
            rest = rest[self._file.write(rest) :]
        self.written += len(stored)


class Span(Struct, frozen=True):
    """Where plaintext is: `offset` and `length` in the object, its `first` segment, plain bytes to `skip`."""

    offset: int
    length: int
    first: int
    skip: int


class Region:
    """One region of a sector that is read: `stored` bytes from offset `start` of the object.

    `plain` is the length of its plaintext. Raises Damaged for a `stored` that no encrypted region has.
    """

    def __init__(self, start: int, stored: int, *, encrypted: bool, opener: Opener | None) -> None:
        self.start = start
        self.stored = stored
        self.plain = plain_length(stored) if encrypted else stored
        self.segments = segments(self.plain)
        self.encrypted = encrypted
        self._opener = opener

    @property
    def readable(self) -> bool:
        """Whether its plaintext can be had."""
        return self._opener is not None or not self.encrypted

    def span(self, position: int, length: int) -> Span:
        """The stored bytes that cover plaintext. Raises Damaged beyond the region."""
        if position < 0 or length < 0 or position + length > self.plain:
            raise Damaged(f"{length:,} bytes at {position:,} lie beyond a region of {self.plain:,}")
        if not self.encrypted:
            return Span(self.start + position, length, 0, 0)
        first, skip = divmod(position, SEGMENT)
        offset = first * (SEGMENT + TAG)
        end = min(segments(position + length) * (SEGMENT + TAG), self.stored)
        return Span(self.start + offset, max(0, end - offset), first, skip)

    def open(self, stored: Buffer, span: Span, buffer: memoryview | None = None) -> memoryview:
        """The plaintext that `stored`, as read from `span`, holds; from `span.skip` on is what was asked for.

        It may lie in `buffer`, if that is given, else in memory of its own. Raises Truncated when bytes are
        missing, Damaged when a segment does not open.
        """
        if len(stored) < span.length:
            raise Truncated(f"{len(stored):,} of {span.length:,} bytes are there")
        if not self.encrypted:
            return memoryview(stored)
        assert self._opener is not None
        length = plain_length(span.length)
        plain = memoryview(bytearray(length)) if buffer is None else buffer[:length]
        self._opener.open(memoryview(stored), plain, span.first, self.segments)
        return plain

    def plain_of(self, span: Span) -> int:
        """Plaintext bytes of whole segments."""
        return plain_length(span.length) if self.encrypted else span.length
