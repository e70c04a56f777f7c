"""A target that is open, and what is known of it."""

from __future__ import annotations

from msgspec import Struct

from bakup.account.keys import Account, PublicKeys
from bakup.api import costs
from bakup.api.reports import RebuildReport, SyncOptions, TargetOptions
from bakup.api.watch import Watch
from bakup.catalog.rows import known_as
from bakup.catalog.state_db import Remembered
from bakup.layouts.ingested import Ingested
from bakup.layouts.interface import Layout, Protection
from bakup.store.counting import CountingTarget


class Asked(Struct, frozen=True):
    """What `attach` was asked for; see there."""

    place: str
    options: TargetOptions
    writing: bool
    new_target: bool
    use_folder: bool
    rebuild: bool
    again: bool
    layout: str | None


class Attached(Struct):
    """A target and what is known of it now. `place` is the DST as typed; `row` the target's row in the catalog."""

    place: str
    target: CountingTarget
    row: int
    account: Account | None
    public: PublicKeys | None
    layout: Layout
    remembered: Remembered | None
    ingested: Ingested
    rebuilt: RebuildReport | None
    fresh: bool
    watch: Watch

    @property
    def url(self) -> str:
        """The target as state.db and the catalog know it."""
        return known_as(self.target.identity)

    def protection(self, options: SyncOptions) -> Protection:
        """How a sync protects what it stores: a target keeps the protection that it was made with."""
        return self.layout.protection(options, None if options.new_target else self.remembered)

    def __enter__(self) -> Attached:
        return self

    def __exit__(self, *error: object) -> None:
        self.target.close()
        costs.tell_counts(self.watch, "target", self.target.url, self.target.counts)
