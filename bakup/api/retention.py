"""What `forget` takes and gives back: docs/retention.md. Units as in `reports`."""

from __future__ import annotations

from msgspec import Struct, field

from bakup.api.reports import CheckpointLine, RebuildReport, TargetOptions
from bakup.retention.policy import Policy
from bakup.retention.space import Bounds, Plan


class ForgetOptions(Struct, frozen=True):
    """What `forget` is asked for: a policy, or with `at` exactly these check points."""

    policy: Policy = field(default_factory=Policy)
    source: str | None = None
    at: tuple[str, ...] = ()
    even_latest: bool = False
    dry_run: bool = False
    target: TargetOptions = field(default_factory=TargetOptions)


class Judged(Struct, frozen=True):
    """A check point and what keeps it; nothing: it is dropped."""

    line: CheckpointLine
    kept_by: tuple[str, ...]


class ForgetReport(Struct, frozen=True):
    """`forget`: every check point of the sources in question, by source, oldest first.

    `unneeded`: about how many stored bytes no check point needs then.
    """

    judged: tuple[Judged, ...]
    unneeded: int
    dry_run: bool
    rebuilt: RebuildReport | None = None

    @property
    def dropped(self) -> tuple[CheckpointLine, ...]:
        """Those that are dropped."""
        return tuple(one.line for one in self.judged if not one.kept_by)


class CompactOptions(Struct, frozen=True):
    """What `compact` is asked for."""

    bounds: Bounds = Bounds()
    target: TargetOptions = field(default_factory=TargetOptions)


class CompactReport(Struct, frozen=True):
    """What a compact would do. `full`, `partly`, `empty`: sectors of which all, a part or nothing is needed.

    `listed_anew`: check points that are made on dropped ones; `listing_bytes`: about what listing them takes.
    """

    plan: Plan
    full: int
    partly: int
    empty: int
    listed_anew: int
    listing_bytes: int
    gets: int
    puts: int
    put_sectors: int
    rebuilt: RebuildReport | None = None

    @property
    def freed(self) -> int:
        """Bytes that the target would hold less."""
        return self.plan.freed - self.listing_bytes
