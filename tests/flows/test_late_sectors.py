"""Sectors that a computer comes to see after the check points they belong to, or after those that followed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from failing_target import Cut, FailingTarget
from rig import ENTROPY, SMALL_SECTOR, Rig
from trees import noise, snapshot, write

from bakup.account.keys import Account
from bakup.archive import opening
from bakup.errors import WrongAccount
from bakup.store.opening import open_target

FILES = {f"file{number}": noise(60_000, number) for number in range(12)}


@pytest.mark.usefixtures("small_cuts")
@pytest.mark.parametrize("damaged", [False, True], ids=["absent", "cut-short"])
def test_a_sector_that_comes_after_the_end(rig: Rig, tmp_path: Path, damaged: bool) -> None:
    """As when a target is copied, or a listing was begun before the put."""
    write(rig.source, FILES)
    rig.sync(sector_size=SMALL_SECTOR)
    *early, _ = sorted(rig.sectors(), key=lambda path: path.stat().st_mtime_ns)
    (tmp_path / "aside").mkdir()
    for path in early:
        shutil.move(path, tmp_path / "aside")
        if damaged:
            path.write_bytes((tmp_path / "aside" / path.name).read_bytes()[:5000])
    rig.new_home("elsewhere")
    (line,) = rig.list()
    assert not line.whole
    for path in early:
        shutil.move(tmp_path / "aside" / path.name, path)
    rig.assert_restores(snapshot(rig.source))
    assert rig.check(read_data=True).exit_code == 0
    assert not rig.sync(sector_size=SMALL_SECTOR).sources[0].made


@pytest.mark.parametrize("forgotten", [("catalog.db", "state.db"), ()], ids=["no-catalog", "catalog"])
def test_a_sector_that_was_looked_at_while_it_was_copied(rig: Rig, forgotten: tuple[str, ...]) -> None:
    """It had its full size from the beginning, and held nothing yet."""
    write(rig.source, {"a": b"old"})
    rig.sync()
    write(rig.source, {"a": b"newer"})
    first = set(rig.sectors())
    here = rig.home
    if not forgotten:
        rig.new_home("elsewhere")
    rig.sync()
    [late] = set(rig.sectors()) - first
    whole = late.read_bytes()
    late.write_bytes(bytes(len(whole)))
    rig.home = here
    rig.forget(*forgotten)
    assert len(rig.list()) == 1
    late.write_bytes(whole)
    rig.assert_restores(snapshot(rig.source))
    assert rig.check(read_data=True).exit_code == 0


def test_a_sector_whose_key_was_damaged_when_nobody_knew_the_account(rig: Rig) -> None:
    """It looked like another account's, and is looked at again by a check."""
    write(rig.source, {"a": b"old"})
    rig.sync()
    write(rig.source, {"a": b"newer"})
    [first] = rig.sectors()
    rig.sync()
    [late] = set(rig.sectors()) - {first}
    whole = late.read_bytes()
    key = whole.index(Account.from_entropy(ENTROPY).public.kem)
    late.write_bytes(whole[:key] + bytes([whole[key] ^ 1]) + whole[key + 1 :])
    rig.new_home("elsewhere")
    rig.forget("account")
    with pytest.raises(WrongAccount):
        rig.list()
    rig.new_home("elsewhere")
    report = rig.check()
    assert (report.exit_code, report.foreign, report.checkpoints) == (21, 0, 1)
    late.write_bytes(whole)
    rig.assert_restores(snapshot(rig.source))


@pytest.mark.usefixtures("small_cuts")
def test_a_sector_of_two_sources_when_the_run_is_cut(rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first source is complete and visible, the second is not: what they share serves both."""
    other = tmp_path / "z other"
    other.mkdir()
    write(rig.source, {"first": noise(5_000, 77)})
    write(other, FILES)
    first = snapshot(rig.source)
    with monkeypatch.context() as patch:
        patch.setattr(opening, "open_target", lambda place, **_: FailingTarget(open_target(place), "after", 2, Cut()))
        with pytest.raises(Cut):
            rig.sync(rig.source, other, sector_size=SMALL_SECTOR)
    (line,) = rig.list()
    rig.assert_restores(first, at=line.uuid.hex())
    report = rig.check(read_data=True)
    assert [problem.incomplete for problem in report.problems] == [True], "the second source has no complete one"
    assert report.exit_code == 21
    rig.sync(rig.source, other, sector_size=SMALL_SECTOR)
    rig.assert_restores(first, source=str(rig.source))
    rig.assert_restores(snapshot(other), source=str(other))


@pytest.mark.parametrize("cut", [False, True])
def test_a_check_point_of_another_computer_that_comes_late(
    rig: Rig, tmp_path: Path, cut: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two computers went on from the same check point; the earlier of theirs comes last. Deletions stay deletions."""
    write(rig.source, {"a": b"a"})
    rig.sync()
    here, copied, target = rig.home, tmp_path / "copied", rig.target
    shutil.copytree(target, copied)
    rig.new_home("other")
    rig.target = copied
    write(rig.source, {"b": b"b"})
    rig.sync()
    (rig.source / "b").unlink()
    rig.home, rig.target = here, target
    write(rig.source, {"extra": b"extra"})
    rig.sync()
    for path in copied.glob("*.bakup"):
        if not (target / path.name).exists():
            shutil.copy2(path, target)
    rig.list()
    (rig.source / "extra").unlink()
    if cut:
        with monkeypatch.context() as patch:
            failing = lambda place, **_: FailingTarget(open_target(place), "before", 1, Cut())  # noqa: E731
            patch.setattr(opening, "open_target", failing)
            with pytest.raises(Cut):
                rig.sync()
    assert rig.sync().sources[0].deleted.files == 1
    rig.assert_restores(snapshot(rig.source))
    assert not os.path.exists(rig.source / "extra")
    rig.forget("catalog.db")
    rig.assert_restores(snapshot(rig.source))
