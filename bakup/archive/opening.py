"""Attaching to a target: what every command with a DST does first.

The target is listed and held against the catalog; unknown sectors are read in, pending ones adopted or struck,
missing ones named. An empty catalog that faces our own sectors is rebuilt. The local cache is never believed over
the target.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from msgspec import Struct

from bakup.account.keys import Account
from bakup.api.ask import Ask
from bakup.api.reports import RebuildReport, TargetOptions
from bakup.api.watch import Watch
from bakup.archive.archive import Asked, Attached
from bakup.archive.detect import layout_of
from bakup.archive.guard import expect_ours, expect_there, guard_history, warn
from bakup.archive.home import Home
from bakup.catalog import applying, damage, history, listing, places, recording, state_db
from bakup.catalog.database import transaction
from bakup.catalog.rows import known_as
from bakup.catalog.state_db import Remembered
from bakup.errors import NoAnswer, NoTarget
from bakup.format.objects import SECTOR_SUFFIX
from bakup.layouts.ingested import Ingested
from bakup.layouts.interface import Layout
from bakup.layouts.sectors.layout import SectorsLayout
from bakup.sector.naming import object_name
from bakup.store.counting import CountingTarget
from bakup.store.kept import KeptTarget
from bakup.store.opening import open_target
from bakup.store.target import is_text


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
    again: bool = False,
    layout: str | None = None,
) -> Attached:
    """Open the target at `place` and bring the catalog up to it.

    Args:
        writing: a sync: an empty or missing folder is fine when nothing is remembered of it.
        new_target: what was known of this place does not matter any more.
        use_folder: a folder with other files and no sectors may be used.
        rebuild: forget the catalog of this target first.
        again: a check: what was taken for another account's is looked at again: a byte of its key may have been
            damaged. It reports itself what it finds wrong, as a rebuild does.
        layout: the one that a new target gets.

    Raises NoTarget, WrongAccount, Untrusted, History, Usage: see docs/exit-codes.md.
    """
    asked = Asked(place, options, writing, new_target, use_folder, rebuild, again, layout)
    opened = open_target(place, options=options.store, terms=options.terms(watch))
    if options.cache:
        opened = KeptTarget(opened, home.databases, options.cache)
    target = CountingTarget(opened)
    try:
        attached = _open(home, target, asked, watch, ask)
        expect_ours(home, attached, asked, ask)
        attached.layout.expect_trusted(home.catalog, attached.row, place)
        guard_history(home, attached, asked)
        _name_withheld(attached)
        if not (again or rebuild):
            warn(home, attached)
    except BaseException:
        target.close()
        raise
    return attached


def _name_withheld(attached: Attached) -> None:
    withheld = attached.ingested.withheld
    if not withheld:
        return
    many = "1 object" if len(withheld) == 1 else f"{len(withheld):,} objects"
    attached.watch.left_out(
        f"{many} at {attached.place} cannot be read; what {'it holds' if len(withheld) == 1 else 'they hold'},"
        " if anything, is left out",
        tuple(withheld),
        code="withheld",
    )


def _open(home: Home, target: CountingTarget, asked: Asked, watch: Watch, ask: Ask) -> Attached:
    url = known_as(target.identity)
    known = state_db.recall(home.state, url)
    if asked.new_target and known is not None and home.locked:
        state_db.forget(home.state, url)
    there = target.exists()
    expect_there(asked, known, there)
    may_write = home.locked or home.try_lock()
    if not may_write and asked.rebuild:
        home.lock(home.lock_wait)
    account = home.account(ask) if home.has_account and not asked.options.key_file else None
    row = recording.target_id(home.catalog, url) if may_write else _row(home, url)
    at = _At(home, target, row, there, known, account, asked, watch)
    layout, ingested, rebuilt = _refreshed(at) if may_write else (_as_it_stands(at), Ingested(), None)
    public = account.public if account else None
    return Attached(
        asked.place, target, row, account, public, layout, known, ingested, rebuilt, fresh=not there, watch=watch
    )


class _At(Struct, frozen=True):
    """A target that is open; `row` in the catalog, `there`: it exists."""

    home: Home
    target: CountingTarget
    row: int
    there: bool
    known: Remembered | None
    account: Account | None
    asked: Asked
    watch: Watch

    def layout(self, known: Remembered | None) -> Layout:
        """What it has, or gets."""
        asked = self.asked
        return layout_of(
            self.home.catalog, self.target, self.row, asked.place, known, self.account, asked.options, asked.layout
        )

    def compared(self) -> listing.Comparison:
        """The catalog beside a new listing, in which what it lacks is asked for by name: some come late."""
        listed = filter(lambda one: is_text(one[0]), self.target.list() if self.there else ())
        found = listing.compare(self.home.catalog, self.row, listed)
        pending = [row for row in found.struck if row.state == "pending"]
        lacking = sorted((*found.missing, *pending), key=lambda row: -row.id)
        late = self.asked_for(row.locator for row in lacking)
        sizes = {row.locator: row.size for row in lacking}
        return self.with_late([(name, size) for name, size in late if sizes[name] == size]) or found

    def with_late(self, late: Sequence[tuple[str, int]]) -> listing.Comparison | None:
        """The comparison again, with objects that the listing lacked; None without any."""
        return listing.compare_more(self.home.catalog, self.row, late) if late else None

    def asked_for(self, names: Iterable[str]) -> list[tuple[str, int]]:
        """Which of these objects are there, with their sizes; no more are asked for when of many in turn none is."""
        found: list[tuple[str, int]] = []
        left = iter(names if self.there else ())
        with ThreadPoolExecutor(self.target.at_once.heads, thread_name_prefix="look") as pool:
            while batch := [*islice(left, self.target.at_once.heads)]:
                sizes = [*pool.map(self._size, batch)]
                there = [(name, size) for name, size in zip(batch, sizes, strict=True) if size is not None]
                if not there:
                    break
                found += there
        return found

    def _size(self, name: str) -> int | None:
        try:
            return self.target.size(name)
        except NoAnswer:
            raise
        except NoTarget:
            return None


def _as_it_stands(at: _At) -> Layout:
    at.watch.note("another run is using the catalog; what it has not finished is not shown")
    listing.compare(at.home.catalog, at.row, ())
    return at.layout(at.known)


def _refreshed(at: _At) -> tuple[Layout, Ingested, RebuildReport | None]:
    """Bring the catalog up to the target, in one transaction."""
    asked = at.asked
    with transaction(at.home.catalog):
        if asked.rebuild or (asked.new_target and at.known is not None):
            recording.drop_target(at.home.catalog, at.row)
        _forget_refusals(at)
        comparison = at.compared()
        layout = at.layout(None if asked.new_target else at.known)
        return layout, *_refresh(at, layout, comparison)


def _row(home: Home, url: str) -> int:
    row = home.catalog.execute("SELECT id FROM targets WHERE url = ?", [url]).fetchone()
    if row is None:
        home.lock(home.lock_wait)
        return recording.target_id(home.catalog, url)
    return int(row[0])


def _forget_refusals(at: _At) -> None:
    # What was not believed may be now: another account, other options, or it was still being copied, at its full size.
    at.home.catalog.execute(
        "DELETE FROM others WHERE target = ? AND (reason IN ('untrusted', 'forged', 'damaged', 'withheld', 'archived')"
        " OR detail = ? OR reason = 'foreign' AND ?"
        " OR reason = 'no sector' AND (locator GLOB ? OR locator GLOB '*.atbak*'))",
        [at.row, at.account.public.account_id if at.account else "", at.asked.again, f"*{SECTOR_SUFFIX}"],
    )


def _refresh(at: _At, layout: Layout, comparison: listing.Comparison) -> tuple[Ingested, RebuildReport | None]:
    connection, row, url = at.home.catalog, at.row, known_as(at.target.url)
    begun = time.monotonic()
    reads, read_bytes = at.target.counts.reads, at.target.counts.read_bytes
    empty = comparison.known == 0 and not comparison.adopted
    comparison = _adopted(at, comparison)
    if _another_disk(connection, row, comparison) and at.there:
        at.watch.note(f"another disk stands at {url}; its catalog is made anew")
        with transaction(at.home.state):
            state_db.set_away(at.home.state, known_as(at.target.identity))
        recording.drop_target(connection, row)
        comparison = at.compared()
        empty = True
    comparison = _with_copies(at, comparison)
    layout.settle(connection, row, comparison)
    announce = f"no catalog of {url} here; rebuilding it from the target" if empty and not at.asked.rebuild else ""
    ingested = Ingested()
    if comparison.new:
        ingested = layout.ingest(connection, row, comparison.new, at.watch, announce=announce)
    if ingested.late:
        at.watch.note(f"a sector at {url} has more of an earlier check point; its catalog is made anew")
        recording.drop_target(connection, row)
        comparison = at.compared()
        layout.settle(connection, row, comparison)
        ingested = layout.ingest(connection, row, comparison.new, at.watch)
    _take_late(at, layout, ingested)
    _flag_findings(at.home, known_as(at.target.identity), row)
    if not (empty and ingested.sectors):
        return ingested, None
    return ingested, RebuildReport(
        sectors=ingested.sectors,
        checkpoints=ingested.applied,
        reads=at.target.counts.reads - reads,
        read_bytes=at.target.counts.read_bytes - read_bytes,
        rejected=ingested.rejected,
        exit_code=22 if ingested.untrusted else 21 if ingested.damaged else 0,
        elapsed=time.monotonic() - begun,
        unit=layout.unit,
    )


def _take_late(at: _At, layout: Layout, ingested: Ingested) -> None:
    """Sectors that a check point names and the listing lacks, by the names that they were stored under."""
    connection, row, told = at.home.catalog, at.row, set[bytes]()
    if layout.name != SectorsLayout.name or not places.troubled(connection, row):
        return
    while names := {line.sector for line in damage.missing_lines(connection, row) if not line.known} - told:
        told |= names
        if (comparison := at.with_late(at.asked_for(map(object_name, names)))) is None:
            return
        ingested.add(layout.ingest(connection, row, comparison.new, at.watch))


def _adopted(at: _At, comparison: listing.Comparison) -> listing.Comparison:
    """A run was cut off after a put: what it has put is read like another's. Its entries are forgotten already."""
    struck = applying.strike_open(at.home.catalog, at.row)
    again = [*comparison.adopted, *(listing.holding(at.home.catalog, at.row, struck) if struck else ())]
    if not again:
        return comparison
    listing.strike(at.home.catalog, (row.id for row in again))
    return at.compared()


