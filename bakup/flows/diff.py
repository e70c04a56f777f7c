"""diff: what changed between two check points of one source."""

from __future__ import annotations

import heapq
import itertools
import sqlite3
from collections.abc import Iterator

from bakup.api.ask import Ask
from bakup.api.listings import DiffLine, DiffReport
from bakup.api.reports import TargetOptions
from bakup.api.watch import Watch
from bakup.archive.home import Home
from bakup.archive.opening import attach
from bakup.archive.select import choose_checkpoint, choose_source, line_of
from bakup.archive.unknown import unknown
from bakup.catalog import difference, history
from bakup.catalog.difference import Pair, Unread
from bakup.catalog.history import CheckpointRow
from bakup.plan.marks import facts_of, mark_of


def diff(
    home: Home,
    dst: str,
    before: str,
    after: str,
    *,
    source: str | None,
    target: TargetOptions,
    watch: Watch,
    ask: Ask,
) -> DiffReport:
    """What changed from check point `before` to `after`, either as `--at` takes it. Raises Failed, Usage."""
    with attach(home, dst, target, watch, ask) as attached:
        connection = home.catalog
        chosen = choose_source(connection, attached.row, source, dst)
        first = choose_checkpoint(connection, attached.row, chosen, before)
        second = choose_checkpoint(connection, attached.row, chosen, after)
        rows = history.checkpoints(connection, attached.row, chosen.id)
        every = history.checkpoints(connection, attached.row, chosen.id, hidden=True)
        chain = history.chain_of(every, first, second)
        return DiffReport(
            line_of(first, chosen),
            line_of(second, chosen),
            _lines(connection, chosen.id, first, second),
            unknown(
                home,
                attached,
                chain,
                every=False,
                newest=rows[-1] in (first, second),
                sources={chosen.id},
            ),
        )


def _lines(
    connection: sqlite3.Connection, source: int, before: CheckpointRow, after: CheckpointRow
) -> Iterator[DiffLine]:
    pairs = difference.differing(connection, source, before.ordinal, after.ordinal)
    not_read = difference.unread(connection, after.id)
    both: Iterator[Pair | Unread] = heapq.merge(pairs, not_read, key=lambda one: one.key)
    for _, group in itertools.groupby(both, key=lambda one: one.key):
        line = _line(*group)
        if line is not None:
            yield line


def _line(one: Pair | Unread, unread: Pair | Unread | None = None) -> DiffLine | None:
    if isinstance(one, Unread):
        return DiffLine("!", one.path, None, None, one.reason)
    shown = one.after or one.before
    if shown is None:
        return None
    if isinstance(unread, Unread):
        return DiffLine("!", shown.path, shown.kind, shown.size, unread.reason)
    before, after = (facts_of(version) if version else None for version in (one.before, one.after))
    mark = mark_of(before, after)
    return None if mark is None else DiffLine(mark, shown.path, shown.kind, shown.size)
