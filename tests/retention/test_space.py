"""What a compact would do, beside what must hold of any such plan."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bakup.retention.space import Bounds, Plan, Use, plan


@st.composite
def sectors(draw: st.DrawFn) -> list[Use]:
    found = []
    for number in range(draw(st.integers(0, 12))):
        size = draw(st.integers(1, 1000))
        live = draw(st.one_of(st.just(0), st.just(size), st.integers(0, size)))
        age, fixed = draw(st.integers(0, 100)), draw(st.booleans())
        found.append(Use(number.to_bytes(16, "big"), size, live, float(age), fixed))
    return found


bounds = st.builds(
    Bounds,
    max_unused=st.sampled_from([0.0, 0.05, 0.1, 0.5, 1.0]),
    max_rewrite=st.none() | st.integers(0, 3000),
    older_than_s=st.sampled_from([0.0, 50.0]),
)


def unneeded_share(found: Plan) -> float:
    kept = sum(one.size for one in found.kept) + found.copied
    return sum(one.unneeded for one in found.kept) / kept if kept else 0.0


@given(sectors(), bounds)
def test_nothing_that_is_needed_is_deleted_and_nothing_fixed_is_touched(uses: list[Use], given_: Bounds) -> None:
    found = plan(uses, given_)
    assert sorted((*found.kept, *found.rewritten, *found.deleted), key=lambda one: one.uuid) == uses
    assert all(one.live == 0 for one in found.deleted)
    assert all(0 < one.live < one.size for one in found.rewritten)
    for one in (*found.rewritten, *found.deleted):
        assert not one.fixed
        assert one.age_s >= given_.older_than_s
    assert found.copied <= (given_.max_rewrite if given_.max_rewrite is not None else found.copied)
    assert found.freed == found.size - sum(one.size for one in found.kept) - found.copied


@given(sectors(), bounds)
def test_it_goes_as_far_as_it_must_and_no_further(uses: list[Use], given_: Bounds) -> None:
    found = plan(uses, given_)
    may = [one for one in found.kept if not one.fixed and one.age_s >= given_.older_than_s]
    assert not [one for one in may if not one.live], "what is empty goes"
    left = None if given_.max_rewrite is None else given_.max_rewrite - found.copied
    more = [one for one in may if 0 < one.live < one.size and (left is None or one.live <= left)]
    assert unneeded_share(found) <= given_.max_unused or not more
    if found.rewritten:
        last = found.rewritten[-1]
        without = Plan((*found.kept, last), found.rewritten[:-1], found.deleted)
        assert unneeded_share(without) > given_.max_unused


def test_the_emptiest_first() -> None:
    uses = [Use(bytes([at]) * 16, 100, live) for at, live in enumerate((90, 10, 50, 100, 0))]
    found = plan(uses, Bounds(max_unused=0.2))
    assert [one.live for one in found.rewritten] == [10]
    assert [one.live for one in found.deleted] == [0]
    assert (found.copied, found.freed, found.size) == (10, 190, 500)
