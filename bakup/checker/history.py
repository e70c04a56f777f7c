"""What is wrong with the history at a target: gaps, a state that went back, forks."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from bakup.api.reports import Fork, SectorProblem
from bakup.archive.archive import Attached
from bakup.archive.guard import forks_at, rolled_back
from bakup.archive.home import Home
from bakup.catalog import history, lineage
from bakup.checker.problems import checkpoint_gone
from bakup.checker.scope import Scope


class HistoryVerdict(Struct, frozen=True):
    """`severe`: what the latest check points stand on is not what it was; `gaps` behind that are damage like other."""

    severe: tuple[str, ...]
    gaps: tuple[SectorProblem, ...]
    forks: tuple[Fork, ...]


def verdict_on_history(
    home: Home, attached: Attached, scope: Scope, checkpoints: Sequence[history.CheckpointRow]
) -> HistoryVerdict:
    """Of the check points that `scope` is about."""
    standing = {
        row.uuid: row
        for head in scope.checkpoints
        if head.uuid in scope.heads
        for row in history.chain_of(checkpoints, head)
    }
    sources = None if scope.every else {source.id for source in scope.sources}
    severe = list(rolled_back(home, attached, sources)) if scope.newest else []
    by_uuid = {row.uuid: row for row in checkpoints}
    gaps: list[SectorProblem] = []
    for one in lineage.breaks(home.catalog, attached.row):
        if one.checkpoint not in scope.told_by:
            continue
        row = standing.get(one.checkpoint)
        if row is not None and (row.based_on is not None or row.previous is None or not one.missing):
            severe.append(one.message)
        elif not scope.one_each and not _stands_on_it(by_uuid[one.checkpoint], one):
            previous = by_uuid[one.checkpoint].previous
            gaps.append(checkpoint_gone(one.checkpoint, one.message, previous.uuid if previous else one.checkpoint))
    forks = [fork for fork in forks_at(home.catalog, attached.row) if any(one in scope.told_by for one in fork.rivals)]
    return HistoryVerdict(tuple(severe), tuple(gaps), tuple(forks))


def _stands_on_it(row: history.CheckpointRow, one: lineage.Break) -> bool:
    """Whether the check point that is missing before `row` is its base, whose loss is told as such."""
    return one.missing and row.previous is not None and row.based_on == row.previous.uuid
