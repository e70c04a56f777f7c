"""`bakup diff`: what changed between two check points."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from bakup.cli.command import command
from bakup.cli.output import machine, versions
from bakup.cli.output.rows import short_id
from bakup.cli.output.style import HANG, bold
from bakup.cli.output.watch import path_line
from bakup.cli.parsing import places
from bakup.cli.parsing.options import Source, WithTarget, argument
from bakup.cli.running import Run

if TYPE_CHECKING:
    from bakup.api.listings import DiffLine, DiffReport
    from bakup.api.reports import CheckpointLine

_WORDS = {"+": "new", "-": "deleted", "M": "changed", "U": "changed", "T": "changed", "!": "unread"}

TEXT = """
What changed from check point A to B of one source: a line a path, marked
+ new, - deleted, M content, U metadata only, T other type, ! not read at B.
Without A and B: from the last but one to the latest; without B: to the
latest.

A folder of which only the time changed is not listed: what changed in it is.
It reads metadata only and never changes DST.
"""


@dataclass(slots=True)
class Total:
    """Counts lines by what they say; folders apart, so that the numbers are those of `sync`."""

    words: Counter[str] = field(default_factory=Counter)
    folders: int = 0

    def counted(self, lines: Iterable[DiffLine]) -> Iterator[DiffLine]:
        """The same lines."""
        for line in lines:
            if _is_folder(line):
                self.folders += 1
            else:
                self.words[_WORDS[line.mark]] += 1
            yield line


@command(
    "diff",
    short="what changed between two check points",
    text=TEXT,
    examples=("bakup diff /mnt/usb/backup", "bakup diff /mnt/usb/backup 3f9c2a1e latest"),
)
def diff(
    run: Run,
    dst: places.Target,
    target: WithTarget,
    before: Annotated[str | None, argument("[A")] = None,
    after: Annotated[str | None, argument("B]")] = None,
    *,
    source: Source = None,
) -> int:
    """Compare."""
    from bakup.flows import diff as flow

    place, total = places.target(dst), Total()
    with run.home(write=False) as home:
        report = flow.diff(
            home,
            place,
            before or "latest~1",
            after or "latest",
            source=source,
            target=target.options(),
            watch=run.watch,
            ask=run.ask,
        )
        for line in total.counted(report.lines):
            run.console.product(shown(line, exact=run.exact))
            run.console.object(facts(line))
            if run.console.closed:
                break
    run.console.report(foot(report, total))
    for problem in versions.unknown_problems(report.unknown):
        run.watch.problem(problem)
    return run.finish(summary(report, place, total), 3 if report.unknown else 0)


def shown(line: DiffLine, *, exact: bool = False) -> str:
    """A line of the report; a folder ends with a slash."""
    path = line.path + b"/" if _is_folder(line) and line.path else line.path
    return path_line(line.mark, path, line.bytes, exact=exact)


def foot(report: DiffReport, total: Total) -> str:
    """`18 new, 3 changed, 2 deleted from 3f9c2a1e to 8b1d07c4`."""
    words = total.words
    many = f"{words['new']:,} new, {words['changed']:,} changed, {words['deleted']:,} deleted"
    many += f", {words['unread']:,} not read" if words["unread"] else ""
    first, last = (bold(short_id(line.uuid)) for line in (report.before, report.after))
    folders = f"; {total.folders:,} {'folder' if total.folders == 1 else 'folders'} besides" if total.folders else ""
    return f"{HANG}{many} from {first} to {last}{folders}"


def facts(line: DiffLine) -> dict[str, object]:
    """A line in JSON."""
    fields = machine.path_fields(line.path)
    kind = None if line.kind is None else line.kind.name.lower()
    return {
        "message_type": "change",
        "mark": line.mark,
        **fields,
        "kind": kind,
        "size_bytes": line.bytes,
        "reason": line.reason or None,
    }


def summary(report: DiffReport, dst: str, total: Total) -> dict[str, object]:
    """The last object of `--json`."""
    return {
        "target": dst,
        "source": report.after.source,
        **_end("from", report.before),
        **_end("to", report.after),
        **{f"{word}_entries": total.words[word] for word in ("new", "changed", "deleted", "unread")},
        "folders": total.folders,
    }


def _end(name: str, line: CheckpointLine) -> dict[str, object]:
    return {f"{name}_check_point": machine.uuid_text(line.uuid), f"{name}_time": machine.time_text(line.time_ns)}


def _is_folder(line: DiffLine) -> bool:
    return line.kind is not None and line.kind.name == "DIR" and line.mark != "T"
