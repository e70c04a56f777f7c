"""What changed: the scan of a source and the standing rows of the catalog meet in one sorted merge.

Both come in key order, so neither is held in memory; unchanged paths are only counted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from enum import IntEnum
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


class Change(IntEnum):
    """What is to be done about a path."""

    NEW = 1
    CONTENT = 2
    METADATA = 3
    TYPE = 4
    DELETED = 5
    UNREAD = 6
    AGAIN = 7
    SAME = 8


class Planned(NamedTuple, Generic[F]):
    """One planned action, in key order. `found` is None for DELETED, `size` is then what the version had."""

    change: Change
    path: bytes
    size: int
    found: F | None


class Tally(Struct):
    """Counts of a plan: (files, bytes) each."""

    counts: dict[Change, list[int]] = field(default_factory=lambda: {change: [0, 0] for change in Change})
    actions: int = 0

    def add(self, change: Change, size: int) -> None:
        """A file of `size` bytes."""
        count = self.counts[change]
        count[0] += 1
        count[1] += size


def changes(
    scan: Iterable[Sequence[F]],
    rows: Iterator[Row],
    tally: Tally,
    *,
    lost: Collection[bytes] = (),
    everything: bool = False,
    checksum: bool = False,
    size_below: Callable[[bytes], int] = lambda _: 0,
) -> Iterator[Planned[F]]:
    """Merge a scan, in batches, with the standing rows. Counts files in `tally`; yields what differs, in key order.

    Args:
        lost: keys of files whose content has to be stored again though they did not change.
        everything: also yield unchanged paths, as SAME: for a check point that lists everything.
        checksum: take each file for changed, whatever its times say.
        size_below: with `everything`, the bytes of the standing rows below a key: asked for what is UNREAD.
    """
    row = next(rows, None)
    trusting = not (lost or everything or checksum)
    same = tally.counts[Change.SAME]
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
            while row is not None and row[0] < key:
                yield from _deleted(row, tally)
                row = next(rows, None)
            if found[1] == Kind.UNREAD:
                row = yield from _unread(found, key, row, rows, tally, size_below if everything else None)
            elif row is None or row[0] != key:
                if found[1] == FILE:
                    tally.add(Change.NEW, found[2])
                yield Planned(Change.NEW, found[0], found[2], found)
            else:
                again = key in lost
                if row[1:] != found[1:6] or again or (checksum and found[1] == FILE):
                    yield _changed(found, row, tally, again=again)
                else:
                    if found[1] == FILE:
                        same[0] += 1
                        same[1] += found[2]
                    if everything:
                        yield Planned(Change.SAME, found[0], found[2], found)
                row = next(rows, None)
    while row is not None:
        yield from _deleted(row, tally)
        row = next(rows, None)


def _deleted(row: Row, tally: Tally) -> Iterator[Planned[Any]]:
    if row[1] == FILE:
        tally.add(Change.DELETED, row[2])
    yield Planned(Change.DELETED, row[0].replace(b"\0", b"/"), row[2], None)


def _unread(
    found: F,
    key: bytes,
    row: Row | None,
    rows: Iterator[Row],
    tally: Tally,
    size_below: Callable[[bytes], int] | None,
) -> Generator[Planned[F], None, Row | None]:
    # What stands at and below it stays: it is older than the check point, not gone.
    size = 0
    if row is not None and row[0] == key:
        size = row[2]
        if size_below is not None:
            yield Planned(Change.SAME, found[0], size, None)
        row = next(rows, None)
    if size_below is not None:
        # The order of the format: what stands at the path, that it is unread, what stands below.
        size += size_below(key)
        yield Planned(Change.UNREAD, found[0], size, found)
    below = key + b"\0" if key else b""
    while row is not None and row[0].startswith(below):
        if size_below is not None:
            yield Planned(Change.SAME, row[0].replace(b"\0", b"/"), row[2], None)
        else:
            size += row[2]
        row = next(rows, None)
    if size_below is None:
        yield Planned(Change.UNREAD, found[0], size, found)
    tally.add(Change.UNREAD, size)
    return row


def _changed(found: F, row: Row, tally: Tally, *, again: bool) -> Planned[F]:
    path, kind, size, mtime_ns = found[:4]
    if row[1] != kind:
        change = Change.TYPE
    elif kind != FILE:
        change = Change.METADATA
    elif row[2] == size and row[3] == mtime_ns and again:
        change = Change.AGAIN
    else:
        change = Change.CONTENT
    if kind == FILE:
        tally.add(Change.CONTENT if change == Change.TYPE else change, size)
    return Planned(change, path, size, found)
