"""What is wrong at a target, a sector each, with the files that suffer."""

from __future__ import annotations

import os
import socket
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Literal

from msgspec.structs import replace

from bakup.api.reports import Lost, SectorProblem
from bakup.archive.archive import Attached
from bakup.archive.gaps import history_gap
from bakup.archive.home import Home
from bakup.archive.select import is_lacking
from bakup.catalog import damage, history, incomplete, listing
from bakup.catalog.damage import LostVersion
from bakup.catalog.history import CheckpointRow, SourceRow
from bakup.catalog.refused import Refused
from bakup.checker.accepted import checkpoint_lost, file_lost, sector_lost
from bakup.checker.scope import Scope
from bakup.layouts.interface import WITHHELD, Seen


def problems_of(
    home: Home,
    attached: Attached,
    scope: Scope,
    seen: Sequence[Seen],
    lost: Sequence[LostVersion],
    missing: Sequence[damage.MissingLine],
    aside: Sequence[Refused],
) -> list[SectorProblem]:
    """Damaged and missing sectors that matter to `scope`, and what is not known of it.

    `aside`: objects that are not believed.
    """
    naming = _Naming(home, attached, lost)
    problems = [_seen_problem(naming, one) for one in seen if one.reason is not None or one.damage]
    told = {problem.uuid for problem in problems}
    instead = {one.sector: one for one in aside if one.serves == "lost"}
    for line in missing:
        if line.sector not in told:
            told.add(line.sector)
            span = None if line.known else (line.entries, line.first_path, line.last_path)
            if line.state in WITHHELD:
                problems.append(naming.sector(line.sector, "", line.state, line.reason, set(), span, line.size))
            else:
                problems.append(naming.gone(line.sector, line.size, span, instead.get(line.sector)))
    problems += _found_before(home, attached, scope, naming, told)
    problems += _of_no_line(home, attached, naming, instead, {problem.uuid for problem in problems})
    if not any(problem.range for problem in problems):
        problems += _unlisted(naming, lost, problems)
    rows = history.checkpoints(home.catalog, attached.row, hidden=True)
    gap_of = history_gap(history.based(home.catalog, attached.row))
    for row in rows:
        if row.uuid in scope.told_by and (gap := gap_of(row)) is not None:
            gone = row.uuid if row.entries_lost or row.based_on is None else row.based_on
            problems.append(checkpoint_gone(row.uuid, gap, gone))
    apart = incomplete.newest(home.catalog, attached.row) if scope.every else []
    problems += [without_end(source, row) for source, row in apart if is_lacking(source, row)]
    if not (scope.checkpoints or rows or apart) and scope.every:
        problems.append(SectorProblem(None, "", "missing", f"{attached.place} has no complete check point"))
    if not scope.newest and not lost:
        return problems
    for uuid, why in damage.unusable(home.catalog, attached.row):
        problems.append(SectorProblem(None, "", "damaged", f"check point {uuid.hex()[:8]} cannot be used: {why}"))
    # What was not believed may have held more of the newest state, or what is lost.
    told = {problem.uuid for problem in problems} - {None}
    return problems + [_of_object(one) for one in aside if not one.harmless and one.sector not in told]


def without_end(source: SourceRow, row: CheckpointRow) -> SectorProblem:
    """A check point without its END, whose source has no complete one."""
    return SectorProblem(None, "", "missing", told_incomplete(source, row), checkpoint=row.uuid, incomplete=True)


def told_incomplete(source: SourceRow, row: CheckpointRow) -> str:
    """What is said of one."""
    files = "1 file" if row.files == 1 else f"{row.files or 0:,} files"
    return f"check point {row.uuid.hex()[:8]} of {source.label} is incomplete: {files} of it are there"


def checkpoint_gone(uuid: bytes, message: str, gone: bytes) -> SectorProblem:
    """A check point, `gone`, that is missing or not whole in the chain of the one with this uuid."""
    return SectorProblem(None, "", "missing", message, checkpoint=uuid, what=frozenset((checkpoint_lost(gone),)))


def _of_object(one: Refused) -> SectorProblem:
    state: Literal["untrusted", "damaged"] = "damaged" if one.reason == "damaged" else "untrusted"
    what = frozenset((f"object {one.locator} {one.size} {one.detail}",)) if state == "damaged" else frozenset()
    return SectorProblem(None, one.locator, state, one.detail, what=what)


