"""A target whose ranges are kept on this computer's disk when they were read: for who reads them again and again."""

from __future__ import annotations

import os
import tempfile
from collections import deque
from threading import Lock

from bakup.store.counting import Counted, Counts
from bakup.store.passing import PassingTarget
from bakup.store.target import Locator, Target


class KeptTarget(PassingTarget):
    """Keeps ranges as they are stored, encrypted where the target is, in a file without a name.

    The file is written round and round: what was kept longest goes first. A reader verifies what it is given here as
    it verifies what a store gives.

    Args:
        target: what is read from.
        folder: where the file is made.
        size: of the file at most, in bytes.
    """

    def __init__(self, target: Target, folder: str, size: int) -> None:
        super().__init__(target)
        self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - until `close`
        self._size = size
        self._end = 0
        self._kept: dict[tuple[Locator, int, int], tuple[int, int]] = {}
        self._order: deque[tuple[Locator, int, int]] = deque()
        self._guard = Lock()

    @property
    def counts(self) -> Counts:
        """What the target was asked; what is kept asks it nothing."""
        return self._target.counts if isinstance(self._target, Counted) else Counts()

    def read(self, locator: Locator, offset: int, length: int) -> bytes:
        """From the disk, else from the target."""
        key = locator, offset, length
        with self._guard:
            place = self._kept.get(key)
            if place is not None:
                return os.pread(self._file.fileno(), place[1], place[0])
        found = self._target.read(locator, offset, length)
        with self._guard:
            self._keep(key, found)
        return found

    def close(self) -> None:
        """Let go of the file too."""
        self._file.close()
        self._target.close()

    def _keep(self, key: tuple[Locator, int, int], found: bytes) -> None:
        if key in self._kept or len(found) > self._size:
            return
        if self._end + len(found) > self._size:
            self._drop(self._end, self._size)  # what stands behind is older than what stands at the beginning
            self._end = 0
        begin, end = self._end, self._end + len(found)
        self._drop(begin, end)
        try:
            if os.pwrite(self._file.fileno(), found, begin) < len(found):
                return
        except OSError:  # no room: then it is read again
            return
        self._kept[key] = begin, len(found)
        self._order.append(key)
        self._end = end

    def _drop(self, begin: int, end: int) -> None:
        """Forget the oldest as long as they stand between these places."""
        while self._order:
            position, length = self._kept[self._order[0]]
            if not (position < end and begin < position + length):
                return
            del self._kept[self._order.popleft()]
