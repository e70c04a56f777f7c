"""A tree with files of every order of size goes to each store, changes, and comes back on another computer."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from computer import Computer
from likeness import assert_alike, portrait

if TYPE_CHECKING:
    from tests.servers.fleet import Fleet

pytestmark = pytest.mark.peer

SIZES = (0, 1, 1_000, 70_000, 300_000, 700_000, 1_500_000, 4 << 20, 5_000_000, 9_000_000, 20_000_000)


def noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)


@pytest.mark.parametrize(
    ("name", "layout"),
    [
        (name, "sectors")
        for name in ("ceph", "rclone", "azure", "gcs", "sftp", "webdav", "ftp", "vsftpd", "apache", "smb")
    ]
    + [(name, "atbak") for name in ("ceph", "azure", "gcs", "sftp")],
)
def test_a_tree_goes_there_and_comes_back(fleet: Fleet, name: str, layout: str, tmp_path: Path) -> None:
    computer, elsewhere = Computer(tmp_path / "home"), Computer(tmp_path / "elsewhere")
    source, place, words = tmp_path / "source", fleet[name].place(), fleet[name].words()
    for number, size in enumerate(SIZES):
        path = source / f"folder{number % 3}" / f"file{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(noise(size))
    (source / "link").symlink_to("folder0/file3")
    computer.run("sync", source, place, *words, "--layout", layout)
    states = [portrait(source)]
    (source / "folder0" / "new").write_bytes(noise(400_000))
    (source / "folder1" / "file1").unlink()
    computer.run("sync", source, place, *words, "--limit-upload", "3MiB")
    states.append(portrait(source))
    computer.run("check", place, *words, "--read-data")
    listed = elsewhere.run("ls", place, *words, "--json").facts
    ids = [fact["check_point"] for fact in listed if fact["message_type"] == "check_point"]
    for checkpoint, state in zip(ids, states, strict=True):
        elsewhere.run("restore", place, tmp_path / checkpoint, "--at", checkpoint, *words)
        assert_alike(tmp_path / checkpoint, state)
    assert not elsewhere.run("sync", source, place, *words, "--json").summary["check_point_new"]
