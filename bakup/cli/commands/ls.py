"""`bakup ls`: check points, or the entries of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from bakup.cli.command import command
from bakup.cli.output import listing, names, sync_json, versions
from bakup.cli.output.problems import Problem
from bakup.cli.output.rows import Rows, rebuilt, short_id
from bakup.cli.parsing import places
from bakup.cli.parsing.options import At, Source, WithTarget, argument, option
from bakup.cli.running import Run

if TYPE_CHECKING:
    from bakup.api.reports import Listing, TargetListing

_LIST = "What is listed"

TEXT = """
Without PATH: the check points at DST by source, oldest first. With PATH: the
entries of one check point; PATH is as inside the source, . is its root.

It reads metadata only and never changes DST. Where there is no catalog yet,
it is made first, from DST alone.
"""


@dataclass(frozen=True)
class Listed:
    """Which of them, and how."""

    source: Source = None
    at: At = None
    tag: Annotated[str | None, option("--tag", metavar="TAG", help="only check points with TAG", group=_LIST)] = None
    recursive: Annotated[bool, option("-R", "--recursive", help="and all that is below PATH", group=_LIST)] = False
    objects: Annotated[bool, option("--objects", help="and where the bytes of files stand at DST", group=_LIST)] = False
    print0: Annotated[bool, option("--print0", help="raw paths, a zero byte behind each", group=_LIST)] = False


@command(
    "ls",
    short="check points; with PATH, the entries of one",
    text=TEXT,
    examples=("bakup ls /mnt/usb/backup", "bakup ls /mnt/usb/backup 2026/11 --at latest~1"),
)
def ls(
    run: Run,
    dst: places.Target,
    listed: Listed,
    target: WithTarget,
    path: Annotated[str | None, argument("[PATH]")] = None,
) -> int:
    """List."""
    place = places.target(dst)
    if path is None and listed.at is None and not listed.recursive:
        return _checkpoints(run, place, listed, target)
    return _entries(run, place, places.inside("." if path is None else path), listed, target)


def _checkpoints(run: Run, dst: str, listed: Listed, target: WithTarget) -> int:
    from bakup.flows import ls as flow

    with run.home(write=False) as home:
        report = flow.checkpoints(
            home,
            dst,
            source=listed.source,
            tag=listed.tag,
            target=target.options(),
            watch=run.watch,
            ask=run.ask,
        )
    _rebuilt(run, report)
    for line in report.checkpoints:
        run.console.object({"message_type": "check_point", **listing.checkpoint_facts(line)})
    if not report.checkpoints:
        tagged = "" if listed.tag is None else f" with the tag {names.shown_text(listed.tag)}"
        message = f"no check points{tagged} at {names.shown_text(dst)}"
        return run.fail(Problem("error", message, code="nothing-found"), 1)
    run.console.product(*listing.checkpoint_lines(report, exact=run.exact))
    apart = sum(line.incomplete for line in report.checkpoints)
    total = {
        "check_points": len(report.checkpoints) - apart,
        "incomplete": apart,
        "sectors": report.sectors,
        "target_bytes": report.bytes,
    }
    code = _told(run, report.rolled_back)
    for uuid in report.lacking:
        run.console.hint(f"to bring back what is there: bakup restore {names.quoted(dst)} OUT --at {short_id(uuid)}")
    return run.finish({"target": dst, **total}, 3 if report.lacking else code)


def _rebuilt(run: Run, report: TargetListing) -> None:
    if report.rebuilt:
        rows = Rows(run.exact)
        rebuilt(rows, report.rebuilt)
        run.console.report(*rows.lines())


def _entries(run: Run, dst: str, path: bytes, listed: Listed, target: WithTarget) -> int:
    from bakup.flows import ls as flow

    with run.home(write=False) as home:
        found = flow.entries(
            home,
            dst,
            path,
            source=listed.source,
            at=listed.at or "latest",
            recursive=listed.recursive,
            objects=listed.objects,
            target=target.options(),
            watch=run.watch,
            ask=run.ask,
        )
        return _show(run, dst, found, listed)


def _show(run: Run, dst: str, found: Listing, listed: Listed) -> int:
    total = listing.Total()
    entries = total.counted(found.entries)
    if listed.print0:
        _print0(run, found, total)
    elif run.console.machine:
        for one in entries:
            run.console.object(listing.entry_facts(found.base, one))
    else:
        run.console.report(listing.entries_head(found))
        for line in listing.entry_lines(entries, exact=run.exact):
            run.console.product(line)
            if run.console.closed:
                break
        run.console.report(listing.entries_foot(total, exact=run.exact))
    base = sync_json.checkpoint_fields(found.checkpoint)
    code = _told(run, found.rolled_back)
    return run.finish({"target": dst, **base, "entries": total.entries, "entries_bytes": total.bytes}, code)


def _told(run: Run, unknown: tuple[str, ...]) -> int:
    """Say what is not known; the exit code."""
    for problem in versions.unknown_problems(unknown):
        run.watch.problem(problem)
    return 3 if unknown else 0


def _print0(run: Run, found: Listing, total: listing.Total) -> None:
    for one in total.counted(found.entries):
        run.console.raw_out(listing.whole_path(found.base, one.path) + b"\0")
        if run.console.closed:
            return
