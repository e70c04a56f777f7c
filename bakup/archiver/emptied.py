"""A known source of which nothing is left, or of which most is gone: asked, or told, before it looks like success."""

from __future__ import annotations

import os
from collections.abc import Sequence

from bakup.api.ask import Ask
from bakup.api.reports import Gone, SyncOptions
from bakup.archive.when import local_time
from bakup.archiver.scanning import Job
from bakup.errors import NoSource
from bakup.model import Kind
from bakup.plan.changes import Change
from bakup.source.opening import not_there
from bakup.source.tree.devices import BY_DEVICE

LARGE = 100
"""A source of so many files is told of when more than half of them are gone."""


def expect_something(jobs: Sequence[Job], options: SyncOptions, ask: Ask) -> None:
    """Raise NoSource for known sources of which nothing is left, unless `--allow-empty`, or the user, says so.

    What such a run would store is a check point of deletions: an unmounted disk looks just like it.
    """
    for job in jobs:
        if options.allow_empty and job.head is None and not job.left and not _is_there(job):
            raise not_there(os.fsdecode(job.location))
    emptied = [] if options.allow_empty else [job for job in jobs if _is_emptied(job)]
    for job in emptied:
        said = _said(job, options)
        if options.dry_run or not ask.allow_empty(said):
            others = [_said(other, options) for other in emptied if other is not job]
            raise NoSource("\n".join([said, *others]), hints=_hints(emptied, options), code="source-empty")


def mostly_gone(job: Job) -> Gone | None:
    """What is to be told of a large source more than half of whose files are gone."""
    head, gone = job.head, job.count(Change.DELETED).files
    before = head.files if head is not None and head.files is not None else 0
    if head is None or before < LARGE or 2 * gone <= before or gone == before:
        return None
    return Gone(head.uuid, min(99, round(100 * gone / before)))


def _is_emptied(job: Job) -> bool:
    """Whether something that is no folder stood, and nothing such does any more."""
    stays = any(job.count(change).files for change in (Change.SAME, Change.UNREAD))
    return (
        not job.left
        and not stays
        and any(item.change == Change.DELETED and item.kind != Kind.DIR for item in job.items())
    )


def _is_there(job: Job) -> bool:
    return b"://" in job.location or os.path.lexists(job.location)


def _said(job: Job, options: SyncOptions) -> str:
    place, gone = os.fsdecode(job.location), job.count(Change.DELETED).files
    if options.selection.files_from is not None:
        now = f"nothing that --files-from lists is in {place}"
    elif job.tree.excluded.keys() - {BY_DEVICE}:
        now = f"all that is in {place} is excluded"
    else:
        now = f"{place} is empty"
    what = "1 file was" if gone == 1 else f"{gone:,} files were" if gone else "links or the like were"
    return f"{now}; {what} there on {local_time(job.head.time_ns if job.head else 0)}"


def _hints(emptied: Sequence[Job], options: SyncOptions) -> tuple[str, ...]:
    if options.selection.files_from is not None:
        return ("is the list right, and is SRC mounted?",)
    if any(b"://" in job.location for job in emptied):
        return ("is its name right?",)
    return ("is it mounted?",) if len(emptied) == 1 else ("are they mounted?",)
