"""A file larger than three sectors, of which each is lost in turn."""

from __future__ import annotations

import os
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
from rig import MIB, SECTOR, Answers, Rig
from trees import noise, snapshot, write

from bakup.api.objects import SectorReport, SectorRestoreReport
from bakup.api.reports import TargetOptions
from bakup.errors import Failed
from bakup.flows import sector as sectors

SIZE = 62 * MIB + 12_345
NAME = b"films/big.mov"


@pytest.fixture
def stored(rig: Rig) -> bytes:
    """A big file with a small one on either side, stored; the bytes of the big one."""
    data = noise(SIZE, 7)
    write(rig.source, {os.fsdecode(NAME): data, "a": b"before", "z": b"after"})
    report = rig.sync()
    assert report.stored_sectors == len(rig.sectors()) >= 4
    return data


def sector_restore(rig: Rig, *files: Path) -> tuple[Path, SectorRestoreReport]:
    out = rig.new_out()
    with rig.open("sector restore") as home:
        report = sectors.restore(
            home,
            [str(file) for file in files],
            str(out),
            target=TargetOptions(),
            watch=rig.watch,
            ask=Answers(),
        )
    return out, report


def test_whatever_a_source_is_called_nothing_leaves_the_folder(rig: Rig) -> None:
    for number, name in enumerate(("..", "a/../../b", "\n\0" + "n" * 300)):
        for content in (b"one", b"two"):
            write(rig.source, {"file": content})
            rig.sync(name=name)
        out, report = sector_restore(rig, *rig.sectors())
        assert report.restored.files == 2 * (number + 1)
        assert len([path for path in out.glob("*/*/file") if path.is_file()]) == report.restored.files
        assert all(len(path.name) < 100 and path.name.isprintable() for path in out.iterdir())


def test_a_file_where_the_folder_should_be(rig: Rig) -> None:
    write(rig.source, {"file": b"x"})
    rig.sync()
    rig.new_out().write_text("mine")
    rig._outs -= 1
    with pytest.raises(Failed, match="is no folder"):
        sector_restore(rig, *rig.sectors())


def test_a_plain_sector_of_another_account_is_not_damaged(rig: Rig) -> None:
    write(rig.source, {"file": b"x"})
    rig.sync(encrypt=False)
    (file,) = rig.sectors()
    assert inspect(rig, file).whole.files == 1
    rig.new_home("another", bytes(range(7, 39)))
    report = inspect(rig, file)
    assert (report.signature, report.meta_state, report.data_state, report.exit_code) == ("good", "good", "good", 0)


def inspect(rig: Rig, file: Path) -> SectorReport:
    with rig.open("sector inspect") as home:
        return sectors.inspect(home, str(file), target=TargetOptions(), watch=rig.watch, ask=Answers())


def ranges_of(file: Path) -> list[tuple[int, int]]:
    """What NAME.part.ranges says; as the specification wants it: ascending, not adjacent."""
    lines = [line.split(" ") for line in file.read_text().splitlines()]
    ranges = [(int(offset), int(length)) for offset, length in lines]
    for (offset, length), (after, _) in pairwise(ranges):
        assert offset + length < after
    return ranges


def held(out: Path, data: bytes) -> list[tuple[int, int]]:
    """The ranges of the part below `out`, each compared with the original bytes."""
    part = out / "films" / "big.mov.part"
    assert not (out / "films" / "big.mov").exists(), "what is not whole has not its name"
    ranges = ranges_of(part.with_name("big.mov.part.ranges"))
    with part.open("rb") as file:
        for offset, length in ranges:
            file.seek(offset)
            assert file.read(length) == data[offset : offset + length], f"{length} bytes at {offset}"
    return ranges


def covered(ranges: list[tuple[int, int]]) -> int:
    return sum(length for _, length in ranges)


def test_each_sector_alone_gives_its_part_in_its_place(rig: Rig, stored: bytes) -> None:
    found: list[tuple[int, int]] = []
    for sector in rig.sectors():
        out, report = sector_restore(rig, sector)
        assert report.sectors == 1
        assert report.rejected == ()
        ranges = held(out, stored)
        assert report.partial.files == 1
        assert report.partial.bytes == covered(ranges)
        told = inspect(rig, sector)
        assert (told.exit_code, told.meta_state, told.data_state, told.signature) == (0, "good", "good", "good")
        assert next(file.ranges for file in told.files if file.path == NAME) == tuple(ranges)
        found += ranges
        shutil.rmtree(out)
    position = 0
    for offset, length in sorted(found):
        assert offset == position, "the sectors' parts tile the file"
        position += length
    assert position == SIZE


