"""kill -9 at random moments: the next run succeeds, earlier check points are whole, nothing half is believed."""

from __future__ import annotations

import random
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from computer import ended
from likeness import assert_alike, portrait
from place import SMALL_SECTORS, Place, assert_nothing_half, leftovers

LINEAGE = 4
"""Check points of one target before the next one is begun."""


def killed(place: Place, longest_s: float, chance: random.Random, *arguments: str | Path) -> float:
    """Start a command and kill it at a random moment; how long a whole run takes is learned on the way."""
    begun = time.monotonic()
    with ended(place.computer.start(*arguments)) as process:
        try:
            _, err = process.communicate(timeout=chance.uniform(0.15, longest_s))
        except subprocess.TimeoutExpired:
            return longest_s
    assert process.returncode == 0, err.decode()
    return time.monotonic() - begun


def kills_of_sync(folder: Path, count: int, seed: int) -> None:
    chance = random.Random(seed)
    longest_s = 2.5
    for number in range(count):
        if number % LINEAGE == 0:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            place = Place(folder)
            place.fill(20, seed)
        place.fill(8 + chance.randrange(24), seed=100 * seed + number)
        longest_s = max(0.5, killed(place, longest_s, chance, "sync", place.source, place.target, *SMALL_SECTORS))
        place.assert_restores()
        said = place.sync()
        place.assert_restores()
        spool = place.target / ".bakup-spool"
        assert not (said.summary["check_point_new"] and spool.exists()), "a dead run's spool was left"
        if number % LINEAGE == LINEAGE - 1:
            place.assert_restores(place.elsewhere())
            place.computer.call("check", place.target, "--read-data")


def kills_of_restore(folder: Path, count: int, seed: int) -> None:
    chance = random.Random(seed)
    place = Place(folder)
    place.fill(30, seed)
    for number in range(1200):
        place.write(f"small{number % 7}/file{number}", 900, seed)
    place.sync()
    wanted = portrait(place.source)
    longest_s = 2.0
    for _ in range(count):
        out = place.out()
        longest_s = max(0.5, killed(place, longest_s, chance, "restore", place.target, out))
        assert_nothing_half(out, wanted)
        place.computer.call("restore", place.target, out)
        assert_alike(out, wanted)
        assert leftovers(out) == []
        shutil.rmtree(out)


def kills_of_rebuild(folder: Path, count: int, seed: int) -> None:
    chance = random.Random(seed)
    place = Place(folder)
    for step in range(3):
        for number in range(1200):
            place.write(f"small{number % 7}/file{number + step * 800}", 300, seed + step)
        place.sync()
    longest_s = 1.5
    for number in range(count):
        if number % 3 == 0:
            for path in place.computer.home.glob("catalog.db*"):
                path.unlink()
        longest_s = max(0.4, killed(place, longest_s, chance, "rebuild", place.target))
        if number % 2:
            place.computer.call("rebuild", place.target)
        said = place.computer.call("ls", place.target, "--json")
        ids = [fact["check_point"] for fact in said.facts if fact["message_type"] == "check_point"]
        assert ids == list(place.states), said
        if number % 4 == 0:
            place.assert_restores()
    said = place.computer.call("sync", place.source, place.target, "--json")
    assert not said.summary["check_point_new"]
    place.computer.call("check", place.target, "--read-data")


@pytest.mark.parametrize("seed", [1, 2])
def test_kills_of_sync(tmp_path: Path, seed: int) -> None:
    kills_of_sync(tmp_path / "kills", 8, seed)


def test_kills_of_restore(tmp_path: Path) -> None:
    kills_of_restore(tmp_path, 12, 3)


def test_kills_of_rebuild(tmp_path: Path) -> None:
    kills_of_rebuild(tmp_path, 12, 4)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(10, 20))
def test_many_kills_of_sync(tmp_path: Path, seed: int) -> None:
    kills_of_sync(tmp_path / "kills", 10, seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", [20, 21])
def test_many_kills_of_restore(tmp_path: Path, seed: int) -> None:
    kills_of_restore(tmp_path, 25, seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", [30, 31])
def test_many_kills_of_rebuild(tmp_path: Path, seed: int) -> None:
    kills_of_rebuild(tmp_path, 25, seed)
