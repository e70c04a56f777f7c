"""A check point is a source: into another target, layout or account comes all that was recorded."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from oddities import facts_of, plant_odd_things
from rig import MIB, OTHER_ENTROPY, Answers, Rig
from trees import noise

from bakup.api.reports import Selection, SyncOptions, SyncReport
from bakup.errors import Failed, Usage
from bakup.flows.sync import sync


def copied(rig: Rig, words: str = "", into: str = "second", **options: object) -> SyncReport:
    """The rig's target as the source of another, which the rig has from then on."""
    path, _, more = words.partition("?")
    url = f"bakup://{path}?target={rig.target}&{more}".rstrip("&")
    chosen = SyncOptions(**{"sector_size": 16 * MIB, **options})  # type: ignore[arg-type]
    rig.target = rig.folder / into
    with rig.open("sync") as home:
        return sync(home, [os.fsencode(url)], str(rig.target), chosen, rig.watch, Answers())


def test_all_that_was_recorded_comes_along(rig: Rig) -> None:
    plant_odd_things(os.fsencode(rig.source))
    with open(rig.source / "sparse", "wb") as file:
        file.truncate(8 * MIB)
        file.seek(3 * MIB)
        file.write(noise(2 * MIB))
    rig.sync()
    [was] = rig.list()
    report = copied(rig)
    assert report.sources[0].unreadable == ()
    [now] = rig.list()
    assert (now.source, now.files, now.bytes) == (was.source, was.files, was.bytes)
    out, restored = rig.restore()
    assert facts_of(os.fsencode(out)) == facts_of(os.fsencode(rig.source))
    assert (restored.causes, restored.skipped) == ((), ())
    assert (out / "sparse").stat().st_blocks * 512 < 3 * MIB
    again = rig.sync().sources[0]
    assert (again.new.files, again.changed.files) == (0, 0)


def test_each_check_point_in_turn(rig: Rig) -> None:
    for number in range(3):
        (rig.source / "a").write_text(f"{number}")
        (rig.source / f"only{number}").write_text("x")
        rig.sync()
        (rig.source / f"only{number}").unlink()
    first = rig.target
    for back in (2, 1, 0):
        rig.target = first
        copied(rig, f"?at=latest~{back}")
    assert [line.files for line in rig.list()] == [2, 2, 2]
    for back, number in ((2, 0), (0, 2)):
        out, _ = rig.restore(at=f"latest~{back}")
        assert sorted(os.listdir(out)) == ["a", f"only{number}"]
        assert (out / "a").read_text() == f"{number}"


def test_into_the_plain_layout_and_back(rig: Rig) -> None:
    data = noise(5 * MIB)
    (rig.source / "sub").mkdir()
    (rig.source / "sub" / "big").write_bytes(data)
    rig.sync()
    copied(rig, into="plain", layout="atbak", sector_size=None)
    copied(rig, "sub", into="third")
    out, _ = rig.restore()
    assert (out / "big").read_bytes() == data


def test_from_another_account(rig: Rig) -> None:
    (rig.source / "a").write_text("theirs")
    rig.sync()
    theirs = rig.home
    rig.new_home("mine", OTHER_ENTROPY)
    copied(rig, f"?home={theirs}")
    out, _ = rig.restore()
    assert (out / "a").read_text() == "theirs"


def test_what_is_left_out(rig: Rig) -> None:
    for path in ("keep/a", "cache/b", "keep/c.tmp"):
        (rig.source / path).parent.mkdir(exist_ok=True)
        (rig.source / path).write_text("x")
    rig.sync()
    report = copied(rig, selection=Selection(patterns=("cache/", "*.tmp")))
    assert report.sources[0].excluded.files == 1
    out, _ = rig.restore()
    assert [str(path.relative_to(out)) for path in sorted(out.rglob("*"))] == ["keep", "keep/a"]


def test_what_is_damaged_is_named(rig: Rig) -> None:
    (rig.source / "a").write_text("well")
    (rig.source / "big").write_bytes(noise(6 * MIB))
    rig.sync()
    [sector] = rig.target.glob("*.bakup")
    raw = bytearray(sector.read_bytes())
    raw[3 * MIB] ^= 1
    Path(sector).write_bytes(raw)
    [one] = copied(rig).sources
    assert [path.path for path in one.unreadable] == [b"big"]
    assert "is damaged" in one.unreadable[0].reason
    out, _ = rig.restore()
    assert sorted(os.listdir(out)) == ["a"]


def test_what_is_not_there(rig: Rig) -> None:
    (rig.source / "a").write_text("x")
    rig.sync()
    first = rig.target
    with pytest.raises(Failed, match="there is no bakup://none"):
        copied(rig, "none")
    rig.target = first
    with pytest.raises(Failed, match="no check point latest~5"):
        copied(rig, "?at=latest~5")
    with rig.open("sync") as home, pytest.raises(Usage, match="names no target"):
        sync(home, [b"bakup://a"], str(rig.target), SyncOptions(), rig.watch, Answers())
