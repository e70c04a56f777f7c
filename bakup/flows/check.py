"""check: signatures, metadata, references; with `read_data` every byte. Says what is wrong, lost, and not."""

from __future__ import annotations

import os
import socket
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from bakup.catalog import damage, history, listing, places
from bakup.catalog.damage import LostVersion
from bakup.catalog.database import transaction
from bakup.flows import remembered
from bakup.flows.ask import Ask
from bakup.flows.attach import Attached, attach, made_with, rolled_back
from bakup.flows.home import Home
from bakup.flows.layouts import Held, Seen
from bakup.flows.reports import CheckReport, Count, Lost, PathLine, SectorProblem, TargetOptions
from bakup.flows.restore import history_gap
from bakup.flows.watch import Progress, Watch


def check(home: Home, dst: str, *, read_data: bool, target: TargetOptions, watch: Watch, ask: Ask) -> CheckReport:
    """Verify all sectors at `dst` and all that check points refer to. What is found is remembered for the next sync."""
    begun = time.monotonic()
    home.lock(home.lock_wait)
    with attach(home, dst, target, watch, ask) as attached:
        rows = [row for row in listing.sectors(home.catalog, attached.row) if row.state in ("stored", "damaged")]
        if read_data:
            _index_chunks(home.catalog, attached.row)
        seen = list(_read_all(home, attached, rows, read_data, watch))
        _remember(home, attached, seen, read_data)
        report = _report(home, attached, rows, seen, read_data, begun)
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
    rows: Sequence[listing.SectorRow],
    seen: Sequence[Seen],
    read_data: bool,
    begun: float,
) -> CheckReport:
    connection = home.catalog
    sources = history.sources(connection, attached.row)
    lost = list(damage.lost_versions(connection, attached.row)) if places.troubled(connection, attached.row) else []
    missing = damage.missing_lines(connection, attached.row)
    problems = _problems(home, attached, seen, lost, missing)
    checkpoints = history.checkpoints(connection, attached.row)
    suffering = _suffering(checkpoints, lost, missing)
    heads = {row.uuid for source in sources if (row := history.head(connection, source.id)) is not None}
    only_older = not any(row.uuid in heads for row in suffering) and not damage.refused(connection, attached.row)
    chain = _chain_problems(home, attached, sources, checkpoints, problems)
    gone = {line.sector for line in missing} - {one.row.uuid for one in seen}
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
        checkpoints=len(checkpoints),
        sources=len(sources),
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
        exit_code=_exit_code(problems, only_older, chain),
        elapsed=time.monotonic() - begun,
        unit=attached.layout.unit,
        removed=tuple(PathLine("-", path, size) for _, path, size in attached.layout.removed(connection, attached.row)),
        caveat=attached.layout.caveat(encrypted=made_with(home, attached)[0]),
    )


def _chain_problems(
    home: Home,
    attached: Attached,
    sources: Sequence[history.SourceRow],
    checkpoints: Sequence[history.CheckpointRow],
    problems: list[SectorProblem],
) -> tuple[str, ...]:
    """What is wrong with the history that the latest check points stand on; gaps behind that are damage like other."""
    standing = {
        row.uuid: row
        for source in sources
        if (head := history.head(home.catalog, source.id)) is not None
        for row in history.chain_of(checkpoints, head)
    }
    severe = list(rolled_back(home, attached.url, attached.row))
    for uuid, message in damage.chain_problems(home.catalog, attached.row):
        row = standing.get(uuid)
        if row is None or (row.based_on is None and row.previous is not None and "missing" in message):
            problems.append(SectorProblem(None, "", "missing", message))
        else:
            severe.append(message)
    return tuple(severe)


def _exit_code(problems: Sequence[SectorProblem], only_older: bool, chain: Sequence[str]) -> int:
    if chain:
        return 23
    if any(problem.state == "untrusted" for problem in problems):
        return 22
    if problems:
        return 20 if only_older else 21
    return 0


