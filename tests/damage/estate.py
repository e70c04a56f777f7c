"""A source with three check points at a target, to be copied for each damage; and the same of another account."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest
from anatomy import Anatomy
from computer import ENTROPY, OTHER_ENTROPY, Computer
from injuries import World
from likeness import Portrait, portrait
from oracle import Oracle

from bakup.account.keys import Account

PADDING = 4096
"""Zeros behind each sector, as a target's alignment wants them."""


def cut_small(patch: pytest.MonkeyPatch) -> None:
    """A writer's own choices (spec section 2.1), far smaller."""
    for name, value in {
        "bakup.layouts.sectors.transfer.PACK_TARGET": 16 << 10,
        "bakup.layouts.sectors.transfer.SMALL_FILE": 8 << 10,
        "bakup.plan.cutting.CHUNK_MIN_CUT": 2 << 10,
        "bakup.plan.cutting.CHUNK_NOMINAL": 4 << 10,
        "bakup.plan.cutting.CHUNK_MAX_CUT": 16 << 10,
    }.items():
        patch.setattr(name, value)


class Estate:
    """`sectors` A, B and C hold one check point each; C's is the latest. Each test lays out the target anew."""

    def __init__(self, folder: Path, *, sealed: bool) -> None:
        self.folder = folder
        self.source = folder / "source"
        self.sealed = sealed
        self.target = folder / "target"
        self.pictures: list[Portrait] = []
        self.foreign_target = folder / "foreign"
        self._made("foreign-home", self.foreign_target, OTHER_ENTROPY)
        self.computer = self._made("home", self.target, ENTROPY)
        account = Account.from_entropy(ENTROPY)
        self.sectors = sorted(
            (Anatomy(path, account) for path in self.target.glob("*.bakup")),
            key=lambda one: min(point.value.sequence for point in one.meta.checkpoints.values()),
        )
        other = Account.from_entropy(OTHER_ENTROPY)
        self.foreign = [Anatomy(path, other) for path in self.foreign_target.glob("*.bakup")]
        self.oracle = Oracle(self.sectors)

    @property
    def world(self) -> World:
        """The target's objects while all is well."""
        return {sector.name: sector.content for sector in self.sectors}

    @property
    def reading(self) -> tuple[str, ...]:
        """Options that another computer needs to read it."""
        return () if self.sealed else ("--accept-plain",)

    def _made(self, home: str, target: Path, entropy: bytes) -> Computer:
        """Three syncs; then each object gets its padding, and the catalog is made from that."""
        computer = Computer(self.folder / home, entropy)
        self.pictures.clear()
        options = () if self.sealed else ("--no-encrypt", "--compression", "none")
        shutil.rmtree(self.source, ignore_errors=True)
        self.source.mkdir()
        for change in (_first, _second, _third):
            change(self.source)
            self.pictures.append(portrait(self.source))
            computer.call("sync", self.source, target, *options)
        for path in target.glob("*.bakup"):
            with open(path, "ab") as file:
                file.write(bytes(PADDING))
        computer.call("rebuild", target)
        computer.call("check", target, "--read-data")
        return computer


class Copy:
    """An estate's BAKUP_HOME in a folder of a test's own; the target is where its catalog knows it."""

    def __init__(self, estate: Estate, folder: Path) -> None:
        self.estate = estate
        self.folder = folder
        self.target = estate.target
        self._outs = 0
        shutil.copytree(estate.computer.home, folder / "home")
        self.computer = Computer(folder / "home")

    def fresh(self) -> Computer:
        """Another computer: it has the words and nothing else."""
        self._outs += 1
        return Computer(self.folder / f"fresh{self._outs}")

    def out(self) -> Path:
        """A path where nothing is."""
        self._outs += 1
        return self.folder / f"out{self._outs}"


def _noise(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


def _first(source: Path) -> None:
    for number in range(24):
        _write(source / f"folder{number % 4}" / f"file{number}", _noise(number, 3000 + 211 * number))
    _write(source / "big", _noise(100, 90_000))
    _write(source / "twin", _noise(3, 3000 + 211 * 3))
    _write(source / "empty", b"")
    os.symlink("big", source / "link")


def _second(source: Path) -> None:
    for number in (1, 5, 9):
        _write(source / f"folder{number % 4}" / f"file{number}", _noise(200 + number, 5000))
    for number in range(12):
        _write(source / "later" / f"file{number}", _noise(300 + number, 7000))
    (source / "folder2" / "file10").unlink()
    with open(source / "big", "ab") as file:
        file.write(_noise(101, 40_000))


def _third(source: Path) -> None:
    os.rename(source / "folder3", source / "moved")
    for number in range(10):
        _write(source / "last" / f"file{number}", _noise(400 + number, 6000))
    _write(source / "later" / "file2", _noise(500, 7001))
    (source / "later" / "file3").unlink()
