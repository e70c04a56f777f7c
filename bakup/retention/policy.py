"""Which check points of one source a policy keeps, and why: docs/retention.md.

The order of the chain decides what is newer; a time only says in which hour, day, week, month or year a check point
lies. A time that cannot be right takes no place there: see `plausible`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Literal, get_args

from msgspec import Struct, field

Period = Literal["hourly", "daily", "weekly", "monthly", "yearly"]
PERIODS: tuple[Period, ...] = get_args(Period)

LATEST = "latest"
CLOCK = "time in doubt"
_SECOND_NS = 1_000_000_000

_BIN: Mapping[Period, Callable[[datetime], tuple[int, ...]]] = {
    "hourly": lambda at: (at.year, at.month, at.day, at.hour, at.fold),
    "daily": lambda at: (at.year, at.month, at.day),
    "weekly": lambda at: tuple(at.isocalendar()[:2]),
    "monthly": lambda at: (at.year, at.month),
    "yearly": lambda at: (at.year,),
}


class Point(Struct, frozen=True):
    """A check point, as a policy looks at it."""

    uuid: bytes
    time_ns: int
    tags: tuple[str, ...] = ()


class Policy(Struct, frozen=True):
    """What to keep; what any rule keeps is kept.

    Args:
        last: so many of the newest.
        newest: of a period, the newest of each of so many hours, days, ... that have one.
        within_s: all that are at most so many seconds older than the newest.
        newest_within_s: of a period, the newest of each hour, day, ... as far back as that.
        tags: those with one of these tags.
    """

    last: int = 0
    newest: Mapping[Period, int] = field(default_factory=dict)
    within_s: float = 0.0
    newest_within_s: Mapping[Period, float] = field(default_factory=dict)
    tags: frozenset[str] = frozenset()

    @property
    def keeps_anything(self) -> bool:
        """Whether there is a rule at all."""
        numbers = (self.last, self.within_s, *self.newest.values(), *self.newest_within_s.values())
        return any(numbers) or bool(self.tags)


class Verdict(Struct, frozen=True):
    """A check point and the rules that keep it; none: it is dropped."""

    point: Point
    reasons: tuple[str, ...]

    @property
    def kept(self) -> bool:
        """Whether it stays."""
        return bool(self.reasons)


def decide(
    chain: Sequence[Point], policy: Policy, *, now_ns: int, zone: tzinfo | None = None, even_latest: bool = False
) -> list[Verdict]:
    """What becomes of each check point of `chain`, which is in its own order, oldest first.

    Args:
        now_ns: no check point is later than that, whatever it says.
        zone: in which hours and days are told; None for the local one.
        even_latest: the last of the chain is kept by the rules only, as any other.
    """
    reasons: list[list[str]] = [[] for _ in chain]
    for at in range(max(0, len(chain) - policy.last), len(chain)):
        reasons[at].append("last")
    sure = plausible([point.time_ns for point in chain], now_ns)
    _keep_within(chain, sure, policy.within_s, reasons)
    for period in PERIODS:
        _keep_newest(chain, sure, period, policy, zone, reasons)
    for at, point in enumerate(chain):
        reasons[at] += [f"tag {tag}" for tag in point.tags if tag in policy.tags]
    for at in {*range(len(chain))} - {*sure}:
        reasons[at].append(CLOCK)
    if chain and not reasons[-1] and not even_latest:
        reasons[-1].append(LATEST)
    return [Verdict(point, tuple(why)) for point, why in zip(chain, reasons, strict=True)]


def plausible(times_ns: Sequence[int], now_ns: int) -> list[int]:
    """Positions of the times that can be right together, ascending: the most that do not go back, none after `now_ns`.

    The others are of a clock that was wrong. Which those are follows from the order of the chain alone, so a wrong time
    takes the place of no check point that is older, or newer, than its own.
    """
    # Patience sorting: `ends[n]` is the position at which the best run of n + 1 times ends.
    ends: list[int] = []
    last_times: list[int] = []
    before: list[int | None] = []
    for at, time_ns in enumerate(times_ns):
        if time_ns > now_ns:
            before.append(None)
            continue
        length = bisect_right(last_times, time_ns)
        before.append(ends[length - 1] if length else None)
        ends[length : length + 1] = [at]
        last_times[length : length + 1] = [time_ns]
    found: list[int] = []
    position = ends[-1] if ends else None
    while position is not None:
        found.append(position)
        position = before[position]
    return found[::-1]


def _keep_within(chain: Sequence[Point], sure: Sequence[int], seconds: float, reasons: list[list[str]]) -> None:
    if not seconds:
        return
    for at in sure:
        if _is_within(chain, sure, at, seconds):
            reasons[at].append("within")


def _keep_newest(
    chain: Sequence[Point],
    sure: Sequence[int],
    period: Period,
    policy: Policy,
    zone: tzinfo | None,
    reasons: list[list[str]],
) -> None:
    left, seconds = policy.newest.get(period, 0), policy.newest_within_s.get(period, 0.0)
    if not left and not seconds:
        return
    last: tuple[int, ...] | None = None
    for at in reversed(sure):
        local = _local(chain[at].time_ns, zone)
        which = _BIN[period](local)
        if which == last:
            continue
        last = which
        if left or (seconds and _is_within(chain, sure, at, seconds)):
            reasons[at].append(_told(period, local))
        left = max(0, left - 1)


def _is_within(chain: Sequence[Point], sure: Sequence[int], at: int, seconds: float) -> bool:
    return chain[sure[-1]].time_ns - chain[at].time_ns <= seconds * _SECOND_NS


def _told(period: Period, local: datetime) -> str:
    year, week, _ = local.isocalendar()
    return f"weekly {year}-W{week:02d}" if period == "weekly" else period


def _local(time_ns: int, zone: tzinfo | None) -> datetime:
    return datetime.fromtimestamp(time_ns // _SECOND_NS, UTC).astimezone(zone)
