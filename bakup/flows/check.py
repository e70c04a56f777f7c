"""check: signatures, metadata, references; with `read_data` every byte. Says what is wrong, lost, and not."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from bakup.catalog import damage, history, listing, places
from bakup.catalog.damage import LostVersion
from bakup.catalog.database import transaction
from bakup.flows import remembered
from bakup.flows.ask import Ask
from bakup.flows.attach import Attached, attach, made_with
from bakup.flows.check_problems import problems_of
from bakup.flows.check_scope import Scope, scope_of
from bakup.flows.expecting import rolled_back
from bakup.flows.home import Home
from bakup.flows.layouts import WITHHELD, Held, Seen
from bakup.flows.reports import CheckReport, Count, PathLine, SectorProblem, TargetOptions
from bakup.flows.restore import history_gap
from bakup.flows.watch import Progress, Watch


def check(
    home: Home,
    dst: str,
    *,
    read_data: bool,
    source: str | None = None,
    at: str | None = None,
    target: TargetOptions,
    watch: Watch,
    ask: Ask,
) -> CheckReport:
    """Verify all sectors at `dst` and all that check points refer to. What is found is remembered for the next sync.

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
        if read_data:
            _index_chunks(home.catalog, attached.row)
        seen = list(_read_all(home, attached, rows, read_data, watch))
        _remember(home, attached, seen, read_data)
        report = _report(home, attached, scope, rows, seen, read_data, begun)
        if scope.every:
            with transaction(home.state):
                remembered.add_check(home.state, attached.url, read_data=read_data, exit_code=report.exit_code)
        return report


def _index_chunks(connection: sqlite3.Connection, target: int) -> None:
    connection.execute("DROP TABLE IF EXISTS temp.held")
    connection.execute(
        "CREATE TEMP TABLE held AS SELECT p.sector, p.position, c.offset, c.length, c.id FROM chunks c"
        " JOIN packs p ON p.id = c.pack JOIN sectors s ON s.id = p.sector WHERE s.target = ?",
        [target],
    )
    connection.execute("CREATE INDEX temp.held_by_pack ON held (sector, position)")


def _read_all(
    home: Home, attached: Attached, rows: Sequence[listing.SectorRow], read_data: bool, watch: Watch
) -> Iterator[Seen]:
    done_bytes = 0
    total = sum(row.size for row in rows)
    many = 1 if read_data else attached.target.at_once.heads
    with ThreadPoolExecutor(many, thread_name_prefix="check") as pool:
        # Few at a time: what a sector should hold is looked up here, where the catalog is.
        for start in range(0, len(rows), many):
            batch = rows[start : start + many]
            held = [_held(home.catalog, row) if read_data else None for row in batch]
            for row, seen in zip(
                batch,
                pool.map(lambda pair: attached.layout.verify(pair[0], rows, pair[1]), zip(batch, held, strict=True)),
                strict=True,
            ):
                done_bytes += row.size
                watch.progress(
                    Progress(
                        "checking",
                        done_sectors=start + batch.index(row) + 1,
                        total_sectors=len(rows),
                        unit=attached.layout.unit,
                        done_bytes=done_bytes,
                        total_bytes=total,
                    )
                )
                yield seen


def _held(connection: sqlite3.Connection, row: listing.SectorRow) -> Held:
    held: Held = {}
    for position, offset, length, chunk in connection.execute(
        "SELECT position, offset, length, id FROM held WHERE sector = ?", [row.id]
    ):
        held.setdefault(position, []).append((offset, length, chunk))
    return held


def _remember(home: Home, attached: Attached, seen: Iterable[Seen], read_data: bool) -> None:
    with transaction(home.state), transaction(home.catalog):
        for one in seen:
            uuid = one.row.uuid
            if one.state in WITHHELD:
                continue
            if one.reason is not None:
                remembered.add_findings(home.state, attached.url, uuid, [-1], one.reason)
                home.catalog.execute("UPDATE sectors SET state = 'damaged' WHERE id = ?", [one.row.id])
                continue
            home.catalog.execute("UPDATE sectors SET state = 'stored' WHERE id = ?", [one.row.id])
            if read_data:
                remembered.clear_findings(home.state, attached.url, uuid)
                places.clear_damage(home.catalog, one.row.id)
                suffering = {*one.positions, *one.doubtful, *(position for position, _ in one.bad_chunks)}
                remembered.add_findings(home.state, attached.url, uuid, suffering, "damaged")
                places.mark_damaged(home.catalog, attached.row, uuid, one.positions)
                places.mark_damaged(home.catalog, attached.row, uuid, one.doubtful, how=3)
                places.mark_chunks(home.catalog, one.row.id, one.bad_chunks)
            else:
                home.state.execute(
                    "DELETE FROM findings WHERE url = ? AND sector = ? AND position = -1",
                    [attached.url, uuid],
                )


