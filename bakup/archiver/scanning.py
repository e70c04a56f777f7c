"""prepare and plan: one pass over a source against the catalog gives the actions, their sizes and an estimate."""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace
from heapq import heappush, heapreplace

from msgspec import Struct, field

from bakup.api.ask import Ask
from bakup.api.reports import Count, SyncOptions
from bakup.api.watch import Progress, Watch
from bakup.archive.archive import Attached
from bakup.archive.home import Home
from bakup.archive.url import SCHEME
from bakup.catalog import applying, history, places
from bakup.catalog.database import reader
from bakup.catalog.rows import Version
from bakup.format.constants import INCREMENTALS_MAX
from bakup.model import Kind
from bakup.plan.changes import Change, Planned, Row, Tally, changes
from bakup.plan.marks import seen_mark
from bakup.plan.spool import Spool
from bakup.source.interface import Found, Source
from bakup.source.opening import open_source
from bakup.source.tree.filters import Rules
from bakup.store.opening import is_url, local_path

SAMPLES = 24
SAMPLE_BYTES = 64 << 10
TO_STORE = (Change.NEW, Change.CONTENT, Change.TYPE, Change.AGAIN, Change.TOUCHED)
READ = (Change.NEW, Change.CONTENT, Change.AGAIN, Change.TOUCHED)
"""Rows of a tally: the files that will be read."""
RENUMBERED = 3
"""So many files with new inodes, and none with its old one, show that a source's inodes mean nothing."""


class Job(Struct):
    """One source of a run, planned. `full`: its check point lists everything; `must`: it is due in any case.

    `renumbered`: all its inodes changed, and mean nothing; `left`: something that is no folder was found in it.
    """

    tree: Source
    host: str
    location: bytes
    name: str
    source: history.SourceRow | None
    head: history.CheckpointRow | None
    full: bool
    must: bool
    lost: frozenset[bytes]
    tally: Tally
    spool: Spool[Planned[Found]]
    unread: dict[bytes, str] = field(default_factory=dict)
    missing: tuple[bytes, ...] = ()
    gone: list[tuple[bytes, int]] = field(default_factory=list)
    renumbered: bool = False
    new_inodes: int = 0
    left: bool = False
    folders: dict[bytes, list[int]] = field(default_factory=dict)
    samples: list[tuple[float, bytes, Found]] = field(default_factory=list)

    @property
    def label(self) -> str:
        """`host:/path`, or the name that the user gave it."""
        return self.name or history.place_label(self.host, self.location)

    @property
    def bytes_to_store(self) -> int:
        """Raw bytes of the files that will be read."""
        return sum(self.tally.counts[change][1] for change in READ)

    @property
    def files_to_store(self) -> int:
        """Number of the files that will be read."""
        return sum(self.tally.counts[change][0] for change in READ)

    @property
    def length(self) -> int:
        """Number of the actions."""
        return self.spool.length - (0 if self.full or not self.renumbered else self.new_inodes)

    def items(self, batch: int | None = None) -> Iterator[Planned[Found]]:
        """The actions, in key order: all, or those of one batch of the plan."""
        for item in self.spool if batch is None else self.spool.batch(batch):
            if item.change != Change.RENUMBERED:
                yield item
            elif not self.renumbered:
                yield item._replace(change=Change.TOUCHED if item.kind == Kind.FILE else Change.METADATA)
            elif self.full:
                yield item._replace(change=Change.SAME)

    def standing(self, connection: sqlite3.Connection, path: bytes) -> Version | None:
        """The version of a path at the check point that this one follows."""
        if self.source is None or self.head is None:
            return None
        return history.version_at(connection, self.source.id, self.head.ordinal, path)

    def count(self, change: Change) -> Count:
        """A row of the report."""
        return Count(*self.tally.counts[change])


