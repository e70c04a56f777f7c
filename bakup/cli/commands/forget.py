"""`bakup forget`: which check points are kept, and why."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from bakup.cli.command import command
from bakup.cli.output import listing, names, numbers
from bakup.cli.output.rows import Rows, rebuilt, short_id
from bakup.cli.output.style import bold
from bakup.cli.parsing import places
from bakup.cli.parsing.options import WHICH, Source, WithTarget, option
from bakup.cli.running import Run
from bakup.errors import Usage

if TYPE_CHECKING:
    from bakup.api.retention import ForgetReport, Judged
    from bakup.retention.policy import Policy

_RULES = "What is kept"
_NAMED = 5
"""So many dropped check points are named."""

TEXT = """
Drop check points of each source at DST that no rule keeps; with --at exactly
those. What is dropped is offered no more, on any computer. It never deletes
an object at DST, and what is kept comes back as before.

The order in which check points were made decides what is newer; their times
only say in which day, week, ... they lie. One whose time cannot be right is
kept, and takes no place of another. The latest of a source is always kept,
unless --even-latest. Try it with -n first.
"""


def _number(text: str) -> int:
    if text == "all":
        return sys.maxsize
    if not text.isdecimal():
        raise ValueError(f"not a number: {text}; for example 7, or all")
    return int(text)


def _of_each(name: str) -> object:
    return option(
        f"--keep-{name}",
        metavar="N",
        parse=_number,
        help=f"the newest of each of the last N {_UNITS[name]} that have one",
        group=_RULES,
    )


def _of_each_within(name: str) -> object:
    return option(
        f"--keep-within-{name}",
        metavar="TIME",
        parse=numbers.read_span,
        help=f"the newest of each {_UNITS[name][:-1]}, as far back as TIME",
        group=_RULES,
    )


_UNITS = {"hourly": "hours", "daily": "days", "weekly": "weeks", "monthly": "months", "yearly": "years"}


@dataclass(frozen=True)
class Rules:
    """What is kept."""

    keep_last: Annotated[
        str | None, option("--keep-last", metavar="N", parse=_number, help="the N newest (N: or all)", group=_RULES)
    ] = None
    keep_hourly: Annotated[str | None, _of_each("hourly")] = None
    keep_daily: Annotated[str | None, _of_each("daily")] = None
    keep_weekly: Annotated[str | None, _of_each("weekly")] = None
    keep_monthly: Annotated[str | None, _of_each("monthly")] = None
    keep_yearly: Annotated[str | None, _of_each("yearly")] = None
    keep_within: Annotated[
        str | None,
        option(
            "--keep-within",
            metavar="TIME",
            parse=numbers.read_span,
            help="all that are at most TIME older than the newest (1y6m, 2w, 3d12h)",
            group=_RULES,
        ),
    ] = None
    keep_within_hourly: Annotated[str | None, _of_each_within("hourly")] = None
    keep_within_daily: Annotated[str | None, _of_each_within("daily")] = None
    keep_within_weekly: Annotated[str | None, _of_each_within("weekly")] = None
    keep_within_monthly: Annotated[str | None, _of_each_within("monthly")] = None
    keep_within_yearly: Annotated[str | None, _of_each_within("yearly")] = None
    keep_tag: Annotated[
        list[str] | None, option("--keep-tag", metavar="TAG", many=True, help="those with TAG", group=_RULES)
    ] = None
    even_latest: Annotated[
        bool, option("--even-latest", help="the latest of a source, too, if no rule keeps it", group=_RULES)
    ] = False

    def policy(self) -> Policy:
        """As values."""
        from bakup.catalog.rows import known_as
        from bakup.retention.policy import PERIODS, Policy

        return Policy(
            last=int(self.keep_last or 0),
            newest={period: int(getattr(self, f"keep_{period}") or 0) for period in PERIODS},
            within_s=float(self.keep_within or 0),
            newest_within_s={period: float(getattr(self, f"keep_within_{period}") or 0) for period in PERIODS},
            tags=frozenset(map(known_as, self.keep_tag or ())),
        )


@command(
    "forget",
    short="drop check points that no rule keeps; nothing is deleted",
    text=TEXT,
    examples=(
        "bakup forget /mnt/usb/backup --keep-daily 7 --keep-weekly 4 -n",
        "bakup forget /mnt/usb/backup --at 8b1d07c4",
    ),
)
def forget(
    run: Run,
    dst: places.Target,
    rules: Rules,
    target: WithTarget,
    *,
    source: Source = None,
    at: Annotated[
        list[str] | None,
        option("--at", metavar="WHEN", many=True, help="exactly this check point, whatever rules say", group=WHICH),
    ] = None,
    dry_run: Annotated[bool, option("-n", "--dry-run", help="only say what would be dropped", group=WHICH)] = False,
) -> int:
    """Decide what is kept."""
    place = places.target(dst)
    policy = rules.policy()
    _expect_one_way(place, policy, at)
    from bakup.api.retention import ForgetOptions
    from bakup.flows import forget as flow

    with run.home(write=True) as home:
        options = ForgetOptions(policy, source, tuple(at or ()), rules.even_latest, dry_run, target.options())
        report = flow.forget(home, place, options, watch=run.watch, ask=run.ask)
    for one in report.judged:
        run.console.object(
            {"message_type": "check_point", **listing.checkpoint_facts(one.line), "kept_by": list(one.kept_by)}
        )
    if report.rebuilt:
        rows = Rows(run.exact)
        rebuilt(rows, report.rebuilt)
        run.console.report(*rows.lines())
    if dry_run or run.console.level > 0:
        run.console.product(*table(report.judged, exact=run.exact))
    run.console.product(*ending(report, exact=run.exact))
    return run.finish(summary(report, place), 0)


def _expect_one_way(dst: str, policy: Policy, at: Sequence[str] | None) -> None:
    if at and policy.keeps_anything:
        raise Usage("--at names what is dropped, and rules say what is kept: one or the other", code="usage")
    if not at and not policy.keeps_anything:
        raise Usage(
            "without a rule nothing would be kept",
            hints=(f"to see what such rules do: bakup forget {names.quoted(dst)} --keep-daily 7 --keep-weekly 4 -n",),
            code="usage",
        )


def table(judged: Sequence[Judged], *, exact: bool = False) -> list[str]:
    """Each check point, and what keeps it, by source."""
    lines: list[str] = []
    for source, group in itertools.groupby(judged, key=lambda one: one.line.source):
        lines += [bold(names.shown_text(source)), *_rows([*group], exact)]
    return lines


def _rows(group: Sequence[Judged], exact: bool) -> list[str]:
    sizes = [numbers.size(one.line.bytes, exact=exact) for one in group]
    files = max([7, *(len(f"{one.line.files:,}") for one in group)])
    wide = max([8, *map(len, sizes)])
    lines = [f"id        {'time':<19}  {'files':>{files}}  {'size':>{wide}}  kept by"]
    for one, size in zip(group, sizes, strict=True):
        line, why = one.line, ", ".join(map(names.safe, one.kept_by)) or "-"
        moment = numbers.local_time(line.time_ns)
        lines.append(f"{bold(short_id(line.uuid))}  {moment}  {line.files:>{files},}  {size:>{wide}}  {why}")
    return lines


def ending(report: ForgetReport, *, exact: bool = False) -> list[str]:
    """What is dropped, and about what nobody needs then."""
    rows, dropped = Rows(exact), report.dropped
    every, kept = len(report.judged), len(report.judged) - len(dropped)
    unneeded = f"about {numbers.size(report.unneeded, exact=exact)} at the target"
    if report.dry_run:
        told = f"{len(dropped):,} of {numbers.count(every, 'check point')}"
        rows.text("would drop", f"{told}; no other needs {unneeded}" if report.unneeded else told)
        return rows.lines()
    named = ", ".join(short_id(line.uuid) for line in dropped[:_NAMED]) + (", ..." if len(dropped) > _NAMED else "")
    many = f"{numbers.count(len(dropped), 'check point')}: {named}" if dropped else "nothing"
    rows.text("dropped", f"{many}; {'1 is' if kept == 1 else f'{kept:,} are'} kept")
    if report.unneeded:
        rows.text("unneeded", unneeded)
    return rows.lines()


def summary(report: ForgetReport, dst: str) -> dict[str, object]:
    """The last object of `--json`."""
    dropped = len(report.dropped)
    return {
        "target": dst,
        "dry_run": report.dry_run,
        "dropped": dropped,
        "kept": len(report.judged) - dropped,
        "unneeded_bytes": report.unneeded,
        "rebuilt": report.rebuilt is not None,
    }
