"""A chunk with two places: what one of them lost, the other gives."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from anatomy import Anatomy
from computer import ENTROPY, Computer
from estate import Estate
from injuries import flipped
from likeness import assert_alike, files, portrait
from oracle import Expected, Oracle
from verdicts import LOST, OLDER, named

from bakup.account.keys import Account


class Doubled:
    """A target where each chunk stands in two sectors: the second sync stored everything again."""

    def __init__(self, estate: Estate, folder: Path) -> None:
        self.source, self.target = estate.source, folder / "target"
        self.computer = Computer(folder / "home")
        for standalone in ((), ("--standalone", "--always")):
            self.computer.call("sync", self.source, self.target, *standalone)
        account = Account.from_entropy(ENTROPY)
        sectors = [Anatomy(path, account) for path in self.target.glob("*.bakup")]
        self.first, self.second = sorted(
            sectors, key=lambda one: next(iter(one.meta.checkpoints.values())).value.sequence
        )
        assert {chunk.id for chunk in self.first.chunks} == {chunk.id for chunk in self.second.chunks}
        self.oracle = Oracle([self.first, self.second])
        self.wanted = portrait(self.source)
        self._outs = 0

    def damage(self, sector: Anatomy, *positions: int) -> None:
        """Flip a bit at each of these positions of the data region."""
        content = sector.content
        for position in positions:
            content = flipped(content, sector.stored(position, 1)[0])
        (self.target / sector.name).write_bytes(content)

    def expected(self) -> Expected:
        """What a restore of the latest check point gives now."""
        world = {path.name: path.read_bytes() for path in self.target.glob("*.bakup")}
        chunks = self.oracle.chunks(self.oracle.given(world, known=True))
        return self.oracle.expected(self.oracle.state(self.oracle.checkpoints[-1], self.oracle.sectors), chunks)

    def restored(self, *options: str, code: int, computer: Computer | None = None) -> tuple[Path, set[bytes]]:
        """Restore; the place, and the paths that are named as lost."""
        self._outs += 1
        out = self.target.with_name(f"out{self._outs}")
        said = (computer or self.computer).call("restore", self.target, out, "--json", *options, code=code)
        return out, named(said)


@pytest.fixture
def doubled(estates: Callable[[bool], Estate], tmp_path: Path) -> Doubled:
    return Doubled(estates(True), tmp_path)


def every_segment(sector: Anatomy) -> list[int]:
    return list(range(0, sum(row.length + 32 for row in sector.rows), 65_536))


@pytest.mark.parametrize("which", ["first", "second"])
def test_the_other_place_serves(doubled: Doubled, which: str) -> None:
    sector = getattr(doubled, which)
    doubled.damage(sector, *every_segment(sector))
    for computer in (doubled.computer, Computer(doubled.target.with_name("elsewhere"))):
        out, lost = doubled.restored(code=0, computer=computer)
        assert_alike(out, doubled.wanted)
        assert lost == set()
    said = doubled.computer.call("check", doubled.target, "--read-data", code=OLDER)
    assert sector.name.removesuffix(".bakup") in said.err
    out, lost = doubled.restored(code=0)
    assert_alike(out, doubled.wanted)
    said = doubled.computer.call("sync", doubled.source, doubled.target, "--json")
    assert said.summary["stored_bytes"] < 20_000, "what has a good place need not be stored again"
    out = doubled.target.with_name("recovered")
    assert doubled.computer.recover(doubled.target, out).code in (0, 3)
    assert_alike(out, doubled.wanted)


def test_each_place_serves_where_the_other_is_damaged(doubled: Doubled) -> None:
    doubled.damage(doubled.first, *every_segment(doubled.first)[::2])
    doubled.damage(doubled.second, *every_segment(doubled.second)[1::2])
    expected = doubled.expected()
    out, lost = doubled.restored(code=3 if expected.lost else 0)
    assert files(portrait(out)) == expected.files
    assert lost == expected.lost


def test_a_missing_sector_whose_chunks_have_other_places(doubled: Doubled) -> None:
    (doubled.target / doubled.first.name).unlink()
    out, _ = doubled.restored(code=0)
    assert_alike(out, doubled.wanted)
    said = doubled.computer.call("check", doubled.target, code=None)
    assert said.code in (OLDER, LOST), said
    doubled.computer.call("sync", doubled.source, doubled.target)
    shutil.rmtree(out)


def test_both_places_damaged(doubled: Doubled) -> None:
    first, second = doubled.first, doubled.second
    ids = {chunk.id: chunk for chunk in first.chunks}
    victim = next(iter(ids))
    hit = [next(chunk for chunk in sector.chunks if chunk.id == victim) for sector in (first, second)]
    for sector, chunk in zip((first, second), hit, strict=True):
        doubled.damage(sector, chunk.pack.position + 58 + chunk.offset + chunk.length // 2)
    expected = doubled.expected()
    assert expected.lost
    out, lost = doubled.restored(code=3)
    assert files(portrait(out)) == expected.files
    assert lost == expected.lost
    doubled.computer.call("check", doubled.target, "--read-data", code=LOST)
    doubled.computer.call("sync", doubled.source, doubled.target)
    out, lost = doubled.restored(code=0)
    assert_alike(out, doubled.wanted)
    doubled.computer.call("check", doubled.target, "--read-data", code=OLDER)
