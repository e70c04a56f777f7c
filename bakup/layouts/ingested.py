"""What reading new objects into the catalog found, whatever their layout; and applying what they complete."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from msgspec import Struct, field

from bakup.catalog import applying, belief, judging
from bakup.errors import Withheld
from bakup.store.faults import OBJECT_ARCHIVED
from bakup.store.target import Locator


class Ingested(Struct):
    """What was found among new objects. `rejected`: (locator, reason) of what pretends to be a sector of ours.

    `withheld`: (locator, reason) of what the store does not give. `late`: a sector holds entries of a check point that
    was applied without them.
    """

    sectors: int = 0
    others: int = 0
    foreign: int = 0
    foreign_accounts: dict[str, int] = field(default_factory=dict)
    damaged: list[tuple[Locator, str]] = field(default_factory=list)
    withheld: list[tuple[Locator, str]] = field(default_factory=list)
    untrusted: list[tuple[Locator, str]] = field(default_factory=list)
    applied: int = 0
    late: bool = False

    def add(self, other: Ingested) -> None:
        """What was found later."""
        self.sectors += other.sectors
        self.others += other.others
        self.foreign += other.foreign
        for account, number in other.foreign_accounts.items():
            self.foreign_accounts[account] = self.foreign_accounts.get(account, 0) + number
        self.damaged += other.damaged
        self.withheld += other.withheld
        self.untrusted += other.untrusted
        self.applied += other.applied
        self.late |= other.late

    @property
    def rejected(self) -> tuple[tuple[str, str], ...]:
        """All that pretends to be a sector and is not believed."""
        return (*self.damaged, *self.untrusted)


def apply_complete(
    connection: sqlite3.Connection, target_row: int, sifted: Callable[[int, set[int]], object] | None = None
) -> int:
    """Apply check points that are complete by now; returns how many.

    `sifted` looks first at each of them, by its row, with the rows of those that are silent (see `judging`): where
    boxes contradict each other, what does not count is dropped.
    """
    silent = judging.judge(connection, target_row)
    complete = applying.mark_complete(connection, target_row, silent)
    if sifted is not None:
        for checkpoint in complete:
            sifted(checkpoint, silent)
    if complete:
        with applying.by_checkpoint(connection):
            for checkpoint in complete:
                applying.apply_staged(connection, checkpoint, silent)
    belief.settle(connection, target_row, silent)
    # Also without a new one: an earlier one may be the latest that is offered now.
    applying.settle_current(connection, target_row)
    if complete:
        applying.note_lacking(connection, target_row, complete)
    return len(complete)


class Gone(Struct, frozen=True):
    """It was listed, and is not there any more."""


def aside(error: Withheld) -> tuple[str, str]:
    """(reason, detail) by which the catalog knows what the store does not give."""
    return "archived" if error.code == OBJECT_ARCHIVED else "withheld", error.why
