"""Copies of a target that were used apart and brought together again: a fork is told as one, and nothing as missing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from rig import Rig
from trees import snapshot, write


def branches(rig: Rig, number: int, *, each: int = 1) -> list[Path]:
    """Copies of a target with one check point, each with `each` more of its own; the rig's is the first."""
    write(rig.source, {"a": b"common"})
    rig.sync()
    places = [rig.target, *(rig.folder / f"copy{one}" for one in range(1, number))]
    for place in places[1:]:
        shutil.copytree(rig.target, place)
    for one, place in enumerate(places):
        rig.target = place
        for step in range(each):
            write(rig.source, {"a": f"branch {one}, step {step}".encode()})
            rig.sync()
    rig.target = places[0]
    return places


def merge(places: list[Path], *, but: int = 0) -> None:
    """Bring the sectors of all into the first; of each copy all but its newest `but`."""
    for place in places[1:]:
        files = sorted(place.glob("*.bakup"), key=lambda path: path.stat().st_mtime_ns)
        for path in files[: len(files) - but]:
            if not (places[0] / path.name).exists():
                shutil.copy2(path, places[0] / path.name)


@pytest.mark.parametrize("number", [2, 3])
@pytest.mark.parametrize("each", [1, 3])
def test_a_fork_is_told_once(rig: Rig, number: int, each: int) -> None:
    merge(branches(rig, number, each=each))
    for name in ("home", "elsewhere"):
        if name != "home":
            rig.new_home(name)
        report = rig.check(read_data=True)
        assert (report.exit_code, report.problems, report.history) == (23, (), ())
        [fork] = report.forks
        assert len(fork.rivals) == number
        assert " were both made after " in fork.message or " were all made after " in fork.message
        assert (report.sectors, report.expected_sectors) == (1 + number * each,) * 2
        assert report.checkpoints == 1 + number * each
        assert (report.lost.files, report.lost_entries) == (0, 0)


def test_every_branch_comes_back(rig: Rig) -> None:
    merge(branches(rig, 3))
    report = rig.check()
    found = set()
    for uuid in report.forks[0].rivals:
        out, brought = rig.restore(at=uuid.hex())
        assert brought.causes == ()
        found.add((out / "a").read_bytes())
    assert found == {f"branch {one}, step 0".encode() for one in range(3)}
    assert all(line.whole for line in rig.list())


def test_who_looks_is_told_and_a_sync_goes_on_from_the_latest(rig: Rig) -> None:
    merge(branches(rig, 2))
    for command in (["ls"], ["ls", "-R"], ["find"], ["stats"], ["history"], ["cat"], ["restore"]):
        place = str(rig.target)
        more = {"find": [place, "a"], "history": [place, "a"], "cat": [place, "a"], "restore": [place, "OUT"]}
        arguments = more.get(command[0], [*command[1:], place])
        arguments = [str(rig.new_out()) if one == "OUT" else one for one in arguments]
        said = rig.run(command[0], *arguments)
        assert said.count(" were both made after ") == 1, said
    write(rig.source, {"a": b"on"})
    assert " were both made after " in rig.run("sync", str(rig.source), str(rig.target))
    rig.assert_restores(snapshot(rig.source))
    assert rig.check().exit_code == 23


def test_a_fork_of_which_a_part_was_copied(rig: Rig) -> None:
    """The check points before are missing, no sector is: nobody lists them."""
    places = branches(rig, 2, each=3)
    files = sorted(places[1].glob("*.bakup"), key=lambda path: path.stat().st_mtime_ns)
    shutil.copy2(files[-1], places[0])
    rig.new_home("elsewhere")
    report = rig.check()
    assert report.exit_code == 23
    assert [problem.of_sector for problem in report.problems] == [False]
    said = rig.run("check", str(rig.target), code=23)
    assert "missing       1 check point\n" in said
    assert "sector is missing" not in said


def test_a_branch_without_its_end_is_no_fork(rig: Rig) -> None:
    merge(branches(rig, 2), but=1)
    assert rig.check().exit_code == 0


def test_a_fork_may_be_accepted(rig: Rig) -> None:
    places = branches(rig, 3)
    merge(places[:2])
    place = str(rig.target)
    rig.run("check", "--accept-loss", place)
    assert rig.check().exit_code == 0
    assert "both made after" not in rig.run("ls", place)
    assert "accepted: " in rig.run("check", "-v", place)
    rig.rebuild()
    assert rig.check().exit_code == 0
    merge([places[0], places[2]])
    assert rig.check().exit_code == 23, "it has a third branch now"
