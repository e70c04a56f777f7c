"""Section 6 of the experience page: `check`, the sync that makes up for a loss, `rebuild`, `sector inspect`."""

from __future__ import annotations

import os
import shutil
import struct

from blocks import DAMAGED, INSPECTED, MISSING, STORED_AGAIN
from page import same
from stage import Stage, write, write_all
from story import Story, lose_a_sector, recover

SARDINIA = "2025/07/Sardinia"


def test_all_well(story: Story) -> None:
    same(
        story.stage.shown("check", "/mnt/usb/backup"),
        """\
checked       266 sectors: signatures, metadata, references; data not read
good          2 check points of 1 source
""",
    )
    same(
        story.stage.shown("check", "/mnt/usb/backup", "--read-data"),
        """\
checked       266 sectors, 66.3 GiB read, in 5 min 02 s
good          2 check points of 1 source
""",
    )


def damage(sector: str) -> None:
    """Changes a byte in the middle of the data region."""
    with open(sector, "r+b") as file:
        head = file.read(38)
        (header,), (data,) = struct.unpack_from("<I", head, 10), struct.unpack_from("<Q", head, 30)
        file.seek(header + data // 2)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 0xFF]))


def test_a_damaged_sector(stage: Stage) -> None:
    write_all(stage.photos, (f"{SARDINIA}/DSC04411.ARW", f"{SARDINIA}/DSC04412.ARW"))
    recover(stage)
    assert stage.pipe("sync", "~/Photos", "/mnt/usb/backup").code == 0
    write_all(stage.photos, ("a.jpg",))
    assert stage.pipe("sync", "~/Photos", "/mnt/usb/backup").code == 0
    damage(stage.sectors()[0])
    same(
        stage.shown("check", "/mnt/usb/backup", "--read-data", code=21),
        DAMAGED,
    )


def test_a_lost_sector_and_the_sync_that_makes_up_for_it(stage: Stage) -> None:
    sector = lose_a_sector(stage)
    shown = stage.shown("check", "/mnt/usb/backup", code=21)
    same(
        shown,
        MISSING,
    )
    assert f"error: sector {sector} is missing" in shown[4]
    same(
        stage.shown("sync", "~/Photos", "/mnt/usb/backup"),
        STORED_AGAIN,
    )
    assert stage.pipe("restore", "/mnt/usb/backup", "~/back").code == 0


def test_without_a_catalog_the_range_is_left(stage: Stage) -> None:
    sector = lose_a_sector(stage)
    shutil.rmtree(stage.state)
    recover(stage)
    done = stage.pipe("check", "/mnt/usb/backup")
    assert done.code == 21
    same(
        done.err,
        f"""\
note: no catalog of /mnt/usb/backup here; rebuilding it from the target
error: sector {sector} is missing: 3 entries, 2025/08 to 2025/08/boat.mov
""",
    )


def test_rebuild(story: Story) -> None:
    stage = story.stage
    for name in os.listdir(stage.state):
        if name.startswith("catalog"):
            os.unlink(f"{stage.state}/{name}")
    same(
        stage.shown("rebuild", "/mnt/usb/backup"),
        "rebuilt       266 sectors, 2 check points; 532 reads, 12.9 MiB, in 1.1 s\n",
    )
    same(
        stage.shown("sync", "~/Photos", "/mnt/usb/backup"),
        """\
unchanged     56,220 files   67.6 GiB, in 0.6 s
check point   8b1d07c4 of laptop:/home/ana/Photos, 2026-11-22 18:31:05, stands
""",
    )


def two_sectors(stage: Stage) -> None:
    """A file that begins in one sector and ends in the next."""
    write_all(f"{stage.photos}/{SARDINIA}", (f"DSC044{number:02d}.ARW" for number in range(5, 15)))
    write(f"{stage.photos}/{SARDINIA}/sunset.mov", 30 << 20)
    recover(stage)
    assert stage.pipe("sync", "~/Photos", "/mnt/usb/backup", "--sector-size", "16MiB").code == 0


def test_inspect_a_sector(stage: Stage) -> None:
    two_sectors(stage)
    shown = stage.shown("sector", "inspect", stage.sectors()[0])
    same(
        [*shown[:7], "...", shown[-1]],
        """\
sector        5d0c91aa-7f3e-4b1c-9d55-1f0e6c2a9b77, version 1
size          256 MiB: header 2.61 KiB, data 255 MiB, metadata 14.2 KiB
protection    encrypted for account 7c41-9e02-b3aa, signed by it: good
regions       metadata good, data good
holds         1 check point: 3f9c2a1e of laptop:/home/ana/Photos, 17 boxes
can restore   10 files whole, 241 MiB; 1 file in part, 13.6 MiB
  2025/07/Sardinia/DSC04405.ARW       24.2 MiB
...
  2025/07/Sardinia/sunset.mov         0 B to 13.6 MiB of 310 MiB
""",
    )
    assert len(shown) == 6 + 11
    shutil.rmtree(stage.state)
    without = stage.shown("sector", "inspect", stage.sectors()[0])
    assert without[:4] == [shown[0], shown[1], *without[2:4]]
    same(
        without[:4],
        INSPECTED,
    )


def test_inspect_a_damaged_sector(stage: Stage) -> None:
    two_sectors(stage)
    sector = stage.sectors()[0]
    damage(sector)
    shown = stage.shown("sector", "inspect", sector, code=21)
    same(shown[3:4], "regions       metadata good, data damaged")


def test_restore_a_sector(stage: Stage) -> None:
    two_sectors(stage)
    shutil.rmtree(stage.state)
    recover(stage)
    shown = stage.shown("sector", "restore", stage.sectors()[0], "~/back")
    same(
        shown,
        """\
restored          10 files    241 MiB to /home/ana/back, in 1.6 s
in part            1 file    13.6 MiB, as NAME.part with NAME.part.ranges
""",
    )
    names = sorted(os.listdir(stage.here(f"~/back/{SARDINIA}")))
    assert names[-2:] == ["sunset.mov.part", "sunset.mov.part.ranges"]
