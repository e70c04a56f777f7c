"""What `plan` says that a store will be asked is what `sync` then asks, and what `--json` counts is what went out."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from computer import Computer

if TYPE_CHECKING:
    from tests.servers.fleet import Fleet

pytestmark = pytest.mark.peer

MIB = 1 << 20


@pytest.mark.parametrize("layout", ["sectors", "atbak"])
@pytest.mark.parametrize("name", ["ceph", "azure", "sftp"])
def test_a_plan_tells_the_requests_of_the_sync(fleet: Fleet, name: str, layout: str, tmp_path: Path) -> None:
    computer, source = Computer(tmp_path / "home"), tmp_path / "source"
    source.mkdir()
    for number in range(40):
        (source / f"{number}").write_bytes(random.Random(number).randbytes(MIB))
    words = [source, fleet[name].place(), *fleet[name].words(), "--layout", layout, "--json"]
    if layout == "sectors":
        words += ["--sector-size", "16MiB"]
    computer.run("sync", *words, "--exclude", "*")
    planned = computer.run("plan", *words).summary
    done = computer.run("sync", *words).summary
    for kind in ("put", "get"):
        said = planned[f"{kind}_requests"] + planned[f"estimated_{kind}_requests"]
        asked = done[f"{kind}_requests"]
        assert asked - 4 <= said <= asked * 1.5 + 4, (kind, said, asked)
