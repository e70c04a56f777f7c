"""What a check is about: everything at a target, or some of its check points."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from msgspec import Struct

from bakup.archive.select import choose_checkpoint, choose_source
from bakup.catalog import history
from bakup.catalog.damage import LostVersion
from bakup.catalog.history import CheckpointRow, SourceRow
from bakup.catalog.needed import sectors_needed
from bakup.errors import Failed


class Scope(Struct, frozen=True):
    """Which check points are looked at.

    Args:
        every: all that there is at the target.
        newest: the newest state of a source is looked at.
        sources: those that are looked at; `checkpoints` of them.
        heads: uuids of the check points that matter most: the latest of each source, or those that were asked for.
        told_by: those whose entries make `checkpoints`.
        ordinals: source -> ordinal of the one check point that was asked for, or None for all.
        sectors: row ids of the sectors that they need; None with `every`.
    """

    every: bool
    newest: bool
    sources: Sequence[SourceRow]
    checkpoints: Sequence[CheckpointRow]
    heads: frozenset[bytes]
    told_by: frozenset[bytes]
    ordinals: Mapping[int, int | None]
    sectors: frozenset[int] | None

    @property
    def one_each(self) -> bool:
        """Whether one check point a source was asked for: what was before it does not matter."""
        return any(at is not None for at in self.ordinals.values())

    def needs(self, sector: int) -> bool:
        """Whether a sector, by its row id, is needed."""
        return self.sectors is None or sector in self.sectors

    def has(self, version: LostVersion) -> bool:
        """Whether a version stands in one of the check points."""
        at = self.ordinals.get(version.source, -1)
        return self.every or at is None or (version.first <= at and (version.last is None or version.last >= at))


def scope_of(connection: sqlite3.Connection, target: int, place: str, source: str | None, at: str | None) -> Scope:
    """All at the target, or with `source` of that only, with `at` of one check point a source only.

    Raises Failed when there is none such, Usage for an unclear choice.
    """
    sources = history.sources(connection, target)
    if source is not None or (at is not None and not sources):
        sources = [choose_source(connection, target, source, place, at or "")]
    if at is not None:
        return _at(connection, target, _chosen(connection, target, sources, at))
    checkpoints = [row for one in sources for row in history.checkpoints(connection, target, one.id)]
    ordinals: dict[int, int | None] = dict.fromkeys(one.id for one in sources)
    heads = frozenset(row.uuid for row in checkpoints if row.id in {one.current for one in sources})
    chain = history.chain_of(history.checkpoints(connection, target, hidden=True), *checkpoints)
    told_by = frozenset(row.uuid for row in chain)
    sectors = None if source is None else sectors_needed(connection, target, ordinals, (row.id for row in chain))
    return Scope(source is None, True, sources, checkpoints, heads, told_by, ordinals, sectors)


def _chosen(
    connection: sqlite3.Connection, target: int, sources: Sequence[SourceRow], at: str
) -> list[tuple[SourceRow, CheckpointRow]]:
    found, refused = [], []
    for source in sources:
        try:
            found.append((source, choose_checkpoint(connection, target, source, at)))
        except Failed as error:
            refused.append(error)
    if not found:
        raise refused[0]
    return found


def _at(connection: sqlite3.Connection, target: int, chosen: Sequence[tuple[SourceRow, CheckpointRow]]) -> Scope:
    chain = [
        other
        for source, row in chosen
        for other in history.chain_of(history.checkpoints(connection, target, source.id, hidden=True), row)
    ]
    ordinals: dict[int, int | None] = {source.id: row.ordinal for source, row in chosen}
    return Scope(
        every=False,
        newest=any(row.id == source.current for source, row in chosen),
        sources=[source for source, _ in chosen],
        checkpoints=[row for _, row in chosen],
        heads=frozenset(row.uuid for _, row in chosen),
        told_by=frozenset(row.uuid for row in chain),
        ordinals=ordinals,
        sectors=sectors_needed(connection, target, ordinals, (row.id for row in chain)),
    )
