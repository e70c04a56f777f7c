"""Attaching to a target: what every command with a DST does first.

The target is listed and held against the catalog; unknown sectors are read in, pending ones adopted or struck,
missing ones named. An empty catalog that faces our own sectors is rebuilt. The local cache is never believed over
the target.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bakup.account.keys import Account, PublicKeys
from bakup.catalog import applying, history, listing, places, recording
from bakup.catalog.database import transaction
from bakup.errors import Failed, History, NoTarget, Untrusted, Usage
from bakup.flows import costs, remembered
from bakup.flows.ask import Ask
from bakup.flows.home import Home
from bakup.flows.ingest import Ingested
from bakup.flows.layouts import Layout, Protection
from bakup.flows.recognising import layout_of
from bakup.flows.remembered import Remembered
from bakup.flows.reports import RebuildReport, SyncOptions, TargetOptions
from bakup.flows.watch import Watch
from bakup.store.counting import CountingTarget
from bakup.store.faults import absent
from bakup.store.opening import open_target


@dataclass(slots=True)
class Attached:
    """A target and what is known of it now. `place` is the DST as typed; `row` the target's row in the catalog."""

    place: str
    target: CountingTarget
    row: int
    account: Account | None
    public: PublicKeys | None
    layout: Layout
    remembered: Remembered | None
    ingested: Ingested
    rebuilt: RebuildReport | None
    fresh: bool
    watch: Watch

    @property
    def url(self) -> str:
        """The target as state.db knows it."""
        return self.target.url

    def protection(self, options: SyncOptions) -> Protection:
        """How a sync protects what it stores: a target keeps the protection that it was made with."""
        return self.layout.protection(options, None if options.new_target else self.remembered)

    def __enter__(self) -> Attached:
        return self

    def __exit__(self, *error: object) -> None:
        self.target.close()
        costs.tell_counts(self.watch, "target", self.url, self.target.counts)


def attach(
    home: Home,
    place: str,
    options: TargetOptions,
    watch: Watch,
    ask: Ask,
    *,
    writing: bool = False,
    new_target: bool = False,
    use_folder: bool = False,
    rebuild: bool = False,
    layout: str | None = None,
) -> Attached:
    """Open the target at `place` and bring the catalog up to it.

    Args:
        writing: a sync: an empty or missing folder is fine when nothing is remembered of it.
        new_target: what was known of this place does not matter any more.
        use_folder: a folder with other files and no sectors may be used.
        rebuild: forget the catalog of this target first.
        layout: the one that a new target gets.

    Raises NoTarget, WrongAccount, Untrusted, History, Usage: see docs/exit-codes.md.
    """
    target = CountingTarget(open_target(place, options=options.store, terms=options.terms(watch)))
    try:
        return _attach(home, place, target, options, watch, ask, writing, new_target, use_folder, rebuild, layout)
    except BaseException:
        target.close()
        raise


def _attach(
    home: Home,
    place: str,
    target: CountingTarget,
    options: TargetOptions,
    watch: Watch,
    ask: Ask,
    writing: bool,
    new_target: bool,
    use_folder: bool,
    rebuild: bool,
    asked_layout: str | None,
) -> Attached:
    known = remembered.recall(home.state, target.url)
    if new_target and known is not None and home.locked:
        remembered.forget(home.state, target.url)
    there = target.exists()
    if not there and not (writing and (known is None or new_target)):
        raise _not_there(place, known)
    may_write = home.locked or home.try_lock()
    if not may_write and rebuild:
        home.lock(home.lock_wait)
    account = home.account(ask) if home.has_account and not options.key_file else None
    connection = home.catalog
    row = recording.target_id(connection, target.url) if may_write else _row(home, target.url)
    rebuilt: RebuildReport | None = None
    ingested = Ingested()
    if may_write:
        with transaction(connection):
            if rebuild or (new_target and known is not None):
                recording.drop_target(connection, row)
            comparison = _compared(connection, target, row, there, account)
            layout = layout_of(
                connection, target, row, place, None if new_target else known, account, options, asked_layout
            )
            ingested, rebuilt = _refresh(home, target, row, there, layout, watch, comparison, rebuild)
    else:
        watch.note("another run is using the catalog; what it has not finished is not shown")
        listing.compare(connection, row, ())
        layout = layout_of(connection, target, row, place, known, account, options, asked_layout)
    attached = Attached(
        place,
        target,
        row,
        account,
        account.public if account else None,
        layout,
        known,
        ingested,
        rebuilt,
        fresh=not there,
        watch=watch,
    )
    _expect_ours(attached, home, options, ask, writing, new_target, use_folder)
    layout.expect_trusted(connection, row, place)
    _guard_history(home, attached, new_target, writing)
    return attached


