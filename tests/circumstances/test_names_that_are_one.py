"""A file system on which names that differ by case only are one: the first is restored, the others are named."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from disks import LoopDisk, command
from place import Place

pytestmark = pytest.mark.peer

FIRST = {"2026/11/README.txt": b"upper", "Docs/x": b"1", "stra\u00dfe": b"sharp", "plain": b"plain"}
OTHERS = {"2026/11/readme.txt": b"lower, and longer", "docs/x": b"2", "docs/z": b"3"}
DISTINCT = {"STRASSE": b"not the same here", "caf\u00e9": b"composed", "cafe\u0301": b"decomposed"}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[LoopDisk]:
    """NTFS, mounted as Windows has it."""
    disk = LoopDisk(tmp_path, "ntfs", 32, options=("-F",), mounting=("-t", "lowntfs-3g", "-o", "ignore_case"))
    yield disk
    disk.unmount()


@pytest.mark.parametrize("layout", ["sectors", "atbak"])
@pytest.mark.parametrize("stood", [False, True])
def test_no_file_is_lost_to_another(disk: LoopDisk, tmp_path: Path, layout: str, stood: bool) -> None:
    place = Place(tmp_path)
    for name, data in {**FIRST, **OTHERS, **DISTINCT}.items():
        path = place.source / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(data)
    os.symlink("to upper", place.source / "L")
    os.symlink("to lower", place.source / "l")
    place.computer.call("sync", place.source, place.target, "--layout", layout)
    out = disk.path / "out"
    out.mkdir()
    if stood:
        (out / "mine").write_bytes(b"mine")
    for options in ((), (), ("--overwrite", "always")):
        said = place.computer.run("restore", place.target, out, *options, code=3)
        assert f"5 names are others' at {out}, where case does not count" in " ".join(said.err.split())
        for line in ("2026/11/readme.txt README.txt is there", "docs/z Docs is there", "l L is there"):
            assert line in " ".join(said.err.split())
        for name, data in {**FIRST, **DISTINCT}.items():
            assert (out / name).read_bytes() == data
        assert os.readlink(out / "L") == "to upper"
        assert sorted(os.listdir(out / "docs")) == ["x"]
        assert not [name for _, _, names in os.walk(out) for name in names if name.startswith(".bakup")]


def test_a_folder_deeper_inside_is_asked_by_itself(disk: LoopDisk, tmp_path: Path) -> None:
    """OUT tells case apart, and another file system that is mounted in it does not."""
    place = Place(tmp_path)
    for name in ("on/IT/x", "on/it/README", "on/it/y", "on/it2/README", "on/it2/readme", "off/README", "off/readme"):
        path = place.source / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(name.encode())
    place.computer.call("sync", place.source, place.target)
    out = tmp_path / "out"
    (out / "on").mkdir(parents=True)
    (out / "off").mkdir()
    command("mount", "--bind", disk.path, out / "on")
    try:
        for options in ((), ("--overwrite", "always")):
            said = " ".join(place.computer.run("restore", place.target, out, *options, code=3).err.split())
            for line in ("on/it IT is there", "on/it/README IT is there", "on/it2/readme README is there"):
                assert line in said
            assert sorted(os.listdir(out / "off")) == ["README", "readme"]
            assert os.listdir(out / "on" / "it") == ["x"]
            assert (out / "on" / "it2" / "README").read_bytes() == b"on/it2/README"
    finally:
        command("umount", "-l", out / "on")
