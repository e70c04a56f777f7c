"""The local cache never loses data: other computers, other disks, and what may happen to a BAKUP_HOME."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from rig import ENTROPY, OTHER_ENTROPY, SMALL_SECTOR, Rig, grown, raising
from trees import Tree, noise, snapshot, write

from bakup.api.reports import TargetOptions
from bakup.errors import BakupError, NoTarget, Untrusted, WrongAccount


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


@pytest.mark.parametrize("forgotten", ["catalog.db", ""], ids=["no-catalog", "catalog"])
def test_a_source_that_vanished_is_missed(rig: Rig, forgotten: str) -> None:
    other = rig.folder / "other"
    write(other, {"b": noise(3000, 2)})
    write(rig.source, {"a": noise(3000)})
    rig.sync()
    before = set(rig.sectors())
    rig.sync(other)
    [theirs] = set(rig.sectors()) - before
    theirs.unlink()
    if forgotten:
        rig.forget(forgotten)
    report = rig.check()
    if not forgotten:
        assert report.exit_code == 21, "the catalog knows what is lost"
        assert rig.sync(other).sources[0].made
        return
    assert report.exit_code == 23
    [problem] = report.history
    assert re.search(r"/other was at check point .* \(number 1\), which is not there any more", problem)
    assert rig.check(source="source").exit_code == 0, "that source has all it had"
    for source in (other, rig.source):
        error = raising(lambda source=source: rig.sync(source), BakupError)
        assert error.exit_code == 23  # type: ignore[attr-defined]
    rig.sync(other, new_target=True)
    rig.assert_restores(snapshot(other), source="other")
    assert rig.check(read_data=True).exit_code == 0