def _row(home: Home, url: str) -> int:
    row = home.catalog.execute("SELECT id FROM targets WHERE url = ?", [url]).fetchone()
    if row is None:
        home.lock(home.lock_wait)
        return recording.target_id(home.catalog, url)
    return int(row[0])


def _compared(
    connection: sqlite3.Connection, target: CountingTarget, row: int, there: bool, account: Account | None
) -> listing.Comparison:
    # What was not believed may be now: another account, other options.
    connection.execute(
        "DELETE FROM others WHERE target = ? AND (reason IN ('untrusted', 'damaged') OR detail = ?)",
        [row, account.public.account_id if account else ""],
    )
    return listing.compare(connection, row, target.list() if there else ())


def _refresh(
    home: Home,
    target: CountingTarget,
    row: int,
    there: bool,
    layout: Layout,
    watch: Watch,
    comparison: listing.Comparison,
    rebuild: bool,
) -> tuple[Ingested, RebuildReport | None]:
    connection = home.catalog
    begun = time.monotonic()
    reads, read_bytes = target.counts.reads, target.counts.read_bytes
    struck = applying.strike_open(connection, row)
    empty = comparison.known == 0 and not comparison.adopted
    if comparison.adopted:
        # A run was cut off after a put: what it has put is read like another's. Its entries are forgotten already.
        listing.strike(connection, [*comparison.adopted, *listing.holding(connection, row, struck)])
        comparison = listing.compare(connection, row, target.list())
    if there and comparison.known and not comparison.present and comparison.new:
        watch.note(f"another disk stands at {target.url}; its catalog is made anew")
        recording.drop_target(connection, row)
        comparison = listing.compare(connection, row, target.list())
        empty = True
    if comparison.missing:
        # A copy of what is missing, passed over until now, may serve in its place.
        connection.execute("DELETE FROM others WHERE target = ? AND reason = 'duplicate'", [row])
        comparison = listing.compare(connection, row, target.list())
    layout.settle(connection, row, comparison)
    announce = f"no catalog of {target.url} here; rebuilding it from the target" if empty and not rebuild else ""
    ingested = Ingested()
    if comparison.new:
        ingested = layout.ingest(connection, row, comparison.new, watch, announce=announce)
    _flag_findings(home, target.url, row)
    rebuilt = None
    if empty and ingested.sectors:
        rebuilt = RebuildReport(
            sectors=ingested.sectors,
            checkpoints=ingested.applied,
            reads=target.counts.reads - reads,
            read_bytes=target.counts.read_bytes - read_bytes,
            rejected=ingested.rejected,
            exit_code=22 if ingested.untrusted else 21 if ingested.damaged else 0,
            elapsed=time.monotonic() - begun,
            unit=layout.unit,
        )
    return ingested, rebuilt


def _flag_findings(home: Home, url: str, row: int) -> None:
    for sector, positions in remembered.findings(home.state, url).items():
        if -1 in positions:
            home.catalog.execute(
                "UPDATE sectors SET state = 'damaged' WHERE target = ? AND uuid = ? AND state = 'stored'",
                [row, sector],
            )
        places.mark_damaged(home.catalog, row, sector, [position for position in positions if position >= 0])


def _not_there(place: str, known: Remembered | None) -> NoTarget:
    if known is None:
        return NoTarget(f"there is no {place}", hints=(absent(place),), code="target-missing")
    return NoTarget(
        f"there is no {place}; {known.sectors:,} {known.unit}s were there on {_local(known.seen_ns)}",
        hints=(absent(place),),
        code="target-missing",
    )