def test_each_sector_lost_in_turn(rig: Rig, stored: bytes) -> None:
    wanted = snapshot(rig.source)
    sectors_there = rig.sectors()
    kept = [(place, place.with_name(f"{place.name}-kept")) for place in (rig.target, rig.home)]
    for place, copy in kept:
        shutil.copytree(place, copy)
    for number, lost in enumerate(sectors_there):
        lost.unlink()
        survivors = [sector for sector in sectors_there if sector != lost]

        out, _ = sector_restore(rig, *survivors)
        there = held(out, stored)
        assert SIZE - SECTOR <= covered(there) < SIZE
        shutil.rmtree(out)

        check = rig.check()
        assert (check.exit_code, check.sectors, check.expected_sectors) == (21, len(survivors), len(sectors_there))
        (problem,) = check.problems
        assert (problem.state, problem.uuid) == ("missing", bytes.fromhex(lost.stem.replace("-", "")))
        by_path = {file.path: file for file in problem.lost}
        assert NAME in by_path
        assert set(by_path) <= {NAME, b"a", b"z"}
        assert (by_path[NAME].bytes, by_path[NAME].available) == (SIZE, covered(there))
        assert dict(problem.unchanged_in) == {str(rig.source): len(by_path)}
        assert check.lost.files == len(by_path)

        out, restored = rig.restore()
        assert restored.not_restored.files == len(by_path)
        assert {file.path for cause in restored.causes for file in cause.lost} == set(by_path)
        assert not list(out.glob("films/*"))
        shutil.rmtree(out)
        out, restored = rig.restore(partial=True)
        assert covered(held(out, stored)) == covered(there)
        shutil.rmtree(out)

        said = rig.run("check", str(rig.target), code=21)
        assert "films/big.mov" in said
        assert lost.stem in said

        again = rig.sync()
        assert again.sources[0].stored_again.files == len(by_path)
        assert again.stored_bytes < SECTOR + MIB, f"sector {number}: only what was lost is stored again"
        assert again.missing_sectors == (problem.uuid,)
        rig.assert_restores(wanted)
        assert rig.check(read_data=True).exit_code in (0, 20)
        here = rig.home
        rig.new_home(f"elsewhere{number}")
        rig.assert_restores(wanted)
        rig.home = here
        rig.assert_recovers(wanted)
        for place, copy in kept:
            shutil.rmtree(place)
            shutil.copytree(copy, place)


def test_recover_gives_the_same_part_of_each_sector(rig: Rig, stored: bytes) -> None:
    for sector in rig.sectors():
        out = rig.new_out()
        code, said = rig.recover(str(out), "--sectors", str(sector))
        assert code == 3, said
        mine, _ = sector_restore(rig, sector)
        assert held(out, stored) == held(mine, stored)
        shutil.rmtree(out)
        shutil.rmtree(mine)


def test_a_change_in_the_middle_costs_what_changed(rig: Rig, stored: bytes) -> None:
    before = snapshot(rig.source)
    at = rig.list()[0].uuid.hex()
    with open(rig.source / os.fsdecode(NAME), "r+b") as file:
        file.seek(SIZE // 2)
        file.write(b"changed")
    report = rig.sync()
    assert report.stored_bytes < 9 * MIB
    rig.assert_restores(snapshot(rig.source))
    rig.assert_restores(before, at=at)
    rig.assert_recovers(before, at=at)


def test_a_sparse_file_keeps_its_holes(rig: Rig) -> None:
    path = rig.source / "disk.img"
    with path.open("wb") as file:
        for island in range(5):
            file.seek(island * 100 * MIB + 54_321)
            file.write(noise(100_000, island))
        file.truncate(700 * MIB)
    report = rig.sync()
    assert report.stored_bytes < 2 * MIB
    out, _ = rig.restore()
    restored = out / "disk.img"
    assert restored.stat().st_size == 700 * MIB
    assert restored.stat().st_blocks <= path.stat().st_blocks + 64
    with path.open("rb") as wanted, restored.open("rb") as found:
        for start in range(0, 700 * MIB, 50 * MIB):
            wanted.seek(start)
            found.seek(start)
            assert wanted.read(MIB) == found.read(MIB)
    assert restored.stat().st_mtime_ns == path.stat().st_mtime_ns
