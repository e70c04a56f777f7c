"""What happens to sectors behind the catalog's back: a sync makes the target whole again.

After each mishap: nothing is silently missing, `check` says what is, a sync succeeds, and all of it comes back.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from rig import SMALL_SECTOR, Rig, grown, ids
from trees import Tree, noise, snapshot, write

from bakup.api.reports import CheckReport, RestoreReport


def nothing_silently_missing(out: Path, report: RestoreReport, wanted: Tree) -> bool:
    """Each path is as wanted or named; or a sector whose names are gone is. Whether all is there."""
    found = snapshot(out)
    wrong = {path for path, node in wanted.items() if found.get(path) != node}
    named = {lost.path for cause in report.causes for lost in cause.lost}
    blind = any(not cause.lost for cause in report.causes)
    files = {path for path in wrong if wanted[path].kind == "file"}
    assert blind or files <= named, f"silently missing: {sorted(files - named)}"
    assert not (set(found) - set(wanted)) or blind or report.older, "files that were not there then"
    for path in named:
        assert path not in found or found[path] == wanted.get(path), f"{path!r} has its name and is not whole"
    return not wrong


def heals(
    rig: Rig,
    kept: list[tuple[str, Tree]],
    *,
    read_data: bool = False,
    refusals: bool = False,
    gap: bool = False,
) -> None:
    """A sync mends the target: the latest check point comes back whole, from here and from elsewhere.

    What has to be refused may have held anything (spec section 6.5): with `refusals` readers say so, though all is
    there.
    With `gap` a check point may be gone from the history for good.
    """
    codes = {0, 20} | ({21} if refusals else set()) | ({23} if gap or refusals else set())
    rig.sync(sector_size=SMALL_SECTOR)
    wanted = snapshot(rig.source)
    rig.assert_restores(wanted, refusals=refusals)
    assert rig.check(read_data=read_data).exit_code in codes
    report = rig.sync(sector_size=SMALL_SECTOR)
    assert not report.sources[0].made, "the sync after the mending one has nothing to do"
    here = rig.home
    rig.new_home(f"elsewhere{time.monotonic_ns()}")
    rig.assert_restores(wanted, refusals=refusals)
    for at, before in kept:
        if at in ids(rig.list()):
            out, restored = rig.restore(at=at)
            nothing_silently_missing(out, restored, before)
    assert rig.check(read_data=read_data).exit_code in codes
    rig.assert_recovers(wanted, refusals=refusals)
    rig.home = here


class Copies:
    """The state of target and BAKUP_HOME, to go back to between mishaps; the source stays as it is."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.pairs = [(place, place.with_name(f"{place.name}-kept")) for place in (rig.target, rig.home)]
        for place, copy in self.pairs:
            shutil.copytree(place, copy)

    def put_back(self) -> None:
        """As it was."""
        for place, copy in self.pairs:
            shutil.rmtree(place)
            shutil.copytree(copy, place)
        self.rig.home = self.pairs[1][0]


