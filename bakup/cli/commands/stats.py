"""`bakup stats`: sizes by source, sectors, what dedup and compression saved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from bakup.cli.command import command
from bakup.cli.output import machine, names, numbers
from bakup.cli.output.rows import Rows, rebuilt
from bakup.cli.output.style import COLUMN, bold
from bakup.cli.parsing import places
from bakup.cli.parsing.options import WHICH, Source, WithTarget, option
from bakup.cli.running import Run

if TYPE_CHECKING:
    from bakup.api.listings import LastCheck, SourceTotals, StatsReport, VersionTotals

_RESULTS = {
    0: "good",
    3: "a part could not be read",
    20: "only older check points are damaged",
    21: "damaged",
    22: "not to be trusted",
    23: "check points missing",
}

TEXT = """
Sizes by source: files and bytes of its latest check point, and what all of
its check points take at DST. Then the sectors, and the last check that this
computer made. Then all versions of files: the sum of their sizes, the part of
it that was not stored again because the same bytes were stored already
(dedup), and the part of what was stored that compression saved.

With --at: of that check point what ls says. It reads metadata only and never
changes DST.
"""


@command(
    "stats",
    short="sizes by source, sectors, what dedup and compression saved",
    text=TEXT,
    examples=("bakup stats /mnt/usb/backup",),
)
def stats(
    run: Run,
    dst: places.Target,
    target: WithTarget,
    *,
    source: Source = None,
    at: Annotated[
        str | None, option("--at", metavar="WHEN", help="only of this check point (all)", group=WHICH)
    ] = None,
) -> int:
    """Count."""
    from bakup.flows import stats as flow

    place = places.target(dst)
    with run.home(write=False) as home:
        report = flow.stats(home, place, source=source, at=at, target=target.options(), watch=run.watch, ask=run.ask)
    for row in report.sources:
        run.console.object(source_facts(row))
    run.console.product(*report_lines(report, exact=run.exact))
    return run.finish(summary(report, place), 0)


def report_lines(report: StatsReport, *, exact: bool = False) -> list[str]:
    """The report as it is shown."""
    before, rows = Rows(exact), Rows(exact)
    if report.rebuilt:
        rebuilt(before, report.rebuilt)
    rows.text(f"{report.unit}s", f"{_sectors(report, exact)}; {_checked(report.last_check)}")
    if report.unneeded:
        told = numbers.size(report.unneeded, exact=exact)
        rows.text("unneeded", f"about {told}, which only check points need that were dropped")
    if report.versions:
        rows.text("all versions", _versions(report.versions, exact))
    return [*before.lines(), *_table(report.sources, exact), *rows.lines()]


def source_facts(row: SourceTotals) -> dict[str, object]:
    """A source in JSON."""
    return {
        "message_type": "source",
        "source": row.source,
        "check_points": row.checkpoints,
        "total_files": row.files,
        "total_bytes": row.bytes,
        "stored_bytes": row.stored,
    }


def summary(report: StatsReport, dst: str) -> dict[str, object]:
    """The last object of `--json`."""
    checked, versions = report.last_check, report.versions
    return {
        "target": dst,
        "sources": len(report.sources),
        "sectors": report.sectors,
        "missing_sectors": report.missing_sectors,
        "smallest_sector_bytes": report.smallest,
        "largest_sector_bytes": report.largest,
        "target_bytes": report.bytes,
        "last_check_time": machine.time_text(checked.time_ns) if checked else None,
        "last_check_exit_code": checked.exit_code if checked else None,
        "last_check_read_data": checked.read_data if checked else None,
        "versions": versions.versions if versions else None,
        "paths": versions.paths if versions else None,
        "versions_bytes": versions.bytes if versions else None,
        "raw_bytes": versions.raw if versions else None,
        "packed_bytes": versions.packed if versions else None,
        "unneeded_bytes": report.unneeded,
        "rebuilt": report.rebuilt is not None,
    }


def saved(left: int, whole: int) -> str:
    """The part of `whole` that is not in `left`, in percent; negative when there is more left."""
    part = round(100 * (1 - left / whole), 1) if whole else 0.0
    return f"{part + 0.0:.1f}%"


def _table(rows: tuple[SourceTotals, ...], exact: bool) -> list[str]:
    labels = [names.shown_text(row.source) for row in rows]
    sizes = [(numbers.size(row.bytes, exact=exact), numbers.size(row.stored, exact=exact)) for row in rows]
    named = max(len("source"), *map(names.cells, labels))
    files = max([6, *(len(f"{row.files:,}") for row in rows)])
    wide = max([8, *(len(size) for pair in sizes for size in pair)])
    head = ("check points", f"{'files':>{files}}", f"{'size':>{wide}}", f"{'stored':>{wide}}")
    lines = [COLUMN.join((names.padded("source", named), *head))]
    for label, row, (size, stored) in zip(labels, rows, sizes, strict=True):
        numbered = (f"{row.checkpoints:>12,}", f"{row.files:>{files},}", f"{size:>{wide}}", f"{stored:>{wide}}")
        lines.append(COLUMN.join((bold(names.padded(label, named)), *numbered)))
    return lines


def _sectors(report: StatsReport, exact: bool) -> str:
    least, most = (numbers.size(size, exact=exact) for size in (report.smallest, report.largest))
    many = f"{report.sectors:,}"
    if report.missing_sectors:
        many += f" of {report.sectors + report.missing_sectors:,}"
    return f"{many}, of {least}" if least == most else f"{many}, of {least} to {most}"


def _checked(last: LastCheck | None) -> str:
    if last is None:
        return "never checked from here"
    result = _RESULTS.get(last.exit_code, f"exit {last.exit_code}")
    return f"last check {numbers.local_time(last.time_ns)}, {result}"


def _versions(found: VersionTotals, exact: bool) -> str:
    many = f"{found.versions:,} of {numbers.count(found.paths, 'path')}, {numbers.size(found.bytes, exact=exact)}"
    return f"{many}; dedup {saved(found.raw, found.bytes)}, compression {saved(found.packed, found.raw)}"
