"""What looking around cannot know: entries whose names are gone with their sector."""

from __future__ import annotations

from collections.abc import Container, Sequence

from bakup.archive.archive import Attached
from bakup.archive.gaps import history_gap, not_there, span
from bakup.archive.guard import may_hold_more, rolled_back
from bakup.archive.home import Home
from bakup.catalog import damage, history, places
from bakup.catalog.history import CheckpointRow
from bakup.catalog.lineage import breaks


def unknown(
    home: Home,
    attached: Attached,
    rows: Sequence[CheckpointRow],
    *,
    every: bool,
    newest: bool,
    sources: Container[int] | None,
) -> tuple[str, ...]:
    """What is not known of the states that the check points `rows` make together, a line a cause.

    Args:
        every: they are meant to be all check points of their sources.
        newest: the newest state is among them: a sector that was not believed may have held more of it,
            and a newer one may have been seen.
        sources: row ids of those that are looked at; None for all at the target.
    """
    connection, target = home.catalog, attached.row
    found: list[str] = []
    chain = {(row.source, row.uuid) for row in rows}
    if places.troubled(connection, target):
        found += [
            f"{line.told}: {span(line)}"
            for line in damage.missing_lines(connection, target)
            if not line.known and line.entries and (line.source, line.checkpoint) in chain
        ]
        found += [gap for gap in map(history_gap(history.based(connection, target)), rows) if gap]
    found += [line for row in rows for line in not_there(connection, row)]
    if every:
        told = {row.uuid for row in rows}
        found += [one.message for one in breaks(connection, target) if one.missing and one.checkpoint in told]
    if newest:
        found += may_hold_more(connection, target)
        found += rolled_back(home, attached, sources)
    return tuple(found)