def cut_off(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def cut_to_nothing(path: Path) -> None:
    os.truncate(path, 0)


def cut_one(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def lengthen(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def replaced_by_another(path: Path) -> None:
    other = next(one for one in sorted(path.parent.glob("*.bakup")) if one != path)
    path.write_bytes(other.read_bytes())


@pytest.mark.usefixtures("small_cuts")
@pytest.mark.parametrize("mishap", [Path.unlink, cut_off, cut_to_nothing, cut_one, lengthen, replaced_by_another])
@pytest.mark.parametrize("known", [True, False], ids=["catalog", "no-catalog"])
def test_each_sector_that_is_lost_is_named_and_stored_again(
    rig: Rig, mishap: Callable[[Path], None], known: bool
) -> None:
    kept = grown(rig)
    sectors = rig.sectors()
    assert len(sectors) >= 5
    copies = Copies(rig)
    for number, sector in enumerate(sectors):
        mishap(sector)
        if not known:
            rig.forget("catalog.db", "state.db")
        report = rig.check()
        if known or number < len(sectors) - 1:
            # Without a catalog a lost check point is one that a later one names: then history itself has a gap.
            assert report.exit_code in ((20, 21) if known else (20, 21, 23)), f"sector {number}"
            assert names_it(report, sector, known), f"sector {number} is not named: {report}"
        for at, wanted in kept:
            if at in ids(rig.list()):
                out, restored = rig.restore(at=at)
                whole = nothing_silently_missing(out, restored, wanted)
                assert whole or restored.causes, f"sector {number}, check point {at}: no cause is named"
        heals(rig, kept, refusals=mishap is not Path.unlink, gap=not known)
        copies.put_back()


def names_it(report: CheckReport, sector: Path, known: bool) -> bool:
    """Whether a check names a sector; if its END is lost with it and with the catalog, at least the check point."""
    uuid = bytes.fromhex(sector.stem.replace("-", ""))
    if any(problem.uuid == uuid or problem.name == sector.name for problem in report.problems):
        return True
    return not known and (
        bool(report.history) or any("end of check point" in problem.reason for problem in report.problems)
    )


@pytest.mark.usefixtures("small_cuts")
def test_damaged_bytes_in_each_sector_are_found_and_stored_again(rig: Rig) -> None:
    kept = grown(rig)
    copies = Copies(rig)
    for sector in rig.sectors():
        data = bytearray(sector.read_bytes())
        place = len(data) // 2
        data[place] ^= 1
        sector.write_bytes(data)
        report = rig.check(read_data=True)
        assert report.exit_code in (20, 21)
        assert any(problem.uuid == bytes.fromhex(sector.stem.replace("-", "")) for problem in report.problems)
        for at, wanted in kept:
            out, restored = rig.restore(at=at)
            assert nothing_silently_missing(out, restored, wanted) or restored.causes
        heals(rig, kept, read_data=True, refusals=True)
        copies.put_back()


@pytest.mark.usefixtures("small_cuts")
def test_all_sectors_but_one_are_lost(rig: Rig) -> None:
    kept = grown(rig)
    for sector in rig.sectors()[:-1]:
        sector.unlink()
    assert rig.check().exit_code == 21
    heals(rig, kept)


@pytest.mark.usefixtures("small_cuts")
def test_a_lost_sector_that_comes_back_is_used_again(rig: Rig) -> None:
    kept = grown(rig)
    away = rig.folder / "away"
    shutil.copytree(rig.target, away)
    for sector in rig.sectors()[:2]:
        sector.unlink()
    assert rig.check().exit_code == 21
    for sector in away.glob("*.bakup"):
        if not (rig.target / sector.name).exists():
            shutil.copy2(sector, rig.target)
    assert rig.check(read_data=True).exit_code == 0
    for at, wanted in kept:
        rig.assert_restores(wanted, at=at)


@pytest.mark.usefixtures("small_cuts")
def test_what_the_source_no_longer_has_is_named_by_the_sync(rig: Rig) -> None:
    write(rig.source, {"gone": noise(3000, 1), "stays": b"stays"})
    rig.sync()
    write(rig.source, {"more": b"more"})
    rig.sync()
    rig.sectors()[0].unlink()
    (rig.source / "gone").unlink()
    report = rig.sync()
    assert [lost.path for lost in report.gone] == [b"gone"]
    assert len(report.missing_sectors) == 1
    rig.assert_restores(snapshot(rig.source))


def test_other_files_and_copies_at_the_target_do_no_harm(rig: Rig) -> None:
    write(rig.source, {"a": noise(3000)})
    rig.sync()
    (sector,) = rig.sectors()
    write(rig.target, {"README": b"hello", "x.bakup": b"no sector", "deep/copy.bin": sector.read_bytes()})
    write(rig.source, {"b": noise(3000, 2)})
    rig.sync()
    rig.assert_restores(snapshot(rig.source))
    assert rig.check(read_data=True).exit_code == 0
    sector.unlink()
    assert rig.check(read_data=True).exit_code == 0, "the copy in the subfolder serves as well"
    rig.assert_restores(snapshot(rig.source))
    rig.forget("catalog.db")
    rig.assert_restores(snapshot(rig.source))
