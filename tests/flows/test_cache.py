"""The local cache never loses data: whatever happens to it or behind its back, a sync makes the target whole again.

After each mishap: nothing is silently missing, `check` says what is, a sync succeeds, and all of it comes back.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from rig import ENTROPY, OTHER_ENTROPY, SMALL_SECTOR, Rig, ids, raising
from trees import Tree, noise, snapshot, write

from bakup.errors import BakupError, NoTarget, Untrusted, WrongAccount
from bakup.flows.reports import CheckReport, RestoreReport, TargetOptions


def grown(rig: Rig) -> list[tuple[str, Tree]]:
    """Three check points over several sectors: (id, what stood then)."""
    kept = []
    for number, files in enumerate(
        (
            {"small/a": b"a", "small/b": noise(5000, 1), "big": noise(400_000, 2), "z/last": noise(20_000, 3)},
            {"small/b": noise(6000, 4), "new/c": noise(30_000, 5)},
            {"big": noise(150_000, 6) + noise(400_000, 2), "small/d": b"d"},
        )
    ):
        write(rig.source, files)
        if number == 1:
            (rig.source / "small" / "a").unlink()
        report = rig.sync(sector_size=SMALL_SECTOR).sources[0]
        assert report.checkpoint is not None
        kept.append((report.checkpoint.uuid.hex(), snapshot(rig.source)))
    return kept


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


def test_two_homes_in_turn_on_one_target(rig: Rig) -> None:
    kept = []
    homes = [rig.home, rig.new_home("second")]
    for number in range(6):
        rig.home = homes[number % 2]
        write(rig.source, {f"file{number}": noise(1000, number), "same": b"%d" % number})
        report = rig.sync().sources[0]
        assert report.new.files + report.changed.files == 2
        assert report.checkpoint is not None
        kept.append((report.checkpoint.uuid.hex(), snapshot(rig.source)))
        rig.home = homes[(number + 1) % 2]
        assert not rig.sync().sources[0].made, "the other home takes over what the first one stored"
    for home in homes:
        rig.home = home
        assert rig.check(read_data=True).exit_code == 0
        for at, wanted in kept:
            rig.assert_restores(wanted, at=at)
    rig.assert_recovers(kept[-1][1])


def test_an_older_home_put_back(rig: Rig) -> None:
    kept = []
    for number in range(4):
        write(rig.source, {f"file{number}": noise(1000, number), "same": b"%d" % number})
        report = rig.sync().sources[0]
        assert report.checkpoint is not None
        kept.append((report.checkpoint.uuid.hex(), snapshot(rig.source)))
        if number == 1:
            shutil.copytree(rig.home, rig.folder / "older")
    shutil.rmtree(rig.home)
    os.rename(rig.folder / "older", rig.home)
    assert not rig.sync().sources[0].made
    write(rig.source, {"after": b"after"})
    assert rig.sync().sources[0].new.files == 1
    assert rig.check(read_data=True).exit_code == 0
    for at, wanted in kept:
        rig.assert_restores(wanted, at=at)
    rig.assert_restores(snapshot(rig.source))
    rig.assert_recovers(snapshot(rig.source))


def test_an_older_home_put_back_without_looking_first(rig: Rig) -> None:
    write(rig.source, {"one": b"1"})
    rig.sync()
    shutil.copytree(rig.home, rig.folder / "older")
    write(rig.source, {"two": b"2"})
    rig.sync()
    wanted = snapshot(rig.source)
    shutil.rmtree(rig.home)
    os.rename(rig.folder / "older", rig.home)
    rig.assert_restores(wanted)


def test_an_empty_disk_at_the_same_path(rig: Rig) -> None:
    write(rig.source, {"a": b"a", "b": noise(3000)})
    rig.sync()
    os.rename(rig.target, rig.folder / "first")
    for empty in (False, True):
        if empty:
            rig.target.mkdir()
        for call in (rig.sync, rig.restore, rig.check, rig.list, rig.rebuild):
            error = raising(call, NoTarget)
            assert error.exit_code == 10  # type: ignore[attr-defined]
            assert not list(rig.target.glob("*"))
    rig.sync(new_target=True)
    rig.assert_restores(snapshot(rig.source))
    assert rig.check(read_data=True).exit_code == 0
    assert rig.list()[0].files == 2
    rig.assert_recovers(snapshot(rig.source))


def test_a_missing_folder_and_new_target(rig: Rig) -> None:
    write(rig.source, {"a": b"a"})
    rig.sync()
    shutil.rmtree(rig.target)
    assert raising(rig.sync, NoTarget).exit_code == 10  # type: ignore[attr-defined]
    rig.sync(new_target=True)
    rig.assert_restores(snapshot(rig.source))


def test_an_emptied_disk_is_told_by_the_command(rig: Rig) -> None:
    write(rig.source, {"a": b"a"})
    rig.run("sync", str(rig.source), str(rig.target))
    for sector in rig.sectors():
        sector.unlink()
    said = rig.run("sync", str(rig.source), str(rig.target), code=10)
    assert "is the drive mounted?" in said
    assert "--new-target" in said
    rig.run("sync", str(rig.source), str(rig.target), "--new-target")
    rig.assert_restores(snapshot(rig.source))


def test_two_disks_swapped_at_one_path(rig: Rig) -> None:
    disks = [rig.folder / "first", rig.folder / "second"]
    kept: list[list[tuple[str, Tree]]] = [[], []]

    def stored(disk: int, **options: object) -> None:
        write(rig.source, {f"file{disk}{len(kept[disk])}": noise(2000, disk), "same": b"%d" % time.time_ns()})
        report = rig.sync(**options).sources[0]
        assert report.checkpoint is not None
        kept[disk].append((report.checkpoint.uuid.hex(), snapshot(rig.source)))

    stored(0)
    stored(0)
    os.rename(rig.target, disks[0])
    rig.target.mkdir()
    stored(1, new_target=True)
    for disk in (0, 1, 0, 1):
        os.rename(rig.target, disks[1 - disk])
        os.rename(disks[disk], rig.target)
        stored(disk)
        for at, wanted in kept[disk]:
            rig.assert_restores(wanted, at=at)
        report = rig.check(read_data=True)
        assert (report.exit_code, report.history) == (0, ())
        rig.assert_recovers(kept[disk][-1][1])


def truncated_middle(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def overwritten(path: Path) -> None:
    path.write_bytes(noise(path.stat().st_size, 9))


def garbage_inside(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for page in range(1, len(data) // 4096):
        data[page * 4096 : page * 4096 + 2048] = noise(2048, page)
    path.write_bytes(data)


def emptied(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.usefixtures("small_cuts")
@pytest.mark.parametrize("mishap", [Path.unlink, truncated_middle, overwritten, garbage_inside, emptied])
def test_a_catalog_that_is_gone_or_garbage(rig: Rig, mishap: Callable[[Path], None]) -> None:
    kept = grown(rig)
    mishap(rig.home / "catalog.db")
    hints: tuple[str, ...] = ("bakup rebuild DST",)
    try:
        rig.sync(sector_size=SMALL_SECTOR)
    except BakupError as error:
        hints = error.hints
        rig.rebuild()
        rig.sync(sector_size=SMALL_SECTOR)
    # What is found out only in the middle is told with what to do, and that is enough.
    assert any("rebuild" in hint for hint in hints), hints
    for at, wanted in kept:
        rig.assert_restores(wanted, at=at)
    assert rig.check(read_data=True).exit_code == 0


@pytest.mark.usefixtures("small_cuts")
@pytest.mark.parametrize("command", ["ls", "restore", "check"])
def test_a_reading_command_without_a_catalog_rebuilds_it(rig: Rig, command: str) -> None:
    kept = grown(rig)
    rig.forget("catalog.db")
    calls: dict[str, Callable[[], object]] = {"ls": rig.list, "restore": rig.restore, "check": rig.check}
    calls[command]()
    assert any("rebuilding" in note for note in rig.watch.notes)
    for at, wanted in kept:
        rig.assert_restores(wanted, at=at)


def test_a_catalog_replaced_by_an_older_copy(rig: Rig) -> None:
    kept = []
    for number in range(4):
        write(rig.source, {f"file{number}": noise(1000, number), "same": b"%d" % number})
        report = rig.sync().sources[0]
        assert report.checkpoint is not None
        kept.append((report.checkpoint.uuid.hex(), snapshot(rig.source)))
        if number == 1:
            shutil.copy2(rig.home / "catalog.db", rig.folder / "older.db")
    rig.forget("catalog.db")
    shutil.copy2(rig.folder / "older.db", rig.home / "catalog.db")
    assert not rig.sync().sources[0].made
    assert rig.check(read_data=True).exit_code == 0
    for at, wanted in kept:
        rig.assert_restores(wanted, at=at)


def test_a_catalog_of_another_target_at_that_path(rig: Rig) -> None:
    """A catalog that believes in sectors which were never here, beside ones that are."""
    write(rig.source, {"a": noise(3000)})
    rig.sync()
    with sqlite3.connect(rig.home / "catalog.db") as catalog:
        catalog.execute("UPDATE sectors SET locator = 'elsewhere.bakup'")
    catalog.close()
    rig.sync()
    rig.assert_restores(snapshot(rig.source))
    assert rig.check(read_data=True).exit_code == 0


@pytest.mark.parametrize("other", ["", "catalog.db"])
def test_the_state_is_lost(rig: Rig, other: str) -> None:
    write(rig.source, {"a": noise(3000)})
    rig.sync()
    rig.forget("state.db", *([other] if other else []))
    write(rig.source, {"b": noise(3000, 2)})
    assert rig.sync().sources[0].new.files == 1
    rig.assert_restores(snapshot(rig.source))
    report = rig.check(read_data=True)
    assert (report.exit_code, report.history, report.checkpoints) == (0, (), 2)


def test_the_state_of_a_plain_target_is_lost(rig: Rig) -> None:
    write(rig.source, {"a": noise(3000)})
    rig.sync(encrypt=False)
    rig.forget("state.db")
    write(rig.source, {"b": noise(3000, 2)})
    try:
        rig.sync()
    except Untrusted:
        return
    # If it goes on, then with what the target was made with, or with a check point that needs nothing plain.
    rig.assert_restores(snapshot(rig.source))
    rig.new_home("elsewhere")
    for accept in (False, True):
        rig.assert_restores(snapshot(rig.source), target=TargetOptions(accept_plain=accept))


def test_a_state_that_is_garbage_is_told(rig: Rig) -> None:
    write(rig.source, {"a": noise(3000)})
    rig.sync()
    overwritten(rig.home / "state.db")
    error = raising(rig.sync, BakupError)
    assert "state.db" in str(error)
    rig.forget("state.db")
    rig.sync()
    rig.assert_restores(snapshot(rig.source))


def test_two_accounts_on_one_target(rig: Rig) -> None:
    write(rig.source, {"a": noise(3000)})
    rig.sync()
    mine = rig.home
    theirs = rig.new_home("theirs", OTHER_ENTROPY)
    for call in (rig.sync, rig.restore, rig.check, rig.rebuild):
        assert raising(call, WrongAccount).exit_code == 12  # type: ignore[attr-defined]
    rig.sync(new_target=True)
    trees = {}
    for number, (home, entropy) in enumerate([(mine, ENTROPY), (theirs, OTHER_ENTROPY)] * 2):
        rig.home = home
        write(rig.source, {f"file{number}": noise(2000, number)})
        rig.sync()
        trees[home] = snapshot(rig.source)
        rig.assert_restores(trees[home])
        rig.assert_recovers(trees[home], entropy=entropy)
    for home, count in ((mine, 3), (theirs, 3)):
        rig.home = home
        report = rig.check(read_data=True)
        assert (report.exit_code, report.foreign > 0, report.checkpoints) == (0, True, count)
        rig.forget("catalog.db", "state.db")
        rig.assert_restores(trees[home])


def test_history_that_was_rolled_back_stops_the_sync(rig: Rig) -> None:
    write(rig.source, {"a": b"1"})
    rig.sync()
    before = set(rig.sectors())
    write(rig.source, {"a": b"22"})
    rig.sync()
    for sector in set(rig.sectors()) - before:
        sector.unlink()
    rig.forget("catalog.db")
    error = raising(rig.sync, BakupError)
    assert error.exit_code == 23  # type: ignore[attr-defined]
    assert rig.check().exit_code == 23
    rig.sync(new_target=True)
    rig.assert_restores(snapshot(rig.source))
    assert rig.check(read_data=True).exit_code == 0
    rig.assert_recovers(snapshot(rig.source))


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
