"""One source of a run that stores: its plan, item by item, goes into the sink of its check point."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from bakup.api.reports import Count
from bakup.archiver.scanning import TO_STORE, Job
from bakup.catalog import history, recording
from bakup.catalog.rows import encode_attributes
from bakup.format.constants import SMALL_FILE
from bakup.layouts.checkpoint_writer import Outcome
from bakup.layouts.interface import Begun, Sink
from bakup.model import Delete, Kind
from bakup.plan.changes import Change, Planned, Tally
from bakup.plan.marks import Facts, facts_of, mark_of, seen_mark
from bakup.source.interface import Found, Unreadable

if TYPE_CHECKING:
    import sqlite3

    from bakup.api.watch import Mark, Watch
    from bakup.catalog.rows import Version

PROGRESS_EVERY = 64
_LOOKED_AT = (Change.CONTENT, Change.TOUCHED, Change.METADATA)
"""Changes of which only the stored version tells what they are."""


class Counted(Struct):
    """What became of a source, or of a part of its plan; `tally` counts the files that were really stored.

    `others`: paths that are no files and changed; `alike`: files that were read and are what they were; `noted`: paths
    of which only an inode, a change time or a folder's time is another.
    """

    tally: Tally = field(default_factory=Tally)
    others: int = 0
    alike: Count = Count()
    noted: int = 0

    def add(self, other: Counted) -> None:
        """What became of another part."""
        for change, (files, size) in other.tally.counts.items():
            mine = self.tally.counts[change]
            mine[0] += files
            mine[1] += size
        self.others += other.others
        self.alike = self.alike.plus(other.alike.files, other.alike.bytes)
        self.noted += other.noted


class Stored(Struct, frozen=True):
    """What became of one source."""

    job: Job
    begun: Begun
    read: Outcome
    counted: Counted

    @property
    def files(self) -> int:
        """Files in the source at this check point."""
        return self.job.tally.counts[Change.SAME][0] + sum(count[0] for count in self.counted.tally.counts.values())

    @property
    def size(self) -> int:
        """Bytes of those files."""
        return self.job.tally.counts[Change.SAME][1] + sum(count[1] for count in self.counted.tally.counts.values())

    def count(self, change: Change) -> Count:
        """A row of the report."""
        return Count(*self.counted.tally.counts[change])


class SourceStoring:
    """Carries out the plan of one source, or a part of it, in key order. `replaced`: keys of versions that it replaces.

    Args:
        catalog: what stands is looked up here.
        on_progress: told now and then.
    """

    def __init__(
        self,
        catalog: sqlite3.Connection,
        job: Job,
        begun: Begun,
        sink: Sink,
        watch: Watch,
        on_progress: Callable[[], None],
    ) -> None:
        self.counted = Counted()
        self.done_files = 0
        self._catalog = catalog
        self._job = job
        self._begun = begun
        self._sink = sink
        self._watch = watch
        self._on_progress = on_progress
        self._incremental = begun.checkpoint.incremental
        self._gone: bytes | None = None
        self.replaced: list[bytes] = []

    @property
    def done_bytes(self) -> int:
        """Bytes of the files that are read."""
        return self._sink.done_bytes

    @property
    def path(self) -> bytes:
        """Of the file that was read last."""
        return self._sink.path

    def store(self, rows: sqlite3.Connection) -> Stored:
        """All of it, to the END of the check point."""
        self.carry_out(self._job.items())
        self._sink.finish()
        recording.add_replaced(rows, self._begun.row, self.replaced)
        stored = Stored(self._job, self._begun, self._sink.outcome, self.counted)
        self._sink.end(stored.files, stored.size)
        return stored

    def carry_out(self, items: Iterator[Planned[Found]]) -> None:
        """Give what is to be done to the sink."""
        for count, item in enumerate(_announced(self._job, items)):
            if count % PROGRESS_EVERY == 0:
                self._on_progress()
            match item.change:
                case Change.DELETED:
                    self._delete(item)
                case Change.SAME:
                    self._same(item.path)
                case Change.UNREAD if item.found is not None:
                    self._sink.unread(item.path, item.found.reason, item.size)
                    self._tell("!", item)
                case _ if item.found is not None:
                    self._put(item, item.found)

    def _delete(self, item: Planned[Found]) -> None:
        if self._incremental and not _below(item.path, self._gone):
            self._gone = item.path
            self._sink.deleted(item.path)
        self._tell("-", item)

    def _put(self, item: Planned[Found], found: Found) -> None:
        before = self._version(item.path) if item.change in _LOOKED_AT else None
        if self._incremental and item.change == Change.TYPE:
            self._gone = item.path
            self._sink.entry(Delete(item.path))
        changing, unreadable = len(self._sink.outcome.changing), len(self._sink.outcome.unreadable)
        made = self._read(item, found, before)
        if len(self._sink.outcome.unreadable) > unreadable:
            self._tell("!", item)
        if found.kind == Kind.FILE:
            self.done_files += 1
        if not made:
            return
        if self._incremental and item.change not in (Change.NEW, Change.TYPE):
            self.replaced.append(item.path.replace(b"/", b"\0"))
        mark = _mark(item.change, before, self._sink.facts)
        if mark is not None:
            self._tell(mark, item)
        self.counted.noted += mark is None
        if found.kind == Kind.FILE:
            # One that is changing has a row of its own; here it counts for the totals only.
            settled, size = len(self._sink.outcome.changing) == changing, self._sink.facts.size or 0
            self.counted.tally.add(_counted(item.change, mark) if settled else Change.SAME, size)
            if settled and mark is None:
                self.counted.alike = self.counted.alike.plus(1, size)

    def _read(self, item: Planned[Found], found: Found, before: Version | None) -> bool:
        """Whether the path got an entry; one that could not be read keeps the version that stands."""
        try:
            if found.kind != Kind.FILE:
                return self._sink.other(found)
            if item.change == Change.METADATA and before is not None:
                attributes = self._job.tree.attributes(found)
                self._sink.facts = facts_of(before)._replace(attributes=attributes)
                self._again(replace(before, encoded=encode_attributes(attributes)), parts=before.parted)
                return True
            return self._sink.file(found)
        except Unreadable as problem:
            if not self._incremental and (standing := self._version(found.path)) and standing.kind == found.kind:
                self._again(standing, parts=True)
            self._sink.unread(found.path, problem.reason, found.size)
            return False

    def _same(self, path: bytes) -> None:
        """An unchanged path in a check point that lists everything: its version again, with known extents."""
        version = self._version(path)
        if version is not None:
            self._again(version, parts=version.parted)

    def _again(self, version: Version, *, parts: bool) -> None:
        """A version with known extents. A file in `parts` may stand after parts of a read that came to no end."""
        extents = history.extents_of(self._catalog, version)
        if version.kind == Kind.FILE and parts:
            self._sink.known_file(version.path, version.attributes, extents)
        else:
            self._sink.entry(version.entry(tuple(extents)))

    def _version(self, path: bytes) -> Version | None:
        return self._job.standing(self._catalog, path)

    def _tell(self, mark: Mark, item: Planned[Found]) -> None:
        file = item.kind == Kind.FILE
        self.counted.others += not file and mark != "!"
        self._watch.path(mark, item.path, item.size if file else None)


def expected(connection: sqlite3.Connection, job: Job) -> Iterator[tuple[Mark, Planned[Found]]]:
    """The changes of a plan with the marks that `sync` would give them, as far as can be told without reading."""
    for item in job.items():
        mark = _expected_mark(connection, job, item)
        if mark is not None:
            yield mark, item


def _expected_mark(connection: sqlite3.Connection, job: Job, item: Planned[Found]) -> Mark | None:
    """The mark that `sync` would give a path, as far as can be told without reading it."""
    if item.found is not None and item.change in (Change.TOUCHED, Change.METADATA):
        version = job.standing(connection, item.path)
        if version is not None:
            return seen_mark(job.tree, item.found, version)
    return MARKS.get(item.change)


MARKS: dict[Change, Mark] = {
    Change.NEW: "+",
    Change.CONTENT: "M",
    Change.TOUCHED: "M",
    Change.METADATA: "U",
    Change.TYPE: "T",
    Change.DELETED: "-",
    Change.UNREAD: "!",
    Change.AGAIN: "M",
}


def _mark(change: Change, before: Version | None, after: Facts) -> Mark | None:
    return MARKS[change] if before is None else mark_of(facts_of(before), after)


def _counted(change: Change, mark: Mark | None) -> Change:
    """The row of the report that a file is in."""
    if mark is None:
        return Change.SAME
    return change if change in (Change.NEW, Change.AGAIN) else Change.CONTENT


def _announced(job: Job, items: Iterator[Planned[Found]]) -> Iterator[Planned[Found]]:
    """The plan, its files announced so far ahead as the source likes."""
    if not job.tree.lookahead:
        yield from items
        return
    window: deque[Planned[Found]] = deque()
    for item in items:
        if item.found is not None and item.change in TO_STORE and item.size <= SMALL_FILE:
            job.tree.announce(item.found)
        window.append(item)
        if len(window) > job.tree.lookahead:
            yield window.popleft()
    yield from window


def _below(path: bytes, folder: bytes | None) -> bool:
    return folder is not None and path.startswith(folder + b"/" if folder else b"")
