"""`bakup compact`: what space could be given back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from bakup.cli.command import command
from bakup.cli.output import names, numbers
from bakup.cli.output.rows import Rows, rebuilt
from bakup.cli.parsing import places
from bakup.cli.parsing.options import WithTarget, option
from bakup.cli.running import Run
from bakup.errors import Usage

if TYPE_CHECKING:
    from bakup.api.retention import CompactReport

_BOUNDS = "How far"

TEXT = """
Say what space could be given back at DST after forget: sectors of which
nothing is needed could be deleted, and what is needed of others could be
copied into new ones. It is only said, so -n must be given: bakup never
deletes a sector.

It reads metadata only and never changes DST.
"""


@command(
    "compact",
    short="what space could be given back after forget; changes nothing",
    text=TEXT,
    examples=("bakup compact /mnt/usb/backup -n",),
)
def compact(
    run: Run,
    dst: places.Target,
    target: WithTarget,
    *,
    dry_run: Annotated[bool, option("-n", "--dry-run", help="only say what could be done", group=_BOUNDS)] = False,
    max_unused: Annotated[
        str | None,
        option(
            "--max-unused",
            metavar="SHARE",
            parse=numbers.read_share,
            help="so much may stay that nothing needs (10%)",
            group=_BOUNDS,
        ),
    ] = None,
    max_rewrite: Annotated[
        str | None,
        option(
            "--max-rewrite",
            metavar="SIZE",
            parse=numbers.read_size,
            help="copy at most SIZE (any)",
            group=_BOUNDS,
        ),
    ] = None,
    older_than: Annotated[
        str | None,
        option(
            "--older-than",
            metavar="TIME",
            parse=numbers.read_span,
            help="leave sectors that are not so old (1y6m, 2w, 3d12h)",
            group=_BOUNDS,
        ),
    ] = None,
) -> int:
    """Say it."""
    place = places.target(dst)
    if not dry_run:
        raise Usage(
            "bakup deletes no sector; it only says what could be given back",
            hints=(f"to see that: bakup compact {names.quoted(place)} -n",),
            code="usage",
        )
    from bakup.api.retention import CompactOptions
    from bakup.flows import compact as flow
    from bakup.retention.space import Bounds

    bounds = Bounds(
        max_unused=0.1 if max_unused is None else float(max_unused),
        max_rewrite=None if max_rewrite is None else int(max_rewrite),
        older_than_s=float(older_than or 0),
    )
    with run.home(write=False) as home:
        report = flow.compact(home, place, CompactOptions(bounds, target.options()), watch=run.watch, ask=run.ask)
    run.console.product(*report_lines(report, remote="://" in place, exact=run.exact))
    return run.finish(summary(report, place), 0)


def report_lines(report: CompactReport, *, remote: bool = False, exact: bool = False) -> list[str]:
    """The report as it is shown; a `remote` target's requests are told too."""
    rows, plan = Rows(exact), report.plan

    def size(count: int) -> str:
        return numbers.size(count, exact=exact)

    if report.rebuilt:
        rebuilt(rows, report.rebuilt)
    many = len(plan.kept) + len(plan.rewritten) + len(plan.deleted)
    rows.text("sectors", f"{many:,}: {report.full:,} full, {report.partly:,} in part, {report.empty:,} empty")
    rewritten = sum(one.size for one in plan.rewritten)
    if plan.rewritten:
        told = f"{size(plan.copied)} of {size(rewritten)} are needed"
        rows.text("would rewrite", f"{numbers.count(len(plan.rewritten), 'sector')}; about {told}")
    if report.listed_anew:
        anew = numbers.count(report.listed_anew, "check point")
        rows.text("would list", f"{anew} anew, about {size(report.listing_bytes)}")
    gone = sum(one.size for one in plan.deleted)
    if plan.rewritten or plan.deleted:
        number = numbers.count(len(plan.rewritten) + len(plan.deleted), "sector")
        rows.text("would delete", f"{number}, {size(rewritten + gone)}")
    rows.text("would free", f"about {size(max(0, report.freed))} of {size(plan.size)}")
    if remote:
        up = f"{report.puts:,} put, about {size(plan.copied + report.listing_bytes)} up"
        deleted = len(plan.rewritten) + len(plan.deleted)
        rows.text("requests", f"about {report.gets:,} get, {size(plan.copied)} down; {up}; {deleted:,} delete")
    return rows.lines()


def summary(report: CompactReport, dst: str) -> dict[str, object]:
    """The last object of `--json`."""
    plan = report.plan
    return {
        "target": dst,
        "dry_run": True,
        "full_sectors": report.full,
        "partly_needed_sectors": report.partly,
        "empty_sectors": report.empty,
        "rewrite_sectors": len(plan.rewritten),
        "rewrite_bytes": plan.copied,
        "listed_anew": report.listed_anew,
        "listing_bytes": report.listing_bytes,
        "delete_sectors": len(plan.rewritten) + len(plan.deleted),
        "delete_bytes": sum(one.size for one in (*plan.rewritten, *plan.deleted)),
        "free_bytes": report.freed,
        "target_bytes": plan.size,
        "planned_get_requests": report.gets,
        "planned_put_requests": report.puts,
        "planned_delete_requests": len(plan.rewritten) + len(plan.deleted),
        "rebuilt": report.rebuilt is not None,
    }
