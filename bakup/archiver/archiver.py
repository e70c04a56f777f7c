"""A sync that stores: its jobs become check points in sectors that they share."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from blake3 import blake3
from msgspec.structs import replace

from bakup.api.reports import (
    CheckpointLine,
    Count,
    Lost,
    PathLine,
    SourceReport,
    SyncOptions,
    SyncReport,
    UnreadPath,
)
from bakup.api.watch import Progress, Watch
from bakup.archive.archive import Attached
from bakup.archive.home import Home
from bakup.archive.opening import remember
from bakup.archiver.emptied import mostly_gone
from bakup.archiver.hands import Hands, hands_for
from bakup.archiver.scanning import Job
from bakup.archiver.slices import SlicedStoring
from bakup.archiver.storing import SourceStoring, Stored
from bakup.catalog import applying, history, recording, state_db
from bakup.format.structures import encode_checkpoint
from bakup.layouts.interface import Begun, Making, Storing, Task
from bakup.model import Checkpoint, Kind
from bakup.plan.changes import Change, Planned
from bakup.plan.cutting import chunker
from bakup.processes import can_fork
from bakup.source.interface import Found, Unreadable, Vanished
from bakup.store.faults import faults
from bakup.store.local.spool import SpoolFolder


class Run:
    """One sync that stores: the sectors that all its sources share."""

    def __init__(
        self,
        home: Home,
        attached: Attached,
        jobs: list[Job],
        options: SyncOptions,
        watch: Watch,
        begun: float,
    ) -> None:
        self.home = home
        self.attached = attached
        self.jobs = jobs
        self.options = options
        self.watch = watch
        self.begun = begun
        self.protection = attached.protection(options)
        self.done_files = 0
        self.done_bytes = 0
        self.total_files = sum(job.files_to_store for job in jobs)
        self.total_bytes = sum(job.bytes_to_store for job in jobs)
        self.storing: Storing | None = None
        self.under_way: SourceStoring | SlicedStoring | None = None

    def run(self, report: SyncReport) -> SyncReport:
        """Store what the jobs planned."""
        started = time.monotonic()
        work = [job for job in self.jobs if self._has_work(job)]
        missing = tuple(dict.fromkeys(uuid for job in work for uuid in job.missing))
        results: dict[int, SourceReport] = {}
        labels = [job.label for job in self.jobs]
        self._say_continued(labels)
        run_ids = state_db.begin_run(self.home.state, self.attached.url, labels)
        self._discard_left()
        self._sweep()
        if work:
            self.attached.target.create()
            self._leave_mark()
            results = self._store(work, run_ids, report.estimated_bytes)
        remember(self.home, self.attached, encrypted=self.protection.encrypt, signed=self.protection.sign)
        elapsed = time.monotonic() - self.begun
        for run_id in run_ids:
            state_db.end_run(self.home.state, run_id, time.monotonic() - started)
        storing = self.storing
        return replace(
            report,
            sources=tuple(results.get(id(job)) or self._standing(job) for job in self.jobs),
            stored_bytes=storing.stored_bytes if storing else 0,
            stored_sectors=storing.stored_objects if storing else 0,
            checkpoint_objects=storing.checkpoint_objects if storing else 0,
            missing_sectors=missing,
            gone=tuple(Lost(path, size, 0) for job in self.jobs for path, size in job.gone),
            elapsed=elapsed,
        )

    def _has_work(self, job: Job) -> bool:
        """Whether a check point would say anything that the standing one does not."""
        if self.options.always or job.must or job.head is None:
            return True
        told = 0
        for item in job.items():
            if item.change == Change.SAME:
                continue
            if item.path.replace(b"/", b"\0") not in job.unread or not _still_unreadable(job, item):
                return True
            told += 1
        return told != len(job.unread)

    def _say_continued(self, labels: list[str]) -> None:
        open_before = state_db.left_open(self.home.state, self.attached.url, labels)
        if open_before is not None:
            self.watch.event("continued", begun_ns=open_before[0], bytes=open_before[1])

    def _discard_left(self) -> None:
        """Throw away what a killed run left of sectors that grew: its name is known here only."""
        for name in state_db.uploads(self.home.state, self.attached.url):
            self.watch.event("discarded", target=self.attached.url, object=name)
            self.attached.target.discard(name)
            state_db.drop_upload(self.home.state, self.attached.url, name)

    def _sweep(self) -> None:
        """Remove halves of objects that killed runs of this home left: it is locked, so no other one is alive."""
        state, url = self.home.state, self.attached.url
        dead = state_db.marks(state, url)
        state_db.drop_marks(state, url, dead - self.attached.target.sweep(dead))

    def _leave_mark(self) -> None:
        mark = self.attached.target.mark
        if mark is not None:
            state_db.set_mark(self.home.state, self.attached.url, mark)

    def _store(self, work: list[Job], run_ids: list[int], estimated: int) -> dict[int, SourceReport]:
        with self._spool() as (spool, place), ExitStack() as opened:
            making = Making(self.options, self.protection, spool, place, self.watch, estimated)
            hands = self._hands(work, making)
            if hands is not None:
                opened.enter_context(hands)
            connection, state, url = self.home.catalog, self.home.state, self.attached.url
            task = Task(
                making.options,
                making.protection,
                making.spool,
                making.spool_place,
                making.watch,
                making.estimated,
                connection,
                self.attached.row,
                on_visible=self._visible,
                on_put=lambda size, objects: state_db.stored_so_far(state, run_ids, size, objects),
                on_growing=lambda name: state_db.add_upload(state, url, name),
                on_grown=lambda name: state_db.drop_upload(state, url, name),
                on_progress=self._progress,
            )
            try:
                with self.attached.layout.storing(task) as storing:
                    self.storing = storing
                    outcomes = [self._transfer(job, storing, hands) for job in work]
                    storing.flush()
            except BaseException:
                connection.rollback()
                raise
        return {id(outcome.job): self._stored(outcome) for outcome in outcomes}

    def _hands(self, work: list[Job], making: Making) -> Hands | None:
        """Workers, if there is enough to do for them, and they can be forked."""
        bench = self.attached.layout.bench
        if bench is None or not can_fork():
            return None
        count, jobs = hands_for(work, self.options.workers)
        if count < 2:
            return None
        # Made here, and removed here: workers put what is spooled elsewhere by way of it.
        self.attached.target.spool_folder()
        # No database that is open here may be opened in a forked process as well.
        self.home.close_databases()
        return Hands(count, jobs, bench, making, self.home.databases)

    @contextmanager
    def _spool(self) -> Iterator[tuple[str, str]]:
        """(this run's folder for objects in the making, what the user knows it by): at a local target, else here."""
        near = None if self.options.spool else self.attached.target.spool_folder()
        if near is not None:
            yield near, self.attached.place
            return
        place = self.options.spool or self.home.folder
        with faults(place, folder=place):
            made = SpoolFolder(place)
        with closing(made):
            yield made.folder, place

    def _transfer(self, job: Job, storing: Storing, hands: Hands | None) -> Stored:
        begun = self._begin(job)
        sink = storing.begin(begun, job.tree)
        if hands is not None and job in hands.jobs:
            assert storing.host is not None
            self.under_way = SlicedStoring(job, begun, sink, storing.host, hands, self.watch, self._progress)
        else:
            self.under_way = SourceStoring(self.home.catalog, job, begun, sink, self.watch, self._progress)
        stored = self.under_way.store(self.home.catalog)
        self.done_files += self.under_way.done_files
        self.done_bytes += self.under_way.done_bytes
        self.under_way = None
        return stored

    def _begin(self, job: Job) -> Begun:
        head = None if self.options.new_target and job.head is None else job.head
        incremental = head is not None and not job.full
        checkpoint = Checkpoint(
            uuid=uuid.uuid4().bytes,
            flags=1 if incremental else 0,
            time_ns=time.time_ns(),
            source=job.source.uuid if job.source else uuid.uuid4().bytes,
            host=job.host,
            location=job.location,
            name=job.name,
            tags=tuple(sorted(set(self.options.tags))),
            sequence=head.sequence + 1 if head else 1,
            previous=head.ref if head else None,
            based_on=head.uuid if head is not None and incremental else None,
            replaces=None,
            chunker=chunker(
                self.attached.account.chunker_seed if self.attached.account and self.protection.encrypt else 0
            ),
        )
        content = encode_checkpoint(checkpoint)
        connection = self.home.catalog
        nested = connection.in_transaction
        if not nested:
            # Several sources share the open transaction of the sector that they begin in.
            connection.execute("BEGIN IMMEDIATE")
        source = recording.source_id(connection, self.attached.row, checkpoint, self.protection.signer)
        row = recording.checkpoint_id(connection, source, checkpoint, blake3(content).digest())
        ordinal = applying.reserve(connection, row)
        if not nested:
            connection.commit()
        return Begun(checkpoint, content, row, source, ordinal)

    def _visible(self, begun: Begun) -> None:
        applying.finish(self.home.catalog, begun.row)
        self.watch.event("check-point-stored", check_point=begun.checkpoint.uuid)

    def _progress(self) -> None:
        storing, now = self.storing, self.under_way
        if now is None:
            return
        self.watch.progress(
            Progress(
                "storing",
                done_files=self.done_files + now.done_files,
                total_files=self.total_files,
                done_bytes=self.done_bytes + now.done_bytes,
                total_bytes=self.total_bytes,
                done_sectors=storing.stored_objects if storing else 0,
                unit=self.attached.layout.unit,
                path=now.path,
            )
        )

    def _stored(self, outcome: Stored) -> SourceReport:
        job, checkpoint = outcome.job, outcome.begun.checkpoint
        read, same = outcome.read, job.count(Change.SAME)
        row = history.head(self.home.catalog, outcome.begun.source)
        line = CheckpointLine(
            checkpoint.uuid,
            job.label,
            checkpoint.time_ns,
            outcome.files,
            outcome.size,
            row.stored if row else 0,
            checkpoint.tags,
        )
        return replace(
            source_report(job, line, made=True),
            new=outcome.count(Change.NEW),
            changed=outcome.count(Change.CONTENT),
            unchanged=same.plus(outcome.counted.alike.files, outcome.counted.alike.bytes),
            others=outcome.counted.others,
            noted=outcome.counted.noted,
            stored_again=outcome.count(Change.AGAIN),
            vanished=Count(len(read.vanished) + job.tree.vanished, sum(size for _, size in read.vanished)),
            unreadable=self._unreadable(job, read.unreadable),
            changing=tuple(PathLine("!", path, size) for path, size in read.changing),
        )

    def _standing(self, job: Job) -> SourceReport:
        head = job.head
        line = None
        if head is not None:
            line = CheckpointLine(
                head.uuid, job.label, head.time_ns, head.files or 0, head.size or 0, head.stored, head.tags
            )
        problems = [
            (item.path, job.unread.get(item.path.replace(b"/", b"\0"), ""), item.size)
            for item in job.items()
            if item.found is not None and item.change != Change.SAME
        ]
        return replace(
            source_report(job, line, made=False),
            unreadable=self._unreadable(job, problems),
            vanished=Count(job.tree.vanished),
            new=Count(),
            changed=Count(),
        )

    def _unreadable(self, job: Job, problems: list[tuple[bytes, str, int]]) -> tuple[UnreadPath, ...]:
        source = job.source
        return tuple(
            UnreadPath(
                path,
                reason,
                history.last_version(self.home.catalog, source.id, path) if source else None,
                size,
            )
            for path, reason, size in problems
        )


def source_report(job: Job, line: CheckpointLine | None, *, made: bool) -> SourceReport:
    """What the plan of a source says; `sync` puts what really happened in place of it."""
    excluded = job.tree.excluded
    return SourceReport(
        source=job.label,
        location=job.location,
        checkpoint=line,
        made=made,
        new=job.count(Change.NEW),
        changed=job.count(Change.CONTENT).plus(*job.tally.counts[Change.METADATA]),
        deleted=job.count(Change.DELETED),
        stored_again=job.count(Change.AGAIN),
        unchanged=job.count(Change.SAME),
        excluded=Count(sum(left.files for left in excluded.values()), sum(left.bytes for left in excluded.values())),
        gone=mostly_gone(job),
        excluded_folders=sum(left.folders for left in excluded.values()),
        excluded_by=tuple((rule, left.files + left.folders) for rule, left in excluded.items()),
    )


def _still_unreadable(job: Job, item: Planned[Found]) -> bool:
    """Whether a path that could not be read at the standing check point cannot be read now."""
    if item.found is None or item.change == Change.UNREAD:
        return item.found is not None
    if item.found.kind != Kind.FILE:
        return False
    try:
        with job.tree.open_large(item.found) as file:
            file.readinto(memoryview(bytearray(1)))
    except Unreadable:
        return True
    except Vanished:
        return False
    return False