def _suffering(
    checkpoints: Sequence[history.CheckpointRow],
    lost: Sequence[LostVersion],
    missing: Sequence[damage.MissingLine],
) -> list[history.CheckpointRow]:
    """Check points that miss a file, or entries whose names are gone with a sector."""
    blind = {line.checkpoint for line in missing if not line.known and line.entries}
    gap = history_gap({row.uuid for row in checkpoints})
    blind |= {row.uuid for row in checkpoints if gap(row) is not None}
    return [
        row
        for row in checkpoints
        if (blind and any(one.uuid in blind for one in history.chain_of(checkpoints, row)))
        or any(
            version.source == row.source
            and version.first <= row.ordinal
            and (version.last is None or version.last >= row.ordinal)
            for version in lost
        )
    ]


def _problems(
    home: Home,
    attached: Attached,
    seen: Sequence[Seen],
    lost: Sequence[LostVersion],
    missing: Sequence[damage.MissingLine],
) -> list[SectorProblem]:
    blamed = damage.blamed(home.catalog, attached.row) if lost else {}
    suffers: dict[bytes, dict[bytes, LostVersion]] = {}
    for version in lost:
        for chunk in version.chunks:
            for uuid in blamed.get(chunk, ()):
                suffers.setdefault(uuid, {})[version.path] = version
    problems = []
    bad = {one.row.uuid: one for one in seen if one.reason is not None or one.damage}
    for uuid, one in bad.items():
        state = "untrusted" if one.untrusted else "damaged"
        where = f"is damaged at {min(one.damage):,}" if one.reason is None else _reason(one.reason)
        problems.append(_problem(home, uuid, one.row.locator, state, where, suffers.get(uuid, {}), None))
    for line in missing:
        if line.sector in bad or any(problem.uuid == line.sector for problem in problems):
            continue
        span = None if line.known else (line.entries, line.first_path, line.last_path)
        problems.append(
            _problem(home, line.sector, "", "missing", "is missing", suffers.get(line.sector, {}), span, line.size)
        )
    for uuid, locator, position in home.catalog.execute(
        "SELECT s.uuid, s.locator, min(p.position) FROM sectors s JOIN packs p ON p.sector = s.id"
        " WHERE s.target = ? AND p.damaged AND s.state <> 'missing' GROUP BY s.id",
        [attached.row],
    ):
        if uuid not in bad:
            where = f"is damaged at {position:,}, as found before"
            problems.append(_problem(home, uuid, locator, "damaged", where, suffers.get(uuid, {}), None))
    rows = history.checkpoints(home.catalog, attached.row)
    for gap in map(history_gap({row.uuid for row in rows}), rows):
        if gap is not None:
            problems.append(SectorProblem(None, "", "missing", gap))
    for locator, reason, detail in home.catalog.execute(
        "SELECT locator, reason, detail FROM others WHERE target = ? AND reason IN ('untrusted', 'damaged')",
        [attached.row],
    ):
        problems.append(SectorProblem(None, locator, reason, detail))
    return problems


def _problem(
    home: Home,
    uuid: bytes,
    name: str,
    state: str,
    reason: str,
    suffering: dict[bytes, LostVersion],
    span: tuple[int, bytes, bytes] | None,
    size: int = 0,
) -> SectorProblem:
    files = tuple(Lost(path, version.size, version.available) for path, version in sorted(suffering.items()))
    return SectorProblem(
        uuid,
        name,
        state,  # type: ignore[arg-type]
        reason,
        files,
        span,
        _unchanged(home, suffering.values()),
        size,
    )


def _unchanged(home: Home, versions: Iterable[LostVersion]) -> tuple[tuple[str, int], ...]:
    """Folders here that still have lost files as they were backed up, and how many."""
    counts: dict[str, int] = {}
    folders = {
        source: os.fsdecode(location)
        for source, location in home.catalog.execute(
            "SELECT id, location FROM sources WHERE host = ?", [socket.gethostname()]
        )
    }
    for version in versions:
        folder = folders.get(version.source)
        if folder is None or version.last is not None:
            continue
        try:
            stat = os.lstat(os.path.join(os.fsencode(folder), version.path))
        except (OSError, ValueError):
            continue
        if stat.st_size == version.size and stat.st_mtime_ns == version.mtime_ns:
            counts[folder] = counts.get(folder, 0) + 1
    return tuple(counts.items())


def _reason(message: str) -> str:
    """What a message says behind the sector's name."""
    _, found, rest = message.partition(" is damaged")
    return f"is damaged{rest}" if found else message
