"""A target that shows an older history than this computer has seen: who reads there is told, and gets what there is."""

from __future__ import annotations

import pytest
from look import Look


@pytest.fixture
def back(look: Look) -> Look:
    """The newest check point is gone, and so is the catalog."""
    look.sync({"a": b"older"})
    [first] = look.rig.sectors()
    look.sync({"a": b"newest"})
    [second] = set(look.rig.sectors()) - {first}
    second.unlink()
    look.rig.forget("catalog.db")
    return look


def test_a_restore_names_it(back: Look) -> None:
    out, report = back.rig.restore()
    assert (out / "a").read_bytes() == b"older"
    [cause] = report.causes
    assert "(number 2), which is not there any more" in cause.message
    _, asked_for = back.rig.restore(at=report.checkpoint.uuid.hex())
    assert asked_for.causes == report.causes, "it is the newest that is there"


def test_what_looks_around_names_it(back: Look) -> None:
    for unknown in (
        back.find().unknown,
        back.history(b"a").unknown,
        back.diff("latest", "latest").report.unknown,
        back.cat(b"a")[1].rolled_back,
    ):
        [told] = unknown
        assert "(number 2), which is not there any more" in told


@pytest.mark.parametrize("more", [[], ["--source", "source"], ["."], ["-R"]])
def test_ls_names_it(back: Look, more: list[str]) -> None:
    said = back.rig.run("ls", back.dst, *more, code=3)
    assert "warning: not all is known: " in said
    assert "(number 2), which is not there any more" in said


def test_commands_exit_with_3(back: Look) -> None:
    for command in (["find", back.dst, "a"], ["cat", back.dst, "a"], ["restore", back.dst, str(back.rig.new_out())]):
        assert "which is not there any more" in back.rig.run(*command, code=3)


def test_an_older_check_point_that_was_asked_for_is_what_it_is(look: Look) -> None:
    for content in (b"1", b"22", b"333"):
        look.sync({"a": content})
    look.rig.sectors()[-1].unlink()
    look.rig.forget("catalog.db")
    lines = look.rig.list()
    assert len(lines) == 2
    out, report = look.rig.restore(at=lines[0].uuid.hex())
    assert (report.causes, (out / "a").read_bytes()) == ((), b"1")
    assert look.cat(b"a", at="latest~1")[1].rolled_back == ()