def open_tree(
    place: bytes, others: Sequence[bytes], options: SyncOptions, target: str, home: Home, watch: Watch, ask: Ask
) -> Source:
    """The source at `place`, without the target at `target` and the BAKUP_HOME where they lie inside.

    `others`: all sources of the run. What is in that home comes back by the words and the target; its account is
    secret, and its catalog changes with every run. Raises Usage or Failed.
    """
    selection = options.selection
    inside = [home.folder] if is_url(target) else [home.folder, local_path(target)]
    rules = Rules(
        patterns=selection.patterns,
        files_from=selection.files_from,
        larger_than=selection.larger_than,
        caches=selection.caches,
        one_file_system=selection.one_file_system,
        if_present=selection.if_present,
        folded=selection.folded,
        elsewhere=tuple(os.path.abspath(place) for place in others),
        leave_out=tuple(os.path.abspath(os.fsencode(folder)) for folder in inside),
    )
    if place.startswith(SCHEME.encode()):
        from bakup.archive.source import ArchiveSource

        other = replace(options.target, store=options.source_options, cache=None)
        return ArchiveSource(os.fsdecode(place), rules, other, home, watch, ask)
    terms = options.target.terms(watch)
    return open_source(
        place,
        rules,
        options.source_options,
        target,
        terms,
        options.target.store,
        may_be_gone=options.allow_empty,
    )


def plan(home: Home, attached: Attached, tree: Source, options: SyncOptions, watch: Watch) -> Job:
    """Scan `tree` against the catalog. The actions are spilled to a file in the BAKUP_HOME.

    With --standalone everything is stored again; a check point also lists everything when sectors with entries of its
    base are gone, or when the changes since the last full one outweigh it.
    """
    connection = home.catalog
    location = tree.location
    host = tree.host
    protection = attached.protection(options)
    source = find_source(connection, attached.row, protection.signer, host, location, options.name)
    head = history.head(connection, source.id) if source else None
    lost: frozenset[bytes] = frozenset()
    missing: tuple[bytes, ...] = ()
    anew = options.standalone or (
        source is not None
        and places.weaker(connection, attached.row, source.id, encrypted=protection.encrypt, signed=protection.sign)
    )
    must = head is None or anew
    full = must
    if source is not None and head is not None:
        missing = places.missing_of_chain(connection, attached.row, source.id)
        must = must or bool(missing)
        full = must or _outweighed(connection, source.id)
        if source.lacking or places.troubled(connection, attached.row):
            lost = frozenset(places.lost_keys(connection, attached.row, source.id, head.ordinal))
            if source.lacking and not lost and home.locked:
                applying.set_lacking(connection, source.id, False)
    job = Job(
        tree,
        host,
        location,
        options.name,
        source,
        head,
        full,
        must,
        lost,
        Tally(),
        Spool(home.databases, Planned[Found]),
    )
    job.missing = missing
    if head is not None:
        job.unread = history.unread_at(connection, head.id)
    try:
        _scan(home, job, watch, anew=anew or options.checksum, ignore_inode=options.ignore_inode)
    except BaseException:
        job.spool.close()
        raise
    return job


def find_source(
    connection: sqlite3.Connection, target: int, signer: bytes, host: str, location: bytes, name: str
) -> history.SourceRow | None:
    """The source at the target that this one continues: known by name, or by host and location; of several the newest.

    One whose first check point never became complete is taken up again too.
    """
    found = [
        source
        for source in history.sources(connection, target, complete=False)
        if source.signer == signer
        and (source.name == name if name else not source.name and (source.host, source.location) == (host, location))
    ]
    last = history.last_times(connection, target) if len(found) > 1 else {}
    return max(found, key=lambda one: (one.id in last, last.get(one.id, 0), one.uuid), default=None)


def sample(jobs: list[Job]) -> bytes:
    """The starts of some files, together, as packs hold them: small files alone compress far worse."""
    return b"".join(job.tree.sample(found, SAMPLE_BYTES) for job in jobs for _, _, found in job.samples)


def _outweighed(connection: sqlite3.Connection, source: int) -> bool:
    count, changes, listed = history.incremental_entries(connection, source)
    return changes > max(listed, 1000) or count >= INCREMENTALS_MAX


