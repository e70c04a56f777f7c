"""What is wrong at a target, a sector each, with the files that suffer."""

from __future__ import annotations

import os
import socket
from collections.abc import Container, Iterable, Mapping, Sequence

from bakup.catalog import damage, history, listing
from bakup.catalog.damage import LostVersion
from bakup.flows.attach import Attached
from bakup.flows.check_scope import Scope
from bakup.flows.home import Home
from bakup.flows.layouts import Seen
from bakup.flows.reports import Lost, SectorProblem
from bakup.flows.restore import history_gap


def problems_of(
    home: Home,
    attached: Attached,
    scope: Scope,
    seen: Sequence[Seen],
    lost: Sequence[LostVersion],
    missing: Sequence[damage.MissingLine],
) -> list[SectorProblem]:
    """Damaged and missing sectors that matter to `scope`, and what is not known of it."""
    blamed = damage.blamed(home.catalog, attached.row) if lost else {}
    suffers: dict[bytes, dict[bytes, LostVersion]] = {}
    for version in lost:
        for chunk in version.chunks:
            for uuid in blamed.get(chunk, ()):
                suffers.setdefault(uuid, {})[version.path] = version
    problems = []
    bad = {one.row.uuid: one for one in seen if one.reason is not None or one.damage}
    for uuid, one in bad.items():
        where = f"is damaged at {min(one.damage):,}" if one.reason is None else _reason(one.reason)
        problems.append(_problem(home, uuid, one.row.locator, one.state, where, suffers.get(uuid, {}), None))
    for line in missing:
        if line.sector in bad or any(problem.uuid == line.sector for problem in problems):
            continue
        span = None if line.known else (line.entries, line.first_path, line.last_path)
        problems.append(
            _problem(home, line.sector, "", line.state, line.reason, suffers.get(line.sector, {}), span, line.size)
        )
    for row, uuid, locator, position in home.catalog.execute(
        "SELECT s.id, s.uuid, s.locator, min(p.position) FROM sectors s JOIN packs p ON p.sector = s.id"
        " WHERE s.target = ? AND p.damaged AND s.state <> 'missing' GROUP BY s.id",
        [attached.row],
    ):
        if uuid not in bad and scope.needs(row):
            where = f"is damaged at {position:,}, as found before"
            problems.append(_problem(home, uuid, locator, "damaged", where, suffers.get(uuid, {}), None))
    problems += _of_no_line(home, attached, suffers, {problem.uuid for problem in problems})
    if not any(problem.range for problem in problems):
        problems += _unlisted(lost, problems)
    rows = history.checkpoints(home.catalog, attached.row)
    gap_of = history_gap({row.uuid for row in rows})
    for row in rows:
        if row.uuid in scope.told_by and (gap := gap_of(row)) is not None:
            problems.append(SectorProblem(None, "", "missing", gap))
    if not scope.newest and not lost:
        return problems
    # What was not believed may have held more of the newest state, or what is lost.
    for locator, reason, detail in home.catalog.execute(
        "SELECT locator, reason, detail FROM others WHERE target = ? AND reason IN ('untrusted', 'damaged')",
        [attached.row],
    ):
        problems.append(SectorProblem(None, locator, reason, detail))
    return problems


def _of_no_line(
    home: Home, attached: Attached, suffers: Mapping[bytes, dict[bytes, LostVersion]], told: Container[bytes | None]
) -> list[SectorProblem]:
    """Missing sectors that no END lists, of a run that never came to its end, and that later ones stood on."""
    return [
        _problem(home, row.uuid, "", "missing", "is missing", suffers[row.uuid], None, row.size)
        for row in (listing.sectors(home.catalog, attached.row) if suffers else ())
        if row.state == "missing" and row.uuid in suffers and row.uuid not in told
    ]


def _unlisted(lost: Sequence[LostVersion], problems: Sequence[SectorProblem]) -> list[SectorProblem]:
    """Files whose bytes stood in sectors of other check points, which are gone too: none is left to name them."""
    named = {file.path for problem in problems for file in problem.lost}
    rest = {version.path: version for version in lost if version.path not in named}
    if not rest:
        return []
    what = "a file needs" if len(rest) == 1 else f"{len(rest):,} files need"
    files = tuple(Lost(path, version.size, version.available) for path, version in sorted(rest.items()))
    reason = f"{what} sectors that are not there, and no check point is left that lists them"
    return [SectorProblem(None, "", "missing", reason, files)]


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
