"""Which check points miss something: a file, entries whose names are gone with their sector, or what they stand on."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Container, Iterable, Sequence

from bakup.archive.gaps import history_gap
from bakup.catalog import history
from bakup.catalog.damage import LostVersion, MissingLine


def suffering(
    checkpoints: Sequence[history.CheckpointRow],
    lost: Iterable[LostVersion],
    missing: Iterable[MissingLine],
    based: Container[int],
    known: Collection[bytes] = (),
) -> set[int]:
    """Row ids of those that miss something.

    Args:
        checkpoints: all complete ones of some sources.
        lost: versions of files that are not whole.
        missing: lines whose sectors are not there.
        based: row ids of those whose base is there (see `history.based`).
        known: uuids of check points whose own gap does not count.
    """
    blind = {line.checkpoint for line in missing if not line.known and line.entries}
    gap = history_gap(based)
    blind |= {row.uuid for row in checkpoints if row.uuid not in known and gap(row) is not None}
    return _made_on(checkpoints, blind) | _missing_files(checkpoints, lost)


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


def _missing_files(checkpoints: Sequence[history.CheckpointRow], lost: Iterable[LostVersion]) -> set[int]:
    """Row ids of check points in which a version of `lost` stands."""
    # How many more stand from an ordinal on.
    more: dict[int, Counter[int]] = defaultdict(Counter)
    for version in lost:
        more[version.source][version.first] += 1
        if version.last is not None:
            more[version.source][version.last + 1] -= 1
    by_source: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    for row in checkpoints:
        by_source[row.source].append((row.ordinal, 1, row.id))
    found: set[int] = set()
    for source, steps in more.items():
        standing = 0
        changes = ((ordinal, 0, number) for ordinal, number in steps.items())
        for _, is_checkpoint, value in sorted([*by_source[source], *changes]):
            if not is_checkpoint:
                standing += value
            elif standing:
                found.add(value)
    return found
