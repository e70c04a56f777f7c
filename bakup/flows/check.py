"""check: signatures, metadata, references; with `read_data` every byte. Says what is wrong, lost, and not."""

from __future__ import annotations

import itertools
import sqlite3
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from msgspec.structs import replace

from bakup.api.ask import Ask
from bakup.api.reports import CheckReport, Count, DataRead, PathLine, SectorProblem, TargetOptions, Turns
from bakup.api.watch import Progress, Watch
from bakup.archive.archive import Attached
from bakup.archive.home import Home
from bakup.archive.opening import attach, made_with
from bakup.archive.select import is_lacking
from bakup.archive.suffering import suffering
from bakup.catalog import damage, history, incomplete, listing, places, state_db
from bakup.catalog.damage import LostVersion
from bakup.catalog.database import transaction
from bakup.catalog.refused import refused
from bakup.checker.accepted import Split, accepting, accepting_forks, split
from bakup.checker.history import verdict_on_history
from bakup.checker.problems import problems_of, told_incomplete
from bakup.checker.scope import Scope, scope_of
from bakup.checker.turns import whose_turn
from bakup.layouts.interface import WITHHELD, Held, Seen

ALL = Turns()


def check(
    home: Home,
    dst: str,
    *,
    read_data: bool,
    turns: Turns = ALL,
    source: str | None = None,
    at: str | None = None,
    accept_loss: bool = False,
    target: TargetOptions,
    watch: Watch,
    ask: Ask,
) -> CheckReport:
    """Verify all sectors at `dst` and all that check points refer to. What is found is remembered for the next sync.

    With `read_data` every byte of those whose turn it is, by `turns`.

    With `accept_loss` what cannot come back is no problem any more, from this check on.

    With `source` only what that needs, with `at` only what one check point a source needs.
    Raises Failed when there is none such, Usage for an unclear choice, and what `attach` raises.
    """
    begun = time.monotonic()
    home.lock(home.lock_wait)
    with attach(home, dst, target, watch, ask, again=True) as attached:
        scope = scope_of(home.catalog, attached.row, dst, source, at)
        rows = [
            row
            for row in listing.sectors(home.catalog, attached.row)
            if row.state in ("stored", "damaged") and scope.needs(row.id)
        ]
        reading = _reading(home, attached, rows, turns) if read_data else frozenset[int]()
        if reading:
            _index_chunks(home.catalog, attached.row)
        seen = list(_read_all(home, attached, rows, reading, watch))
        _remember(home, attached, seen, reading)
        report = _report(home, attached, scope, rows, seen, reading, accept_loss, begun)
        if read_data:
            report = replace(report, data=_data(home, attached, rows, reading))
        if scope.every:
            with transaction(home.state):
                state_db.add_check(home.state, attached.url, read_data=report.read_data, exit_code=report.exit_code)
        return report


def _reading(home: Home, attached: Attached, rows: Sequence[listing.SectorRow], turns: Turns) -> frozenset[int]:
    return whose_turn(rows, state_db.reads(home.state, attached.url), turns, time.time_ns())


def _data(home: Home, attached: Attached, rows: Sequence[listing.SectorRow], reading: frozenset[int]) -> DataRead:
    last = state_db.reads(home.state, attached.url)
    read = [row for row in rows if row.id in reading]
    known = [last[row.uuid] for row in rows if row.uuid in last]
    return DataRead(len(read), sum(row.size for row in read), len(rows) - len(known), min(known, default=None))


def _index_chunks(connection: sqlite3.Connection, target: int) -> None:
    connection.execute("DROP TABLE IF EXISTS temp.held")
    connection.execute(
        "CREATE TEMP TABLE held AS SELECT p.sector, p.position, c.offset, c.length, c.id FROM chunks c"
        " JOIN packs p ON p.id = c.pack JOIN sectors s ON s.id = p.sector WHERE s.target = ?",
        [target],
    )
    connection.execute("CREATE INDEX temp.held_by_pack ON held (sector, position)")


