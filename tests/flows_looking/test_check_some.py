"""check --source and --at: what these check points need is verified, nothing else, and nothing of it is passed over."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from look import Look
from trees import noise, write

from bakup.errors import Failed


def paths(report: object) -> set[bytes]:
    return {lost.path for problem in report.problems for lost in problem.lost}  # type: ignore[attr-defined]


def new_sectors(look: Look, before: list[Path]) -> list[Path]:
    return [path for path in look.rig.sectors() if path not in before]


def two_sources(look: Look) -> list[Path]:
    """`source` with one file, `other` with a file that only it has; the sectors of `other`."""
    look.sync({"mine": noise(50_000, 1)})
    before = look.rig.sectors()
    other = look.rig.folder / "other"
    write(other, {"theirs": noise(60_000, 2)})
    look.rig.sync(other)
    return new_sectors(look, before)


def test_the_loss_of_another_source_is_left_aside(look: Look) -> None:
    for path in two_sources(look):
        path.unlink()
    mine = look.rig.check(source="source")
    assert (mine.exit_code, mine.sources, mine.checkpoints, mine.problems) == (0, 1, 1, ())
    assert mine.sectors == mine.expected_sectors == 1
    theirs = look.rig.check(source="other")
    assert (theirs.exit_code, theirs.sectors, theirs.expected_sectors) == (21, 0, 1)
    assert paths(theirs) == {b"theirs"}
    assert look.rig.check().exit_code == 21


def test_a_sector_that_another_source_brought_is_needed(look: Look) -> None:
    sectors = two_sources(look)
    look.sync({"same": noise(60_000, 2)})
    for path in sectors:
        path.unlink()
    report = look.rig.check(source="source")
    assert (report.exit_code, report.expected_sectors - report.sectors) == (21, 1)
    assert paths(report) == {b"same"}
    older = look.rig.check(source="source", at="latest~1")
    assert (older.exit_code, older.problems) == (0, ())


def test_without_a_catalog_and_with_no_check_point_left_that_lists_the_sector(look: Look) -> None:
    sectors = two_sources(look)
    look.sync({"same": noise(60_000, 2)})
    for path in sectors:
        path.unlink()
    look.rig.forget("catalog.db", "state.db")
    for source in ("source", None):
        report = look.rig.check(source=source)
        assert (report.exit_code, report.lost.files) == (21, 1)
        assert paths(report) == {b"same"}


def test_one_check_point(look: Look) -> None:
    write(look.rig.source, {"gone": noise(40_000, 3)})
    look.sync()
    [first] = look.rig.sectors()
    (look.rig.source / "gone").unlink()
    look.sync({"kept": noise(30_000, 4)}, standalone=True)
    damaged = bytearray(first.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    first.write_bytes(damaged)
    latest = look.rig.check(at="latest", read_data=True)
    assert (latest.exit_code, latest.sectors, latest.checkpoints) == (0, 1, 1)
    older = look.rig.check(at="latest~1", read_data=True)
    assert (older.exit_code, older.sectors, older.only_older) == (21, 1, False)
    assert paths(older) == {b"gone"}
    assert look.rig.check(read_data=True).exit_code == 20


def test_only_a_check_of_all_is_the_last_one(look: Look) -> None:
    look.sync({"a": b"a"})
    look.rig.check(at="latest")
    assert look.stats().last_check is None
    look.rig.check()
    assert look.stats().last_check is not None


def test_what_is_not_there(look: Look) -> None:
    look.sync({"a": b"a"})
    with pytest.raises(Failed, match="no check point latest~7"):
        look.rig.check(at="latest~7")
    with pytest.raises(Failed, match="no source nobody"):
        look.rig.check(source="nobody")


def test_the_command(look: Look) -> None:
    look.sync({"a": b"a"})
    target = os.fspath(look.rig.target)
    assert "1 check point of 1 source" in look.rig.run("check", target, "--source", "source", "--at", "latest")
    assert "no source nobody" in look.rig.run("check", target, "--source", "nobody", code=1)
