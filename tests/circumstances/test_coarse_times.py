"""A file system that keeps times in whole seconds: what changes twice in one is not missed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from disks import LoopDisk
from place import Place

pytestmark = pytest.mark.peer

LARGE = 3 << 20
"""Bytes of a file that is not read whole."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[LoopDisk]:
    """Inodes of 128 bytes have no room for more, as those of ext3."""
    disk = LoopDisk(tmp_path, "ext4", 100, options=("-I", "128"))
    yield disk
    disk.unmount()


def write(folder: Path, letter: bytes) -> None:
    for name, size in {"small": 4, "large": LARGE}.items():
        (folder / name).write_bytes(letter * size)


def test_two_changes_within_a_second(disk: LoopDisk, tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.source = disk.path / "source"
    place.source.mkdir()
    for _ in range(3):
        time.sleep(1 - time.time() % 1)
        write(place.source, b"A")
        assert (place.source / "small").stat().st_mtime_ns % 10**9 == 0
        place.sync()
        write(place.source, b"B")
        place.sync()
        place.assert_latest()
