"""A large object, open for one sequential read: some pieces are fetched ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from msgspec.structs import replace

from bakup.errors import NoAnswer, StoreError
from bakup.model import Attributes
from bakup.source.interface import Run, Unreadable
from bakup.store.buckets.interface import OBJECT_CHANGED, Bucket, Listed
from bakup.store.faults import OBJECT_MISSING

PIECE = 8 << 20
"""Bytes of one request."""

AHEAD = 4
"""Pieces under way or waiting."""


class BucketFile:
    """See `interface.Large`.

    Args:
        bucket: that holds it.
        pool: where requests are made.
        path: of it, for errors.
        listed: the version that is read.
        attributes: of that version.
    """

    def __init__(
        self, bucket: Bucket, pool: ThreadPoolExecutor, path: bytes, listed: Listed, attributes: Attributes
    ) -> None:
        self.size = listed.size
        self._bucket = bucket
        self._pool = pool
        self._path = path
        self._listed = listed
        self._attributes = attributes
        self._asked = 0
        self._pieces: deque[Future[bytes]] = deque()
        self._rest = memoryview(b"")
        self._changed = False
        self._torn = False

    def __enter__(self) -> BucketFile:
        return self

    def __exit__(self, *error: object) -> None:
        for piece in self._pieces:
            piece.cancel()

    def runs(self) -> Iterator[Run]:
        """One: stores tell of no holes."""
        return iter((Run(0, self.size, False),) if self.size else ())

    def seek(self, offset: int) -> None:
        """Go to an offset in bytes; what was fetched ahead of another is dropped."""
        if self._pieces or self._rest or offset != self._asked:
            self.__exit__()
            self._pieces.clear()
            self._rest, self._asked = memoryview(b""), offset

    def readinto(self, buffer: memoryview) -> int:
        """See `interface.Large`; 0 too when the version is there no more."""
        if not self._rest:
            self._rest = memoryview(self._next())
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def consistent(self) -> bool:
        """Whether the bytes read are one version's."""
        if not self._changed and not self._bucket.exact:
            try:
                self._changed = self._bucket.facts(self._listed)[0] != self._listed
            except StoreError:
                self._changed = True
        return not self._changed

    def attributes(self) -> Attributes:
        """See `interface.Large`."""
        if self._torn:
            raise Unreadable(self._path, "it changed whenever it was read, and never came whole")
        return replace(self._attributes, ctime_ns=None) if self._changed else self._attributes

    def _next(self) -> bytes:
        while len(self._pieces) < AHEAD and self._asked < self.size:
            length = min(PIECE, self.size - self._asked)
            self._pieces.append(self._pool.submit(self._read, self._asked, length))
            self._asked += length
        if not self._pieces:
            return b""
        try:
            return self._pieces.popleft().result()
        except NoAnswer:
            raise
        except StoreError as error:
            if error.code in {OBJECT_CHANGED, OBJECT_MISSING}:
                self._changed = self._torn = True
                return b""
            raise Unreadable(self._path, error.message) from error

    def _read(self, offset: int, length: int) -> bytes:
        """A piece; one that is shorter is of another version, or of one that is no more."""
        piece = self._bucket.read(self._listed, offset, length)
        if len(piece) != length:
            raise StoreError(f"{len(piece)} of {length} bytes came", code=OBJECT_CHANGED)
        return piece