def _another_disk(connection: sqlite3.Connection, row: int, comparison: listing.Comparison) -> bool:
    """Whether nothing that is known is there, but other objects, under other names: one that was cut keeps its name."""
    if not comparison.known or comparison.present or not comparison.new:
        return False
    return not listing.cut_short(connection, row)


def _with_copies(at: _At, comparison: listing.Comparison) -> listing.Comparison:
    """A copy of what is missing, passed over until now, may serve in its place."""
    if not comparison.missing:
        return comparison
    at.home.catalog.execute("DELETE FROM others WHERE target = ? AND reason = 'duplicate'", [at.row])
    return at.compared()


def _flag_findings(home: Home, url: str, row: int) -> None:
    for sector, found in state_db.findings(home.state, url).items():
        if any(position < 0 for position, _ in found):
            home.catalog.execute(
                "UPDATE sectors SET state = 'damaged' WHERE target = ? AND uuid = ? AND state = 'stored'",
                [row, sector],
            )
        packs = [(position, chunk) for position, chunk in found if position >= 0]
        whole = [position for position, chunk in packs if chunk == state_db.WHOLE_PACK]
        doubtful = [position for position, chunk in packs if chunk == state_db.YET_CHUNKS]
        places.mark_damaged(home.catalog, row, sector, whole)
        places.mark_damaged(home.catalog, row, sector, doubtful, how=3)
        known = home.catalog.execute("SELECT id FROM sectors WHERE target = ? AND uuid = ?", [row, sector]).fetchone()
        if known is not None:
            places.mark_chunks(home.catalog, known[0], [(at, chunk) for at, chunk in packs if chunk >= 0])


def remember(home: Home, attached: Attached, *, encrypted: bool, signed: bool) -> None:
    """Write down what is at the target now, and the heads of its sources."""
    count = home.catalog.execute(
        "SELECT count(*) FROM sectors WHERE target = ? AND state = 'stored'", [attached.row]
    ).fetchone()[0]
    account = attached.public.account_id if attached.public else ""
    with transaction(home.state):
        state_db.remember(
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
                state_db.set_head(home.state, attached.url, source, head)


def made_with(home: Home, attached: Attached) -> tuple[bool, bool]:
    """Whether the target was made encrypted and signed: as remembered, else as all that is there is."""
    known = attached.remembered
    if known is not None:
        return known.encrypted, known.signed
    encrypted, signed = home.catalog.execute(
        "SELECT min(encrypted), min(signed) FROM sectors WHERE target = ? AND state = 'stored'", [attached.row]
    ).fetchone()
    return bool(encrypted), bool(signed)
