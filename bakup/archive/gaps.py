"""What is missing of a history, in words: between check points, and of one of them."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Container

from bakup.catalog import damage, incomplete
from bakup.catalog.history import CheckpointRow

ENTRIES_LOST = 2
"""Stands in a check point whose END is there, and some of whose entries are not."""


def not_there(connection: sqlite3.Connection, row: CheckpointRow) -> tuple[str, ...]:
    """What is said of a check point without its END: between which paths something may be missing."""
    if not row.incomplete:
        return ()
    name = row.uuid.hex()[:8]
    told = [f"check point {name} has no end: what its sectors hold is there"]
    if row.based_on is not None:
        told.append(f"what {name} was made on, check point {row.based_on.hex()[:8]}, is not part of it")
    for first, last in incomplete.spans(connection, row):
        ends = {"after": first, "before": last}
        between = " and ".join(f"{word} {os.fsdecode(path) or '.'}" for word, path in ends.items() if path is not None)
        told.append(f"something may be missing {between}".rstrip())
    return tuple(told)


def span(line: damage.MissingLine) -> str:
    """`3 entries, FIRST to LAST`."""
    first, last = (os.fsdecode(path) or "." for path in (line.first_path, line.last_path))
    return f"{'1 entry' if line.entries == 1 else f'{line.entries:,} entries'}, {first} to {last}"


def history_gap(based: Container[int]) -> Callable[[CheckpointRow], str | None]:
    """Gives what is said of a check point whose END is lost, or whose base is not as it should be; None if it is whole.

    `based`: row ids of those whose base is there.
    """

    def gap(row: CheckpointRow) -> str | None:
        if row.entries_lost == ENTRIES_LOST:
            return f"entries of check point {row.uuid.hex()[:8]} are missing or cannot be read: the rest of it is there"
        if row.entries_lost:
            return f"the end of check point {row.uuid.hex()[:8]} is missing: what else of it is lost is not known"
        if row.based_on is not None and row.id not in based:
            base, name = row.based_on.hex()[:8], row.uuid.hex()[:8]
            return f"check point {base}, which {name} was made on, is missing or another: what it changed is not known"
        return None

    return gap
