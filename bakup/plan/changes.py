"""What changed: the scan of a source and the standing rows of the catalog meet in one sorted merge.

Both come in key order, so neither is held in memory; unchanged paths are only counted. A row that the scan passed over
is looked at by its name before it counts as deleted: a folder that changes while it is listed may leave out names.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from enum import IntEnum
from itertools import chain
from typing import Any, Generic, NamedTuple, TypeVar

from msgspec import Struct, field

from bakup.model import Kind

Row = tuple[bytes, int, int, int | None, int | None, int | None]
"""(key, kind, size, mtime_ns, ctime_ns, inode) of a standing version; size 0 unless a file."""


Scanned = tuple[bytes, int, int, int, int, int, Any, str]
"""What a scan says of a path (bakup.source.interface.Found): path, kind (UNREAD for what could not be looked at), size
(0 unless a file), mtime_ns, ctime_ns, inode, all that the system said, and why it is UNREAD."""

F = TypeVar("F", bound=Scanned)

FILE = int(Kind.FILE)
UNREAD = int(Kind.UNREAD)

AT_ONCE = 512
"""Rows that are looked at by name at a time."""


class Change(IntEnum):
    """What is to be done about a path.

    TOUCHED: a file whose size and mtime are what they were, but not its ctime: its content may be too. RENUMBERED: all
    but the inode is what it was, of any kind.
    """

    NEW = 1
    CONTENT = 2
    METADATA = 3
    TYPE = 4
    DELETED = 5
    UNREAD = 6
    AGAIN = 7
    SAME = 8
    TOUCHED = 9
    RENUMBERED = 10


class Planned(NamedTuple, Generic[F]):
    """One planned action, in key order. `found` is None for DELETED; size and kind are then what the version had."""

    change: Change
    path: bytes
    size: int
    found: F | None
    kind: int


class Tally(Struct):
    """Counts of a plan: (files, bytes) each."""

    counts: dict[Change, list[int]] = field(default_factory=lambda: {change: [0, 0] for change in Change})
    actions: int = 0

    def retake(self, change: Change, to: Change, size: int) -> None:
        """A file of `size` bytes was taken for one change, and is another."""
        self.counts[change][0] -= 1
        self.counts[change][1] -= size
        self.add(to, size)

    def add(self, change: Change, size: int) -> None:
        """A file of `size` bytes."""
        count = self.counts[change]
        count[0] += 1
        count[1] += size

    def move(self, change: Change, to: Change) -> None:
        """What was taken for one change is another."""
        files, size = self.counts[change]
        self.counts[change] = [0, 0]
        self.counts[to][0] += files
        self.counts[to][1] += size


Look = Callable[[list[Row]], Iterable["F | None"]]
"""What is at the paths of standing rows now, that the scan passed over; None: nothing that is backed up."""


def changes(
    scan: Iterable[Sequence[F]],
    rows: Iterator[Row],
    tally: Tally,
    *,
    look: Look[F],
    lost: Collection[bytes] = (),
    everything: bool = False,
    checksum: bool = False,
    size_below: Callable[[bytes], int] = lambda _: 0,
) -> Iterator[Planned[F]]:
    """Merge a scan, in batches, with the standing rows. Counts files in `tally`; yields what differs, in key order.

    Args:
        look: asked before a row counts as deleted.
        lost: keys of files whose content has to be stored again though they did not change.
        everything: also yield unchanged paths, as SAME: for a check point that lists everything.
        checksum: take each file for changed, whatever its times say.
        size_below: with `everything`, the bytes of the standing rows below a key: asked for what is UNREAD.
    """
    return _Merge(rows, tally, look, lost, everything, checksum, size_below).run(scan)


class _Merge(Generic[F]):
    """`row` is the next standing row, None after the last."""

    def __init__(
        self,
        rows: Iterator[Row],
        tally: Tally,
        look: Look[F],
        lost: Collection[bytes],
        everything: bool,
        checksum: bool,
        size_below: Callable[[bytes], int],
    ) -> None:
        self._rows = rows
        self._row = next(rows, None)
        self._tally = tally
        self._look = look
        self._lost = lost
        self._everything = everything
        self._checksum = checksum
        self._size_below = size_below

    def run(self, scan: Iterable[Sequence[F]]) -> Iterator[Planned[F]]:
        row, rows = self._row, self._rows
        trusting = not (self._lost or self._everything or self._checksum)
        same = self._tally.counts[Change.SAME]
        for batch in scan:
            for found in batch:
                key = found[0].replace(b"/", b"\0")
                # The way of nearly all paths of nearly all runs: no call, no attribute.
                if trusting and row is not None and row[0] == key and row[1:] == found[1:6]:
                    if found[1] == FILE:
                        same[0] += 1
                        same[1] += found[2]
                    row = next(rows, None)
                    continue
                if row is None and found[1] != UNREAD:
                    yield self._new(found)
                    continue
                self._row = row
                yield from self._differing(found, key)
                row, rows = self._row, self._rows
        self._row = row
        yield from self._passed_over(None)

    def _differing(self, found: F, key: bytes) -> Iterator[Planned[F]]:
        yield from self._passed_over(key)
        row = self._row
        if found[1] == Kind.UNREAD:
            yield from self._unread(found, key)
        elif row is None or row[0] != key:
            yield self._new(found)
        else:
            yield from self._met(found, row)
            self._row = next(self._rows, None)

    def _new(self, found: F) -> Planned[F]:
        if found[1] == FILE:
            self._tally.add(Change.NEW, found[2])
        return Planned(Change.NEW, found[0], found[2], found, found[1])

    def _passed_over(self, key: bytes | None) -> Iterator[Planned[F]]:
        """The rows before a key, or all that are left: what the scan did not yield."""
        while missed := self._before(key):
            for place, (row, found) in enumerate(zip(missed, self._look(missed), strict=True), 1):
                if found is None:
                    yield self._deleted(row)
                elif found[1] == Kind.UNREAD:
                    # What stands below it is no longer passed over.
                    after = [*missed[place:], *([self._row] if self._row else [])]
                    self._row, self._rows = row, chain(after, self._rows)
                    yield from self._unread(found, row[0])
                    break
                else:
                    yield from self._met(found, row)

    def _before(self, key: bytes | None) -> list[Row]:
        """The next rows before a key, at most `AT_ONCE`."""
        missed: list[Row] = []
        row = self._row
        while row is not None and (key is None or row[0] < key) and len(missed) < AT_ONCE:
            missed.append(row)
            row = next(self._rows, None)
        self._row = row
        return missed

    def _deleted(self, row: Row) -> Planned[F]:
        if row[1] == FILE:
            self._tally.add(Change.DELETED, row[2])
        return Planned(Change.DELETED, row[0].replace(b"\0", b"/"), row[2], None, row[1])

    def _met(self, found: F, row: Row) -> Iterator[Planned[F]]:
        """A path that stands and is there."""
        again = row[0] in self._lost
        if row[1:] != found[1:6] or again or (self._checksum and found[1] == FILE):
            yield self._changed(found, row, again=again)
            return
        if found[1] == FILE:
            self._tally.add(Change.SAME, found[2])
        if self._everything:
            yield Planned(Change.SAME, found[0], found[2], found, found[1])

    def _changed(self, found: F, row: Row, *, again: bool) -> Planned[F]:
        path, kind, size = found[:3]
        if row[1] != kind:
            change = Change.TYPE
        elif again and row[1:4] == found[1:4]:
            change = Change.AGAIN
        elif row[1:5] == found[1:5] and row[4] is not None and not self._checksum:
            change = Change.RENUMBERED
        elif kind != FILE:
            change = Change.METADATA
        elif row[1:4] == found[1:4] and not self._checksum:
            change = Change.TOUCHED
        else:
            change = Change.CONTENT
        if kind == FILE:
            self._tally.add(Change.CONTENT if change == Change.TYPE else change, size)
        return Planned(change, path, size, found, kind)

    def _unread(self, found: F, key: bytes) -> Iterator[Planned[F]]:
        # What stands at and below it stays: it is older than the check point, not gone.
        size, row = 0, self._row
        everything, kind = self._everything, int(Kind.UNREAD)
        if row is not None and row[0] == key:
            size = row[2]
            if everything:
                yield Planned(Change.SAME, found[0], size, None, row[1])
            row = next(self._rows, None)
        if everything:
            # The order of the format: what stands at the path, that it is unread, what stands below.
            size += self._size_below(key)
            yield Planned(Change.UNREAD, found[0], size, found, kind)
        below = key + b"\0" if key else b""
        while row is not None and row[0].startswith(below):
            if everything:
                yield Planned(Change.SAME, row[0].replace(b"\0", b"/"), row[2], None, row[1])
            else:
                size += row[2]
            row = next(self._rows, None)
        if not everything:
            yield Planned(Change.UNREAD, found[0], size, found, kind)
        self._tally.add(Change.UNREAD, size)
        self._row = row
