"""The root folder of the system as SRC."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from rig import Rig
from trees import noise, write

from bakup.source.tree.devices import BY_KERNEL
from bakup.source.tree.filters import Rules
from bakup.source.tree.tree import LocalTree


@pytest.mark.parametrize("layout", ["sectors", "atbak"])
def test_the_root_folder_is_a_source(rig: Rig, layout: str) -> None:
    write(rig.source, {"a": noise(2_000_000, 1), "sub/b": b"b", "sub/c": b"c"})
    inside = str(rig.source).lstrip("/")
    (rig.folder / "list").write_text(f"{inside}\n{rig.source}/sub\n")
    how = ["--files-from", str(rig.folder / "list"), "--exclude", f"{rig.source}/sub/c", "-x", "--layout", layout]
    target = str(rig.target)
    assert re.search(r"^new +2 files", rig.run("plan", "/", target, *how), re.MULTILINE)
    said = rig.run("sync", "/", target, *how)
    assert re.search(r"^new +2 files", said, re.MULTILINE)
    assert f" of {os.uname().nodename}:/, " in said
    assert re.search(r"^unchanged +2 files", rig.run("sync", "/", target, *how), re.MULTILINE)
    assert "b\n" in rig.run("ls", target, f"{rig.source}/sub", "--source", "/")
    assert rig.run("cat", target, f"{rig.source}/sub/b").endswith("b")
    out = rig.new_out()
    rig.run("restore", target, str(out))
    assert (out / inside / "a").read_bytes() == noise(2_000_000, 1)
    assert sorted(os.listdir(out / inside / "sub")) == ["b"]
    out = rig.new_out()
    rig.run("restore", target, str(out), f"/{inside}/sub/b")
    assert (out / inside / "sub" / "b").read_bytes() == b"b"
    (rig.source / "sub" / "b").unlink()
    assert "deleted            1 file" in rig.run("sync", "/", target, *how)
    rig.run("check", target, "--read-data")


def test_what_the_kernel_makes_is_kept_empty_below_a_source() -> None:
    tree = LocalTree(b"/", Rules(files_from=(b"proc", b"sys")))
    assert [found.path for found in tree.entries()] == [b"", b"proc", b"sys"]
    assert tree.excluded[BY_KERNEL].folders == 2
    assert not tree.missing
    assert [
        found and found.path for found in tree.look([(b"proc", 3), (b"proc/version", 1)], lambda path: iter(()))
    ] == [
        b"proc",
        None,
    ]
    assert Path("/proc/version").exists()
    assert b"version" in [found.path for found in LocalTree(b"/proc", Rules(files_from=(b"version",))).entries()]
