"""`bakup target test`: what a store can promise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from bakup.cli.command import command
from bakup.cli.output import machine, names, numbers
from bakup.cli.output.problems import Problem
from bakup.cli.output.rows import LABEL, Rows
from bakup.cli.output.style import HANG
from bakup.cli.parsing import places
from bakup.cli.parsing.options import HOW, WithTarget, option
from bakup.cli.running import Run

if TYPE_CHECKING:
    from bakup.flows.target import TargetReport
    from bakup.store.conformance.contract import Finding

GROUPS = {
    "target": (
        "test what a store can promise",
        "What a store can promise, tried out. Backups that are there are not touched.",
    )
}

TEXT = """
Try out what DST promises: that it keeps what is put, lists it, gives any
range of it back, and replaces nothing. One row a promise; under one that does
not hold stands what follows from it.

It writes about 100 MiB into a folder .bakup-test-... of its own below DST and
removes it again where the store lets it. It touches nothing else at DST and
needs no account. Exit 0 when all that bakup needs holds, else 1.
"""

_LABELS = {
    "stored": "keeps",
    "listed": "lists",
    "ranges": "ranges",
    "missing": "absent",
    "again": "again",
    "refused": "refuses",
    "large": "large",
    "writers": "at once",
    "exclusive": "exclusive",
    "whole": "whole",
    "names": "names",
    "pages": "pages",
}
_FOLLOWS = {
    "stored": "nothing can be backed up there",
    "listed": "a backup there could not be found again",
    "ranges": "a restore from there would fail",
    "missing": "a lost sector could not be told from a store that does not answer",
    "again": "a sync that was interrupted could not go on",
    "refused": "a faulty program could replace a sector by another one",
    "large": "sectors of usual size cannot be kept there",
    "writers": "two computers must not back up there at the same time",
    "exclusive": "bakup does not rest on it: it gives every sector a name of its own",
    "whole": "a sector may look damaged to another computer while it goes up",
    "names": "bakup does not rest on it: its own names are plain",
    "pages": "sectors there could be overlooked",
}


@command(
    "target test",
    short="try out what a store can promise",
    text=TEXT,
    examples=("bakup target test s3://my-bucket/photos", "bakup target test /mnt/usb/backup --pages"),
)
def try_out(
    run: Run,
    dst: places.Target,
    target: WithTarget,
    *,
    pages: Annotated[
        bool, option("--pages", help="also put and list more than 1,000 small objects", group=HOW)
    ] = False,
) -> int:
    """Try a target out."""
    from bakup.flows.target import target_test

    def found(finding: Finding) -> None:
        run.console.object(facts(finding))
        run.console.product(*lines(finding))

    place = places.target(dst)
    report = target_test(place, target=target.options(), pages=pages, watch=run.watch, found=found)
    run.console.product(*report_lines(report, exact=run.exact))
    for problem in problems(report, exact=run.exact):
        run.watch.problem(problem)
    return run.finish(summary(report), report.exit_code)


def lines(finding: Finding) -> list[str]:
    """A promise as it is shown: whether it holds, what was seen, and what follows if it does not."""
    row = f"{_LABELS[finding.code]:<{LABEL}}{HANG}{_answer(finding)}: {names.shown_text(finding.seen)}"
    return [row] if finding.holds else [row, f"{'':<{LABEL}}{HANG}{_FOLLOWS[finding.code]}"]


def facts(finding: Finding) -> dict[str, object]:
    """A promise in JSON."""
    return {
        "message_type": "promise",
        "promise": finding.code,
        "holds": finding.holds,
        "declared": finding.declared,
        "needed": finding.needed,
        "seen": finding.seen,
    }


def report_lines(report: TargetReport, *, exact: bool = False) -> list[str]:
    """What stands under the promises."""
    rows = Rows(exact)
    free = report.free_bytes
    rows.text("free", "not told by this store" if free is None else numbers.size(free, exact=exact))
    rows.text("tested", f"{numbers.count(len(report.findings), 'promise')}, in {numbers.duration(report.elapsed)}")
    if not report.broken:
        rows.text("good", "all that bakup needs")
    return rows.lines()


def problems(report: TargetReport, *, exact: bool = False) -> list[Problem]:
    """Why a target is not good, and what is left behind there."""
    told = []
    if report.left_objects:
        many, size = numbers.count(report.left_objects, "object"), numbers.size(report.left_bytes, exact=exact)
        are = "is" if report.left_objects == 1 else "are"
        message = f"{many}, {size}, {are} left at {names.shown_text(report.below)}: they could not be removed"
        told.append(Problem("warning", message, code="left-behind"))
    if report.broken:
        message = f"{names.shown_text(report.target)} does not do all that bakup needs"
        rows = tuple((_LABELS[one.code], one.seen) for one in report.broken)
        told.append(Problem("error", message, rows, least=(LABEL,), code="promise-broken"))
    return told


def summary(report: TargetReport) -> dict[str, object]:
    """The last object of `--json`."""
    return {
        "target": report.target,
        "promises": len(report.findings),
        "broken": [one.code for one in report.broken],
        "free_bytes": report.free_bytes,
        "left_objects": report.left_objects,
        "left_bytes": report.left_bytes,
        "elapsed_s": machine.seconds(report.elapsed),
    }


def _answer(finding: Finding) -> str:
    if finding.holds is None:
        return "not seen" if finding.declared else "not promised"
    return "yes" if finding.holds else "no"