def _report(
    home: Home,
    attached: Attached,
    scope: Scope,
    rows: Sequence[listing.SectorRow],
    seen: Sequence[Seen],
    read_data: bool,
    begun: float,
) -> CheckReport:
    connection = home.catalog
    lost = _lost(connection, attached.row, scope)
    missing = _missing(connection, attached.row, scope, lost)
    problems = problems_of(home, attached, scope, seen, lost, missing)
    checkpoints = history.checkpoints(connection, attached.row)
    suffering = _suffering(checkpoints, scope, lost, missing)
    refused = damage.refused(connection, attached.row) if scope.newest else ()
    only_older = not any(row.uuid in scope.heads for row in suffering) and not refused
    chain = _chain_problems(home, attached, scope, checkpoints, problems)
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
        read_data=read_data,
        checkpoints=len(scope.checkpoints),
        sources=len(scope.sources),
        chunks=sum(one.chunks for one in seen),
        damaged_chunks=sum(one.damaged_chunks for one in seen),
        problems=tuple(problems),
        lost=Count(len(files), sum(version.size for version in files.values())),
        lost_from=suffering[0].uuid if suffering else None,
        lost_to=suffering[-1].uuid if suffering else None,
        only_older=bool(problems) and only_older,
        history=chain,
        foreign=others,
        rebuilt=attached.rebuilt,
        exit_code=_exit_code(problems, only_older, chain) or (3 if attached.ingested.withheld else 0),
        elapsed=time.monotonic() - begun,
        unit=attached.layout.unit,
        removed=_removed(connection, attached, scope),
        caveat=attached.layout.caveat(encrypted=made_with(home, attached)[0]),
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


def _removed(connection: sqlite3.Connection, attached: Attached, scope: Scope) -> tuple[PathLine, ...]:
    removed = attached.layout.removed(connection, attached.row)
    needed = (
        {row.locator for row in listing.sectors(connection, attached.row) if scope.needs(row.id)} if removed else ()
    )
    return tuple(PathLine("-", path, size) for locator, path, size in removed if locator in needed)


def _chain_problems(
    home: Home,
    attached: Attached,
    scope: Scope,
    checkpoints: Sequence[history.CheckpointRow],
    problems: list[SectorProblem],
) -> tuple[str, ...]:
    """What is wrong with the history that the latest check points stand on; gaps behind that are damage like other."""
    standing = {
        row.uuid: row
        for head in scope.checkpoints
        if head.uuid in scope.heads
        for row in history.chain_of(checkpoints, head)
    }
    sources = None if scope.every else {source.id for source in scope.sources}
    severe = list(rolled_back(home, attached, sources)) if scope.newest else []
    for uuid, message in damage.chain_problems(home.catalog, attached.row):
        if uuid not in scope.told_by:
            continue
        row = standing.get(uuid)
        if row is not None and (row.based_on is not None or row.previous is None or "missing" not in message):
            severe.append(message)
        elif not scope.one_each:
            problems.append(SectorProblem(None, "", "missing", message))
    return tuple(severe)


def _exit_code(problems: Sequence[SectorProblem], only_older: bool, chain: Sequence[str]) -> int:
    if chain:
        return 23
    if any(problem.state == "untrusted" for problem in problems):
        return 22
    if problems and all(problem.state in WITHHELD for problem in problems):
        return 3
    if problems:
        return 20 if only_older else 21
    return 0


def _suffering(
    checkpoints: Sequence[history.CheckpointRow],
    scope: Scope,
    lost: Sequence[LostVersion],
    missing: Sequence[damage.MissingLine],
) -> list[history.CheckpointRow]:
    """Check points that miss a file, or entries whose names are gone with a sector."""
    blind = {line.checkpoint for line in missing if not line.known and line.entries}
    gap = history_gap({row.uuid for row in checkpoints})
    blind |= {row.uuid for row in checkpoints if gap(row) is not None}
    bad = _made_on(checkpoints, blind) | _missing_files(checkpoints, lost)
    return [row for row in scope.checkpoints if row.id in bad]


def _made_on(checkpoints: Sequence[history.CheckpointRow], uuids: set[bytes]) -> set[int]:
    """Row ids of check points that are one of `uuids`, or whose state is made on one."""
    following: dict[tuple[int, bytes | None], list[history.CheckpointRow]] = defaultdict(list)
    for row in checkpoints:
        following[row.source, row.based_on].append(row)
    found: set[int] = set()
    waiting = [row for row in checkpoints if row.uuid in uuids]
    while waiting:
        row = waiting.pop()
        if row.id not in found:
            found.add(row.id)
            waiting += following[row.source, row.uuid]
    return found


def _missing_files(checkpoints: Sequence[history.CheckpointRow], lost: Sequence[LostVersion]) -> set[int]:
    """Row ids of check points in which a version of `lost` stands."""
    # How many more stand from an ordinal on.
    more: dict[int, Counter[int]] = defaultdict(Counter)
    for version in lost:
        more[version.source][version.first] += 1
        if version.last is not None:
            more[version.source][version.last + 1] -= 1
    found: set[int] = set()
    for source, steps in more.items():
        rows = [(row.ordinal, 1, row.id) for row in checkpoints if row.source == source]
        standing = 0
        for _, is_checkpoint, value in sorted([*rows, *((ordinal, 0, number) for ordinal, number in steps.items())]):
            if not is_checkpoint:
                standing += value
            elif standing:
                found.add(value)
    return found
