"""A disk that is full - the target's, the spool's, the catalog's, the one restored to - and then has room again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from computer import Computer
from disks import Disk, Mounts, command
from likeness import assert_alike, portrait
from place import SMALL_SECTORS, Place, assert_nothing_half, leftovers

ROOM_KIB = 128 << 10


def test_full_target(place: Place, mounts: Mounts) -> None:
    disk = mounts(28 << 10)
    target = disk.path / "target"
    place.write("first", 1 << 20)
    place.sync(target=target)
    place.fill(40)
    said = place.computer.call("sync", place.source, target, *SMALL_SECTORS, code=1)
    assert f"error: no space left at {target}" in said.err
    assert "hint: make room and run the same command again" in said.err
    assert leftovers(target) == [], "a spool was left on the full disk"
    place.assert_restores(target=target)
    disk.resize(ROOM_KIB)
    place.sync(target=target)
    place.assert_restores(target=target)
    place.assert_restores(place.elsewhere(), target)
    place.computer.call("check", target, "--read-data")


def test_too_little_space_is_told_before_a_sync(place: Place, mounts: Mounts) -> None:
    """Also where DST's folder is not there yet; and what is needed is what is to be stored, not a sector's size."""
    disk = mounts(8 << 10)
    target = disk.path / "target"
    place.write("large", 12 << 20)
    told = f"about 12.0 MiB to store, 8.00 MiB free at {target}"
    assert told in place.computer.call("plan", place.source, target).err
    said = place.computer.call("sync", place.source, target, "--no-encrypt", code=1)
    assert f"warning: {told}" in said.err
    assert f"error: no space left at {target}: 8.00 MiB free, a sector needs 12.0 MiB" in said.err
    disk.resize(ROOM_KIB)
    assert "free" not in place.computer.call("sync", place.source, target, *SMALL_SECTORS).err


def test_too_little_space_is_told_before_a_restore(place: Place, mounts: Mounts) -> None:
    """What is there already, holes and further names of a file need none."""
    for name in ("a", "b"):
        place.write(name, 3 << 20)
    os.link(place.source / "b", place.source / "c")
    with open(place.source / "sparse", "wb") as file:
        file.truncate(1 << 30)
    place.computer.call("sync", place.source, place.target)
    disk = mounts(5 << 10)
    told = f"warning: about 6.00 MiB to restore, 5.00 MiB free at {disk.path / 'out'}"
    assert told in place.computer.call("restore", place.target, disk.path / "out", "-n").err
    assert told in place.computer.call("restore", place.target, disk.path / "out", code=1).err
    (disk.path / "out" / "b").unlink(missing_ok=True)
    assert "free" not in place.computer.call("restore", place.target, disk.path / "out", "a", "-n").err
    disk.resize(7 << 10)
    assert "warning" not in place.computer.call("restore", place.target, disk.path / "out").err
    command("mount", "-o", "remount,nr_inodes=7", disk.path)
    few = place.computer.call("restore", place.target, disk.path / "more", "-n").err
    assert f"warning: about 4 names to restore, room for 1 at {disk.path / 'more'}" in few


def test_full_spool(place: Place, mounts: Mounts) -> None:
    disk = mounts(9 << 10)
    place.write("first", 1 << 20)
    place.sync()
    place.fill(24)
    said = place.computer.call("sync", place.source, place.target, "--spool", disk.path, *SMALL_SECTORS, code=1)
    assert f"error: no space left at {disk.path}" in said.err
    assert list(disk.path.iterdir()) == []
    place.assert_restores()
    disk.resize(ROOM_KIB)
    place.sync("--spool", str(disk.path))
    assert list(disk.path.iterdir()) == []
    place.assert_restores()


def test_full_spool_of_a_store(place: Place, mounts: Mounts) -> None:
    """It lies in the home: that is what is full, not the store."""
    disk = mounts(ROOM_KIB)
    _move_home(place, disk)
    place.write("first", 1 << 20)
    place.sync(target="memory://full-spool")
    place.fill(24)
    disk.resize(_used_kib(place.computer.home) + (9 << 10))
    said = place.computer.call("sync", place.source, "memory://full-spool", *SMALL_SECTORS, code=1)
    assert f"error: no space left at {place.computer.home}" in said.err
    assert leftovers(place.computer.home) == []
    disk.resize(ROOM_KIB)
    place.sync(target="memory://full-spool")
    place.assert_restores(target="memory://full-spool")


@pytest.mark.parametrize("more_kib", [64, 300, 1000])
def test_full_catalog(place: Place, mounts: Mounts, more_kib: int) -> None:
    disk = mounts(ROOM_KIB)
    home = _move_home(place, disk)
    place.write("first", 1 << 20)
    place.sync()
    for number in range(6000):
        place.write(f"many{number % 20}/file with a name that takes some room {number}", 10, number)
    disk.resize(_used_kib(home) + more_kib)
    said = place.computer.call("sync", place.source, place.target, code=1)
    assert "unexpected" not in said.err, said
    assert "no space left" in said.err, said
    assert str(home) in said.err, said
    disk.resize(ROOM_KIB)
    place.assert_restores()
    place.sync()
    place.assert_restores()
    place.assert_restores(place.elsewhere())


@pytest.mark.parametrize("more_kib", [64, 500, 1200])
def test_full_catalog_of_a_rebuild(place: Place, mounts: Mounts, more_kib: int) -> None:
    for number in range(6000):
        place.write(f"many{number % 20}/file with a name that takes some room {number}", 10, number)
    place.sync()
    disk = mounts(ROOM_KIB)
    other = Computer(disk.path / "home")
    disk.resize(_used_kib(other.home) + more_kib)
    said = other.call("rebuild", place.target, code=1)
    assert "unexpected" not in said.err, said
    assert "no space left" in said.err, said
    assert str(other.home) in said.err, said
    disk.resize(ROOM_KIB)
    other.call("rebuild", place.target)
    place.assert_restores(other)


@pytest.mark.parametrize("size_kib", [400, 3 << 10, 9 << 10])
def test_full_destination(place: Place, mounts: Mounts, size_kib: int) -> None:
    place.fill(12)
    place.sync()
    wanted = portrait(place.source)
    disk = mounts(size_kib)
    out = disk.path / "out"
    said = place.computer.call("restore", place.target, out, code=1)
    assert "unexpected" not in said.err, said
    assert "no space left" in said.err.lower(), said
    assert_nothing_half(out, wanted)
    disk.resize(ROOM_KIB)
    place.computer.call("restore", place.target, out)
    assert_alike(out, wanted)
    assert leftovers(out) == []


def test_full_log(place: Place, mounts: Mounts) -> None:
    """A log that cannot be written stops no backup."""
    disk = mounts(4)
    log = disk.path / "log"
    (disk.path / "filler").write_bytes(bytes(4096))
    place.write("file", 1000)
    said = place.computer.call("sync", place.source, place.target, "--log-file", log, code=None)
    assert said.code in (0, 1), said
    assert "unexpected" not in said.err, said
    place.sync()
    place.assert_latest()


def _used_kib(folder: Path) -> int:
    return sum(path.stat().st_blocks for path in folder.iterdir()) // 2


def _move_home(place: Place, disk: Disk) -> Path:
    """A home on that disk in place of the first one."""
    place.computer.home.rename(place.folder / "moved")
    place.computer.home = disk.path / "home"
    place.computer.call("account", "recover", "--words-file", place.computer.words)
    return place.computer.home


def test_full_target_of_many_workers(place: Place, mounts: Mounts) -> None:
    """The first that finds no room ends them all; what the others have put stays."""
    disk = mounts(24 << 10)
    target = disk.path / "target"
    for number in range(8_200):
        (place.source / f"file{number}").write_bytes(os.urandom(4 << 10))
    said = place.computer.call("sync", place.source, target, *SMALL_SECTORS, "--workers", "3", code=1)
    assert f"error: no space left at {target}" in said.err
    assert leftovers(target) == [], "a spool was left on the full disk"
    disk.resize(ROOM_KIB)
    place.sync(target=target)
    place.assert_restores(target=target)
    place.computer.call("check", target, "--read-data")
