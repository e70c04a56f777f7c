"""stats: sizes by source, what sectors hold, what dedup and compression saved."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence

from msgspec import Struct, field

from bakup.api.ask import Ask
from bakup.api.listings import LastCheck, SourceTotals, StatsReport, VersionTotals
from bakup.api.reports import TargetOptions
from bakup.api.watch import Watch
from bakup.archive.archive import Attached
from bakup.archive.home import Home
from bakup.archive.opening import attach
from bakup.archive.select import choose_checkpoint, choose_source
from bakup.catalog import damage, history, live, totals
from bakup.catalog.history import SourceRow
from bakup.errors import Failed


class _Sectors(Struct):
    """What is at the target of the sources that were asked for; sizes in bytes."""

    count: int = 0
    smallest: int = 0
    largest: int = 0
    bytes: int = 0
    packed: int = 0
    raw: int = 0
    stored: Counter[int] = field(default_factory=Counter)


def stats(
    home: Home, dst: str, *, source: str | None, at: str | None, target: TargetOptions, watch: Watch, ask: Ask
) -> StatsReport:
    """Totals of all sources at `dst` or of one; with `at` of one check point a source, then without its versions.

    `stored` of a source is its part of all sectors, with `at` what that check point added.
    Raises Failed when there is no complete check point, Usage for an unclear choice.
    """
    with attach(home, dst, target, watch, ask) as attached:
        connection = home.catalog
        chosen = _chosen(connection, attached, source, dst)
        only = {row.id for row in chosen} if source is not None else None
        sectors = _sectors(connection, attached.row, only)
        unneeded = _unneeded(connection, attached.row, chosen, source)
        missing = {
            line.sector
            for line in damage.missing_lines(connection, attached.row)
            if only is None or line.source in only
        }
        return StatsReport(
            _rows(connection, attached, chosen, sectors, at),
            sectors.count,
            len(missing),
            sectors.smallest,
            sectors.largest,
            sectors.bytes,
            _last_check(home.state, attached.url),
            None if at is not None else _versions(connection, chosen, sectors, unneeded),
            attached.rebuilt,
            attached.layout.unit,
            unneeded.packs,
        )


def _chosen(connection: sqlite3.Connection, attached: Attached, source: str | None, dst: str) -> Sequence[SourceRow]:
    found = history.sources(connection, attached.row)
    if source is None and found:
        return found
    return [choose_source(connection, attached.row, source, dst)]


def _sectors(connection: sqlite3.Connection, target: int, only: set[int] | None) -> _Sectors:
    found = _Sectors()
    for size, parts in totals.held(connection, target):
        held = [part for part in parts if only is None or part.source in only]
        if not held:
            continue
        found.count += 1
        found.smallest = size if found.count == 1 else min(found.smallest, size)
        found.largest = max(found.largest, size)
        found.bytes += size
        for part in held:
            found.packed += part.packed
            found.raw += part.raw
            if part.source is not None:
                found.stored[part.source] += part.stored
    return found


def _rows(
    connection: sqlite3.Connection, attached: Attached, sources: Sequence[SourceRow], sectors: _Sectors, at: str | None
) -> tuple[SourceTotals, ...]:
    if at is None:
        return tuple(_row(connection, attached.row, source, sectors) for source in sources)
    found, refused = [], []
    for source in sources:
        try:
            line = choose_checkpoint(connection, attached.row, source, at)
            found.append(SourceTotals(source.label, 1, line.files or 0, line.size or 0, line.stored))
        except Failed as error:
            refused.append(error)
    if not found:
        raise refused[0]
    return tuple(found)


def _row(connection: sqlite3.Connection, target: int, source: SourceRow, sectors: _Sectors) -> SourceTotals:
    rows = history.checkpoints(connection, target, source.id)
    latest = rows[-1]
    return SourceTotals(source.label, len(rows), latest.files or 0, latest.size or 0, sectors.stored[source.id])


def _unneeded(
    connection: sqlite3.Connection, target: int, sources: Sequence[SourceRow], asked: str | None
) -> live.Unneeded:
    """What only dropped check points need, of all sources or of the one that was asked for."""
    if not live.any_forgotten(connection, target):
        return live.Unneeded()
    return live.unneeded(connection, target, source=None if asked is None else sources[0].id)


def _versions(
    connection: sqlite3.Connection, sources: Sequence[SourceRow], sectors: _Sectors, unneeded: live.Unneeded
) -> VersionTotals:
    each = [totals.file_versions(connection, source.id) for source in sources]
    return VersionTotals(
        sum(one.versions for one in each),
        sum(one.paths for one in each),
        sum(one.bytes for one in each),
        sectors.raw - unneeded.raw,
        sectors.packed - unneeded.stored,
    )


def _last_check(state: sqlite3.Connection, url: str) -> LastCheck | None:
    row = state.execute(
        "SELECT time_ns, exit_code, read_data FROM checks WHERE url = ? ORDER BY id DESC LIMIT 1", [url]
    ).fetchone()
    return None if row is None else LastCheck(row[0], row[1], bool(row[2]))
