"""SRC, DST, names, tags and patterns whose bytes are no UTF-8, in every place where they travel."""

from __future__ import annotations

import json
import os
import shutil

import pytest
from rig import Rig
from trees import assert_equal, snapshot, write

E9 = os.fsdecode(b"\xe9")


@pytest.mark.parametrize("layout", ["sectors", "atbak"])
def test_places_names_and_tags_that_are_no_utf8(rig: Rig, layout: str) -> None:
    source, target, log = (str(rig.folder / f"{name}{E9}") for name in ("caf", "t", "log"))
    write(source, {"a": b"a", f"out{E9}": b"out", f"in{E9}": b"in"})
    how = ["--layout", layout, "--exclude", f"out{E9}", "--log-file", log]
    rig.run("sync", source, target, "--name", f"n{E9}", "--tag", f"g{E9}", *how)
    said = rig.run("sync", source, str(rig.source), target, "--json", *how)
    assert [json.loads(line)["exit_code"] for line in said.splitlines() if '"summary"' in line] == [0]
    (rig.folder / f"caf{E9}" / f"out{E9}").unlink()
    for name in (f"n{E9}", "n\\xe9", f"{os.uname().nodename}:{source}"):
        out = rig.new_out()
        rig.run("restore", target, str(out), "--source", name)
        assert_equal(snapshot(out), snapshot(source), root=False)
        shutil.rmtree(out)
    listed = rig.run("ls", target)
    assert listed.count("g\\xe9\n") == 1
    assert f"$'{os.uname().nodename}:{rig.folder}/caf\\xe9'\n" in listed
    assert "n\\xe9\n" in rig.run("ls", target, "--tag", f"g{E9}")
    for command in ("check", "stats", "rebuild", "ls"):
        rig.run(command, target)
    assert f"$'{os.uname().nodename}:{rig.folder}/caf\\xe9'\n" in rig.run("ls", target, ".", code=2)
    rig.run("sync", source, target, *how)
    assert "stands" in rig.run("sync", source, target, *how)
    shutil.rmtree(target)
    assert "were there on" in rig.run("sync", source, target, code=10)
    with open(log, encoding="utf-8") as file:
        assert " begin " in file.read()


def test_a_home_whose_path_is_no_utf8(rig: Rig) -> None:
    write(rig.source, {"a": b"a"})
    home = rig.folder / f"home{E9}"
    os.rename(rig.home, home)
    rig.home = home
    rig.run("sync", str(rig.source), str(rig.target))
    assert "stands" in rig.run("sync", str(rig.source), str(rig.target))
