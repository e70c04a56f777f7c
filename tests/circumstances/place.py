"""A computer with a source and a target, its check points, and what each of them holds."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from computer import Computer, Said
from likeness import Portrait, assert_alike, portrait

MIB = 1 << 20
SMALL_SECTORS = ("--sector-size", "16MiB")
TEMPORARY = b".bakup-"
"""How names begin that a restore gives to files in the making."""


class Place:
    """Below one folder. `states`: id of a check point -> what the source was then."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.source = folder / "source"
        self.source.mkdir()
        self.target = folder / "target"
        self.computer = Computer(folder / "home")
        self.states: dict[str, Portrait] = {}
        self._outs = 0

    def write(self, name: str, size: int, seed: int = 0) -> None:
        """A file of bytes that do not compress."""
        path = self.source / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(random.Random(seed * 1000 + len(name) + sum(name.encode())).randbytes(size))

    def fill(self, mib: int, seed: int = 0) -> None:
        """Files of half a MiB and one large one, `mib` MiB together."""
        for number in range(mib):
            self.write(f"folder{number % 3}/file{number}", MIB // 2, seed)
        self.write("large", mib * MIB // 2, seed)

    def sync(self, *options: str, target: str | Path | None = None) -> Said:
        """A sync that succeeds; what the source is now belongs to its check point."""
        said = self.computer.call("sync", self.source, target or self.target, *SMALL_SECTORS, "--json", *options)
        self.states[said.summary["check_point"]] = portrait(self.source)
        return said

    def out(self) -> Path:
        """A path where nothing is."""
        self._outs += 1
        return self.folder / f"out{self._outs}"

    def assert_restores(self, computer: Computer | None = None, target: str | Path | None = None) -> None:
        """Every check point comes back whole."""
        for at, wanted in self.states.items():
            out = self.out()
            (computer or self.computer).call("restore", target or self.target, out, "--at", at)
            assert_alike(out, wanted)
            shutil.rmtree(out)

    def assert_latest(self, target: Path | None = None) -> None:
        """The latest check point is what the source is now."""
        out = self.out()
        self.computer.call("restore", target or self.target, out)
        assert_alike(out, portrait(self.source))
        shutil.rmtree(out)

    def elsewhere(self) -> Computer:
        """Another computer with nothing but the words."""
        self._outs += 1
        return Computer(self.folder / f"elsewhere{self._outs}")


def assert_nothing_half(out: Path, wanted: Portrait) -> None:
    """Whatever stands under a final name is what it should be; only temporary names may hold anything else."""
    if not out.exists():
        return
    for path, look in portrait(out).items():
        if path.rpartition(b"/")[2].startswith(TEMPORARY) or look.kind == "folder":
            continue
        assert path in wanted, path
        assert (look.content, look.size) == (wanted[path].content, wanted[path].size), path


def leftovers(folder: Path) -> list[str]:
    """Temporary names below a folder."""
    return [str(path) for path in folder.rglob("*") if path.name.startswith(TEMPORARY.decode())]
