"""One sector by itself that is damaged, and what `ls` and `check` say of check points that miss something."""

from __future__ import annotations

import json

import pytest
from rig import MIB, Rig, cut_small
from trees import noise, write


@pytest.fixture
def hurt(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Rig:
    """One sector with a byte changed in its data."""
    cut_small(monkeypatch)
    write(rig.source, {f"{number:02}": noise(5000, number) for number in range(40)})
    rig.sync()
    [sector] = rig.sectors()
    content = bytearray(sector.read_bytes())
    content[100_000] ^= 1
    sector.write_bytes(content)
    return rig


def test_a_damaged_file_is_not_among_what_can_be_restored(hurt: Rig) -> None:
    [sector] = hurt.sectors()
    out = hurt.new_out()
    said = hurt.run("sector", "inspect", "--json", str(sector), code=21)
    whole = {fact["path"] for fact in map(json.loads, said.splitlines()) if fact.get("whole") is True}
    said = hurt.run("sector", "restore", str(sector), str(out), code=3)
    assert whole == {path.name for path in out.iterdir() if not path.name.endswith((".part", ".ranges"))}
    assert 0 < len(whole) < 40
    assert "its chunks stand in other sectors" not in said
    assert " is damaged" in said


def test_damage_is_told_by_its_place_in_the_sector(rig: Rig) -> None:
    write(rig.source, {f"{number}": noise(MIB, number) for number in range(3)})
    rig.sync()
    [sector] = rig.sectors()
    content = bytearray(sector.read_bytes())
    content[1_000_000] ^= 1
    sector.write_bytes(content)
    [problem] = rig.check(read_data=True).problems
    place = int(problem.reason.removeprefix("is damaged at ").replace(",", ""))
    assert 1_000_000 - (65_536 + 16) < place <= 1_000_000


def test_a_folder_is_no_sector(hurt: Rig) -> None:
    said = hurt.run("sector", "inspect", str(hurt.target), code=1)
    assert "is a folder, no sector" in said
    assert f"bakup sector inspect {hurt.sectors()[0]}" in said


def test_an_auditor_with_an_account_sees_what_one_without_does(hurt: Rig) -> None:
    [sector] = hurt.sectors()
    content = bytearray(sector.read_bytes())
    content[100_000] ^= 1
    sector.write_bytes(content)
    hurt.new_home("other", bytes(32))
    with_account = hurt.run("sector", "inspect", str(sector))
    hurt.home = hurt.folder / "nobody"
    assert hurt.run("sector", "inspect", str(sector)) == with_account
    assert "signed by it: good" in with_account


def test_ls_marks_every_check_point_that_misses_something(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    cut_small(monkeypatch)
    write(rig.source, {"stays": noise(5000, 1), "goes": noise(5000, 2)})
    rig.sync()
    [first] = rig.sectors()
    write(rig.source, {"second": noise(5000, 3)})
    rig.sync()
    (rig.source / "goes").unlink()
    (rig.source / "stays").unlink()
    rig.sync()
    first.unlink()
    report = rig.check()
    lines = rig.list()
    assert [line.whole for line in lines] == [False, False, True]
    assert (report.lost_from, report.lost_to) == (lines[0].uuid, lines[1].uuid)
    said = rig.run("ls", str(rig.target))
    assert said.count("! not whole") == 2


def test_nothing_is_claimed_of_names_that_are_lost(rig: Rig, small_cuts: None) -> None:
    """A sector in the middle of a check point is gone before its names were read."""
    write(rig.source, {f"{number:03}": noise(9000, number) for number in range(120)})
    rig.sync(sector_size=192 << 10)
    rig.sectors()[2].unlink()
    rig.new_home("elsewhere")
    report = rig.check()
    assert report.lost_entries > 0
    said = rig.run("check", str(rig.target), code=21)
    assert f"{report.lost_entries} entries whose names are gone" in said
    assert "everything else" not in said
    said = rig.run("restore", str(rig.target), str(rig.new_out()), code=3)
    assert f"names lost    {report.lost_entries} entries in sectors that are gone" in said


def test_a_target_without_a_complete_check_point_is_not_good(rig: Rig, small_cuts: None) -> None:
    write(rig.source, {f"{number:03}": noise(9000, number) for number in range(60)})
    rig.sync(sector_size=192 << 10)
    rig.sectors()[-1].unlink()
    rig.new_home("elsewhere")
    report = rig.check()
    assert (report.exit_code, report.checkpoints) == (21, 0)
    said = rig.run("check", str(rig.target), code=21)
    assert "is incomplete: " in said
    assert "good          no check point" in said
