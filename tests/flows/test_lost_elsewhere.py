"""What no END names: chunks that stood in a lost sector of others, parts of a large file. A plain sync finds them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest
from rig import SMALL_SECTOR, Rig
from trees import noise, snapshot, write

from bakup.catalog import places


def lacking(rig: Rig) -> list[int]:
    with closing(sqlite3.connect(rig.home / "catalog.db")) as catalog:
        return [row[0] for row in catalog.execute("SELECT lacking FROM sources ORDER BY id")]


@pytest.fixture
def shared(rig: Rig) -> Rig:
    """The source's files stand in a sector of another source, which is gone, and so is all that was known of it."""
    other = rig.folder / "other"
    files = {"small": noise(3000, 1), "large": noise(3 << 20, 2)}
    write(other, files)
    write(rig.source, {**files, "own": b"own"})
    rig.sync(other)
    [theirs] = rig.sectors()
    rig.sync()
    theirs.unlink()
    rig.forget("catalog.db", "state.db")
    return rig


def test_files_that_stood_in_a_sector_of_another_source(shared: Rig) -> None:
    assert shared.sync().sources[0].stored_again.files == 2
    shared.assert_restores(snapshot(shared.source))
    shared.new_home("elsewhere")
    shared.assert_restores(snapshot(shared.source))
    shared.assert_recovers(snapshot(shared.source))


@pytest.mark.parametrize("before", ["ls", "check", "rebuild", "restore"])
def test_whichever_command_made_the_catalog_again(shared: Rig, before: str) -> None:
    if before == "ls":
        shared.list()
    elif before == "check":
        report = shared.check()
        assert (report.exit_code, report.lost.files) == (21, 2)
    elif before == "rebuild":
        shared.rebuild()
    else:
        _, restored = shared.restore()
        assert (restored.restored.files, restored.not_restored.files) == (1, 2)
    assert shared.sync().sources[0].stored_again.files == 2
    shared.assert_restores(snapshot(shared.source))
    # The first check point has become whole again too: its chunks have a place.
    assert shared.check(read_data=True).lost.files == 0


def test_what_a_plan_says_of_it(shared: Rig) -> None:
    for _ in range(2):
        report = shared.sync(dry_run=True)
        assert report.sources[0].stored_again.files == 2


def test_it_is_looked_for_until_all_is_there(shared: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    look = places.lost_keys

    def counted(connection: sqlite3.Connection, target: int, source: int, ordinal: int) -> set[bytes]:
        looked.append(source)
        return look(connection, target, source, ordinal)

    monkeypatch.setattr("bakup.catalog.places.lost_keys", counted)
    shared.sync()
    assert looked
    assert 1 in lacking(shared)
    looked.clear()
    assert not shared.sync().sources[0].made
    assert looked
    assert set(lacking(shared)) == {0}
    looked.clear()
    shared.sync()
    assert not looked, "an unchanged run does not look for what is there"


def test_a_file_that_is_gone_by_then_is_named(shared: Rig) -> None:
    (shared.source / "small").unlink()
    report = shared.sync()
    assert report.sources[0].stored_again.files == 1
    assert [lost.path for lost in report.gone] == [b"small"]
    shared.assert_restores(snapshot(shared.source))
    assert shared.check().exit_code == 20


@pytest.mark.usefixtures("small_cuts")
def test_chunks_of_a_run_that_never_ended(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its sectors are listed by no END; a later run refers to them."""
    _lose_of_a_cut_run(rig, monkeypatch)
    rig.forget("catalog.db")
    assert rig.sync(sector_size=SMALL_SECTOR).sources[0].stored_again.files
    rig.assert_restores(snapshot(rig.source))


@pytest.mark.usefixtures("small_cuts")
@pytest.mark.parametrize("only", [{}, {"source": "source"}, {"at": "latest"}], ids=["every", "source", "at"])
def test_a_check_names_them(rig: Rig, monkeypatch: pytest.MonkeyPatch, only: dict[str, str]) -> None:
    lost = _lose_of_a_cut_run(rig, monkeypatch)
    for read_data in (False, True):
        report = rig.check(read_data=read_data, **only)  # type: ignore[arg-type]
        assert (report.exit_code, report.only_older) == (21, False)
        assert report.lost.files
        [problem] = report.problems
        assert (f"{UUID(bytes=problem.uuid)}.bakup", problem.state) == (lost, "missing")
        assert len(problem.lost) == report.lost.files
        assert report.expected_sectors == report.sectors + 1
    rig.forget("catalog.db")
    assert rig.check(**only).exit_code == 21  # type: ignore[arg-type]


def _lose_of_a_cut_run(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> str:
    write(rig.source, {f"file{number}": noise(60_000, number) for number in range(8)})
    with monkeypatch.context() as patch:
        patch.setattr("bakup.layouts.sectors.transfer.Transfer.end", _cut)
        with pytest.raises(KeyboardInterrupt):
            rig.sync(sector_size=SMALL_SECTOR)
    stored = rig.sectors()
    assert stored
    rig.sync(sector_size=SMALL_SECTOR)
    stored[0].unlink()
    return stored[0].name


def _cut(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.usefixtures("small_cuts")
@pytest.mark.parametrize("which", range(4))
@pytest.mark.parametrize("lost", [(), ("catalog.db", "state.db")], ids=["catalog", "no-catalog"])
def test_each_sector_of_a_large_file(rig: Rig, which: int, lost: tuple[str, ...]) -> None:
    write(rig.source, {"large": noise(600_000), "small": b"x"})
    rig.sync(sector_size=SMALL_SECTOR)
    sectors = rig.sectors()
    assert len(sectors) == 4
    sectors[which].unlink()
    rig.forget(*lost)
    rig.sync(sector_size=SMALL_SECTOR)
    rig.assert_restores(snapshot(rig.source))
    rig.new_home("elsewhere")
    rig.assert_restores(snapshot(rig.source))


def test_a_target_of_two_computers_that_lost_a_sector_between(rig: Rig, tmp_path: Path) -> None:
    """The catalog lives on; what another computer added since refers to what is gone."""
    write(rig.source, {"a": b"a"})
    rig.sync()
    here = rig.home
    other = tmp_path / "theirs"
    write(other, {"x": noise(5000, 1)})
    rig.new_home("second")
    rig.sync(other)
    theirs = rig.sectors()[-1]
    third = tmp_path / "third"
    write(third, {"x": noise(5000, 1), "y": b"y"})
    rig.sync(third)
    theirs.unlink()
    rig.home = here
    rig.list()
    report = rig.sync(third)
    assert report.sources[0].stored_again.files == 1
    rig.assert_restores(snapshot(third), source="third")
