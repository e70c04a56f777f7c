"""The only sector of a target is cut short: a sync stores again what it still has, where it knows the target."""

from __future__ import annotations

import os

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
    with pytest.raises(Failed, match="holds 1 sectors and none of them is whole"):
        cut.sync()


def test_only_the_memory_of_the_target_is_left(cut: Rig) -> None:
    cut.forget("catalog.db")
    with pytest.raises(NoTarget, match="1 sectors were there"):
        cut.sync()


def test_damage_under_another_name_is_another_disk(cut: Rig) -> None:
    [sector] = cut.sectors()
    sector.rename(cut.target / "other.bakup")
    with pytest.raises(NoTarget, match="1 sectors were there"):
        cut.sync()


def test_reading_has_nothing_to_read(cut: Rig) -> None:
    cut.forget("state.db")
    with pytest.raises(Failed, match="none of them is whole"):
        cut.restore()
