"""The only sector of a target is damaged: a sync stores again what it still has, where it knows the target."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from rig import Rig
from trees import noise, snapshot, write

from bakup.errors import Failed, NoTarget


@pytest.fixture
def cut(rig: Rig) -> Rig:
    write(rig.source, {"a": noise(50_000)})
    rig.sync()
    [sector] = rig.sectors()
    os.truncate(sector, sector.stat().st_size // 2)
    return rig


@pytest.mark.parametrize("lost", [(), ("state.db",)])
def test_the_catalog_knows_it(cut: Rig, lost: tuple[str, ...]) -> None:
    cut.forget(*lost)
    report = cut.sync()
    assert report.sources[0].made
    cut.assert_restores(snapshot(cut.source), refusals=True)
    cut.new_home("elsewhere")
    cut.assert_restores(snapshot(cut.source), refusals=True)


def test_nothing_knows_it(cut: Rig) -> None:
    cut.forget("state.db", "catalog.db")
    with pytest.raises(Failed, match="holds 1 sector, which is not whole"):
        cut.sync()


def test_only_the_memory_of_the_target_is_left(cut: Rig) -> None:
    cut.forget("catalog.db")
    with pytest.raises(NoTarget, match="1 sector was there"):
        cut.sync()


def test_damage_under_another_name_is_another_disk(cut: Rig) -> None:
    [sector] = cut.sectors()
    sector.rename(cut.target / "other.bakup")
    with pytest.raises(NoTarget, match="1 sector was there"):
        cut.sync()


@pytest.mark.parametrize("lost", [(), ("state.db",)])
def test_reading_names_what_is_lost(cut: Rig, lost: tuple[str, ...]) -> None:
    cut.forget(*lost)
    assert [line.files for line in cut.list()] == [1]
    out, report = cut.restore()
    assert [file.path for cause in report.causes for file in cause.lost] == [b"a"]
    assert not (out / "a").exists()
    found = cut.check(read_data=True)
    assert (found.exit_code, found.lost.files) == (21, 1)


@pytest.fixture(params=["flags", "encrypted key", "signature", "metadata"])
def flipped(rig: Rig, request: pytest.FixtureRequest) -> tuple[Rig, Path, bytes]:
    """A bit of the only sector is another, and a check has found it; with the sector's path and what it was."""
    write(rig.source, {"a": noise(50_000)})
    rig.sync()
    [sector] = rig.sectors()
    whole = sector.read_bytes()
    header = int.from_bytes(whole[10:14], "little")
    at = {"flags": 6, "encrypted key": 1500, "signature": header - 10, "metadata": len(whole) - 100}
    damaged = bytearray(whole)
    damaged[at[request.param]] ^= 1
    sector.write_bytes(damaged)
    assert rig.check(read_data=True).exit_code in (21, 22)
    return rig, sector, whole


def test_a_check_and_a_restore_can_be_asked_again(flipped: tuple[Rig, Path, bytes]) -> None:
    rig, _, _ = flipped
    found = rig.check()
    assert found.exit_code in (21, 22)
    assert [file.path for problem in found.problems for file in problem.lost] == [b"a"]
    _, report = rig.restore()
    # What stands in the metadata alone, the catalog knows.
    assert report.restored.files + report.not_restored.files == 1


def test_the_source_goes_on(flipped: tuple[Rig, Path, bytes]) -> None:
    rig, sector, whole = flipped
    assert rig.sync().sources[0].made
    assert len({line.source for line in rig.list()}) == 1
    rig.assert_restores(snapshot(rig.source), refusals=True)
    sector.write_bytes(whole)
    assert rig.check(read_data=True).exit_code == 0
    for here in (rig.home, rig.new_home("elsewhere")):
        rig.home = here
        for line in rig.list():
            rig.assert_restores(snapshot(rig.source), at=line.uuid.hex())


def test_damage_that_only_a_restore_met_is_stored_again(rig: Rig) -> None:
    write(rig.source, {"a": noise(50_000)})
    rig.sync()
    [sector] = rig.sectors()
    damaged = bytearray(sector.read_bytes())
    damaged[int.from_bytes(damaged[10:14], "little") - 10] ^= 1
    sector.write_bytes(damaged)
    _, report = rig.restore()
    assert report.not_restored.files == 1
    assert rig.sync().sources[0].made
    rig.assert_restores(snapshot(rig.source))


def test_nothing_knows_it_and_then_it_is_whole_again(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A target made anew over damage that passes has two sources of one name: the newer one is meant, and goes on."""
    write(rig.source, {"a": noise(50_000)})
    rig.sync()
    before = snapshot(rig.source)
    [sector] = rig.sectors()
    whole = sector.read_bytes()
    sector.write_bytes(whole[:100])
    rig.forget("catalog.db", "state.db")
    write(rig.source, {"b": b"b"})
    now_ns = time.time_ns
    with monkeypatch.context() as patch:
        patch.setattr(time, "time_ns", lambda: now_ns() + 3600 * 10**9)
        rig.sync(new_target=True)
    sector.write_bytes(whole)
    old, new = sorted(rig.list(), key=lambda line: line.time_ns)
    assert old.source == new.source
    for here in (rig.home, rig.new_home("elsewhere")):
        rig.home = here
        rig.assert_restores(snapshot(rig.source))
        rig.assert_restores(before, at=old.uuid.hex())
        rig.assert_restores(before, at=time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(old.time_ns / 1e9)))
        assert not rig.sync().sources[0].made
    write(rig.source, {"c": b"c"})
    assert rig.sync().sources[0].new.files == 1
    rig.assert_restores(snapshot(rig.source))
