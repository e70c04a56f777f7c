"""`bakup find`: names, sizes and times in all check points."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from bakup.cli.command import command
from bakup.cli.output import names, numbers, versions
from bakup.cli.output.problems import Problem
from bakup.cli.output.style import HANG, bold
from bakup.cli.parsing import places
from bakup.cli.parsing.options import WHICH, Source, WithTarget, argument, option
from bakup.cli.running import Run

if TYPE_CHECKING:
    from bakup.api.listings import FindOptions, FindReport, FoundVersion

_LIST = "What is listed"
_HOW_GLOBS_MATCH = "a GLOB without / is held against the last name, one with / against the whole path"

TEXT = """
Search versions of paths in all check points at DST, of all sources. A version
is listed once, with the first and the last check point that have it.

GLOB knows *, ? and [...]; case counts. Without / it is held against the last
name of a path, with / against the whole path inside the source, name by name:
there ** stands for any number of folders. Quote it, so that the shell leaves
it alone. All options given must hold; only files have a size. A date means
its whole day: newer is after it, older is before it.

It reads metadata only and never changes DST.
"""


@dataclass(frozen=True)
class Wanted:
    """What is looked for, and how it is listed."""

    source: Source = None
    at: Annotated[
        str | None,
        option("--at", metavar="WHEN", help="only what stood at this check point (all)", group=WHICH),
    ] = None
    larger_than: Annotated[
        int | None,
        option(
            "--larger-than", metavar="SIZE", parse=numbers.read_size, help="only files larger than SIZE", group=_LIST
        ),
    ] = None
    smaller_than: Annotated[
        int | None,
        option(
            "--smaller-than", metavar="SIZE", parse=numbers.read_size, help="only files smaller than SIZE", group=_LIST
        ),
    ] = None
    newer_than: Annotated[
        str | None,
        option("--newer-than", metavar="WHEN", help="only what was modified after WHEN", group=_LIST),
    ] = None
    older_than: Annotated[
        str | None,
        option("--older-than", metavar="WHEN", help="only what was modified before WHEN", group=_LIST),
    ] = None
    print0: Annotated[bool, option("--print0", help="raw paths, each once, a zero byte behind each", group=_LIST)] = (
        False
    )

    def options(self, globs: Iterable[str], target: WithTarget) -> FindOptions:
        """As the flow takes them."""
        from bakup.api.listings import FindOptions

        return FindOptions(
            globs=tuple(map(places.inside, globs)),
            larger_than=self.larger_than,
            smaller_than=self.smaller_than,
            newer_than=self.newer_than,
            older_than=self.older_than,
            source=self.source,
            at=self.at,
            target=target.options(),
        )


@dataclass(slots=True)
class Total:
    """Counts what is found; versions of a path come one after the other."""

    versions: int = 0
    paths: int = 0
    size: int = 0
    _last: tuple[str, bytes] | None = None

    def counted(self, source: str, found: Iterable[FoundVersion]) -> Iterator[FoundVersion]:
        """The same versions."""
        for one in found:
            self.versions += 1
            self.size += one.bytes or 0
            self.paths += self._last != (source, one.path)
            self._last = (source, one.path)
            yield one


@command(
    "find",
    short="search names, sizes and times in all check points",
    text=TEXT,
    examples=(
        "bakup find /mnt/usb/backup '*.mov' --larger-than 1GiB",
        "bakup find /mnt/usb/backup '2025/**/*.jpg' --newer-than 2025-08-01",
    ),
)
def find(
    run: Run,
    dst: places.Target,
    globs: Annotated[list[str], argument("GLOB...")],
    wanted: Wanted,
    target: WithTarget,
) -> int:
    """Search."""
    from bakup.flows import find as flow

    place = places.target(dst)
    total = Total()
    with run.home(write=False) as home:
        report = flow.find(home, place, wanted.options(globs, target), watch=run.watch, ask=run.ask)
        _show(run, report, total, print0=wanted.print0)
    for problem in versions.unknown_problems(report.unknown):
        run.watch.problem(problem)
    if not total.versions and not run.console.closed:
        message = f"nothing found at {names.shown_text(place)} for {' '.join(map(names.quoted, globs))}"
        return run.fail(Problem("error", message, hints=(_HOW_GLOBS_MATCH,), code="nothing-found"), 1)
    facts = {"versions": total.versions, "paths": total.paths, "versions_bytes": total.size}
    return run.finish({"target": place, **facts}, 3 if report.unknown else 0)


def lines(report: FindReport, total: Total, *, exact: bool = False) -> Iterator[tuple[bool, str]]:
    """(whether it is a version, line) of a table a source, and the foot."""
    several = False
    for group in report.groups:
        table = versions.found_lines(total.counted(group.source, group.versions), exact=exact)
        for number, line in enumerate(table):
            if number == 0:
                yield from [(False, "")] if several else []
                yield False, bold(names.shown_text(group.source))
                several = True
            yield number > 0, line
    if total.versions:
        yield False, foot(total)


def foot(total: Total) -> str:
    """How many there were."""
    many, of = numbers.count(total.versions, "version"), numbers.count(total.paths, "path")
    return f"{HANG}{many} of {of}; times in {numbers.zone()}"


def _show(run: Run, report: FindReport, total: Total, *, print0: bool) -> None:
    if print0:
        _print0(run, report, total)
    elif run.console.machine:
        for group in report.groups:
            for one in total.counted(group.source, group.versions):
                run.console.object(versions.facts(group.source, one))
    else:
        for is_version, line in lines(report, total, exact=run.exact):
            (run.console.product if is_version else run.console.report)(line)
            if run.console.closed:
                break


def _print0(run: Run, report: FindReport, total: Total) -> None:
    for group in report.groups:
        for path, _ in itertools.groupby(total.counted(group.source, group.versions), key=lambda one: one.path):
            run.console.raw_out(path + b"\0")
            if run.console.closed:
                return
