"""`bakup history`: every version of one path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from bakup.cli.command import command
from bakup.cli.output import machine, names, numbers, versions
from bakup.cli.output.problems import Problem
from bakup.cli.output.style import HANG, bold
from bakup.cli.parsing import places
from bakup.cli.parsing.options import WHICH, Source, WithTarget, argument, option
from bakup.cli.running import Run

if TYPE_CHECKING:
    from bakup.api.listings import HistoryReport

TEXT = """
Every version of PATH that a check point at DST has, oldest first, with the
first and the last check point that have it. PATH is as inside the source.

A version is new when content or metadata changed. It reads metadata only and
never changes DST.
"""


@command(
    "history",
    short="every version of one path",
    text=TEXT,
    examples=("bakup history /mnt/usb/backup Catalogue/previews.db",),
)
def history(
    run: Run,
    dst: places.Target,
    path: Annotated[str, argument("PATH")],
    target: WithTarget,
    *,
    source: Source = None,
    at: Annotated[
        str | None, option("--at", metavar="WHEN", help="only the version of this check point (all)", group=WHICH)
    ] = None,
) -> int:
    """List versions."""
    from bakup.flows import find

    place = places.target(dst)
    with run.home(write=False) as home:
        report = find.history(
            home,
            place,
            places.inside(path),
            source=source,
            at=at,
            target=target.options(),
            watch=run.watch,
            ask=run.ask,
        )
    for one in report.versions:
        run.console.object(versions.facts(report.source, one))
    if report.versions:
        head, table, foot = lines(report, exact=run.exact)
        run.console.report(head)
        run.console.product(*table)
        run.console.report(foot)
    for problem in versions.unknown_problems(report.unknown):
        run.watch.problem(problem)
    if not report.versions:
        return run.fail(_nothing(report, place), 1)
    facts = {"target": place, "source": report.source, **machine.path_fields(report.path)}
    return run.finish({**facts, "versions": len(report.versions)}, 3 if report.unknown else 0)


def lines(report: HistoryReport, *, exact: bool = False) -> tuple[str, list[str], str]:
    """The source, the table, the foot."""
    foot = f"{HANG}{numbers.count(len(report.versions), 'version')}; times in {numbers.zone()}"
    return bold(names.shown_text(report.source)), versions.history_lines(report.versions, exact=exact), foot


def _nothing(report: HistoryReport, dst: str) -> Problem:
    message = f"no {names.shown(report.path)} in any check point of {names.shown_text(report.source)}"
    last = report.path.rpartition(b"/")[2] or b"*"
    hint = f"search for its name: bakup find {names.quoted(dst)} {names.quoted(last)}"
    return Problem("error", message, hints=(hint,), code="no-path")
