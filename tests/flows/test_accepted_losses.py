"""What cannot come back may be accepted: a check is good again, and tells of any other loss."""

from __future__ import annotations

import json

import pytest
from rig import Rig, cut_small
from trees import noise, write


@pytest.fixture
def lossy(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Rig:
    """Three check points; what the first one alone had is lost, and gone from the source."""
    cut_small(monkeypatch)
    write(rig.source, {"old/a": noise(5000, 1), "old/b": noise(5000, 2), "kept": noise(5000, 3)})
    rig.sync()
    [first] = rig.sectors()
    (rig.source / "old" / "a").unlink()
    (rig.source / "old" / "b").unlink()
    rig.sync()
    first.unlink()
    write(rig.source, {"new": noise(5000, 4)})
    rig.sync()
    return rig


def test_it_is_red_until_it_is_accepted(lossy: Rig) -> None:
    assert lossy.check().exit_code == 20
    said = lossy.run("check", "--accept-loss", str(lossy.target))
    assert "accepted      1 loss, 2 files with it\n" in said
    assert "\n  old/a" in said, "what is accepted is named"
    report = lossy.check()
    assert (report.exit_code, report.problems, report.lost.files) == (0, (), 0)
    [accepted] = report.accepted
    assert [file.path for file in accepted.lost] == [b"old/a", b"old/b"]
    said = lossy.run("check", str(lossy.target))
    assert "good          3 check points of 1 source, but for what was accepted\n" in said
    assert "old/a" not in said
    assert "\n  old/a" in lossy.run("check", "-v", str(lossy.target))
    facts = [json.loads(line) for line in lossy.run("check", "--json", "-q", str(lossy.target)).splitlines()]
    assert [fact["message_type"] for fact in facts] == ["accepted", "summary"]
    assert (facts[-1]["exit_code"], facts[-1]["accepted"]) == (0, 1)


def test_it_survives_a_rebuild_without_names(lossy: Rig) -> None:
    lossy.run("check", "--accept-loss", str(lossy.target))
    lossy.rebuild()
    report = lossy.check(read_data=True)
    assert (report.exit_code, report.lost_entries) == (0, 0)
    assert len(report.accepted) == 1


def test_any_other_loss_is_told(lossy: Rig) -> None:
    lossy.run("check", "--accept-loss", str(lossy.target))
    second = lossy.sectors()[0]
    content = second.read_bytes()
    second.unlink()
    report = lossy.check()
    assert report.exit_code in (20, 21)
    assert len(report.problems) == 1
    second.write_bytes(content)
    assert lossy.check().exit_code == 0


@pytest.mark.parametrize("read_again", [False, True])
def test_damage_is_accepted_by_its_place(rig: Rig, monkeypatch: pytest.MonkeyPatch, read_again: bool) -> None:
    cut_small(monkeypatch)
    write(rig.source, {f"{number:02}": noise(5000, number) for number in range(40)})
    rig.sync()
    sector = rig.sectors()[0]
    content = bytearray(sector.read_bytes())
    content[-60_000] ^= 1
    sector.write_bytes(content)
    report = rig.check(read_data=True)
    assert (report.exit_code, len(report.problems)) == (21, 1)
    rig.run("check", "--read-data", "--accept-loss", str(rig.target))
    rig.rebuild()
    assert rig.check(read_data=read_again).exit_code == 0
    content[-150_000] ^= 1
    sector.write_bytes(content)
    assert rig.check(read_data=True).exit_code == 21


def test_what_is_not_to_be_trusted_is_never_accepted(rig: Rig) -> None:
    write(rig.source, {"a": b"a"})
    rig.sync()
    unsigned = rig.folder / "unsigned"
    (rig.folder / "other").mkdir()
    other = Rig(rig.folder / "other")
    write(other.source, {"a": b"b"})
    other.target = unsigned
    other.sync(sign=False)
    for path in other.sectors():
        (rig.target / path.name).write_bytes(path.read_bytes())
    rig.run("check", "--accept-loss", str(rig.target), code=22)
    assert rig.check().exit_code == 22