class _Naming:
    """Says of each sector which files suffer, and where they still are."""

    def __init__(self, home: Home, attached: Attached, lost: Sequence[LostVersion]) -> None:
        self._home = home
        self._target = attached.row
        self._sources = {row.id: row.uuid for row in history.sources(home.catalog, attached.row)}
        self._suffers: dict[bytes, dict[bytes, LostVersion]] = {}
        blamed = damage.blamed(home.catalog, attached.row) if lost else {}
        for version in lost:
            for chunk in version.chunks:
                for uuid in blamed.get(chunk, ()):
                    self._suffers.setdefault(uuid, {})[version.path] = version

    def suffers(self, uuid: bytes) -> bool:
        """Whether a file needs this sector."""
        return uuid in self._suffers

    def files(self, versions: Iterable[LostVersion]) -> set[str]:
        """What is accepted with these files."""
        return {file_lost(self._sources.get(version.source, b""), version) for version in versions}

    def sector(
        self,
        uuid: bytes,
        name: str,
        state: str,
        reason: str,
        what: set[str],
        span: tuple[int, bytes, bytes] | None = None,
        size: int = 0,
    ) -> SectorProblem:
        """A problem with a sector."""
        suffering = self._suffers.get(uuid, {})
        files = tuple(Lost(path, version.size, version.available) for path, version in sorted(suffering.items()))
        unchanged = _unchanged(self._home, suffering.values())
        exactly = frozenset(what | self.files(suffering.values()) if what else ())
        covers = self._checkpoints(uuid) if what else frozenset()
        return SectorProblem(
            uuid,
            name,
            state,  # type: ignore[arg-type]
            reason,
            files,
            span,
            unchanged,
            size,
            what=exactly,
            covers=covers,
        )

    def _checkpoints(self, sector: bytes) -> frozenset[str]:
        rows = self._home.catalog.execute(
            "SELECT c.uuid FROM sectors s JOIN boxes b ON b.sector = s.id JOIN checkpoints c ON c.id = b.checkpoint"
            " WHERE s.target = ? AND s.uuid = ?",
            [self._target, sector],
        )
        return frozenset(checkpoint_lost(uuid) for (uuid,) in rows)

    def gone(
        self, uuid: bytes, size: int, span: tuple[int, bytes, bytes] | None, instead: Refused | None
    ) -> SectorProblem:
        """A sector that is not there; `instead`: an object that says it is this one."""
        if instead is None:
            return self.sector(uuid, "", "missing", "is missing", sector_lost(uuid, "missing"), span, size)
        if instead.unfinished:
            reason = f"is missing; an unfinished copy of it is there, {instead.locator}"
            return self.sector(uuid, "", "missing", reason, sector_lost(uuid, "missing"), span, size)
        state: Literal["damaged", "untrusted"] = "damaged" if instead.reason == "damaged" else "untrusted"
        what = sector_lost(uuid, instead.detail) if state == "damaged" else set()
        problem = self.sector(uuid, instead.locator, state, instead.detail, what, span)
        return replace(problem, covers=problem.covers | _of_object(instead).what)


def _seen_problem(naming: _Naming, one: Seen) -> SectorProblem:
    uuid, name = one.row.uuid, one.row.locator
    if one.reason is not None and one.state != "damaged":
        return naming.sector(uuid, name, one.state, _reason(one.reason), set())
    if one.reason is not None:
        return naming.sector(uuid, name, "damaged", _reason(one.reason), sector_lost(uuid, "damaged"))
    what = sector_lost(uuid, "damaged", one.packs or one.damage)
    return naming.sector(uuid, name, "damaged", f"is damaged at {min(one.damage):,}", what)


def _found_before(
    home: Home, attached: Attached, scope: Scope, naming: _Naming, told: Container[bytes | None]
) -> list[SectorProblem]:
    found: dict[tuple[int, bytes, str], list[int]] = {}
    for row, uuid, locator, position in home.catalog.execute(
        "SELECT s.id, s.uuid, s.locator, p.position FROM sectors s JOIN packs p ON p.sector = s.id"
        " WHERE s.target = ? AND p.damaged AND s.state <> 'missing' ORDER BY s.id, p.position",
        [attached.row],
    ):
        if uuid not in told and scope.needs(row):
            found.setdefault((row, uuid, locator), []).append(position)
    return [
        naming.sector(uuid, locator, "damaged", "is damaged, as found before", sector_lost(uuid, "damaged", positions))
        for (_, uuid, locator), positions in found.items()
    ]


def _of_no_line(
    home: Home,
    attached: Attached,
    naming: _Naming,
    instead: Mapping[bytes | None, Refused],
    told: Container[bytes | None],
) -> list[SectorProblem]:
    """Missing sectors that no END lists, of a run that never came to its end, and that later ones stood on."""
    return [
        naming.gone(row.uuid, row.size, None, instead.get(row.uuid))
        for row in listing.sectors(home.catalog, attached.row)
        if row.state == "missing" and naming.suffers(row.uuid) and row.uuid not in told
    ]


def _unlisted(naming: _Naming, lost: Sequence[LostVersion], problems: Sequence[SectorProblem]) -> list[SectorProblem]:
    """Files whose bytes stood in sectors of other check points, which are gone too: none is left to name them."""
    named = {file.path for problem in problems for file in problem.lost}
    rest = {version.path: version for version in lost if version.path not in named}
    if not rest:
        return []
    needs = "a file needs" if len(rest) == 1 else f"{len(rest):,} files need"
    files = tuple(Lost(path, version.size, version.available) for path, version in sorted(rest.items()))
    reason = f"{needs} sectors that are not there, and no check point is left that lists them"
    return [SectorProblem(None, "", "missing", reason, files, what=frozenset(naming.files(rest.values())))]


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
