"""What changed: the scan of a source and the standing rows of the catalog meet in one sorted merge.

Both come in key order, so neither is held in memory; unchanged paths are only counted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from bakup.model import Kind

Row = tuple[bytes, int, int | None, int | None, int | None, int | None]
"""(key, kind, size, mtime_ns, ctime_ns, inode) of a standing version; size None unless a file."""


class Scanned(Protocol):
    """What a scan says of a path (bakup.source.interface.Found)."""

    @property
    def path(self) -> bytes:
        """Raw bytes, the root is empty."""

    @property
    def kind(self) -> int:
        """A model.Kind; UNREAD for what could not be looked at."""

    @property
    def size(self) -> int:
        """Bytes of a file."""

    @property
    def mtime_ns(self) -> int:
        """Last change of the content."""

    @property
    def ctime_ns(self) -> int:
        """Last change of anything."""

    @property
    def inode(self) -> int:
        """0 where there is none."""

    @property
    def reason(self) -> str:
        """Why it is UNREAD."""


F = TypeVar("F", bound=Scanned)


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


@dataclass(slots=True)
class Tally:
    """Counts of a plan: (files, bytes) each."""

    counts: dict[Change, list[int]] = field(default_factory=lambda: {change: [0, 0] for change in Change})
    actions: int = 0

    def add(self, change: Change, size: int) -> None:
        """A file of `size` bytes."""
        count = self.counts[change]
        count[0] += 1
        count[1] += size


def changes(
    scan: Iterable[F],
    rows: Iterator[Row],
    tally: Tally,
    *,
    lost: Collection[bytes] = (),
    everything: bool = False,
    checksum: bool = False,
    scanned: Callable[[F], None] | None = None,
) -> Iterator[Planned[F]]:
    """Merge a scan with the standing rows. Counts files in `tally`; yields what differs, in key order.

    Args:
        lost: keys of files whose content has to be stored again though they did not change.
        everything: also yield unchanged paths, as SAME: for a check point that lists everything.
        checksum: take each file for changed, whatever its times say.
        scanned: called with each path of the scan.
    """
    row = next(rows, None)
    same, total = 0, 0
    for found in scan:
        if scanned is not None:
            scanned(found)
        path = found.path
        key = path.replace(b"/", b"\0")
        while row is not None and row[0] < key:
            yield from _deleted(row, tally)
            row = next(rows, None)
        kind = found.kind
        if kind == Kind.UNREAD:
            row = yield from _unread(found, key, row, rows, tally, everything)
            continue
        if row is None or row[0] != key:
            if kind == Kind.FILE:
                tally.add(Change.NEW, found.size)
            yield Planned(Change.NEW, path, found.size, found)
            continue
        if (
            row[4] == found.ctime_ns
            and row[3] == found.mtime_ns
            and row[1] == kind
            and (row[2] == found.size or kind != Kind.FILE)
            and row[5] == found.inode
            and not checksum
            and not (lost and key in lost)
        ):
            if kind == Kind.FILE:
                same += 1
                total += found.size
            if everything:
                yield Planned(Change.SAME, path, found.size, found)
        else:
            yield _changed(found, row, tally, again=key in lost)
        row = next(rows, None)
    while row is not None:
        yield from _deleted(row, tally)
        row = next(rows, None)
    tally.counts[Change.SAME][0] += same
    tally.counts[Change.SAME][1] += total


def _deleted(row: Row, tally: Tally) -> Iterator[Planned[Any]]:
    size = row[2] or 0
    if row[1] == Kind.FILE:
        tally.add(Change.DELETED, size)
    yield Planned(Change.DELETED, row[0].replace(b"\0", b"/"), size, None)


def _unread(
    found: F, key: bytes, row: Row | None, rows: Iterator[Row], tally: Tally, everything: bool
) -> Generator[Planned[F], None, Row | None]:
    # What stands at and below it stays: it is older than the check point, not gone.
    size = 0
    below = key + b"\0" if key else b""
    while row is not None and (row[0] == key or row[0].startswith(below)):
        if row[1] == Kind.FILE:
            size += row[2] or 0
        if everything:
            yield Planned(Change.SAME, row[0].replace(b"\0", b"/"), row[2] or 0, None)
        row = next(rows, None)
    tally.add(Change.UNREAD, size)
    yield Planned(Change.UNREAD, found.path, size, found)
    return row


def _changed(found: F, row: Row, tally: Tally, *, again: bool) -> Planned[F]:
    if row[1] != found.kind:
        change = Change.TYPE
    elif found.kind != Kind.FILE:
        change = Change.METADATA
    elif row[2] == found.size and row[3] == found.mtime_ns and again:
        change = Change.AGAIN
    else:
        change = Change.CONTENT
    if found.kind == Kind.FILE:
        tally.add(Change.CONTENT if change == Change.TYPE else change, found.size)
    return Planned(change, found.path, found.size, found)
