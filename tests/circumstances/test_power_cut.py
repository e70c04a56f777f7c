"""The power goes while a sync writes (FS_IOC_SHUTDOWN): what was confirmed is there, the next run succeeds."""

from __future__ import annotations

import json
import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from computer import Computer, ended
from disks import LoopDisk
from likeness import portrait
from place import SMALL_SECTORS, Place

pytestmark = pytest.mark.peer

CUTS = 6
DISK_MIB = 900
MIB = 40
"""Of data that do not compress: what each sync adds to the disk, at least."""
LATER_S = 0.02
"""At most so long after the disk has grown so far."""
POLL_S = 0.001


@pytest.fixture(params=["ext4", "xfs"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LoopDisk]:
    """A disk whose power can be cut."""
    disk = LoopDisk(tmp_path, request.param, DISK_MIB)
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
        place.fill(MIB, seed=number + 1)
        done = _cut_during_sync(disk, place, int(chance.uniform(0, MIB << 20)), chance.uniform(0, LATER_S))
        cut += not done
        disk.unmount()
        disk.mount()
        place.assert_restores()
        place.sync()
        place.assert_restores(place.elsewhere())
        _forget_all_but(place, 2)
    print(f"{cut} of {CUTS} syncs had not ended when the power went")
    assert cut, "every sync was done before its power was cut"
    place.computer.call("check", place.target, "--read-data")


def _cut_during_sync(disk: LoopDisk, place: Place, growth: int, later_s: float) -> bool:
    """Cut when the disk has grown by `growth` bytes, and a little later; whether the sync was done, so must stay."""
    begun = disk.used()
    with ended(place.computer.start("sync", place.source, place.target, *SMALL_SECTORS, "--json")) as process:
        while process.poll() is None and disk.used() - begun < growth:
            time.sleep(POLL_S)
        time.sleep(later_s)
        disk.cut_power()
        out, err = process.communicate(timeout=20)
    assert b"Traceback" not in err
    assert b"unexpected" not in err, err.decode()
    if process.returncode:
        return False
    place.states[json.loads(out.splitlines()[-1])["check_point"]] = portrait(place.source)
    return True


def _forget_all_but(place: Place, count: int) -> None:
    """Restoring them all takes time; the target keeps them."""
    for at in list(place.states)[:-count]:
        del place.states[at]
    for path in place.folder.glob("out*"):
        shutil.rmtree(path, ignore_errors=True)