def _scan(home: Home, job: Job, watch: Watch, *, anew: bool, ignore_inode: bool) -> None:
    paths = 0

    def told() -> Iterator[list[Found]]:
        nonlocal paths
        files = size = 0
        for batch in job.tree.batches():
            paths += len(batch)
            files += sum(found.kind == Kind.FILE for found in batch)
            size += sum(found.size for found in batch)
            if batch:
                folder = batch[-1].path.rpartition(b"/")[0]
                watch.progress(Progress("scanning", done_files=files, done_bytes=size, path=folder))
                yield batch

    connection = reader(home.databases)

    def below(path: bytes) -> Iterator[bytes]:
        return history.files_below(connection, job.source, path)

    try:
        merged = changes(
            told(),
            _rows(connection, job),
            job.tally,
            look=lambda rows: job.tree.look([(row[0].replace(b"\0", b"/"), row[1]) for row in rows], below),
            lost=job.lost,
            everything=job.full and job.head is not None,
            checksum=anew,
            size_below=lambda key: history.size_below(connection, job.source, key),
        )
        if ignore_inode:
            merged = _without_inodes(connection, job, merged)
        job.spool.fill(_noted(job, merged), size_of=_size, joined=_of_one_path)
    finally:
        connection.close()
    url = os.fsdecode(job.location)
    if paths == 1 and is_url(url) and not job.tree.excluded:
        watch.warning(f"nothing is at {url}", details=("is its name right?",), code="source-empty")
    _judge_inodes(job, watch)
    for path in job.tree.missing:
        watch.warning(f"not in {job.label}: {os.fsdecode(path)}, which --files-from lists", code="files-from")


def _without_inodes(
    connection: sqlite3.Connection, job: Job, planned: Iterator[Planned[Found]]
) -> Iterator[Planned[Found]]:
    """With `--ignore-inode`: what differs in inode and change time alone has its content; its metadata is compared."""
    for item in planned:
        version = None
        if item.found is not None and item.change in (Change.TOUCHED, Change.RENUMBERED, Change.METADATA):
            version = job.standing(connection, item.path)
        if item.found is None or version is None:
            yield item
            continue
        change = Change.METADATA if seen_mark(job.tree, item.found, version) else Change.SAME
        if item.kind == Kind.FILE:
            job.tally.retake(item.change, change, item.size)
        if change != Change.SAME or job.full:
            yield item._replace(change=change)


def _judge_inodes(job: Job, watch: Watch) -> None:
    """Some file systems number their files anew at each mount: nothing else tells that from replaced files."""
    counts = job.tally.counts
    job.renumbered = job.tree.has_inodes and not counts[Change.SAME][0] and counts[Change.RENUMBERED][0] >= RENUMBERED
    if job.renumbered:
        watch.note(f"all inodes of {job.label} are new, and nothing else is: they are not counted as changes")
    job.tally.move(Change.RENUMBERED, Change.SAME if job.renumbered else Change.TOUCHED)


def _noted(job: Job, planned: Iterator[Planned[Found]]) -> Iterator[Planned[Found]]:
    chance = random.Random(0)  # noqa: S311 - which files are sampled is no secret
    for item in planned:
        if item.change == Change.RENUMBERED:
            job.new_inodes += 1
        if not job.left and item.found is not None and item.kind != Kind.DIR:
            job.left = True
        if item.change in TO_STORE and item.found is not None and item.found.kind == Kind.FILE:
            folder = job.folders.setdefault(item.path.rpartition(b"/")[0], [0, 0]) if len(job.folders) < 1000 else None
            if folder is not None:
                folder[0] += 1
                folder[1] += item.size
            # A reservoir weighted by size (Efraimidis and Spirakis 2006): each sample stands for equally many bytes.
            if item.size:
                draw = (chance.random() ** (1 / item.size), item.path, item.found)
                if len(job.samples) < SAMPLES:
                    heappush(job.samples, draw)
                elif draw > job.samples[0]:
                    heapreplace(job.samples, draw)
        elif item.change == Change.DELETED and item.path.replace(b"/", b"\0") in job.lost:
            job.gone.append((item.path, item.size))
        yield item


def _size(item: Planned[Found]) -> int:
    return item.size if item.change in TO_STORE else 0


def _of_one_path(item: Planned[Found], following: Planned[Found]) -> bool:
    return item.path == following.path


def _rows(connection: sqlite3.Connection, job: Job) -> Iterator[Row]:
    if job.source is None or job.head is None:
        return iter(())
    return connection.execute(
        "SELECT key, kind, coalesce(size, 0), mtime_ns, ctime_ns, inode FROM versions"
        " WHERE source = ? AND last IS NULL ORDER BY key",
        [job.source.id],
    )