def _read_all(
    home: Home, attached: Attached, rows: Sequence[listing.SectorRow], reading: frozenset[int], watch: Watch
) -> Iterator[Seen]:
    done = done_bytes = 0
    total = sum(row.size for row in rows)
    with ThreadPoolExecutor(attached.target.at_once.heads, thread_name_prefix="check") as pool:
        for batch in _batches(rows, reading, attached.target.at_once.heads):
            held = [_held(home.catalog, row) if row.id in reading else None for row in batch]
            for row, seen in zip(
                batch,
                pool.map(lambda pair: attached.layout.verify(pair[0], rows, pair[1]), zip(batch, held, strict=True)),
                strict=True,
            ):
                done += 1
                done_bytes += row.size
                watch.progress(
                    Progress(
                        "checking",
                        done_sectors=done,
                        total_sectors=len(rows),
                        unit=attached.layout.unit,
                        done_bytes=done_bytes,
                        total_bytes=total,
                    )
                )
                yield seen


def _batches(
    rows: Sequence[listing.SectorRow], reading: frozenset[int], many: int
) -> Iterator[Sequence[listing.SectorRow]]:
    """Few at a time, since what a sector should hold is looked up where the catalog is; those to be read one by one."""
    for is_read, group in itertools.groupby(rows, key=lambda row: row.id in reading):
        alike = list(group)
        step = 1 if is_read else many
        yield from (alike[start : start + step] for start in range(0, len(alike), step))


def _held(connection: sqlite3.Connection, row: listing.SectorRow) -> Held:
    held: Held = {}
    for position, offset, length, chunk in connection.execute(
        "SELECT position, offset, length, id FROM held WHERE sector = ?", [row.id]
    ):
        held.setdefault(position, []).append((offset, length, chunk))
    return held


def _remember(home: Home, attached: Attached, seen: Sequence[Seen], reading: frozenset[int]) -> None:
    state, url = home.state, attached.url
    judged = (one.row.uuid for one in seen if one.row.id in reading and one.state not in WITHHELD)
    with transaction(home.state), transaction(home.catalog):
        state_db.add_reads(state, url, judged)
        for one in seen:
            uuid = one.row.uuid
            if one.state in WITHHELD:
                continue
            if one.reason is not None:
                state_db.add_findings(state, url, uuid, [-1], one.reason)
                home.catalog.execute("UPDATE sectors SET state = 'damaged' WHERE id = ?", [one.row.id])
                continue
            home.catalog.execute("UPDATE sectors SET state = 'stored' WHERE id = ?", [one.row.id])
            if one.row.id in reading:
                state_db.clear_findings(state, url, uuid)
                places.clear_damage(home.catalog, one.row.id)
                state_db.add_findings(state, url, uuid, one.positions, "damaged")
                state_db.add_findings(state, url, uuid, one.doubtful, "damaged", chunk=state_db.YET_CHUNKS)
                state_db.add_chunk_findings(state, url, uuid, one.bad_chunks, "damaged")
                places.mark_damaged(home.catalog, attached.row, uuid, one.positions)
                places.mark_damaged(home.catalog, attached.row, uuid, one.doubtful, how=3)
                places.mark_chunks(home.catalog, one.row.id, one.bad_chunks)
            else:
                state.execute("DELETE FROM findings WHERE url = ? AND sector = ? AND position = -1", [url, uuid])


