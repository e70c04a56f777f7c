"""The power goes while a sync writes (FS_IOC_SHUTDOWN): what was confirmed is there, the next run succeeds."""

from __future__ import annotations

import json
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
from likeness import portrait
from place import SMALL_SECTORS, Place

pytestmark = pytest.mark.peer

CUTS = 6
DISK_MIB = 900
STARTING_S = 0.35
"""A process needs about so long before it writes anything."""


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
    longest_s, cut = 2.0, 0
    for number in range(CUTS):
        place.fill(40 + number, seed=number + 1)
        took_s = _cut_during_sync(disk, place, chance.uniform(STARTING_S, longest_s))
        cut += took_s is None
        longest_s = took_s or longest_s
        disk.unmount()
        disk.mount()
        place.assert_restores()
        place.sync()
        place.assert_restores(place.elsewhere())
        _forget_all_but(place, 2)
    print(f"{cut} of {CUTS} syncs had not ended when the power went")
    assert cut, "every sync was done before its power was cut"
    place.computer.call("check", place.target, "--read-data")


def _cut_during_sync(disk: LoopDisk, place: Place, after_s: float) -> float | None:
    """Seconds that the sync took, None if the power went before it was done. What it said is stored must stay."""
    begun = time.monotonic()
    with ended(place.computer.start("sync", place.source, place.target, *SMALL_SECTORS, "--json")) as process:
        with suppress(subprocess.TimeoutExpired):
            process.wait(after_s)
        took_s = time.monotonic() - begun
        disk.cut_power()
        out, err = process.communicate(timeout=20)
    assert b"Traceback" not in err
    assert b"unexpected" not in err, err.decode()
    if process.returncode:
        return None
    place.states[json.loads(out.splitlines()[-1])["check_point"]] = portrait(place.source)
    return took_s


def _forget_all_but(place: Place, count: int) -> None:
    """Restoring them all takes time; the target keeps them."""
    for at in list(place.states)[:-count]:
        del place.states[at]
    for path in place.folder.glob("out*"):
        shutil.rmtree(path, ignore_errors=True)
