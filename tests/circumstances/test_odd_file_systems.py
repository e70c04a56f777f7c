"""File systems that list names twice or not at all, change inodes with each mount, tell wrong sizes, cannot read."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from disks import command
from place import Place

pytestmark = pytest.mark.peer

FILES = {name: name.encode() * 5000 for name in "abcdef"}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path)
    (tmp_path / "behind").mkdir()
    for name, data in FILES.items():
        (tmp_path / "behind" / name).write_bytes(data)
    return place


@contextmanager
def mounted(place: Place, fault: str) -> Iterator[None]:
    """The source of `place`, with a fault."""
    program = Path(__file__).with_name("odd_fuse.py")
    arguments = [sys.executable, str(program), str(place.folder / "behind"), str(place.source), fault]
    with subprocess.Popen(arguments) as served:
        end = time.monotonic() + 20
        while not os.path.ismount(place.source):
            assert served.poll() is None
            assert time.monotonic() < end, "it is not mounted"
            time.sleep(0.02)
        try:
            yield
        finally:
            command("umount", place.source)


def restored(place: Place, code: int = 0) -> dict[str, bytes]:
    out = place.out()
    place.computer.run("restore", place.target, out, code=code)
    return {path.name: path.read_bytes() for path in out.iterdir()}


def test_a_name_that_is_listed_twice_is_taken_once(place: Place) -> None:
    with mounted(place, "twice"):
        place.computer.call("sync", place.source, place.target)
    assert restored(place) == FILES


def test_names_that_a_listing_misses_are_not_taken_for_deleted(place: Place) -> None:
    with mounted(place, "none"):
        place.computer.call("sync", place.source, place.target)
    with mounted(place, "misses"):
        place.computer.call("sync", place.source, place.target)
    assert restored(place) == FILES


def test_inodes_that_change_with_each_mount_are_no_changes(place: Place) -> None:
    with mounted(place, "inodes"):
        place.computer.call("sync", place.source, place.target)
    with mounted(place, "inodes"):
        said = place.computer.call("sync", place.source, place.target)
    assert "all inodes of" in said.err + said.out
    assert len(os.listdir(place.target)) == 1


def test_a_file_is_read_to_its_end_whatever_its_size_is_said_to_be(place: Place) -> None:
    with mounted(place, "short"):
        place.computer.call("sync", place.source, place.target)
    assert restored(place) == FILES


def test_one_file_that_cannot_be_read_stops_nothing(place: Place) -> None:
    with mounted(place, "unreadable"):
        said = place.computer.run("sync", place.source, place.target, code=3)
    assert "b input/output error" in " ".join(said.err.split())
    assert restored(place, code=3) == {name: data for name, data in FILES.items() if name != "b"}
