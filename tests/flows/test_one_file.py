"""A single file as SRC: a source of one file."""

from __future__ import annotations

import os
import socket

import pytest
from rig import Rig
from trees import noise, write


@pytest.mark.parametrize("layout", ["sectors", "atbak"])
def test_a_file_is_a_source_of_one_file(rig: Rig, layout: str) -> None:
    write(rig.source, {"one": noise(3_000_000, 1), "beside": b"b"})
    one, target = str(rig.source / "one"), str(rig.target)
    assert "new                1 file " in rig.run("sync", one, target, "--layout", layout)
    write(rig.source, {"other": b"o"})
    os.unlink(rig.source / "beside")
    assert "stands" in rig.run("sync", one, target)
    assert f"{one} at " in rig.run("ls", target, ".", "--source", "one")
    out = rig.new_out()
    rig.run("restore", target, str(out))
    assert os.listdir(out) == ["one"]
    assert (out / "one").read_bytes() == noise(3_000_000, 1)
    write(rig.source, {"one": b"two"})
    rig.run("sync", one, target)
    assert "M       3 B  one\n" in rig.run("diff", target)
    os.unlink(one)
    assert f"error: there is no {one}\n" in rig.run("sync", one, target, code=1)
    assert "deleted            1 file" in rig.run("sync", one, target, "--allow-empty")
    assert "stands" in rig.run("sync", one, target, "--allow-empty")
    assert f"error: there is no {one}x\n" in rig.run("sync", f"{one}x", target, "--allow-empty", code=1)


def test_a_link_to_a_file_gives_its_name_and_the_file(rig: Rig) -> None:
    write(rig.source, {"real": b"content"})
    os.symlink("real", rig.source / "name")
    rig.sync(rig.source / "name")
    out, _ = rig.restore()
    assert (out / "name").read_bytes() == b"content"
    assert not (out / "name").is_symlink()


def test_rules_hold_for_one_file_too(rig: Rig) -> None:
    write(rig.source, {"one": b"12345"})
    one = str(rig.source / "one")
    for rule in (["--exclude", "one"], ["--exclude", one], ["--exclude-larger-than", "4"]):
        assert "excluded           1 file" in rig.run("plan", one, str(rig.target), *rule)
    assert "new                1 file" in rig.run("plan", one, str(rig.target), "--exclude", "*", "--include", one)


def test_what_is_neither_folder_nor_file_is_refused(rig: Rig) -> None:
    os.mkfifo(rig.source / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(rig.source / "socket"))
        for name in ("pipe", "socket"):
            said = rig.run("sync", str(rig.source / name), str(rig.target), code=2)
            assert "is neither a folder nor a file\nhint: mount it, or write what it gives" in said