def _report(
    home: Home,
    attached: Attached,
    scope: Scope,
    rows: Sequence[listing.SectorRow],
    seen: Sequence[Seen],
    reading: frozenset[int],
    accept_loss: bool,
    begun: float,
) -> CheckReport:
    connection = home.catalog
    lost = _lost(connection, attached.row, scope)
    missing = _missing(connection, attached.row, scope, lost)
    aside = refused(connection, attached.row)
    checkpoints = history.checkpoints(connection, attached.row, hidden=True)
    chain = verdict_on_history(home, attached, scope, checkpoints)
    problems = [*problems_of(home, attached, scope, seen, lost, missing, aside), *chain.gaps]
    if accept_loss:
        with transaction(home.state):
            state_db.accept(home.state, attached.url, accepting(problems) | accepting_forks(chain.forks))
    accepted = state_db.accepted(home.state, attached.url)
    told = split(problems, accepted)
    forks = [fork for fork in chain.forks if not fork.what <= accepted.keys()]
    lost, missing = _not_accepted(told, lost, missing)
    gaps_known = {problem.checkpoint for problem in told.accepted if problem.checkpoint is not None}
    bad = suffering(checkpoints, lost, missing, history.based(connection, attached.row), gaps_known)
    suffers = [row for row in scope.checkpoints if row.id in bad]
    only_older = bool(scope.checkpoints) and not any(row.uuid in scope.heads for row in suffers)
    only_older = only_older and not any(problem.incomplete for problem in told.rest)
    if scope.newest:
        named = {problem.name for problem in told.rest}
        only_older = only_older and not any(one.doubted and one.locator in named for one in aside)
    gone = {problem.uuid for problem in problems if problem.uuid is not None} - {row.uuid for row in rows}
    files = {(version.source, version.path): version for version in lost}
    others = connection.execute(
        "SELECT count(*) FROM others WHERE target = ? AND reason = 'foreign'", [attached.row]
    ).fetchone()[0]
    return CheckReport(
        target=attached.place,
        sectors=len(rows),
        expected_sectors=len(rows) + len(gone),
        bytes=sum(row.size for row in rows),
        read_data=bool(rows) and len(reading) == len(rows),
        checkpoints=len(scope.checkpoints),
        sources=len(scope.sources),
        chunks=sum(one.chunks for one in seen),
        damaged_chunks=sum(one.damaged_chunks for one in seen),
        problems=told.rest,
        lost=Count(len(files), sum(version.size for version in files.values())),
        lost_from=suffers[0].uuid if suffers else None,
        lost_to=suffers[-1].uuid if suffers else None,
        only_older=bool(told.rest) and only_older,
        history=chain.severe,
        forks=tuple(forks),
        lost_entries=sum(line.entries for line in missing if not line.known),
        accepted=told.accepted,
        accepted_forks=tuple(fork for fork in chain.forks if fork not in forks),
        newly_accepted=accept_loss,
        copies=tuple((one.locator, one.detail) for one in aside if one.harmless),
        foreign=others,
        rebuilt=attached.rebuilt,
        exit_code=_exit_code(told.rest, only_older, (*chain.severe, *forks))
        or (3 if attached.ingested.withheld else 0),
        elapsed=time.monotonic() - begun,
        unit=attached.layout.unit,
        removed=_removed(connection, attached, scope),
        caveat=attached.layout.caveat(encrypted=made_with(home, attached)[0]),
        incomplete=tuple(
            told_incomplete(source, row)
            for source, row in (incomplete.newest(connection, attached.row) if scope.every else ())
            if not is_lacking(source, row)
        ),
        every=scope.every,
    )


def _lost(connection: sqlite3.Connection, target: int, scope: Scope) -> list[LostVersion]:
    return [version for version in damage.lost_versions(connection, target) if scope.has(version)]


def _missing(
    connection: sqlite3.Connection, target: int, scope: Scope, lost: Sequence[LostVersion]
) -> list[damage.MissingLine]:
    """Lines whose sectors are needed. What one held that nobody knows may be what is lost."""
    lines = damage.missing_lines(connection, target)
    needed = {row.uuid for row in listing.sectors(connection, target) if scope.needs(row.id)} if lines else set()
    return [
        line
        for line in lines
        if (line.sector in needed if line.known else scope.every or line.checkpoint in scope.told_by or lost)
    ]


def _not_accepted(
    told: Split, lost: Sequence[LostVersion], missing: Sequence[damage.MissingLine]
) -> tuple[list[LostVersion], list[damage.MissingLine]]:
    """What of it no accepted problem explains."""
    if not told.accepted:
        return list(lost), list(missing)
    files = {file.path for problem in told.rest for file in problem.lost}
    sectors = {problem.uuid for problem in told.accepted}
    return (
        [version for version in lost if version.path in files],
        [line for line in missing if line.sector not in sectors],
    )


def _removed(connection: sqlite3.Connection, attached: Attached, scope: Scope) -> tuple[PathLine, ...]:
    removed = attached.layout.removed(connection, attached.row)
    needed = (
        {row.locator for row in listing.sectors(connection, attached.row) if scope.needs(row.id)} if removed else ()
    )
    return tuple(PathLine("-", path, size) for locator, path, size in removed if locator in needed)


def _exit_code(problems: Sequence[SectorProblem], only_older: bool, history_told: Sequence[object]) -> int:
    if history_told:
        return 23
    if any(problem.state == "untrusted" for problem in problems):
        return 22
    if problems and all(problem.state in WITHHELD for problem in problems):
        return 3
    if problems:
        return 20 if only_older else 21
    return 0
