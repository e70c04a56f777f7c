"""What an older check point has stays its own, whatever becomes of what newer ones added."""

from __future__ import annotations

import pytest
from rig import SMALL_SECTOR, Rig, ids
from trees import noise, snapshot, write

from bakup.api.reports import TargetOptions


@pytest.mark.usefixtures("small_cuts")
@pytest.mark.parametrize("at", ["latest", "latest~1"])
def test_a_second_copy_of_which_a_part_is_lost(rig: Rig, at: str) -> None:
    write(rig.source, {"big": noise(900_000), "small": b"s"})
    rig.sync(sector_size=SMALL_SECTOR)
    first = rig.sectors()
    rig.sync(sector_size=SMALL_SECTOR, standalone=True)
    second = [path for path in rig.sectors() if path not in first]
    assert len(second) > 3
    second[1].unlink()
    rig.forget("catalog.db")
    rig.assert_restores(snapshot(rig.source), at=at, refusals=True)
    rig.assert_recovers(snapshot(rig.source), at=ids(rig.list())[0], refusals=True)


def test_what_is_signed_refers_to_nothing_unsigned(rig: Rig) -> None:
    accepting = TargetOptions(accept_unsigned=True)
    write(rig.source, {"a": noise(50_000), "b": noise(70_000, 1)})
    rig.sync(sign=False)
    rig.new_home("second")
    other = rig.folder / "other"
    other.mkdir()
    write(other, {"a": noise(50_000), "c": noise(20_000, 2)})
    rig.sync(other, target=accepting)
    rig.new_home("third")
    rig.assert_restores(snapshot(other), source="other", refusals=True)
