"""`bakup check`: what is wrong, what is lost, what is not, what to do, in this order."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

from bakup.cli.command import command
from bakup.cli.output import machine, names, numbers
from bakup.cli.output.costs import NONE, Costs
from bakup.cli.output.problems import Problem
from bakup.cli.output.rows import Rows, lost_cells, lost_facts, rebuilt, short_id
from bakup.cli.parsing import places
from bakup.cli.parsing.options import WHICH, Source, WithTarget, option
from bakup.cli.running import Run

if TYPE_CHECKING:
    from bakup.api.reports import CheckReport, DataRead, Fork, SectorProblem

_STATES = ("missing", "damaged", "untrusted", "archived", "unreadable")
_WITHHELD = ("archived", "unreadable")
_MAY_GO_ON = "backing up to this target can go on"

TEXT = """
Verify every sector at DST: its signature, its metadata, and that all it
refers to is there. With --read-data every byte is read and verified too. It
names what is lost, what is not, and what to do next.

A large target is read in turns: with --sample 5% each check reads so much of
it, the longest not read first, with --older-than 30d what was not read for so
long. What was read when is remembered on this computer.

What cannot come back can be accepted with --accept-loss: from then on exactly
that is no problem any more, so that a nightly check is good again and tells
of new damage only. -v lists what was accepted. Sectors that pretend to be
this account's, and a target that shows an older history, cannot be accepted.

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
    sample: Annotated[
        str | None,
        option(
            "--sample",
            metavar="SHARE",
            parse=numbers.read_share,
            help="of the data only SHARE (5%), the longest not read first",
            group="How",
        ),
    ] = None,
    older_than: Annotated[
        str | None,
        option(
            "--older-than",
            metavar="TIME",
            parse=numbers.read_span,
            help="only data not read for TIME (30d)",
            group="How",
        ),
    ] = None,
    accept_loss: Annotated[
        bool, option("--accept-loss", help="what cannot come back is known and accepted", group="How")
    ] = False,
    source: Source = None,
    at: Annotated[
        str | None, option("--at", metavar="WHEN", help="only what this check point needs (all)", group=WHICH)
    ] = None,
) -> int:
    """Verify."""
    from bakup.api.reports import Turns
    from bakup.flows import check as flow

    turns = Turns(1.0 if sample is None else float(sample), float(older_than or 0))
    place = places.target(dst)
    with run.home(write=True, remember=False) as home:
        if not home.remembers:
            run.watch.note(
                f"{names.shown_text(home.folder)} cannot be written: what this check finds is not remembered"
            )
        report = flow.check(
            home,
            place,
            read_data=read_data or turns != Turns(),
            turns=turns,
            source=source,
            at=at,
            accept_loss=accept_loss,
            target=target.options(),
            watch=run.watch,
            ask=run.ask,
        )
    run.console.report(*report_lines(report, exact=run.exact, costs=run.watch.costs))
    if run.console.level >= 1 or report.newly_accepted:
        run.console.report(*accepted_lines(report, exact=run.exact))
    for facts in accepted_facts(report):
        run.console.object(facts)
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
    if report.data is not None and not report.read_data:
        rows.text("data", _data(report.data, report, exact))
    for state in _STATES:
        if told := _many(report, state):
            rows.text(state, told)
    if report.forks:
        rows.text("forks", numbers.count(len(report.forks), "place"))
    if report.removed:
        rows.text("removed", f"{numbers.count(len(report.removed), 'object')}: no damage, and not stored again")
    if report.problems:
        rows.text("lost", _lost(report))
    rows.text("good", _good(report))
    if report.accepted or report.accepted_forks:
        rows.text("accepted", _accepted(report))
    costs.rows(rows)
    return rows.lines()


def problems(report: CheckReport, *, exact: bool = False) -> list[Problem]:
    """What is wrong, a sector each, with what to do."""
    history = [Problem("error", message, code="history") for message in report.history]
    sectors = [_problem(report, problem, exact) for problem in report.problems]
    return [*history, *(_fork(report, fork) for fork in report.forks), *sectors, *_copies(report)]


def accepted_lines(report: CheckReport, *, exact: bool = False) -> list[str]:
    """What was accepted, a line each, with the files that are lost with it."""
    lines = [f"accepted: {fork.message}" for fork in report.accepted_forks]
    for problem in report.accepted:
        told = _problem(report, problem, exact)
        lines += [f"accepted: {told.message}", *(f"  {line}" for line in told.lines())]
    return lines


def accepted_facts(report: CheckReport) -> list[dict[str, object]]:
    """What `--json` says of what was accepted, an object each."""
    forks: list[dict[str, object]] = [
        {"message_type": "accepted", "code": "fork", "reason": fork.message} for fork in report.accepted_forks
    ]
    return [*forks, *({**_facts(problem), "message_type": "accepted"} for problem in report.accepted)]


