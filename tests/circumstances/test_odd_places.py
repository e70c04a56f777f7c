"""A source, OUT or BAKUP_HOME that is odd: what can go on does, and nothing is said to be what it is not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from computer import Computer
from disks import Disk, command
from place import Place

pytestmark = pytest.mark.peer


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path)
    (place.source / "d").mkdir(parents=True, exist_ok=True)
    (place.source / "a").write_bytes(b"a")
    (place.source / "d" / "x").write_bytes(b"x")
    place.computer.call("sync", place.source, place.target)
    return place


def test_what_is_immutable_in_out_is_named(place: Place, tmp_path: Path) -> None:
    out = tmp_path / "immutable"
    (out / "d").mkdir(parents=True)
    (out / "a").write_bytes(b"old")
    command("chattr", "+i", out / "a", out / "d")
    try:
        said = " ".join(place.computer.run("restore", place.target, out, "--overwrite", "always", code=3).err.split())
        assert "operation not permitted: 2 files a" in said
        assert "d/x" in said
    finally:
        command("chattr", "-i", out / "a", out / "d")
    assert (out / "a").read_bytes() == b"old"
    assert os.listdir(out / "d") == []


def test_a_link_on_the_way_is_not_followed(place: Place, tmp_path: Path) -> None:
    out, elsewhere = tmp_path / "linked", tmp_path / "elsewhere"
    out.mkdir()
    elsewhere.mkdir()
    (out / "d").symlink_to(elsewhere)
    said = place.computer.run("restore", place.target, out, "d/x", code=1)
    assert "here it is of another kind" in said.err
    assert os.listdir(elsewhere) == []


def test_a_fifo_is_no_source(place: Place, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "is neither a folder nor a file" in place.computer.run("sync", tmp_path / "pipe", place.target, code=2).err


def test_a_full_home_is_no_full_target(place: Place, tmp_path: Path) -> None:
    for number in range(3000):
        (place.source / f"file of a long name that fills a catalog {number}").touch()
    with Disk(tmp_path / "small", 600) as disk:
        said = Computer(disk.path / "home").run("sync", place.source, place.target, code=1)
        assert f"no space left at {disk.path / 'home'}" in said.err
    place.computer.run("check", place.target)