def _expect_ours(
    attached: Attached,
    home: Home,
    options: TargetOptions,
    ask: Ask,
    writing: bool,
    new_target: bool,
    use_folder: bool,
) -> None:
    """Stop where the target is not what the user thinks it is."""
    place, known = attached.place, attached.remembered
    ours = home.catalog.execute(
        "SELECT count(*) FROM sectors WHERE target = ? AND state = 'stored'", [attached.row]
    ).fetchone()[0]
    if ours:
        return
    accounts = _foreign_accounts(home, attached.row)
    if accounts and not new_target:
        raise attached.layout.not_ours(place, accounts, writing=writing)
    if known is not None and known.sectors and not new_target:
        raise NoTarget(
            f"{place} is empty; {known.sectors:,} {known.unit}s were there on {_local(known.seen_ns)}",
            hints=(absent(place),),
            code="target-empty",
        )
    untrusted = _others(home, attached.row, "untrusted")
    damaged = _others(home, attached.row, "damaged")
    if untrusted and not new_target:
        raise _untrusted(place, untrusted)
    if damaged and not new_target:
        raise Failed(
            f"{place} holds {len(damaged):,} {attached.layout.unit}s and none of them is whole",
            details=tuple(damaged),
            hints=(f"to look at one by itself: bakup {attached.layout.inspector} inspect FILE",),
            code="all-damaged",
        )
    if not writing:
        raise Failed(
            f"{place} holds no sectors",
            hints=(f"to back up to it: bakup sync SRC {place}",),
            code="no-sectors",
        )
    others = _others(home, attached.row, "no sector")
    if others and not new_target and not use_folder and not ask.use_folder(place, len(others)):
        raise Usage(
            f"{place} holds other files and was not used",
            hints=("to use it: --new-target",),
            code="other-files",
        )


def _foreign_accounts(home: Home, row: int) -> list[tuple[str, int]]:
    rows = home.catalog.execute(
        "SELECT detail, count(*) FROM others WHERE target = ? AND reason = 'foreign' GROUP BY detail"
        " ORDER BY count(*) DESC",
        [row],
    )
    return [(str(account), int(count)) for account, count in rows]


def _others(home: Home, row: int, reason: str) -> list[tuple[str, str]]:
    rows = home.catalog.execute(
        "SELECT locator, detail FROM others WHERE target = ? AND reason = ? ORDER BY locator", [row, reason]
    )
    return [(str(locator), str(detail)) for locator, detail in rows]


def _untrusted(place: str, found: Sequence[tuple[str, str]]) -> Untrusted:
    details = {detail for _, detail in found}
    options = []
    if any("encrypted" in detail for detail in details):
        options.append("--accept-plain")
    if any("signed" in detail for detail in details):
        options.append("--accept-unsigned")
    hints = (f"if you made them so: {' '.join(options)}",) if options else ()
    return Untrusted(
        f"{place} holds {len(found):,} sectors and none of them can be trusted",
        details=tuple((locator, detail) for locator, detail in found),
        hints=hints,
        code="untrusted",
    )


def _guard_history(home: Home, attached: Attached, new_target: bool, writing: bool) -> None:
    """Stop a sync that would build on a history older than one that was seen (design section 4, exit 23)."""
    if not writing or new_target:
        return
    for problem in rolled_back(home, attached.url, attached.row):
        raise History(
            problem,
            hints=(
                "see what is there: bakup check " + attached.place,
                "to go on from what is there: --new-target",
            ),
            code="rolled-back",
        )


def rolled_back(home: Home, url: str, row: int) -> Iterator[str]:
    """What the target's history lacks beside the newest check points that this computer has seen there."""
    for source in history.sources(home.catalog, row):
        head = remembered.head_of(home.state, url, source)
        if head is None:
            continue
        uuid, _, sequence = head
        known = home.catalog.execute(
            "SELECT 1 FROM checkpoints WHERE source = ? AND uuid = ? AND complete = 1", [source.id, uuid]
        ).fetchone()
        if known is None:
            yield f"{source.label} was at check point {uuid.hex()[:8]} (number {sequence}), which is not there any more"


def remember(home: Home, attached: Attached, *, encrypted: bool, signed: bool) -> None:
    """Write down what is at the target now, and the heads of its sources."""
    count = home.catalog.execute(
        "SELECT count(*) FROM sectors WHERE target = ? AND state = 'stored'", [attached.row]
    ).fetchone()[0]
    account = attached.public.account_id if attached.public else ""
    with transaction(home.state):
        remembered.remember(
            home.state,
            attached.url,
            account=account,
            layout=attached.layout.name,
            encrypted=encrypted,
            signed=signed,
            sectors=count,
        )
        for source in history.sources(home.catalog, attached.row):
            if not source.made_up and (head := history.head(home.catalog, source.id)) is not None:
                remembered.set_head(home.state, attached.url, source, head)


def made_with(home: Home, attached: Attached) -> tuple[bool, bool]:
    """Whether the target was made encrypted and signed: as remembered, else as all that is there is."""
    known = attached.remembered
    if known is not None:
        return known.encrypted, known.signed
    encrypted, signed = home.catalog.execute(
        "SELECT min(encrypted), min(signed) FROM sectors WHERE target = ? AND state = 'stored'", [attached.row]
    ).fetchone()
    return bool(encrypted), bool(signed)


def _local(time_ns: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(time_ns // 1_000_000_000))
