"""`bakup cat`: one file to standard output."""

from __future__ import annotations

import base64
import os
import tempfile
from typing import TYPE_CHECKING, Annotated, Any

from bakup.cli.command import command
from bakup.cli.output import machine, names, numbers, sync_json, versions
from bakup.cli.output.problems import Problem
from bakup.cli.output.rows import short_id
from bakup.cli.parsing import places
from bakup.cli.parsing.options import At, Source, WithTarget, argument, option
from bakup.cli.running import Run
from bakup.errors import Failed

if TYPE_CHECKING:
    from bakup.api.listings import CatReport
    from bakup.archive.bundle import Form

_FORM = "A whole folder"
_CALLS = {
    "no-path": ("see whether another check point has it", "history"),
    "folder": ("see what is in it", "ls"),
}

TEXT = """
Write the file PATH of a check point at DST to standard output, as it is.
Each part is verified before a byte of it is written; where one is damaged and
DST holds it twice, the other place serves.

With --tar or --zip PATH is a folder, and all of it is written as one stream.
A tar holds all that is recorded but sockets, inode flags and holes; a zip
holds files, folders and links, their modes, and times to the second.

It never writes a byte that is not verified: at one that is lost it stops,
says how much was written, and exits with 3. It never changes DST.
"""


@command(
    "cat",
    short="write one file to standard output",
    text=TEXT,
    examples=(
        "bakup cat /mnt/usb/backup notes.txt",
        "bakup cat /mnt/usb/backup Catalogue/previews.db --at latest~1 > previews.db",
        "bakup cat /mnt/usb/backup 2026/11 --tar > november.tar",
    ),
)
def cat(
    run: Run,
    dst: places.Target,
    path: Annotated[str, argument("PATH")],
    target: WithTarget,
    *,
    source: Source = None,
    at: At = None,
    tar: Annotated[bool, option("--tar", help="a folder, as tar", group=_FORM)] = False,
    zip: Annotated[bool, option("--zip", help="a folder, as zip", group=_FORM)] = False,
) -> int:
    """Write one file, or a folder."""
    from bakup.flows import cat as flow

    if tar or zip:
        return _folder(run, places.target(dst), places.inside(path), "tar" if tar else "zip", (source, at), target)
    place, wanted, sink = places.target(dst), places.inside(path), Sink(run)
    try:
        with run.home(write=False) as home:
            report = flow.cat(
                home,
                place,
                wanted,
                sink.write,
                source=source,
                at=at or "latest",
                target=target.options(),
                watch=run.watch,
                ask=run.ask,
            )
    except Unread:
        return run.finish({}, 0)
    except Failed as error:
        raise _hinted(error, place, wanted) from None
    for problem in problems(report, place, source, exact=run.exact):
        run.watch.problem(problem)
    return run.finish(summary(report, place), 3 if report.cause or report.older or report.rolled_back else 0)


def _folder(
    run: Run,
    dst: str,
    path: bytes,
    form: Form,
    which: tuple[str | None, str | None],
    target: WithTarget,
) -> int:
    from bakup.flows.cat_folder import cat_folder

    source, at = which
    chosen: dict[str, Any] = {"source": source, "at": at or "latest", "target": target.options()}
    try:
        with run.home(write=False) as home:
            report = cat_folder(home, dst, path, form, Sink(run).write, watch=run.watch, ask=run.ask, **chosen)
    except Unread:
        return run.finish({}, 0)
    except Failed as error:
        raise _hinted(error, dst, path) from None
    if report.cause:
        written = numbers.size(report.written, exact=run.exact)
        message = f"the {form} is not whole: {report.cause}\n{written} were written, all of it verified; it has no end"
        fact = {**machine.path_fields(report.path), "reason": report.cause, "written_bytes": report.written}
        run.watch.problem(Problem("error", message, code="cut-off", facts=(fact,)))
    facts = {"written_bytes": report.written, "reason": report.cause, **machine.path_fields(report.path)}
    place = {"target": dst, **sync_json.checkpoint_fields(report.checkpoint)}
    return run.finish({**place, **facts}, 3 if report.cause else 0)


class Unread(Exception):
    """Standard output goes nowhere: there is no use in reading on."""


class Sink:
    """Takes the file's bytes: to standard output as they are, or as objects of `--json`."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._position = 0

    def write(self, piece: memoryview | bytes, hole: bool) -> None:
        """The next bytes. Raises Unread when they go nowhere."""
        console = self._run.console
        if console.machine:
            self._object(piece, hole)
        else:
            console.raw_out(piece)
        if console.closed:
            raise Unread

    def _object(self, piece: memoryview | bytes, hole: bool) -> None:
        data = None if hole else base64.b64encode(piece).decode()
        place = {"offset_bytes": self._position, "length_bytes": len(piece)}
        self._run.console.object({"message_type": "data", **place, "data_b64": data})
        self._position += len(piece)


def problems(report: CatReport, dst: str, source: str | None = None, *, exact: bool = False) -> list[Problem]:
    """What is wrong with the file."""
    path = names.shown(report.path)
    found = [
        Problem("warning", f"{sector} is damaged; the same bytes were found elsewhere", code="other-place")
        for sector in report.other_places
    ]
    if report.older:
        made = f"when check point {short_id(report.checkpoint.uuid)} was made"
        message = f"{path} could not be read {made}; written as stored before"
        found.append(Problem("warning", message, code="older", facts=(machine.path_fields(report.path),)))
    if report.cause:
        found.append(_cut_off(report, dst, source, exact))
    return [*found, *versions.unknown_problems(report.rolled_back)]


def summary(report: CatReport, dst: str) -> dict[str, object]:
    """The last object of `--json`."""
    return {
        "target": dst,
        **sync_json.checkpoint_fields(report.checkpoint),
        **machine.path_fields(report.path),
        "size_bytes": report.bytes,
        "written_bytes": report.written,
        "reason": report.cause,
    }


def _hinted(error: Failed, dst: str, path: bytes) -> Failed:
    call = _CALLS.get(error.code)
    if call is None:
        return error
    told, command = call
    hint = f"{told}: bakup {command} {names.quoted(dst)} {names.quoted(path or b'.')}"
    return Failed(error.message, details=error.details, hints=(*error.hints, hint), code=error.code)


def _cut_off(report: CatReport, dst: str, source: str | None, exact: bool) -> Problem:
    written, size = (numbers.size(count, exact=exact) for count in (report.written, report.bytes))
    told = f"{written} of {size} were written, all of it verified" if report.written else "nothing was written"
    call: list[str | bytes] = [
        "bakup",
        "restore",
        dst,
        os.path.join(tempfile.gettempdir(), "try"),
        report.path,
        "--partial",
        "--at",
        report.checkpoint.uuid.hex()[:8],
    ]
    call += ["--source", source] if source else []
    facts = {**machine.path_fields(report.path), "reason": report.cause, "written_bytes": report.written}
    return Problem(
        "error",
        f"{names.shown(report.path)} is not whole: {report.cause}\n{told}",
        hints=(f"to keep all that is left of it: {' '.join(map(names.quoted, call))}",),
        code="cut-off",
        facts=(facts,),
    )
