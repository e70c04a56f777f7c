"""A check point on S3, by fsspec and as a mount in the background."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import fsspec
import pytest
from rig import Rig
from trees import noise

if TYPE_CHECKING:
    from tests.servers.fleet import Fleet

pytestmark = pytest.mark.peer

MIB = 1 << 20


def bakup(rig: Rig, *words: str | Path) -> str:
    """A command that ends well; what it says."""
    call = [sys.executable, "-m", "bakup", *map(str, words)]
    home = {**os.environ, "BAKUP_HOME": str(rig.home)}
    done = subprocess.run(call, env=home, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_from_a_bucket(fleet: Fleet, rig: Rig) -> None:
    place, words, data = fleet["moto"].place(), fleet["moto"].words(), noise(9 * MIB)
    (rig.source / "notes.csv").write_text("name,size\nboat,4\n")
    (rig.source / "big").write_bytes(data)
    bakup(rig, "sync", rig.source, place, *words)
    storage = {"target": place, "home": str(rig.home), "store": dict(fleet["moto"].options)}
    with fsspec.open("bakup://notes.csv", "rt", newline="", **storage) as file:
        assert list(csv.DictReader(file)) == [{"name": "boat", "size": "4"}]
    fs = fsspec.filesystem("bakup", **storage)
    assert fs.cat_file("big", -100_000) == data[-100_000:]
    folder = rig.folder / "mounted"
    folder.mkdir()
    bakup(rig, "mount", place, folder, "--cache", "64MiB", *words)
    try:
        assert (folder / "latest" / "big").read_bytes() == data
        (rig.source / "new").write_text("later")
        bakup(rig, "sync", rig.source, place, *words)
        assert (folder / "latest" / "new").read_text() == "later"
    finally:
        bakup(rig, "umount", folder)
