"""A check point of very many sectors: its END comes in parts, and no sector keeps room for the whole list."""

from __future__ import annotations

import os

import pytest
from rig import SECTOR, SMALL_SECTOR, Rig
from trees import noise, write

from bakup.format.constants import LINES_MAX
from bakup.layouts.sectors.populate import Filling, Stream
from bakup.model import SectorLine

EARLIER = 26_000


def test_a_full_sector_stays_full(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if it had filled 26,000 sectors before these, of which every entry is here all the same."""
    begin = Filling.begin

    def as_if_late(self: Filling, stream: Stream) -> None:
        begin(self, stream)
        stream.lines += [
            SectorLine(os.urandom(16), os.urandom(32), 0, SECTOR, b"x" * 256, b"x" * 256) for _ in range(EARLIER)
        ]

    monkeypatch.setattr(Filling, "begin", as_if_late)
    write(rig.source, {f"{number:03}": noise(1_000_000, number) for number in range(70)})
    rig.sync()
    sizes = sorted(path.stat().st_size for path in rig.sectors())
    full = [size for size in sizes if size > SECTOR // 2]
    assert len(full) >= 4
    # A pack that does not fit any more is the most that is left of a full one.
    assert min(full[-4:]) > SECTOR - 5_500_000
    rig.forget("catalog")
    assert rig.check().exit_code == 0
    with rig.open() as home:
        (lines,) = home.catalog.execute("SELECT count(*) FROM lines").fetchone()
        (lane,) = home.catalog.execute("SELECT count(*) FROM lanes").fetchone()
    assert lines >= EARLIER + 4 > 6 * LINES_MAX
    assert lane == 1


@pytest.mark.usefixtures("small_cuts")
def test_the_parts_of_an_end_stand_in_several_sectors(rig: Rig) -> None:
    write(rig.source, {f"{number:03}": noise(15_000, number) for number in range(1_200)})
    rig.sync(sector_size=SMALL_SECTOR)
    sizes = sorted(path.stat().st_size for path in rig.sectors())
    assert len(sizes) > 90
    assert sizes[len(sizes) // 8] > 140_000
    rig.new_home("elsewhere")
    assert rig.check().exit_code == 0
    with rig.open() as home:
        (lines,) = home.catalog.execute("SELECT count(*) FROM lines").fetchone()
    assert lines == len(sizes)
