"""sync: prepare -> plan -> populate -> transfer, for one or more sources into one target."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import ExitStack

from msgspec.structs import replace

from bakup.api import costs
from bakup.api.ask import Ask
from bakup.api.reports import (
    CheckpointLine,
    Count,
    PathLine,
    SourceReport,
    SyncOptions,
    SyncReport,
    UnreadPath,
)
from bakup.api.watch import Watch
from bakup.archive.archive import Attached
from bakup.archive.home import Home
from bakup.archive.opening import attach
from bakup.archiver.archiver import Run, source_report
from bakup.archiver.emptied import expect_something
from bakup.archiver.holding import held
from bakup.archiver.scanning import Job, open_tree, plan, sample
from bakup.archiver.storing import expected
from bakup.catalog import state_db
from bakup.catalog.rows import known_as
from bakup.errors import Usage
from bakup.flows import account
from bakup.layouts.interface import Estimated
from bakup.model import Kind
from bakup.plan.changes import Change
from bakup.processes import worth_forking
from bakup.source.interface import Source
from bakup.store.local.room import room
from bakup.store.opening import is_url, local_path

SECTOR_MIN = 16 << 20
"""Smallest --sector-size, in bytes: two of the largest packs."""
FOLDERS_SHOWN = 5


def sync(home: Home, sources: Sequence[bytes], dst: str, options: SyncOptions, watch: Watch, ask: Ask) -> SyncReport:
    """Store what changed in `sources` at `dst`; with `dry_run` only say what would be. Deletes nothing at `dst`.

    Raises Usage for a source that is neither folder nor file, is a target or is given twice, Failed when one is not
    there or space runs out, and what `attach` raises.
    """
    begun = time.monotonic()
    _check_options(options, sources)
    options = replace(options, name=known_as(options.name), tags=tuple(map(known_as, options.tags)))
    with ExitStack() as opened:
        trees: list[Source] = []
        for source in sources:
            tree = open_tree(source, sources, options, dst, home, watch, ask)
            opened.callback(tree.close)
            if any((tree.host, tree.location) == (other.host, other.location) for other in trees):
                raise Usage(f"{os.fsdecode(tree.location)} is given twice", code="twice")
            trees.append(tree)
        return _sync(home, trees, sources, dst, options, watch, ask, begun)


def _sync(
    home: Home,
    trees: Sequence[Source],
    sources: Sequence[bytes],
    dst: str,
    options: SyncOptions,
    watch: Watch,
    ask: Ask,
    begun: float,
) -> SyncReport:
    if not options.dry_run:
        home.lock(home.lock_wait)
    with held(home, trees):
        return _held(home, trees, sources, dst, options, watch, ask, begun)


def _held(
    home: Home,
    trees: Sequence[Source],
    sources: Sequence[bytes],
    dst: str,
    options: SyncOptions,
    watch: Watch,
    ask: Ask,
    begun: float,
) -> SyncReport:
    if home.has_account:
        _begin(trees[0])
    with _attach(home, dst, options, watch, ask, use_folder=options.use_folder or options.dry_run) as attached:
        _expect_protection(attached, options)
        _say_where(attached, trees, sources, watch)
        if home.has_account or options.dry_run or not attached.layout.needs_account(attached.protection(options)):
            return _planned_run(home, attached, trees, options, watch, ask, begun)
    with _with_new_account(home, dst, options, watch, ask) as attached:
        begun = time.monotonic()  # not the time at the card
        return _planned_run(home, attached, trees, options, watch, ask, begun)


def _begin(tree: Source) -> None:
    """Let it be scanned while the target is opened, and while the catalog is compared with it."""
    if worth_forking():
        tree.begin()


def _check_options(options: SyncOptions, sources: Sequence[bytes]) -> None:
    if options.name and len(sources) > 1:
        raise Usage("--name is for one source", hints=("sync each source by itself",), code="name")
    if options.sector_size is not None and not SECTOR_MIN <= options.sector_size <= 32 << 30:
        raise Usage("--sector-size must be 16 MiB to 32 GiB", code="sector-size")


def _expect_protection(attached: Attached, options: SyncOptions) -> None:
    known = None if options.new_target else attached.remembered
    if known is None:
        return
    for option, asked, made in (
        ("--no-encrypt", options.encrypt, known.encrypted),
        ("--no-sign", options.sign, known.signed),
    ):
        if made and not asked:
            raise Usage(
                f"{attached.place} was made without {option}, and keeps its protection",
                hints=(f"{option} is for a new target",),
                code="protection",
            )


def _planned_run(
    home: Home,
    attached: Attached,
    trees: Sequence[Source],
    options: SyncOptions,
    watch: Watch,
    ask: Ask,
    begun: float,
) -> SyncReport:
    jobs: list[Job] = []
    try:
        for tree in trees:
            _begin(tree)
            jobs.append(plan(home, attached, tree, options, watch))
        for pattern in sorted(set.intersection(*(set(job.tree.unmatched) for job in jobs))):
            watch.event("pattern-unmatched", pattern=pattern)
        expect_something(jobs, options, ask)
        return _carry_out(home, attached, jobs, options, watch, begun)
    finally:
        for job in jobs:
            job.spool.close()
        for tree in trees:
            costs.tell_counts(watch, "source", os.fsdecode(tree.location), tree.counts)


def _with_new_account(home: Home, dst: str, options: SyncOptions, watch: Watch, ask: Ask) -> Attached:
    draft = account.draft(dst)
    ask.new_account(draft.card)
    account.keep(home.folder, draft, ask.given_passphrase())
    return _attach(home, dst, options, watch, ask, use_folder=True)


def _attach(home: Home, dst: str, options: SyncOptions, watch: Watch, ask: Ask, *, use_folder: bool) -> Attached:
    return attach(
        home,
        dst,
        options.target,
        watch,
        ask,
        writing=True,
        new_target=options.new_target,
        use_folder=use_folder,
        layout=options.layout,
    )


def _say_where(attached: Attached, trees: Sequence[Source], sources: Sequence[bytes], watch: Watch) -> None:
    if "://" in attached.place:
        for tree in trees:
            if tree.leaves_out:
                watch.note(f"{attached.place} lies inside {os.fsdecode(tree.location)} and is left out")
        return
    target = os.path.realpath(attached.place)
    parent = target if os.path.exists(target) else os.path.dirname(target)
    for source in sources:
        if is_url(os.fsdecode(source)):
            continue
        inside = os.path.realpath(os.fsdecode(source))
        if target == inside or target.startswith(inside.rstrip("/") + "/"):
            watch.note(f"{attached.place} lies inside {os.fsdecode(source)} and is left out")
        try:
            same = os.stat(parent).st_dev == os.stat(inside).st_dev
        except OSError:
            continue
        if same:
            watch.warning(
                f"{attached.place} is on the same file system as {os.fsdecode(source)}",
                details=("one dead disk takes both",),
                code="same-file-system",
            )


def _carry_out(
    home: Home, attached: Attached, jobs: list[Job], options: SyncOptions, watch: Watch, begun: float
) -> SyncReport:
    todo = sum(job.bytes_to_store for job in jobs)
    entries = sum(job.length for job in jobs)
    files = sum(job.files_to_store for job in jobs)
    checkpoints = sum(job.length > 0 for job in jobs)
    work = Estimated(todo, files, entries, checkpoints, lambda: sample(jobs))
    estimate = attached.layout.estimate(options, work)
    estimated = estimate.size
    report = SyncReport(
        target=attached.place,
        sources=(),
        dry_run=options.dry_run,
        estimated_bytes=estimated,
        estimated_sectors=estimate.objects,
        free_bytes=_free_bytes(attached),
        strict=options.strict,
        unit=attached.layout.unit,
    )
    if report.free_bytes is not None and estimated > report.free_bytes:
        watch.event("space", needed_bytes=estimated, free_bytes=report.free_bytes, target=attached.place)
    if options.dry_run:
        speed = state_db.rate(home.state, attached.url, estimated)
        return replace(
            report,
            sources=tuple(_planned(home, job, options) for job in jobs),
            estimated_seconds=estimated / speed if speed else None,
            estimated_puts=estimate.puts,
            estimated_gets=estimate.gets,
            to_get_back=attached.layout.to_get_back(home.catalog, attached.row) + estimate.to_get_back,
            elapsed=time.monotonic() - begun,
        )
    if attached.remembered is None and (
        caveat := attached.layout.caveat(encrypted=attached.protection(options).encrypt)
    ):
        watch.note(caveat)
    stored = Run(home, attached, jobs, options, watch, begun).run(report)
    return replace(stored, to_get_back=attached.layout.to_get_back(home.catalog, attached.row))


def _free_bytes(attached: Attached) -> int | None:
    """Space at the target, or where its folder will be made."""
    if attached.target.exists():
        return attached.target.free_bytes()
    there = None if is_url(attached.place) else room(local_path(attached.place))
    return there.free if there else None


def _planned(home: Home, job: Job, options: SyncOptions) -> SourceReport:
    line = None
    if (head := job.head) is not None:
        line = CheckpointLine(
            head.uuid, job.label, head.time_ns, head.files or 0, head.size or 0, head.stored, head.tags
        )
    largest = sorted(job.folders.items(), key=lambda item: -item[1][1])[:FOLDERS_SHOWN]
    report = source_report(job, line, made=False)
    touched, paths = job.count(Change.TOUCHED), list[PathLine]()
    changing = Count()
    for mark, item in expected(home.catalog, job) if options.list_paths or touched.files else ():
        if item.change == Change.TOUCHED:
            changing = changing.plus(1, item.size)
        if options.list_paths:
            paths.append(PathLine(mark, item.path, item.size if item.kind == Kind.FILE else None))
    return replace(
        report,
        unreadable=tuple(
            UnreadPath(item.path, item.found.reason, None, item.size)
            for item in job.items()
            if item.found is not None and item.found.kind == Kind.UNREAD
        ),
        folders=tuple((folder, Count(*count)) for folder, count in largest),
        paths=tuple(paths),
        changed=report.changed.plus(changing.files, changing.bytes),
        unchanged=report.unchanged.plus(touched.files - changing.files, touched.bytes - changing.bytes),
    )
