"""Files of which the system tells another size than they have are stored to their end, or said to be changing."""

from __future__ import annotations

from pathlib import Path

import pytest
from rig import Rig

from bakup.api.reports import Selection

FILES = (b"kallsyms", b"filesystems", b"uptime")
"""All are told to be empty; the first takes some MB, the last is another each time."""


@pytest.mark.parametrize("layout", ["sectors", "atbak"])
def test_files_that_are_told_to_be_empty_come_back_whole(rig: Rig, layout: str) -> None:
    options = {"layout": layout, "sector_size": None, "selection": Selection(files_from=FILES)}
    report = rig.sync(Path("/proc"), **options).sources[0]
    wanted = {name: Path("/proc", name.decode()).read_bytes() for name in FILES[:2]}
    assert [line.path for line in report.changing] == [b"uptime"]
    assert report.new.bytes == sum(map(len, wanted.values()))
    out, _ = rig.restore()
    assert {name: (out / name.decode()).read_bytes() for name in FILES[:2]} == wanted
    assert (out / "uptime").read_bytes().count(b".") == 2
    again = rig.sync(Path("/proc"), **options).sources[0]
    assert (again.changed.files, again.unchanged.files) == (0, 2)
