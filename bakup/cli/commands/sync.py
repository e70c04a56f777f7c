"""`bakup sync` and `bakup plan`."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING, Annotated

from bakup.cli.command import command
from bakup.cli.output import machine, names, numbers, sync_json
from bakup.cli.output.costs import NONE, Costs
from bakup.cli.output.problems import Problem
from bakup.cli.output.rows import Rows, lost_cells, short_id
from bakup.cli.output.style import bold
from bakup.cli.output.watch import path_line
from bakup.cli.parsing import places
from bakup.cli.parsing.carried import again
from bakup.cli.parsing.options import HOW, How, What, WithTarget, habit, option
from bakup.cli.parsing.selecting import selection
from bakup.cli.running import Run
from bakup.errors import NoSource, NoTarget

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bakup.api.reports import Gone, SourceReport, SyncOptions, SyncReport

_ALWAYS = habit(
    *("-a", "-z", "-P", "-H", "-A", "-X", "-S"),
    *("--archive", "--compress", "--partial", "--progress", "--hard-links", "--acls", "--xattrs", "--sparse"),
)

_EMPTY = "target-empty"

SYNC_TEXT = """
Store in DST what changed in SRC...; deletes nothing at DST. A trailing slash
means nothing: SRC and SRC/ are the same source.

It never changes a source. A run that finds changes makes a check point, which
stands for the whole source; what is stored already is not stored again. After
an interruption the same command goes on where it stopped.

The first run makes an account and shows its 24 words once.
"""
PLAN_TEXT = """
Say what sync would store: files, sizes, sectors, space and time; with -v a
line a path: + new, - deleted, M content, U metadata only, T other type.

