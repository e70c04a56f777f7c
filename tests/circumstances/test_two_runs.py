"""A second run at the same time: on one BAKUP_HOME it waits or says so, on one target both succeed."""

from __future__ import annotations

import signal
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

from computer import Computer, ended
from likeness import assert_alike, portrait
from place import SMALL_SECTORS, Place


def stopped_sync(place: Place) -> subprocess.Popen[bytes]:
    """A sync that stands still while it fills a sector, its BAKUP_HOME held."""
    process = place.computer.start("sync", place.source, place.target, *SMALL_SECTORS)
    deadline = time.monotonic() + 30
    while not any(place.target.glob(".bakup-spool/*/*.bakup")):
        assert time.monotonic() < deadline, "the sync began no sector"
        assert process.poll() is None, "the sync ended"
        time.sleep(0.001)
    process.send_signal(signal.SIGSTOP)
    return process


def test_a_second_run_on_one_home_names_the_first(place: Place) -> None:
    place.fill(20)
    with ended(stopped_sync(place)) as first:
        for command, *folders in (
            ("sync", place.source, place.target),
            ("check", place.target),
            ("rebuild", place.target),
        ):
            said = place.computer.run(command, *folders, "--lock-wait", "0.2s", code=11)
            assert f"process {first.pid}, bakup sync, since " in said.err, said
            assert "--lock-wait" in said.err
        first.send_signal(signal.SIGCONT)
        assert first.wait(60) == 0
    place.sync()
    place.assert_latest()


def test_a_second_run_on_one_home_waits(place: Place) -> None:
    place.fill(20)
    with (
        ended(stopped_sync(place)) as first,
        ended(place.computer.start("sync", place.source, place.target, *SMALL_SECTORS)) as second,
    ):
        time.sleep(0.7)
        assert second.poll() is None
        first.send_signal(signal.SIGCONT)
        assert first.wait(60) == 0
        out, err = second.communicate(timeout=60)
        assert second.returncode == 0, err.decode()
        assert b"stands" in out
    place.assert_latest()


def test_reading_beside_a_run_on_one_home(place: Place) -> None:
    place.fill(4)
    place.sync()
    place.fill(20, seed=1)
    with ended(stopped_sync(place)) as first:
        place.assert_restores()
        place.computer.run("ls", place.target)
        first.send_signal(signal.SIGCONT)
        assert first.wait(60) == 0
    place.sync()
    place.assert_restores()


def _together(computers: list[Computer], sources: list[Path], target: Path) -> None:
    with ExitStack() as stack:
        started = [
            stack.enter_context(ended(computer.start("sync", source, target, *SMALL_SECTORS)))
            for computer, source in zip(computers, sources, strict=True)
        ]
        for process in started:
            _, err = process.communicate(timeout=120)
            assert process.returncode == 0, err.decode()


def test_two_homes_on_one_target(place: Place, tmp_path: Path) -> None:
    places = [place, *(Place(_made(tmp_path / name)) for name in ("two", "three"))]
    for seed, one in enumerate(places):
        one.fill(24, seed)
        one.target = place.target
    for seed in (10, 20):
        _together([one.computer for one in places], [one.source for one in places], place.target)
        for one in places:
            said = one.computer.call("sync", one.source, place.target, "--json")
            assert not said.summary["check_point_new"]
            one.states[said.summary["check_point"]] = portrait(one.source)
            one.write("folder1/changed", 3 << 20, seed + len(one.states))
    for reader in (place.computer, place.elsewhere()):
        for one in places:
            _restores(reader, one)
        reader.call("check", place.target, "--read-data")


def test_two_homes_with_one_source(place: Place) -> None:
    place.fill(8)
    place.sync()
    other = place.elsewhere()
    other.call("ls", place.target)
    place.fill(24, seed=3)
    _together([place.computer, other], [place.source, place.source], place.target)
    for computer in (place.computer, other, place.elsewhere()):
        place.assert_restores(computer)
    place.assert_latest()
    place.write("after", 1000)
    place.sync()
    place.assert_restores()
    place.assert_restores(place.elsewhere())


def test_two_homes_that_both_make_the_target(place: Place) -> None:
    """Neither knows of the other's source uuid: two sources of one name, told apart by their check points."""
    place.fill(40)
    other = place.elsewhere()
    with ended(stopped_sync(place)) as first:
        other.call("sync", place.source, place.target, *SMALL_SECTORS)
        first.send_signal(signal.SIGCONT)
        assert first.wait(60) == 0
    place.computer.call("check", place.target, "--read-data")
    said = place.computer.call("ls", place.target, "--json")
    ids = [fact["check_point"] for fact in said.facts if fact["message_type"] == "check_point"]
    assert len(ids) == 2, said
    place.states = dict.fromkeys(ids, portrait(place.source))
    for computer in (place.computer, other, place.elsewhere()):
        place.assert_restores(computer)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _restores(reader: Computer, one: Place) -> None:
    for at, wanted in one.states.items():
        out = one.out()
        reader.call("restore", one.target, out, "--source", one.source, "--at", at)
        assert_alike(out, wanted)
