"""The power goes while a sync writes (FS_IOC_SHUTDOWN): what was confirmed is there, the next run succeeds."""

from __future__ import annotations

import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from computer import Computer, ended
from disks import LoopDisk
from place import SMALL_SECTORS, Place

pytestmark = pytest.mark.peer

CUTS = 8
LONGEST_S = 2.0


@pytest.fixture(params=["ext4", "xfs"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LoopDisk]:
    """A disk whose power can be cut."""
    disk = LoopDisk(tmp_path, request.param, 600)
    yield disk
    disk.unmount()


@pytest.mark.parametrize("home_too", [False, True], ids=["target", "target and home"])
def test_power_cut_while_a_sync_writes(disk: LoopDisk, tmp_path: Path, home_too: bool) -> None:
    chance = random.Random(7 + home_too)
    place = Place(tmp_path)
    place.target = disk.path / "target"
    if home_too:
        place.computer = Computer(disk.path / "home")
    place.fill(8)
    place.sync()
    cut = 0
    for number in range(CUTS):
        place.fill(20 + number, seed=number + 1)
        cut += _cut_during_sync(disk, place, chance.uniform(0.3, LONGEST_S))
        disk.unmount()
        disk.mount()
        place.assert_restores()
        place.sync()
        place.assert_restores(place.elsewhere())
        if number % 2:
            _forget_the_first(place)
    assert cut, "every sync was done before its power was cut"
    place.computer.call("check", place.target, "--read-data")


def _cut_during_sync(disk: LoopDisk, place: Place, after_s: float) -> bool:
    """Whether the power went before the sync was done."""
    with ended(place.computer.start("sync", place.source, place.target, *SMALL_SECTORS)) as process:
        with suppress(subprocess.TimeoutExpired):
            process.wait(after_s)
        done = process.poll() == 0
        disk.cut_power()
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        assert process.poll() is not None, "the sync hangs without its disk"
        assert done or process.returncode != 0, "a sync said that it was done, on a dead disk"
    time.sleep(0.05)
    return not done


def _forget_the_first(place: Place) -> None:
    """Restoring them all takes time; the target keeps them."""
    place.states.pop(next(iter(place.states)))
    for path in place.folder.glob("out*"):
        shutil.rmtree(path, ignore_errors=True)
