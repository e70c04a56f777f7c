"""check --sample and --older-than: a large target is read in turns, and what a turn finds stays found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from rig import NOTHING_ACCEPTED, Answers, Rig
from trees import noise, write

from bakup.api.reports import CheckReport, DataRead, Turns
from bakup.checker.turns import whose_turn
from bakup.flows.check import check

NOW = 1000 * 10**9


@dataclass(frozen=True)
class Held:
    """An object."""

    id: int
    uuid: bytes
    size: int


def checked(rig: Rig, share: float = 1.0, older_than_s: float = 0.0) -> CheckReport:
    with rig.open("check") as home:
        return check(
            home,
            str(rig.target),
            read_data=True,
            turns=Turns(share, older_than_s),
            target=NOTHING_ACCEPTED,
            watch=rig.watch,
            ask=Answers(),
        )


def read(report: CheckReport) -> DataRead:
    assert report.data is not None
    return report.data


def five(rig: Rig) -> list[Path]:
    """Sectors of about the same size."""
    for number in range(5):
        write(rig.source, {"file": noise(200_000, number)})
        rig.sync()
    return rig.sectors()


sizes = st.lists(st.integers(1, 1000), max_size=12)


@given(sizes, st.sampled_from([0.05, 0.3, 1.0]), st.sampled_from([0.0, 100.0]), st.data())
def test_the_longest_not_read_first_and_no_more_than_asked(
    sizes: list[int], share: float, older: float, data: st.DataObject
) -> None:
    objects = [Held(at, bytes([at]) * 16, size) for at, size in enumerate(sizes)]
    last = {one.uuid: data.draw(st.integers(1, 1200)) * 10**9 for one in objects if data.draw(st.booleans())}
    chosen = whose_turn(objects, last, Turns(share, older), NOW)

    def age(one: Held) -> float:
        at = last.get(one.uuid, 0)
        return NOW - (at if at <= NOW else 0)

    total = sum(sizes)
    taken = [one for one in objects if one.id in chosen]
    left = [one for one in objects if one.id not in chosen and age(one) >= older * 1e9]
    assert all(age(one) >= older * 1e9 for one in taken)
    assert all(age(one) >= age(other) for one in taken for other in left)
    assert not left or sum(one.size for one in taken) >= share * total
    if taken:
        assert sum(one.size for one in taken) - max(one.size for one in taken) < share * total


def test_all_are_read_when_each_had_its_turn(rig: Rig) -> None:
    five(rig)
    told = [read(checked(rig, 0.3)) for _ in range(3)]
    assert [(one.objects, one.never) for one in told] == [(2, 3), (2, 1), (2, 0)]
    assert all(one.bytes > 300_000 for one in told)
    assert told[-1].oldest_ns is not None
    assert not checked(rig, 0.3).read_data
    assert checked(rig).read_data


def test_what_was_read_lately_is_not_read(rig: Rig) -> None:
    five(rig)
    checked(rig)
    assert read(checked(rig, older_than_s=3600)).objects == 0
    with rig.open() as home:
        home.state.execute("UPDATE reads SET read_ns = read_ns - 7200000000000")
    assert read(checked(rig, older_than_s=3600)).objects == 5


def test_damage_is_found_in_its_turn_and_told_from_then_on(rig: Rig) -> None:
    sectors = five(rig)
    data = bytearray(sectors[4].read_bytes())
    data[100_000] ^= 1
    sectors[4].write_bytes(data)
    codes = [checked(rig, 0.2).exit_code for _ in range(7)]
    first = codes.index(21)
    assert codes == [0] * first + [21] * (7 - first)
    assert first < 5
    assert rig.check().exit_code == 21


def test_by_the_command(rig: Rig) -> None:
    five(rig)
    said = rig.run("check", str(rig.target), "--read-data", "--sample", "30%")
    assert "data          2 of 5 sectors read, " in said
    assert "; 3 never were" in said
    said = rig.run("check", str(rig.target), "--older-than", "30d")
    assert "data          3 of 5 sectors read, " in said
    assert "; all since 20" in said
    said = rig.run("check", str(rig.target), "--older-than", "30d")
    assert "data          0 of 5 sectors read; all since 20" in said
    assert "last check" in rig.run("stats", str(rig.target))
    assert "not a share" in rig.run("check", str(rig.target), "--sample", "5", code=2)
