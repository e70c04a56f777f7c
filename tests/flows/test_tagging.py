"""tag: a check point has the tags that it was given last, on every computer, whoever gave them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rig import NOTHING_ACCEPTED, SMALL_SECTOR, Answers, Rig, grown
from trees import noise, snapshot, write

from bakup.api.retention import ForgetOptions
from bakup.cli.parsing.habits import signed_tags
from bakup.errors import Damaged, Usage
from bakup.flows.forget import forget
from bakup.flows.tag import tag
from bakup.format.records import decode_tagged, encode_tagged
from bakup.retention.policy import Policy


def give(rig: Rig, at: str, add: Sequence[str] = (), remove: Sequence[str] = ()) -> tuple[str, ...]:
    """The tags that it has then."""
    with rig.open("tag") as home:
        return tag(
            home,
            str(rig.target),
            at,
            add=add,
            remove=remove,
            source=None,
            target=NOTHING_ACCEPTED,
            watch=rig.watch,
            ask=Answers(),
        ).tags


def tags(rig: Rig) -> list[tuple[str, ...]]:
    return [line.tags for line in rig.list_all()]


def two(rig: Rig) -> None:
    for content in (b"1", b"22"):
        write(rig.source, {"file": content})
        rig.sync(tags=("first",))


def test_tags_come_and_go_and_every_computer_sees_them(rig: Rig) -> None:
    two(rig)
    assert give(rig, "latest~1", ["kept", "ä"]) == ("first", "kept", "ä")
    assert give(rig, "latest~1", remove=["first", "none"]) == ("kept", "ä")
    sectors = rig.sectors()
    assert give(rig, "latest~1", ["kept"]) == ("kept", "ä")
    assert rig.sectors() == sectors, "nothing to say, nothing put"
    assert tags(rig) == [("kept", "ä"), ("first",)]
    rig.new_home("elsewhere")
    assert tags(rig) == [("kept", "ä"), ("first",)]
    assert rig.check(read_data=True).exit_code == 0
    rig.assert_restores(snapshot(rig.source))
    rig.assert_recovers(snapshot(rig.source))
    assert rig.sync(always=True).sources[0].made


def test_a_rule_knows_them(rig: Rig) -> None:
    two(rig)
    give(rig, "latest", remove=["first"])
    two(rig)
    give(rig, "latest~1", ["kept"])
    with rig.open("forget") as home:
        policy = Policy(tags=frozenset(["kept"]))
        report = forget(home, str(rig.target), ForgetOptions(policy), watch=rig.watch, ask=Answers())
    assert [one.kept_by for one in report.judged] == [(), (), ("tag kept",), ("latest",)]


def test_the_last_word_counts_wherever_it_is_heard_first(rig: Rig) -> None:
    two(rig)
    give(rig, "latest", ["a"])
    give(rig, "latest", ["b"], ["a"])
    heard = rig.sectors()[-2:]
    for number, order in enumerate((heard, heard[::-1])):
        away = [path.rename(rig.folder / path.name) for path in order]
        rig.new_home(f"late{number}")
        for path in away:
            path.rename(rig.target / path.name)
            tags(rig)
        assert tags(rig)[-1] == ("b", "first")


def test_a_check_point_without_its_end_gets_none(rig: Rig, small_cuts: None) -> None:
    grown(rig)
    write(rig.source, {"more": noise(400_000, 77)})
    rig.sync(sector_size=SMALL_SECTOR)
    rig.sectors()[-1].unlink()
    rig.forget("catalog.db", "state.db")
    left = next(line for line in rig.list_all() if line.incomplete)
    with pytest.raises(Usage, match="has no end"):
        give(rig, left.uuid.hex(), ["a"])


def test_by_the_command(rig: Rig) -> None:
    two(rig)
    said = rig.run("tag", str(rig.target), "latest", "+kept", "-first", "+x y")
    assert "tags          kept, x y" in said
    assert "kept" in rig.run("ls", str(rig.target), "--tag", "kept")
    assert "no tag was given" in rig.run("tag", str(rig.target), "latest", code=2)
    assert "tags          none" in rig.run("tag", str(rig.target), "latest", "--remove", "kept", "--remove", "x y")


@pytest.mark.parametrize(
    ("typed", "parsed"),
    [
        (["tag", "t", "latest", "+a", "-b"], ["tag", "t", "latest", "--add=a", "--remove=b"]),
        (["tag", "+t", "latest", "-v", "+a"], ["tag", "+t", "latest", "-v", "--add=a"]),
        (["tag", "--json", "t", "abcd", "-b", "-q"], ["tag", "--json", "t", "abcd", "--remove=b", "-q"]),
        (["ls", "t", "-R", "+a"], ["ls", "t", "-R", "+a"]),
    ],
)
def test_signs_are_options(typed: list[str], parsed: list[str]) -> None:
    assert signed_tags(typed) == parsed


lines = st.tuples(
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=16, max_size=16).filter(any),
    st.binary(min_size=32, max_size=32),
    st.integers(0, 2**63 - 1),
    st.sets(st.text(st.characters(exclude_categories=["Cs"]), max_size=5)).map(lambda found: tuple(sorted(found))),
)


@given(st.lists(lines, max_size=4, unique_by=lambda one: one[:3]).map(lambda found: tuple(sorted(found))))
def test_a_record_of_tags_is_what_it_was(tagged: tuple[tuple[bytes, bytes, bytes, int, tuple[str, ...]], ...]) -> None:
    assert decode_tagged(encode_tagged(tagged)) == tagged


@pytest.mark.parametrize(
    "wrong",
    [
        ((bytes(31), bytes(15) + b"1", bytes(32), 1, ()),),
        ((bytes(32), bytes(15) + b"1", bytes(32), -1, ()),),
        ((bytes(32), bytes(15) + b"1", bytes(32), 1, ("b", "a")),),
        ((bytes(32), bytes(15) + b"1", bytes(32), 1, ("a", "a")),),
        ((bytes(32), bytes(15) + b"2", bytes(32), 1, ()), (bytes(32), bytes(15) + b"1", bytes(32), 1, ())),
    ],
)
def test_a_record_of_tags_that_is_not_as_the_page_says(wrong: tuple[object, ...]) -> None:
    with pytest.raises(Damaged):
        decode_tagged(encode_tagged(wrong))  # type: ignore[arg-type]
