"""Which check points a policy keeps: beside a model that is written another way, and with clocks that lie."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakup.retention.policy import CLOCK, LATEST, PERIODS, Period, Point, Policy, decide, plausible

HOUR = 3600 * 10**9
DAY = 24 * HOUR
NOW = 60 * 365 * DAY
BERLIN_SUMMER = timezone(timedelta(hours=2))
_FORMATS = {"hourly": "%Y %j %H", "daily": "%Y %j", "weekly": "%G %V", "monthly": "%Y %m", "yearly": "%Y"}


def chain(times: Sequence[int], tags: Sequence[tuple[str, ...]] = ()) -> list[Point]:
    """Check points with these times, in this order."""
    return [Point(number.to_bytes(16, "big"), time, tags[number] if tags else ()) for number, time in enumerate(times)]


def kept(points: Sequence[Point], policy: Policy, **options: object) -> list[int]:
    """Positions of those that are kept."""
    found = decide(points, policy, **{"now_ns": NOW, "zone": UTC, **options})  # type: ignore[arg-type]
    assert [one.point for one in found] == list(points)
    return [at for at, one in enumerate(found) if one.kept]


honest = st.lists(st.integers(0, 5 * 365 * 24).map(lambda hours: hours * HOUR), max_size=40).map(sorted)
numbers = st.dictionaries(st.sampled_from(PERIODS), st.integers(0, 6))
policies = st.builds(
    Policy,
    last=st.integers(0, 5),
    newest=numbers,
    within_s=st.sampled_from([0.0, 3600.0, 86_400.0 * 40]),
    newest_within_s=st.dictionaries(st.sampled_from(PERIODS), st.sampled_from([0.0, 86_400.0 * 3, 86_400.0 * 400])),
    tags=st.frozensets(st.sampled_from("ab")),
)
zones = st.sampled_from([UTC, BERLIN_SUMMER, timezone(timedelta(hours=-9, minutes=-30))])


def model(points: Sequence[Point], policy: Policy, zone: tzinfo) -> set[int]:
    """What a policy keeps of a chain whose clocks were right: the newest of each bin, as a dictionary has it."""
    found = set(range(len(points))[-policy.last :]) if policy.last else set()
    newest = points[-1].time_ns if points else 0
    found |= {at for at, one in enumerate(points) if policy.within_s and newest - one.time_ns <= policy.within_s * 1e9}
    for period in PERIODS:
        bins = {
            datetime.fromtimestamp(one.time_ns // 10**9, zone).strftime(_FORMATS[period]): at
            for at, one in enumerate(points)
        }
        last_of_each = sorted(bins.values(), reverse=True)
        found |= set(last_of_each[: policy.newest.get(period, 0)])
        seconds = policy.newest_within_s.get(period, 0.0)
        found |= {at for at in last_of_each if seconds and newest - points[at].time_ns <= seconds * 1e9}
    found |= {at for at, one in enumerate(points) if policy.tags & set(one.tags)}
    return found | ({len(points) - 1} if points else set())


@given(honest, policies, zones, st.data())
def test_the_model_keeps_the_same(times: list[int], policy: Policy, zone: tzinfo, data: st.DataObject) -> None:
    tags = [data.draw(st.sampled_from([(), ("a",), ("a", "b")])) for _ in times]
    points = chain(times, tags)
    assert set(kept(points, policy, zone=zone)) == model(points, policy, zone)


@given(st.lists(st.integers(0, 2 * NOW), max_size=30), policies, policies)
def test_a_rule_more_never_drops_more(times: list[int], one: Policy, two: Policy) -> None:
    both = Policy(
        max(one.last, two.last),
        {period: max(one.newest.get(period, 0), two.newest.get(period, 0)) for period in PERIODS},
        max(one.within_s, two.within_s),
        {p: max(one.newest_within_s.get(p, 0.0), two.newest_within_s.get(p, 0.0)) for p in PERIODS},
        one.tags | two.tags,
    )
    points = chain(times)
    assert {*kept(points, one), *kept(points, two)} <= {*kept(points, both)}


@given(honest, policies)
def test_twice_is_once(times: list[int], policy: Policy) -> None:
    points = chain(times)
    left = [points[at] for at in kept(points, policy)]
    if not (policy.within_s or any(policy.newest_within_s.values())):
        assert len(kept(left, policy)) == len(left)


@given(st.lists(st.integers(0, 2 * NOW), max_size=12))
def test_plausible_times_are_the_most_that_fit(times: list[int]) -> None:
    found = plausible(times, NOW)
    chosen = [times[at] for at in found]
    assert found == sorted(set(found))
    assert all(one <= two for one, two in pairwise(chosen))
    assert all(time <= NOW for time in chosen)
    longest = [0] * len(times)
    for at, time in enumerate(times):
        if time <= NOW:
            longest[at] = 1 + max((longest[b] for b in range(at) if times[b] <= time), default=0)
    assert len(found) == max(longest, default=0)


@given(honest.filter(lambda times: len(times) > 2), policies, st.data())
def test_a_wrong_clock_pushes_no_older_one_out(times: list[int], policy: Policy, data: st.DataObject) -> None:
    at = data.draw(st.integers(2, len(times)))
    wrong = data.draw(st.one_of(st.integers(NOW + 1, 2 * NOW), st.integers(-NOW, times[0] - 1)))
    ordered = Policy(0, policy.newest, policy.within_s, policy.newest_within_s, policy.tags)
    with_wrong = kept(chain([*times[:at], wrong, *times[at:]]), ordered, even_latest=True)
    without = kept(chain(times), ordered, even_latest=True)
    assert at in with_wrong
    assert {place if place < at else place + 1 for place in without} | {at} == {*with_wrong}


def test_an_attacker_fills_no_days_of_the_future() -> None:
    days = [NOW - number * DAY for number in range(10, 0, -1)]
    attack = [NOW + number * DAY for number in range(1, 30)]
    before = kept(chain(days), Policy(newest={"daily": 7}))
    after = kept(chain([*days, *attack]), Policy(newest={"daily": 7}))
    assert before == [3, 4, 5, 6, 7, 8, 9]
    assert {*before} <= {*after}


def test_why_each_is_kept() -> None:
    moments = ["2026-11-12 09:00", "2026-11-21 18:40", "2026-11-21 20:40", "2031-01-01 00:00", "2026-11-22 18:31"]
    points = chain([int(datetime.fromisoformat(f"{one}+00:00").timestamp()) * 10**9 for one in moments])
    now = points[-1].time_ns + HOUR
    found = decide(points, Policy(newest={"daily": 2, "weekly": 2}), now_ns=now, zone=UTC)
    assert [one.reasons for one in found] == [
        ("weekly 2026-W46",),
        (),
        ("daily",),
        (CLOCK,),
        ("daily", "weekly 2026-W47"),
    ]


@pytest.mark.parametrize("period", PERIODS)
def test_the_newest_of_a_period_stands_for_it(period: Period) -> None:
    # 1 March 1971 was a Monday; these are two hours, and so on, of the same period but for hourly.
    start = 424 * DAY
    points = chain([start, start + HOUR // 2])
    assert kept(points, Policy(newest={period: 9}), even_latest=True) == [1]


def test_only_the_latest_is_kept_by_itself() -> None:
    found = decide(chain([1, 2]), Policy(tags=frozenset("x")), now_ns=NOW)
    assert [one.reasons for one in found] == [(), (LATEST,)]
    assert kept(chain([1, 2]), Policy(tags=frozenset("x")), even_latest=True) == []
