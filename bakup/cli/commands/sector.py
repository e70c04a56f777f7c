"""`bakup sector`: one sector by itself, from a path, without a catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from bakup.cli.command import command
from bakup.cli.commands.rebuild import rejected
from bakup.cli.output import machine, names, numbers
from bakup.cli.output.problems import Problem, columns
from bakup.cli.output.rows import Rows, short_id
from bakup.cli.output.style import bold
from bakup.cli.parsing import places
from bakup.cli.parsing.options import WithTarget, argument
from bakup.cli.running import Run

if TYPE_CHECKING:
    from bakup.api.objects import HeldFile, SectorReport, SectorRestoreReport

GROUPS = {
    "sector": (
        "inspect or restore one sector by itself",
        "One sector by itself: any that survives gives back all it holds, alone. The\n"
        "sector is read and never changed.",
    )
}

INSPECT_TEXT = """
Say what is in a sector, and what it can give back by itself.

It never changes anything. What is public (size, protection, whether its
bytes are as signed) needs no account; names and files need the account that
the sector is encrypted for.
"""
RESTORE_TEXT = """
Write all that these sectors can give back into OUT, without a catalog and
without the rest of the target. A file that is not whole gets no name of its
own: NAME.part holds what is there, NAME.part.ranges says where it belongs.

