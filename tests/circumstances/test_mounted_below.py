"""Another file system is mounted below the folder that a restore goes to: no hard link reaches into it."""

from __future__ import annotations

import os

from disks import Disk
from place import Place

ROOM_KIB = 1024


def test_names_on_another_file_system_are_written(place: Place) -> None:
    place.write("a", 1000)
    (place.source / "m").mkdir()
    for name in ("b", "c"):
        os.link(place.source / "a", place.source / "m" / name)
    place.sync()
    out = place.out()
    out.mkdir()
    with Disk(out / "m", ROOM_KIB) as disk:
        said = place.computer.call("restore", place.target, out, "--json")
        assert said.summary["restored_files"] == 3
        assert (disk.path / "b").read_bytes() == (place.source / "a").read_bytes()
        assert (disk.path / "b").samefile(disk.path / "c")
        again = place.computer.call("restore", place.target, out, "--json")
        assert (again.summary["restored_files"], again.summary["already_there_files"]) == (0, 3)
