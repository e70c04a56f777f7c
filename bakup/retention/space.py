"""What a compact would rewrite and delete, as a value: docs/retention.md. Sizes are bytes."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct


class Use(Struct, frozen=True):
    """A sector at the target: its `size`, and about how much of that check points need: `live`.

    Args:
        age_s: since the newest check point that it holds anything of, in seconds.
        fixed: it stays as it is: another signer's, or of a check point that a run may still be making.
    """

    uuid: bytes
    size: int
    live: int
    age_s: float = 0.0
    fixed: bool = False

    @property
    def unneeded(self) -> int:
        """What no check point needs of it."""
        return self.size - self.live


class Bounds(Struct, frozen=True):
    """How far a compact goes.

    Args:
        max_unused: so much of what is at the target may stay though nothing needs it, 0 to 1.
        max_rewrite: at most so many bytes are copied; None for any number.
        older_than_s: newer sectors stay as they are.
    """

    max_unused: float = 0.1
    max_rewrite: int | None = None
    older_than_s: float = 0.0


class Plan(Struct, frozen=True):
    """Sectors by what becomes of them; each is in one of these."""

    kept: tuple[Use, ...]
    rewritten: tuple[Use, ...]
    deleted: tuple[Use, ...]

    @property
    def copied(self) -> int:
        """Bytes that are read and written again."""
        return sum(one.live for one in self.rewritten)

    @property
    def freed(self) -> int:
        """Bytes that the target holds less in the end."""
        return sum(one.unneeded for one in (*self.rewritten, *self.deleted))

    @property
    def size(self) -> int:
        """Bytes of all sectors now."""
        return sum(one.size for one in (*self.kept, *self.rewritten, *self.deleted))


def plan(uses: Sequence[Use], bounds: Bounds) -> Plan:
    """Which sectors are worth it: of those that are needed in part the emptiest first, until what is left unneeded is
    little enough. Sectors of which nothing is needed go in any case."""
    free = [one for one in uses if not one.fixed and one.age_s >= bounds.older_than_s]
    deleted = [one for one in free if not one.live]
    partly = sorted((one for one in free if one.live and one.unneeded > 0), key=_emptiest)
    unneeded = sum(one.unneeded for one in uses) - sum(one.size for one in deleted)
    held = sum(one.size for one in uses) - sum(one.size for one in deleted)
    left = bounds.max_rewrite
    rewritten: list[Use] = []
    for one in partly:
        if unneeded <= bounds.max_unused * held:
            break
        if left is not None and one.live > left:
            continue
        left = None if left is None else left - one.live
        unneeded -= one.unneeded
        held -= one.unneeded
        rewritten.append(one)
    gone = {one.uuid for one in (*deleted, *rewritten)}
    return Plan(tuple(one for one in uses if one.uuid not in gone), tuple(rewritten), tuple(deleted))


def _emptiest(one: Use) -> tuple[float, bytes]:
    return one.live / one.size, one.uuid