It never replaces a file that is there, and never writes outside OUT.
"""


@command(
    "sector inspect",
    short="what is in a sector, what it can give back",
    text=INSPECT_TEXT,
    examples=("bakup sector inspect /mnt/usb/backup/5d0c91aa*.bakup",),
)
def inspect(run: Run, file: Annotated[str, argument("FILE")], target: WithTarget) -> int:
    """Look into a sector."""
    from bakup.flows import sector as flow

    place = places.target(file, "FILE")
    with run.home(write=False) as home:
        report = flow.inspect(home, place, target=target.options(), watch=run.watch, ask=run.ask)
    run.console.product(*report_lines(report, exact=run.exact))
    for facts in file_facts(report):
        run.console.object(facts)
    if report.files == () and report.checkpoints is None and report.account:
        run.console.advice(f"names and files need the account {report.account}: bakup account recover")
    return run.finish(inspect_summary(report, place), report.exit_code)


@command(
    "sector restore",
    short="all that these sectors hold, into OUT",
    text=RESTORE_TEXT,
    examples=("bakup sector restore /mnt/usb/backup/5d0c91aa*.bakup ~/back",),
)
def restore(
    run: Run,
    files: Annotated[list[str], argument("FILE...")],
    out: Annotated[str, argument("OUT")],
    target: WithTarget,
) -> int:
    """Bring back what sectors hold."""
    from bakup.flows import sector as flow

    out = places.folder(out)
    named = [places.target(file, "FILE") for file in files]
    with run.home(write=False) as home:
        report = flow.restore(home, named, out, target=target.options(), watch=run.watch, ask=run.ask)
    run.console.report(*restore_lines(report, out, exact=run.exact))
    for problem in problems(report):
        run.watch.problem(problem)
    code = 3 if report.not_restored or report.rejected else 0
    return run.finish(restore_summary(report, out), code)


def report_lines(report: SectorReport, *, exact: bool = False) -> list[str]:
    """What `sector inspect` shows."""
    rows = Rows(exact)
    rows.text("sector", f"{bold(str(machine.uuid_text(report.uuid)))}, version {report.version}")
    rows.text("size", _sizes(report, exact))
    rows.text("protection", f"{_encryption(report)}, {_signature(report)}")
    rows.text("regions", f"metadata {report.meta_state}, data {report.data_state}")
    if report.checkpoints is not None:
        rows.text("holds", _holds(report.checkpoints))
    if report.whole is None or report.partial is None:
        return rows.lines()
    whole = f"{numbers.count(report.whole.files, 'file')} whole, {numbers.size(report.whole.bytes, exact=exact)}"
    part = numbers.size(report.partial.bytes, exact=exact)
    behind = f"; {numbers.count(report.partial.files, 'file')} in part, {part}" if report.partial.files else ""
    rows.text("can restore", whole + behind)
    held = columns([(held.path, _held(held, exact)) for held in report.files])
    return [*rows.lines(), *(f"  {line}" for line in held)]


def file_facts(report: SectorReport) -> list[dict[str, object]]:
    """What `--json` says of the files of a sector, an object each."""
    return [
        {
            "message_type": "file",
            **machine.path_fields(held.path),
            "size_bytes": held.bytes,
            "whole": held.whole,
            "ranges": [{"offset_bytes": offset, "length_bytes": length} for offset, length in held.ranges],
        }
        for held in report.files
    ]


def inspect_summary(report: SectorReport, file: str) -> dict[str, object]:
    """The last object of `sector inspect --json`."""
    checkpoints = [
        {"check_point": machine.uuid_text(uuid), "source": source, "boxes": boxes}
        for uuid, source, boxes in report.checkpoints or ()
    ]
    return {
        "file": file,
        "sector": machine.uuid_text(report.uuid),
        "version": report.version,
        "sector_bytes": report.total_bytes,
        "header_bytes": report.header_bytes,
        "data_bytes": report.data_bytes,
        "meta_bytes": report.meta_bytes,
        "encrypted": report.encrypted,
        "signed": report.signed,
        "account": report.account,
        "signature": report.signature,
        "meta_state": report.meta_state,
        "data_state": report.data_state,
        "check_points": checkpoints if report.checkpoints is not None else None,
        "whole_files": report.whole.files if report.whole else None,
        "whole_bytes": report.whole.bytes if report.whole else None,
        "part_files": report.partial.files if report.partial else None,
        "part_bytes": report.partial.bytes if report.partial else None,
    }


def restore_lines(report: SectorRestoreReport, out: str, *, exact: bool = False) -> list[str]:
    """What `sector restore` shows."""
    rows = Rows(exact)
    took = numbers.duration(report.elapsed)
    rows.count("restored", report.restored, f" to {names.shown_text(out)}, in {took}", zero=True)
    rows.count("in part", report.partial, ", as NAME.part with NAME.part.ranges")
    return rows.lines()


def problems(report: SectorRestoreReport) -> list[Problem]:
    """What these sectors could not give back."""
    found = []
    if report.not_restored:
        message = f"{numbers.count(len(report.not_restored), 'path')} could not be restored"
        facts = tuple({**machine.path_fields(path), "reason": reason} for path, reason in report.not_restored)
        found.append(Problem("warning", message, report.not_restored, code="not-restored", facts=facts))
    return [*found, *rejected(report.rejected, "")]


def restore_summary(report: SectorRestoreReport, out: str) -> dict[str, object]:
    """The last object of `sector restore --json`."""
    return {
        "out": out,
        "sectors": report.sectors,
        "restored_files": report.restored.files,
        "restored_bytes": report.restored.bytes,
        "part_files": report.partial.files,
        "part_bytes": report.partial.bytes,
        "not_restored_files": len(report.not_restored),
        "rejected": len(report.rejected),
        "elapsed_s": machine.seconds(report.elapsed),
    }


def _sizes(report: SectorReport, exact: bool) -> str:
    total, header, data, meta = (
        numbers.size(size, exact=exact)
        for size in (report.total_bytes, report.header_bytes, report.data_bytes, report.meta_bytes)
    )
    return f"{total}: header {header}, data {data}, metadata {meta}"


def _encryption(report: SectorReport) -> str:
    if not report.encrypted:
        return "not encrypted"
    return f"encrypted for account {report.account}" if report.account else "encrypted"


def _signature(report: SectorReport) -> str:
    if report.signature == "none":
        return "not signed"
    by = "it" if report.encrypted and report.account else f"account {report.account}"
    return f"signed by {by if report.account else 'a key'}: {report.signature}"


def _holds(checkpoints: tuple[tuple[bytes, str, int], ...]) -> str:
    each = [
        f"{bold(short_id(uuid))} of {names.shown_text(source)}, {numbers.count(boxes, 'box', 'boxes')}"
        for uuid, source, boxes in checkpoints
    ]
    return f"{numbers.count(len(checkpoints), 'check point')}: {'; '.join(each)}"


def _held(held: HeldFile, exact: bool) -> str:
    told = "" if held.bytes is None else numbers.size(held.bytes, exact=exact)
    if held.whole:
        return told
    size = numbers.size
    ranges = (f"{size(at, exact=exact)} to {size(at + length, exact=exact)}" for at, length in held.ranges)
    return ", ".join(ranges) + (f" of {told}" if told else "")