def notes(report: CheckReport) -> list[str]:
    """What is no problem, and yet to be known."""
    told = [*([report.caveat] if report.caveat else []), *report.incomplete]
    if report.removed:
        paths = "".join(f"\n{names.shown(line.path)}" for line in report.removed)
        told.append(f"{numbers.count(len(report.removed), 'object')} removed by hand:{paths}")
    return told


def summary(report: CheckReport) -> dict[str, object]:
    """The last object of `--json`."""
    return {
        "target": report.target,
        "read_data": report.read_data,
        "read_sectors": report.data.objects if report.data else 0,
        "read_bytes": report.data.bytes if report.data else 0,
        "never_read_sectors": report.data.never if report.data else None,
        "sectors": report.sectors,
        "expected_sectors": report.expected_sectors,
        "target_bytes": report.bytes,
        "check_points": report.checkpoints,
        "sources": report.sources,
        "chunks": report.chunks,
        "damaged_chunks": report.damaged_chunks,
        **{f"{state}_sectors": _sectors(report, state) for state in _STATES},
        "missing_check_points": _checkpoints(report),
        "foreign_sectors": report.foreign,
        "removed_objects": len(report.removed),
        "lost_files": report.lost.files,
        "lost_bytes": report.lost.bytes,
        "lost_entries": report.lost_entries,
        "lost_from": machine.uuid_text(report.lost_from),
        "lost_to": machine.uuid_text(report.lost_to),
        "every_check_point": report.every,
        "only_older": report.only_older,
        "history": [*report.history, *(fork.message for fork in report.forks)],
        "forks": len(report.forks),
        "accepted": len(report.accepted) + len(report.accepted_forks),
        "unfinished_copies": len(report.copies),
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
    well = not report.problems and not _history(report) and report.data is None
    signatures = "" if report.caveat else "signatures, "
    return f"{sectors}: {signatures}metadata, references{'; data not read' if well else ''}"


def _data(data: DataRead, report: CheckReport, exact: bool) -> str:
    """`14 of 266 sectors read, 3.31 GiB; 52 never were`."""
    read = f"{data.objects:,} of {numbers.count(report.sectors, report.unit)} read"
    told = f"{read}, {numbers.size(data.bytes, exact=exact)}" if data.objects else read
    if data.never:
        return f"{told}; {data.never:,} never {'was' if data.never == 1 else 'were'}"
    return f"{told}; all since {numbers.local_time(data.oldest_ns)}" if data.oldest_ns is not None else told


def _history(report: CheckReport) -> bool:
    return bool(report.history or report.forks)


def _sectors(report: CheckReport, state: str) -> int:
    return sum(one.state == state and one.of_sector for one in report.problems)


def _checkpoints(report: CheckReport) -> int:
    return len({one.checkpoint for one in report.problems if one.checkpoint is not None})


def _many(report: CheckReport, state: str) -> str:
    sectors, checkpoints = _sectors(report, state), _checkpoints(report) if state == "missing" else 0
    told = [numbers.count(sectors, report.unit) + _chunks(report, state)] if sectors else []
    return ", ".join([*told, *([numbers.count(checkpoints, "check point")] if checkpoints else [])])


def _chunks(report: CheckReport, state: str) -> str:
    if state != "damaged" or not report.damaged_chunks:
        return ""
    return f": {report.damaged_chunks:,} of {numbers.count(report.chunks, 'chunk')}"


def _lost(report: CheckReport) -> str:
    files = [numbers.count(report.lost.files, "file")] if report.lost.files else []
    nameless = [f"{_entries(report.lost_entries)} whose names are gone"] if report.lost_entries else []
    if not files and not nameless:
        return "nothing"
    told = " and ".join([*files, *nameless])
    if report.lost_from is None or report.lost_to is None:
        return told
    first, last = short_id(report.lost_from), short_id(report.lost_to)
    return f"{told}, in check point {first}" if first == last else f"{told}, in check points {first} to {last}"


def _entries(number: int) -> str:
    return f"{number:,} {'entry' if number == 1 else 'entries'}"


def _good(report: CheckReport) -> str:
    if not report.problems and not _history(report):
        but = ", but for what was accepted" if report.accepted else ""
        checkpoints = numbers.count(report.checkpoints, "check point")
        return f"{checkpoints} of {numbers.count(report.sources, 'source')}{but}"
    asked = "" if report.every else " that was asked for"
    if all(problem.state in _WITHHELD for problem in report.problems) and not _history(report):
        return f"everything that could be read{asked}; {_MAY_GO_ON}"
    whole = ("everything else" if report.lost.files or report.history else "everything") + asked
    if report.lost_entries:
        whole = f"all whose name is known{' but for the lost' if report.lost.files else ''}{asked}"
    if not report.checkpoints:
        whole = "no check point"
    elif report.only_older:
        whole = f"the latest check point of every source{asked}"
    return whole if report.history else f"{whole}; {_MAY_GO_ON}"


def _accepted(report: CheckReport) -> str:
    files = len({file.path for problem in report.accepted for file in problem.lost})
    losses = [numbers.count(len(report.accepted), "loss", "losses")] if report.accepted else []
    of_files = [f"{numbers.count(files, 'file')} with it"] if files else []
    forks = [numbers.count(len(report.accepted_forks), "fork")] if report.accepted_forks else []
    return ", ".join([*losses, *of_files, *forks]) + ("" if report.newly_accepted else "; -v lists them")


def _fork(report: CheckReport, fork: Fork) -> Problem:
    at = short_id(fork.rivals[0])
    place = names.quoted(report.target)
    return Problem(
        "error",
        fork.message,
        (("nothing of it is lost: each is kept, and the latest is the one that goes on",),),
        (
            f"to bring back another than the latest: bakup restore {place} /tmp/{at} --at {at}",
            f"if that is all right: bakup check --accept-loss {place}",
        ),
        code="fork",
        facts=({"source": fork.source, "check_points": [machine.uuid_text(uuid) for uuid in fork.rivals]},),
    )


def _copies(report: CheckReport) -> list[Problem]:
    if not report.copies:
        return []
    number = len(report.copies)
    which = "1 object is an unfinished copy" if number == 1 else f"{number:,} objects are unfinished copies"
    sectors = "a sector that is" if number == 1 else "sectors that are"
    rows = tuple((names.shown_text(name), reason) for name, reason in report.copies)
    facts = tuple({"name": name, "reason": reason} for name, reason in report.copies)
    return [
        Problem(
            "warning",
            f"{which} of {sectors} whole; no harm is done",
            rows,
            (_remove(report, [name for name, _ in report.copies]),),
            code="unfinished-copy",
            facts=facts,
        )
    ]


def _remove(report: CheckReport, named: list[str]) -> str:
    them = "it" if len(named) == 1 else "them"
    if "://" in report.target:
        return f"once no other tool copies to {names.shown_text(report.target)}, {them} can be removed"
    paths = " ".join(names.quoted(os.path.join(report.target, name)) for name in named)
    return f"once no other tool copies to it: rm {paths}"


def _problem(report: CheckReport, problem: SectorProblem, exact: bool) -> Problem:
    named = machine.uuid_text(problem.uuid)
    told = f"sector {named}" if named else names.shown_text(problem.name)
    message = f"{told} {problem.reason}".lstrip()
    if problem.range:
        number, first, last = problem.range
        message += f": {_entries(number)}, {names.shown(first)} to {names.shown(last)}"
    elif problem.bytes:
        message += f", {numbers.size(problem.bytes, exact=exact)}"
    return Problem(
        "warning" if problem.state in _WITHHELD else "error",
        message,
        lost_cells(problem.lost, exact=exact),
        _hints(report, problem),
        code=f"sector-{problem.state}",
        facts=(_facts(problem), *lost_facts(problem.lost, message_type="lost", code="lost", sector=named)),
    )


def _facts(problem: SectorProblem) -> dict[str, object]:
    """What `--json` says of a problem."""
    return {
        "message_type": "problem",
        "code": f"sector-{problem.state}",
        "sector": machine.uuid_text(problem.uuid),
        "name": problem.name,
        "reason": problem.reason,
        "lost_files": len(problem.lost),
    }


def _hints(report: CheckReport, problem: SectorProblem) -> tuple[str, ...]:
    if problem.state in _WITHHELD:
        first = (
            "let the store bring it back from its archive" if problem.state == "archived" else "may this user read it?"
        )
        return (f"{first}; then: bakup check {names.quoted(report.target)}",)
    if problem.incomplete and problem.checkpoint is not None:
        at = short_id(problem.checkpoint)
        return (f"to bring back what is there: bakup restore {names.quoted(report.target)} OUT --at {at}",)
    return tuple(_hint(report, folder, number, len(problem.lost)) for folder, number in problem.unchanged_in)


def _hint(report: CheckReport, folder: str, unchanged: int, lost: int) -> str:
    which = "it is" if lost == 1 else "both are" if lost == 2 else f"all {lost:,} are"
    if unchanged < lost:
        which = f"{unchanged:,} of {lost:,} {'is' if unchanged == 1 else 'are'}"
    them = "it" if unchanged == 1 else "them"
    call = f"bakup sync {names.quoted(folder)} {names.quoted(report.target)}"
    return f"{which} unchanged in {names.shown(os.fsencode(folder))}; to store {them} again:\n{call}"
