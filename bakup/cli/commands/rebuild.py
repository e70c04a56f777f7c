"""`bakup rebuild`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakup.cli.command import command
from bakup.cli.output import machine, names, numbers, rows
from bakup.cli.output.costs import NONE, Costs
from bakup.cli.output.problems import Problem
from bakup.cli.parsing import places
from bakup.cli.parsing.options import WithTarget
from bakup.cli.running import Run

if TYPE_CHECKING:
    from bakup.api.reports import RebuildReport

TEXT = """
Make the catalog again, from DST alone: two small reads a sector, no data.

It never changes DST. Nothing is lost without a catalog, and every reading
command that finds none does the same by itself.
"""


@command(
    "rebuild",
    short="make the catalog again, from the target alone",
    text=TEXT,
    examples=("bakup rebuild /mnt/usb/backup",),
)
def rebuild(run: Run, dst: places.Target, target: WithTarget) -> int:
    """Make the catalog again."""
    from bakup.flows import rebuild as flow

    place = places.target(dst)
    with run.home(write=True) as home:
        report = flow.rebuild(home, place, target=target.options(), watch=run.watch, ask=run.ask)
    run.console.report(*report_lines(report, exact=run.exact, costs=run.watch.costs))
    for problem in rejected(report.rejected):
        run.watch.problem(problem)
    return run.finish(summary(report, place), report.exit_code)


def report_lines(report: RebuildReport, *, exact: bool = False, costs: Costs = NONE) -> list[str]:
    """The report as it is shown."""
    told = rows.Rows(exact)
    rows.rebuilt(told, report)
    costs.rows(told)
    return told.lines()


def rejected(objects: tuple[tuple[str, str], ...], where: str = " at the target") -> list[Problem]:
    """Objects that are not believed, each with the reason."""
    if not objects:
        return []
    number = len(objects)
    message = f"{numbers.count(number, 'object')}{where} {'is' if number == 1 else 'are'} left aside"
    named = tuple((names.shown_text(name), reason) for name, reason in objects)
    facts = tuple({"name": name, "reason": reason} for name, reason in objects)
    return [Problem("warning", message, named, code="rejected", facts=facts)]


def summary(report: RebuildReport, dst: str) -> dict[str, object]:
    """The last object of `--json`."""
    return {
        "target": dst,
        "sectors": report.sectors,
        "check_points": report.checkpoints,
        "reads": report.reads,
        "read_bytes": report.read_bytes,
        "rejected": len(report.rejected),
        "elapsed_s": machine.seconds(report.elapsed),
    }
