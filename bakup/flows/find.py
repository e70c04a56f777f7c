"""find and history: versions of paths in all check points."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from bakup.api.ask import Ask
from bakup.api.listings import CheckpointTime, FindOptions, FindReport, FoundIn, FoundVersion, HistoryReport
from bakup.api.reports import TargetOptions
from bakup.api.watch import Watch
from bakup.archive.home import Home
from bakup.archive.opening import attach
from bakup.archive.select import ID, LATEST, choose_checkpoint, choose_source, inner_path
from bakup.archive.unknown import unknown
from bakup.archive.when import span_of
from bakup.catalog import history as chain
from bakup.catalog import incomplete, search
from bakup.catalog.history import CheckpointRow, SourceRow
from bakup.catalog.rows import Version
from bakup.catalog.search import Span, Timeline, Wanted
from bakup.errors import Failed, Usage


class _Search(Struct, frozen=True):
    """One source to look through; `at`: only what stood at this check point; `looked`: those whose entries count."""

    source: SourceRow
    timeline: Timeline
    wanted: Wanted
    at: CheckpointRow | None
    looked: Sequence[CheckpointRow]

    @property
    def newest(self) -> bool:
        """Whether the newest state is looked at."""
        return self.at is None or self.at == self.timeline.rows[-1]


def find(home: Home, dst: str, options: FindOptions, *, watch: Watch, ask: Ask) -> FindReport:
    """Versions that fit `options`, in all check points or at one, of all sources or of one.

    Raises Usage for times that are none and globs that no source can have, Failed for a check point that is not there.
    """
    with attach(home, dst, options.target, watch, ask) as attached:
        connection = home.catalog
        searches = _searches(connection, attached.row, dst, options)
        looked = [row for one in searches for row in one.looked]
        lost = unknown(
            home,
            attached,
            looked,
            every=options.at is None,
            newest=any(one.newest for one in searches),
            sources=None if options.source is None else {one.source.id for one in searches},
        )
        return FindReport((_found_in(connection, one) for one in searches), lost)


def history(
    home: Home,
    dst: str,
    path: bytes,
    *,
    source: str | None,
    at: str | None,
    target: TargetOptions,
    watch: Watch,
    ask: Ask,
) -> HistoryReport:
    """Every version of `path`, oldest first; with `at` the one that stood at that check point. May be none."""
    with attach(home, dst, target, watch, ask) as attached:
        connection = home.catalog
        chosen = choose_source(connection, attached.row, source, dst, at or "")
        inner = inner_path(chosen, path)
        one = _search(connection, attached.row, chosen, Wanted(), at)
        found = tuple(_found(one, search.versions_of(connection, chosen.id, inner)))
        lost = unknown(home, attached, one.looked, every=at is None, newest=one.newest, sources={chosen.id})
        return HistoryReport(chosen.label, inner, found, lost)


def _searches(connection: sqlite3.Connection, target: int, dst: str, options: FindOptions) -> list[_Search]:
    if _one(connection, target, options):
        chosen = choose_source(connection, target, options.source, dst, options.at or "")
        return [_search(connection, target, chosen, _wanted(connection, target, chosen, options), options.at)]
    return _of_each(connection, target, chain.sources(connection, target), options)


def _one(connection: sqlite3.Connection, target: int, options: FindOptions) -> bool:
    """Whether one source is looked through; a check point without its END is one of its own."""
    if options.source is not None or len(chain.sources(connection, target)) <= 1:
        return True
    at = options.at or ""
    return bool(ID.fullmatch(at)) and any(row.uuid.hex().startswith(at) for row in incomplete.found(connection, target))


def _of_each(
    connection: sqlite3.Connection, target: int, sources: Sequence[SourceRow], options: FindOptions
) -> list[_Search]:
    """Of several sources those that can have what is looked for; what none of them can have is a mistake."""
    found, refused = [], []
    for source in sources:
        try:
            wanted = _wanted(connection, target, source, options)
            found.append(_search(connection, target, source, wanted, options.at))
        except (Usage, Failed) as error:
            refused.append(error)
    if not found:
        raise refused[0]
    return found


def _search(connection: sqlite3.Connection, target: int, source: SourceRow, wanted: Wanted, at: str | None) -> _Search:
    row = None if at is None else choose_checkpoint(connection, target, source, at)
    apart = row is not None and row.incomplete
    timeline = Timeline([row] if row is not None and apart else chain.checkpoints(connection, target, source.id))
    every = chain.checkpoints(connection, target, source.id, hidden=True)
    looked = chain.chain_of(every, *(timeline.rows if row is None else (row,)))
    return _Search(source, timeline, wanted, row, looked)


def _wanted(connection: sqlite3.Connection, target: int, source: SourceRow, options: FindOptions) -> Wanted:
    globs = [_inner_glob(source, glob) for glob in options.globs]
    newer, older = options.newer_than, options.older_than
    return Wanted(
        match=search.matcher(globs) if all(globs) else None,
        larger_than=options.larger_than,
        smaller_than=options.smaller_than,
        newer_than_ns=None if newer is None else _moment(connection, target, source, newer)[1],
        older_than_ns=None if older is None else _moment(connection, target, source, older)[0],
    )


def _inner_glob(source: SourceRow, glob: bytes) -> bytes:
    inner = inner_path(source, glob)
    # One that was absolute means this path only, not its last name anywhere.
    return b"/" + inner if inner and glob.startswith(b"/") else inner


def _moment(connection: sqlite3.Connection, target: int, source: SourceRow, when: str) -> tuple[int, int]:
    wanted = when.strip().lower()
    if LATEST.fullmatch(wanted) or (ID.fullmatch(wanted.replace("-", "")) and wanted.count("-") != 2):
        moment = choose_checkpoint(connection, target, source, when).time_ns
        return moment, moment
    return span_of(when)


def _found_in(connection: sqlite3.Connection, one: _Search) -> FoundIn:
    return FoundIn(one.source.label, _found(one, search.versions(connection, one.source.id, one.wanted)))


def _found(one: _Search, versions: Iterable[Version]) -> Iterator[FoundVersion]:
    rows = one.timeline.rows
    at = None if one.at is None else [row.uuid for row in rows].index(one.at.uuid)
    for span in search.spans(versions, one.timeline):
        if at is None or at in span.positions:
            yield _version(rows, span)


def _version(rows: Sequence[CheckpointRow], span: Span) -> FoundVersion:
    first, last = rows[span.positions[0]], rows[span.positions[-1]]
    version = span.version
    return FoundVersion(
        version.path,
        version.entry(()),
        version.size,
        version.attributes.mtime_ns,
        CheckpointTime(first.uuid, first.time_ns),
        CheckpointTime(last.uuid, last.time_ns),
        last is rows[-1],
    )