It never writes to DST, makes no account and needs none. It is sync -n.
"""


@command(
    "sync",
    short="store what changed in SRC...; deletes nothing at DST",
    text=SYNC_TEXT,
    examples=(
        "bakup sync ~/Photos /mnt/usb/backup",
        "bakup sync ~/Photos ~/Documents /mnt/usb/backup --exclude '*.tmp' -x",
    ),
)
def sync(
    run: Run,
    sources: places.Sources,
    dst: places.Target,
    what: What,
    how: How,
    *,
    target: WithTarget,
    dry_run: Annotated[
        bool, option("-n", "--dry-run", help="only say what would be stored, as plan does", group=HOW)
    ] = False,
    always_so: Annotated[bool, _ALWAYS] = False,
) -> int:
    """Back up."""
    own = places.store_options(what.source_option, target.store_option, sources, dst)
    chosen = options(what, how, target, own, dry_run=dry_run, paths=run.watch.lists_paths)
    return _sync(run, sources, dst, chosen)


@command(
    "plan",
    short="say what sync would store: files, sizes, sectors, space, time",
    text=PLAN_TEXT,
    examples=(
        "bakup plan ~/Photos /mnt/usb/backup",
        "bakup plan -v ~/Photos /mnt/usb/backup --exclude-caches",
    ),
)
def plan(
    run: Run,
    sources: places.Sources,
    dst: places.Target,
    what: What,
    how: How,
    *,
    target: WithTarget,
    dry_run: Annotated[bool, habit("-n", "--dry-run")] = False,
    always_so: Annotated[bool, _ALWAYS] = False,
) -> int:
    """Say what would be stored."""
    own = places.store_options(what.source_option, target.store_option, sources, dst)
    chosen = options(what, how, target, own, dry_run=True, paths=run.watch.lists_paths)
    return _sync(run, sources, dst, chosen)


def options(
    what: What, how: How, target: WithTarget, source_options: Mapping[str, object], *, dry_run: bool, paths: bool
) -> SyncOptions:
    """As the flow takes them; `source_options` are of the store that SRC is in."""
    from bakup.api.reports import SyncOptions

    return SyncOptions(
        selection=selection(what),
        checksum=how.checksum,
        strict=how.strict,
        name=how.name,
        tags=tuple(how.tag or ()),
        dry_run=dry_run,
        new_target=how.new_target,
        allow_empty=how.allow_empty,
        ignore_inode=how.ignore_inode,
        always=how.always,
        standalone=how.standalone,
        layout=how.layout,  # type: ignore[arg-type]
        compression=how.compression,  # type: ignore[arg-type]
        sector_size=how.sector_size,
        pad=how.pad,
        spool=how.spool,
        workers=how.workers,
        encrypt=not how.no_encrypt,
        sign=not how.no_sign,
        list_paths=dry_run and paths,
        source_options=source_options,
        target=target.options(),
    )


def report_lines(report: SyncReport, *, exact: bool = False, costs: Costs = NONE) -> list[str]:
    """The report as it is shown."""
    several = len(report.sources) > 1
    lines: list[str] = []
    for source in report.sources:
        if several:
            lines += [bold(names.shown_text(source.source))]
        lines += _source_lines(report, source, exact=exact, costs=costs)
        lines += [""] if several else []
    if several:
        lines += _whole(report, Rows(exact), costs).lines()
    return lines


def problems(report: SyncReport, *, exact: bool = False) -> list[Problem]:
    """What could not be done, by cause."""
    by_source = (problem for source in report.sources for problem in _source_problems(report, source))
    return [*by_source, *_missing(report, exact)]


def exit_code(report: SyncReport) -> int:
    """3 when something is left out or gone for good, else 0."""
    unread = any(source.unreadable or (report.strict and source.changing) for source in report.sources)
    return 3 if unread or report.gone else 0


def _sync(run: Run, sources: list[str], dst: str, chosen: SyncOptions) -> int:
    from bakup.flows import sync as flow

    folders, place = [places.source(one) for one in sources], places.target(dst)
    try:
        with run.home(write=not chosen.dry_run) as home:
            report = flow.sync(home, folders, place, chosen, run.watch, run.ask)
    except NoTarget as error:
        raise _with_way_out(error, run.arguments) from None
    except NoSource as error:
        way = again(run.arguments, "--allow-empty")
        hints = (*error.hints, f"if all of it was deleted on purpose:\n{way}")
        raise NoSource(error.message, hints=hints, code=error.code) from None
    run.console.report(*report_lines(report, exact=run.exact, costs=run.watch.costs))
    for facts in sync_json.paths(report):
        run.console.object(facts)
    for problem in problems(report, exact=run.exact):
        run.watch.problem(problem)
    if run.ask.made and not report.dry_run:
        tried = names.quoted(os.path.join(tempfile.gettempdir(), "try"))
        run.console.advice(f"try it before you need it: bakup restore {names.quoted(report.target)} {tried}")
    for facts in sync_json.sources(report):
        run.console.object(facts)
    return run.finish(sync_json.summary(report), exit_code(report))


def _with_way_out(error: NoTarget, arguments: Sequence[str]) -> NoTarget:
    """A known target found empty may be a new drive: the command that says so, ready to paste."""
    if error.code != _EMPTY:
        return error
    hints = (*error.hints, f"if this is a new, empty drive:\n{again(arguments, '--new-target')}")
    return NoTarget(error.message, hints=hints, details=error.details, code=error.code)


def _source_lines(report: SyncReport, source: SourceReport, *, exact: bool, costs: Costs) -> list[str]:
    rows = Rows(exact)
    _changes(rows, report, source)
    if report.dry_run:
        _planned(rows, source)
    alone = len(report.sources) == 1
    if alone:
        _whole(report, rows, costs)
    if source.checkpoint and not report.dry_run:
        rows.checkpoint(source.checkpoint, "" if source.made else ", stands")
    paths = [path_line(line.mark, line.path, line.bytes, exact=exact) for line in source.paths]
    return [*paths, *rows.lines()]


def _changes(rows: Rows, report: SyncReport, source: SourceReport) -> None:
    from bakup.api.reports import Count

    unreadable = Count(len(source.unreadable), sum(one.bytes for one in source.unreadable))
    changing = Count(len(source.changing), sum(line.bytes or 0 for line in source.changing))
    rows.count("new", source.new)
    rows.count("changed", source.changed)
    rows.count("deleted", source.deleted, "" if report.dry_run else ", still in earlier check points")
    rows.count("stored again", source.stored_again)
    rows.count("unchanged", source.unchanged, _time_of_the_look(report, source))
    if why := _why(source):
        rows.text("other", why)
    rows.count("vanished", source.vanished)
    rows.count("unreadable", unreadable)
    rows.count("changing", changing)


def _why(source: SourceReport) -> str:
    """What is new in a check point in which no file is."""
    told: list[str] = []
    if any(count.files for count in (source.new, source.changed, source.deleted, source.stored_again)):
        return ""
    if source.others:
        told.append(f"{numbers.count(source.others, 'folder or link', 'folders or links')} changed")
    if source.noted:
        differ = "differs" if source.noted == 1 else "differ"
        told.append(f"{numbers.count(source.noted, 'path')} {differ} in inode or change time alone")
    return "; ".join(told)


def _time_of_the_look(report: SyncReport, source: SourceReport) -> str:
    nothing = not report.dry_run and not report.stored_sectors
    return f", in {numbers.duration(report.elapsed)}" if nothing and source is report.sources[-1] else ""


def _planned(rows: Rows, source: SourceReport) -> None:
    rules = ", ".join(f"{names.safe(rule)} {paths:,}" for rule, paths in source.excluded_by)
    folders = f", {numbers.count(source.excluded_folders, 'folder')}" if source.excluded_folders else ""
    rows.count("excluded", source.excluded, folders + (f": {rules}" if rules else ""), zero=bool(folders))
    for folder, count in source.folders:
        rows.count(f"  {names.shown(folder)}", count)


def _whole(report: SyncReport, rows: Rows, costs: Costs) -> Rows:
    """What concerns the target, once for all sources."""
    estimated = numbers.size(report.estimated_bytes, exact=rows.exact)
    if report.dry_run:
        rows.text("would store", _would_store(report, estimated))
        if report.free_bytes is not None:
            free = numbers.size(report.free_bytes, exact=rows.exact)
            rows.text("free", f"{free} at {names.shown_text(report.target)}")
    elif report.stored_sectors:
        stored = numbers.size(report.stored_bytes, exact=rows.exact)
        sectors = numbers.count(report.stored_sectors, report.unit)
        if report.checkpoint_objects:
            rows.text(
                "stored", f"{stored} in {sectors}, {_lacking(report.checkpoint_objects)} for what the format lacks"
            )
            return rows
        took = numbers.duration(report.elapsed)
        rows.text("stored", f"{stored} in {sectors} (estimated {estimated}), in {took}")
    planned = {"put": report.estimated_puts, "get": report.estimated_gets, "up_bytes": report.estimated_bytes}
    costs.rows(rows, report.to_get_back, planned if report.dry_run else {})
    return rows


def _lacking(number: int) -> str:
    return "one of them" if number == 1 else f"{number:,} of them"


def _would_store(report: SyncReport, estimated: str) -> str:
    if not report.estimated_sectors:
        return "nothing"
    told = f"about {estimated} in {numbers.count(report.estimated_sectors, report.unit)}"
    seconds = report.estimated_seconds
    return told if seconds is None else f"{told}, in about {numbers.about(seconds)}"


def _source_problems(report: SyncReport, source: SourceReport) -> list[Problem]:
    found = []
    if source.gone:
        found.append(_mostly_gone(report, source, source.gone))
    if source.unreadable:
        found.append(_unreadable(report, source))
    if source.changing:
        files = numbers.count(len(source.changing), "file") + _of(report, source)
        it_was = "it was" if len(source.changing) == 1 else "they were"
        message = f"{files} changed each time {it_was} read; stored as {it_was} read last"
        rows = tuple((line.path,) for line in source.changing)
        facts = sync_json.changing(source)
        found.append(Problem("warning", message, rows, code="changing", facts=facts))
    return found


def _mostly_gone(report: SyncReport, source: SourceReport, gone: Gone) -> Problem:
    id = short_id(gone.checkpoint)
    message = f"{gone.percent}% of the files that were in {id} are gone"
    command = f"bakup restore {names.quoted(report.target)} OUT --at {id}"
    hints = () if report.dry_run else (f"to bring them back: {command}",)
    facts = {"message": message, "source": source.source, "check_point": machine.uuid_text(gone.checkpoint)}
    return Problem("warning", message, hints=hints, code="mostly-gone", facts=({**facts, "percent": gone.percent},))


def _unreadable(report: SyncReport, source: SourceReport) -> Problem:
    number = len(source.unreadable)
    files = numbers.count(number, "file") + _of(report, source)
    are = "is" if number == 1 else "are"
    message = f"{files} could not be read and {are} not in this check point"
    if report.dry_run:
        message = f"{files} cannot be read"
    rows = tuple(
        (one.path, one.reason, f"last stored: {short_id(one.last)}" if one.last else "never stored")
        for one in source.unreadable
    )
    facts = sync_json.unreadable(source)
    return Problem("warning", message, rows, least=(23, 28), code="unreadable", facts=facts)


def _of(report: SyncReport, source: SourceReport) -> str:
    """Whose files they are, where there are several sources."""
    return f" of {names.shown_text(source.source)}" if len(report.sources) > 1 else ""


def _missing(report: SyncReport, exact: bool) -> list[Problem]:
    number = len(report.missing_sectors)
    if not number:
        return []
    was, they = ("was", "it") if number == 1 else ("were", "they")
    message = f"{numbers.count(number, 'sector')} {was} missing at the target; all {they} held is stored again"
    if report.gone:
        files = numbers.count(len(report.gone), "file")
        are = "is" if len(report.gone) == 1 else "are"
        message = f"{numbers.count(number, 'sector')} {was} missing at the target"
        message += f"; {files} {they} held {are} no longer in the source"
    rows, facts = lost_cells(report.gone, exact=exact), sync_json.missing(report)
    return [Problem("warning", message, rows, code="sector-missing", facts=facts)]
