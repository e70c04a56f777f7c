"""`bakup check`: what is wrong, what is lost, what is not, what to do, in this order."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

from bakup.cli import machine, names, numbers, places
from bakup.cli.command import command
from bakup.cli.costs import NONE, Costs
from bakup.cli.options import WHICH, Source, WithTarget, option
from bakup.cli.problems import Problem
from bakup.cli.rebuild import rejected
from bakup.cli.rows import Rows, lost_cells, lost_facts, rebuilt, short_id
from bakup.cli.running import Run

if TYPE_CHECKING:
    from bakup.flows.reports import CheckReport, SectorProblem

_STATES = ("missing", "damaged", "untrusted", "archived", "unreadable")
_WITHHELD = ("archived", "unreadable")
_MAY_GO_ON = "backing up to this target can go on"

TEXT = """
Verify every sector at DST: its signature, its metadata, and that all it
refers to is there. With --read-data every byte is read and verified too. It
names what is lost, what is not, and what to do next.

With --source only the sectors that this source needs are looked at, with --at
those that one check point needs: to see whether that comes back whole. Only a
check of all is remembered as the last one by stats.

It never changes DST, and believes nothing that is not signed by the account.
"""


@command(
    "check",
    short="signatures, metadata, references; --read-data: every byte",
    text=TEXT,
    examples=("bakup check /mnt/usb/backup", "bakup check /mnt/usb/backup --read-data"),
)
def check(
    run: Run,
    dst: places.Target,
    target: WithTarget,
    *,
    read_data: Annotated[bool, option("--read-data", help="read and verify every byte", group="How")] = False,
    source: Source = None,
    at: Annotated[
        str | None, option("--at", metavar="WHEN", help="only what this check point needs (all)", group=WHICH)
    ] = None,
) -> int:
    """Verify."""
    from bakup.flows import check as flow

    place = places.target(dst)
    with run.home(write=True, remember=False) as home:
        if not home.remembers:
            run.watch.note(
                f"{names.shown_text(home.folder)} cannot be written: what this check finds is not remembered"
            )
        report = flow.check(
            home,
            place,
            read_data=read_data,
            source=source,
            at=at,
            target=target.options(),
            watch=run.watch,
            ask=run.ask,
        )
    run.console.report(*report_lines(report, exact=run.exact, costs=run.watch.costs))
    if report.foreign:
        run.watch.note(f"{numbers.count(report.foreign, 'sector')} of other accounts left aside")
    for message in notes(report):
        run.watch.note(message)
    for problem in problems(report, exact=run.exact):
        run.watch.problem(problem)
    return run.finish(summary(report), report.exit_code)


def report_lines(report: CheckReport, *, exact: bool = False, costs: Costs = NONE) -> list[str]:
    """The report as it is shown."""
    rows = Rows(exact)
    if report.rebuilt:
        rebuilt(rows, report.rebuilt)
    rows.text("checked", _checked(report, exact))
    for state in _STATES:
        number = sum(problem.state == state for problem in report.problems)
        if number:
            rows.text(state, numbers.count(number, report.unit) + _chunks(report, state))
    if report.removed:
        rows.text("removed", f"{numbers.count(len(report.removed), 'object')}: no damage, and not stored again")
    if report.problems:
        rows.text("lost", _lost(report))
    rows.text("good", _good(report))
    costs.rows(rows)
    return rows.lines()


def problems(report: CheckReport, *, exact: bool = False) -> list[Problem]:
    """What is wrong, a sector each, with what to do."""
    history = [Problem("error", message, code="history") for message in report.history]
    sectors = [_problem(report, problem, exact) for problem in report.problems]
    return [*history, *sectors, *(rejected(report.rebuilt.rejected) if report.rebuilt else ())]


def notes(report: CheckReport) -> list[str]:
    """What is no problem, and yet to be known."""
    told = [report.caveat] if report.caveat else []
    if report.removed:
        paths = "".join(f"\n{names.shown(line.path)}" for line in report.removed)
        told.append(f"{numbers.count(len(report.removed), 'object')} removed by hand:{paths}")
    return told


def summary(report: CheckReport) -> dict[str, object]:
    """The last object of `--json`."""
    return {
        "target": report.target,
        "read_data": report.read_data,
        "sectors": report.sectors,
        "expected_sectors": report.expected_sectors,
        "target_bytes": report.bytes,
        "check_points": report.checkpoints,
        "sources": report.sources,
        "chunks": report.chunks,
        "damaged_chunks": report.damaged_chunks,
        **{f"{state}_sectors": sum(one.state == state for one in report.problems) for state in _STATES},
        "foreign_sectors": report.foreign,
        "removed_objects": len(report.removed),
        "lost_files": report.lost.files,
        "lost_bytes": report.lost.bytes,
        "lost_from": machine.uuid_text(report.lost_from),
        "lost_to": machine.uuid_text(report.lost_to),
        "every_check_point": report.every,
        "only_older": report.only_older,
        "history": list(report.history),
        "rebuilt": report.rebuilt is not None,
        "elapsed_s": machine.seconds(report.elapsed),
    }


def _checked(report: CheckReport, exact: bool) -> str:
    sectors = numbers.count(report.sectors, report.unit)
    if report.sectors != report.expected_sectors:
        sectors = f"{report.sectors:,} of {numbers.count(report.expected_sectors, report.unit)}"
    if report.read_data:
        read = numbers.size(report.bytes, exact=exact)
        return f"{sectors}, {read} read, in {numbers.duration(report.elapsed)}"
    well = not report.problems and not report.history
    signatures = "" if report.caveat else "signatures, "
    return f"{sectors}: {signatures}metadata, references{'; data not read' if well else ''}"


def _chunks(report: CheckReport, state: str) -> str:
    if state != "damaged" or not report.damaged_chunks:
        return ""
    return f": {report.damaged_chunks:,} of {numbers.count(report.chunks, 'chunk')}"


def _lost(report: CheckReport) -> str:
    if not report.lost.files:
        return "nothing"
    files = numbers.count(report.lost.files, "file")
    if report.lost_from is None or report.lost_to is None:
        return files
    first, last = short_id(report.lost_from), short_id(report.lost_to)
    return f"{files}, in check point {first}" if first == last else f"{files}, in check points {first} to {last}"


def _good(report: CheckReport) -> str:
    if not report.problems and not report.history:
        checkpoints = numbers.count(report.checkpoints, "check point")
        return f"{checkpoints} of {numbers.count(report.sources, 'source')}"
    asked = "" if report.every else " that was asked for"
    if all(problem.state in _WITHHELD for problem in report.problems) and not report.history:
        return f"everything that could be read{asked}; {_MAY_GO_ON}"
    whole = ("everything else" if report.lost.files or report.history else "everything") + asked
    if report.only_older:
        whole = f"the latest check point of every source{asked}"
    return whole if report.history else f"{whole}; {_MAY_GO_ON}"


def _problem(report: CheckReport, problem: SectorProblem, exact: bool) -> Problem:
    named = machine.uuid_text(problem.uuid)
    told = f"sector {named}" if named else names.shown_text(problem.name)
    message = f"{told} {problem.reason}".lstrip()
    if problem.range:
        number, first, last = problem.range
        entries = f"{number:,} {'entry' if number == 1 else 'entries'}"
        message += f": {entries}, {names.shown(first)} to {names.shown(last)}"
    elif problem.bytes:
        message += f", {numbers.size(problem.bytes, exact=exact)}"
    sector: dict[str, object] = {
        "message_type": "problem",
        "code": f"sector-{problem.state}",
        "sector": named,
    }
    facts = {**sector, "name": problem.name, "reason": problem.reason, "lost_files": len(problem.lost)}
    return Problem(
        "warning" if problem.state in _WITHHELD else "error",
        message,
        lost_cells(problem.lost, exact=exact),
        _hints(report, problem),
        code=f"sector-{problem.state}",
        facts=(facts, *lost_facts(problem.lost, message_type="lost", code="lost", sector=named)),
    )


def _hints(report: CheckReport, problem: SectorProblem) -> tuple[str, ...]:
    if problem.state in _WITHHELD:
        first = (
            "let the store bring it back from its archive" if problem.state == "archived" else "may this user read it?"
        )
        return (f"{first}; then: bakup check {names.quoted(report.target)}",)
    return tuple(_hint(report, folder, number, len(problem.lost)) for folder, number in problem.unchanged_in)


def _hint(report: CheckReport, folder: str, unchanged: int, lost: int) -> str:
    which = "it is" if lost == 1 else "both are" if lost == 2 else f"all {lost:,} are"
    if unchanged < lost:
        which = f"{unchanged:,} of {lost:,} {'is' if unchanged == 1 else 'are'}"
    them = "it" if unchanged == 1 else "them"
    call = f"bakup sync {names.quoted(folder)} {names.quoted(report.target)}"
    return f"{which} unchanged in {names.shown(os.fsencode(folder))}; to store {them} again:\n{call}"
