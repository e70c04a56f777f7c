"""`bakup restore`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

from bakup.cli.command import command
from bakup.cli.output import machine, names, numbers, sync_json
from bakup.cli.output.costs import NONE, Costs
from bakup.cli.output.problems import Problem
from bakup.cli.output.rows import Rows, lost_cells, lost_facts, rebuilt, short_id
from bakup.cli.parsing import places
from bakup.cli.parsing.options import At, Source, WithTarget, argument, habit, option
from bakup.cli.running import Run

if TYPE_CHECKING:
    from typing import Literal

    from bakup.api.reports import Cause, RestoreReport

    Overwrite = Literal["always", "if-newer", "never"]

_HOW = "How"
_PARTIAL = "--partial keeps what is left of a file, as NAME.part and NAME.part.ranges"

TEXT = """
Write what a check point at DST holds into OUT: OUT/<path in the source>. With
PATH only that, a file or a folder with all below it; PATH may be a glob.

Every file is verified before it gets its name, and equal ones are skipped: so
the same command goes on where it stopped. It never replaces a file that
differs, unless --overwrite says so, and never writes outside OUT or to DST.
"""


def _overwrite(text: str) -> str:
    if text not in ("always", "if-newer", "never"):
        raise ValueError(f"always, if-newer or never, not {text}")
    return text


@command(
    "restore",
    short="files into OUT, each verified before it gets its name",
    text=TEXT,
    examples=(
        "bakup restore /mnt/usb/backup ~/back",
        "bakup restore /mnt/usb/backup ~/back 2025/08 '*.mov' --at 2026-11-21",
    ),
)
def restore(
    run: Run,
    dst: places.Target,
    out: Annotated[str, argument("OUT")],
    target: WithTarget,
    paths: Annotated[list[str] | None, argument("[PATH...]")] = None,
    *,
    source: Source = None,
    at: At = None,
    dry_run: Annotated[bool, option("-n", "--dry-run", help="only say what would be written", group=_HOW)] = False,
    overwrite: Annotated[
        str | None,
        option(
            "--overwrite",
            metavar="WHICH",
            parse=_overwrite,
            help="different files: always, if-newer (replace what is older here) or never (keep them)",
            group=_HOW,
        ),
    ] = None,
    partial: Annotated[
        bool,
        option("--partial", help="keep what is left of a file, as NAME.part and NAME.part.ranges", group=_HOW),
    ] = False,
    out_option: Annotated[
        list[str] | None,
        option(
            "--out-option",
            metavar="K=V",
            many=True,
            help="for the library of the store that OUT is in (else --store-option)",
            group=_HOW,
        ),
    ] = None,
    always_so: Annotated[bool, habit("-a", "-z", "-P", "-H", "-A", "-X", "-S")] = False,
) -> int:
    """Bring back."""
    from bakup.api.reports import RestoreOptions
    from bakup.flows import restore as flow

    place = places.target(dst)
    out = places.out(out, place)
    chosen = RestoreOptions(
        source=source,
        at=at or "latest",
        dry_run=dry_run,
        overwrite=overwrite,  # type: ignore[arg-type]
        partial=partial,
        out_options=places.store_options(out_option, target.store_option, [out], dst),
        target=target.options(),
    )
    wanted = [places.inside(path) for path in paths or ()]
    with run.home(write=False) as home:
        report = flow.restore(home, place, out, wanted, chosen, run.watch, run.ask)
    run.console.report(*report_lines(report, exact=run.exact, costs=run.watch.costs))
    for problem in problems(report, exact=run.exact):
        run.watch.problem(problem)
    return run.finish(summary(report, place), exit_code(report))


def report_lines(report: RestoreReport, *, exact: bool = False, costs: Costs = NONE) -> list[str]:
    """The report as it is shown."""
    rows = Rows(exact)
    if report.rebuilt:
        rebuilt(rows, report.rebuilt)
    took = f", in {numbers.duration(report.elapsed)}"
    to = f" to {names.shown_text(report.out)}" + ("" if report.dry_run else took)
    nothing = not (report.already_there.files or report.kept.files or report.not_restored.files)
    there_first = not report.restored.files and report.already_there.files and not report.dry_run
    rows.count("would restore" if report.dry_run else "restored", report.restored, to, zero=nothing)
    rows.count("already there", report.already_there, took if there_first else "")
    rows.count("kept", report.kept)
    rows.count("not restored", report.not_restored)
    if report.lost_entries:
        rows.text("names lost", f"{numbers.count(report.lost_entries, 'entry', 'entries')} in sectors that are gone")
    costs.rows(rows)
    rows.checkpoint(report.checkpoint)
    return rows.lines()


def problems(report: RestoreReport, *, exact: bool = False) -> list[Problem]:
    """What could not be restored, by cause."""
    found = [_cause(cause, report.out, exact) for cause in report.causes]
    if found and not report.partial and any(one.available for cause in report.causes for one in cause.lost):
        found[-1] = replace(found[-1], hints=(_PARTIAL,))
    return [*found, *_older(report), *_never_read(report), *_missing(report), *_skipped(report)]


def exit_code(report: RestoreReport) -> int:
    """3 when something is not restored as the check point has it, else 0."""
    named = report.older or report.never_read or report.missing or report.skipped
    return 3 if report.causes or report.not_restored.files or named else 0


def summary(report: RestoreReport, dst: str) -> dict[str, object]:
    """The last object of `--json`."""
    return {
        "target": dst,
        "out": report.out,
        "dry_run": report.dry_run,
        **sync_json.checkpoint_fields(report.checkpoint),
        "restored_files": report.restored.files,
        "restored_bytes": report.restored.bytes,
        "already_there_files": report.already_there.files,
        "already_there_bytes": report.already_there.bytes,
        "kept_files": report.kept.files,
        "kept_bytes": report.kept.bytes,
        "not_restored_files": report.not_restored.files,
        "not_restored_bytes": report.not_restored.bytes,
        "lost_entries": report.lost_entries,
        "older_files": len(report.older),
        "never_read_paths": len(report.never_read),
        "missing_paths": len(report.missing),
        "skipped_files": len(report.skipped),
        "rebuilt": report.rebuilt is not None,
        "elapsed_s": machine.seconds(report.elapsed),
    }


def _cause(cause: Cause, out: str, exact: bool) -> Problem:
    if cause.lost and cause.lost[0].other:
        return _others(cause, out)
    number = len(cause.lost)
    need = f"{numbers.count(number, 'file')} {'needs' if number == 1 else 'need'} it"
    joint = f"; {need}" if cause.message.startswith("sector ") else f": {numbers.count(number, 'file')}"
    if not number:
        joint = ""
    facts = lost_facts(cause.lost, reason=cause.message)
    rows = lost_cells(cause.lost, exact=exact)
    return Problem("warning", cause.message + joint, rows, code="not-restored", facts=facts)


def _others(cause: Cause, out: str) -> Problem:
    """Names that are one there."""
    folded = [(one.other.lower() in one.path.lower().split(b"/")) for one in cause.lost]
    which = "1 name is another's" if len(folded) == 1 else f"{len(folded):,} names are others'"
    why = "where case does not count" if all(folded) else "where both are one name"
    rows = tuple((one.path, f"{names.shown(one.other)} is there") for one in cause.lost)
    facts = lost_facts(cause.lost, reason=cause.message)
    return Problem("warning", f"{which} at {names.shown_text(out)}, {why}", rows, code="not-restored", facts=facts)


def _older(report: RestoreReport) -> list[Problem]:
    if not report.older:
        return []
    files = numbers.count(len(report.older), "file")
    made = f"when check point {short_id(report.checkpoint.uuid)} was made"
    message = f"{files} could not be read {made}; restored as stored before"
    facts = tuple(machine.path_fields(path) for path in report.older)
    return [Problem("warning", message, tuple((path,) for path in report.older), code="older", facts=facts)]


def _never_read(report: RestoreReport) -> list[Problem]:
    if not report.never_read:
        return []
    paths = numbers.count(len(report.never_read), "path")
    made = f"when check point {short_id(report.checkpoint.uuid)} was made"
    message = f"{paths} could not be read {made}; nothing was stored before"
    return [Problem("warning", message, report.never_read, code="never-read", facts=_with_reasons(report.never_read))]


def _missing(report: RestoreReport) -> list[Problem]:
    if not report.missing:
        return []
    paths = numbers.count(len(report.missing), "path")
    message = f"{paths} not found in check point {short_id(report.checkpoint.uuid)}"
    facts = tuple(machine.path_fields(path) for path in report.missing)
    return [Problem("warning", message, tuple((path,) for path in report.missing), code="no-path", facts=facts)]


def _skipped(report: RestoreReport) -> list[Problem]:
    if not report.skipped:
        return []
    message = f"{numbers.count(len(report.skipped), 'path')} could not be made as stored"
    return [Problem("warning", message, report.skipped, code="not-as-stored", facts=_with_reasons(report.skipped))]


def _with_reasons(pairs: tuple[tuple[bytes, str], ...]) -> tuple[dict[str, object], ...]:
    return tuple({**machine.path_fields(path), "reason": reason} for path, reason in pairs)
