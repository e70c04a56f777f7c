"""Section 3 of the experience page: when backing up does not go well."""

from __future__ import annotations

import os
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from blocks import FIRST
from page import same, shape
from stage import Stage, Terminal, write, write_all
from story import Story, recover

SYNC = ("sync", "~/Photos", "/mnt/usb/backup")
VIDEOS = ("sync", "~/Videos", "/mnt/usb/backup", "--sector-size", "16MiB")
MIB = 1 << 20
UNDER_WAY = 4
"""Of the 15 sectors of a run that is interrupted, at most so many more get to the target."""


@contextmanager
def changing(path: str) -> Iterator[None]:
    """The file is written to, again and again."""
    ended = threading.Event()

    def work() -> None:
        with open(path, "r+b") as file:
            while not ended.wait(0.001):
                file.seek(0)
                file.write(os.urandom(16))
                file.flush()

    writer = threading.Thread(target=work)
    writer.start()
    try:
        yield
    finally:
        ended.set()
        writer.join()


def test_unreadable_and_changing_files(stage: Stage) -> None:
    write_all(stage.photos, ("2024/broken.mov", "2024/a.jpg", "private/keys.kdbx", "2025/a.jpg"))
    write(f"{stage.photos}/Catalogue/previews.db", 24 * MIB)
    recover(stage)
    assert stage.pipe(*SYNC).code == 0
    write_all(stage.photos, ("2025/b.jpg", "2025/c.jpg"))
    for name in ("2024/broken.mov", "private/keys.kdbx"):
        write(f"{stage.photos}/{name}", seed="again")
        os.chmod(f"{stage.photos}/{name}", 0)
    stage.strict_rights = True
    with changing(f"{stage.photos}/Catalogue/previews.db"):
        shown = stage.shown(*SYNC, code=3)
    same(
        shown,
        """\
new                2 files   31.0 MiB
unchanged     56,217 files   66.0 GiB
unreadable         2 files   1.61 GiB
changing           1 file    31.9 MiB
stored        61.4 MiB in 1 sector (estimated 62.0 MiB), in 1.4 s
check point   e2704b9d of laptop:/home/ana/Photos, 2026-11-23 02:30:01
warning: 2 files could not be read and are not in this check point
  2024/broken.mov        permission denied           last stored: 3f9c2a1e
  private/keys.kdbx      permission denied           last stored: 8b1d07c4
warning: 1 file changed each time it was read; stored as it was read last
  Catalogue/previews.db
""",
    )


def test_changing_files_alone_are_no_failure_unless_strict(stage: Stage) -> None:
    write(f"{stage.photos}/previews.db", 24 * MIB)
    recover(stage)
    with changing(f"{stage.photos}/previews.db"):
        assert stage.pipe(*SYNC).code == 0
        assert stage.pipe(*SYNC, "--strict").code == 3


def test_the_drive_is_empty(story: Story) -> None:
    stage = story.stage
    shutil.rmtree(stage.drive)
    os.mkdir(stage.drive)
    same(
        stage.shown(*SYNC, code=10),
        """\
error: /mnt/usb/backup is empty; 266 sectors were there on 2026-11-22 18:31:05
hint: is the drive mounted?
hint: if this is a new, empty drive:
  bakup sync ~/Photos /mnt/usb/backup --new-target
""",
    )
    assert os.listdir(stage.drive) == []
    same(
        stage.shown(*SYNC, "--new-target"),
        FIRST,
    )


@pytest.mark.parametrize("command", [SYNC, ("ls", "/mnt/usb/backup"), ("check", "/mnt/usb/backup")])
def test_the_drive_is_not_there(story: Story, command: tuple[str, ...]) -> None:
    shutil.rmtree(story.stage.drive)
    same(
        story.stage.shown(*command, code=10),
        """\
error: there is no /mnt/usb/backup; 266 sectors were there on 2026-11-22 18:31:05
hint: is the drive mounted?
"""
        + ("hint: if this is a new, empty drive, add --new-target\n" if command == SYNC else ""),
    )


def test_no_parent_of_the_target_is_made(stage: Stage) -> None:
    write_all(stage.photos, ("a.jpg",))
    recover(stage)
    done = stage.pipe("sync", "~/Photos", "/home/ana/not/there")
    assert (done.code, done.out) == (10, "")
    assert done.err == "error: there is no /home/ana/not\nhint: is the drive mounted?\n"
    assert not os.path.exists(f"{stage.home}/not")


def test_another_account(story: Story) -> None:
    stage, other = story.stage, {"BAKUP_HOME": "/home/ana/other"}
    recover(stage, **other)
    before = sorted(os.listdir(stage.drive))
    same(
        stage.shown(*SYNC, code=12, **other),
        """\
error: /mnt/usb/backup belongs to account 7c41-9e02-b3aa; here is 02d8-11f6-c95e
  266 sectors there, none of them for this account; nothing was written
hint: with the words of 7c41-9e02-b3aa: BAKUP_HOME=DIR bakup account recover
hint: to keep two accounts on one target, add --new-target
""",
    )
    assert sorted(os.listdir(stage.drive)) == before
    assert stage.pipe(*SYNC, "--new-target", **other).code == 0
    assert stage.pipe("check", "/mnt/usb/backup", **other).code == 0
    assert stage.pipe("check", "/mnt/usb/backup").code == 0


@pytest.mark.parametrize("command", [SYNC, ("ls", "/mnt/usb/backup"), ("restore", "/mnt/usb/backup", "~/back")])
def test_no_account_for_this_drive(story: Story, command: tuple[str, ...]) -> None:
    new = {"BAKUP_HOME": "/home/ana/new"}
    same(
        story.stage.shown(*command, code=12, **new),
        """\
error: /mnt/usb/backup belongs to account 7c41-9e02-b3aa; this computer has none
hint: with your 24 words: bakup account recover
""",
    )
    assert not os.path.exists(f"{story.stage.home}/new/account")


def test_the_target_is_full(stage: Stage) -> None:
    write_all(stage.here("~/Videos"), (f"2024/GX0{number}.MP4" for number in range(20)), 4 * MIB)
    recover(stage)
    stage.full_after = "44m"
    same(
        stage.shown(*VIDEOS, code=1),
        """\
warning: about 208 GiB to store, 150 GiB free at /mnt/usb/backup
error: no space left at /mnt/usb/backup: 41.0 MiB free, a sector needs 256 MiB
  599 sectors, 150 GiB, are stored and stay good; no check point was completed
hint: make room and run the same command again: it goes on where it stopped
""",
    )


@pytest.fixture
def videos(stage: Stage) -> Stage:
    """Enough to be interrupted in."""
    write_all(stage.here("~/Videos"), (f"2024/regatta/GX010{number:03d}.MP4" for number in range(224)), MIB)
    recover(stage)
    return stage


def busy(at: Terminal) -> list[str]:
    """Waits until some sectors are stored."""
    at.until("sectors stored")
    return at.lines


def test_ctrl_c_and_the_run_after_it(videos: Stage) -> None:
    at = videos.terminal(*VIDEOS)
    busy(at)
    at.type("\x03")
    pressed = len(videos.sectors())
    assert at.finish() == 130
    assert len(videos.sectors()) - pressed <= UNDER_WAY
    shown = [re.sub(r"GX\d+", "GX010214", line) for line in at.lines]
    same(
        shown,
        """\
storing  ━━━━╸━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━  11%  24.2 GiB of 212 GiB
         211 of 1,904 files  268 MiB/s  11 min 58 s left  96 sectors stored
         2024/regatta/GX010214.MP4
^C
error: interrupted; 96 sectors, 24.0 GiB, are stored, no check point completed
hint: run the same command again: it goes on where it stopped
""",
    )
    stored = videos.sectors()
    assert not os.path.exists(f"{videos.drive}/.bakup-spool")
    same(
        videos.shown(*VIDEOS),
        """\
note: going on from the run of 2026-11-22 19:02:41; 24.0 GiB need not be sent
new            1,904 files    212 GiB
stored        187 GiB in 748 sectors (estimated 187 GiB), in 11 min 54 s
check point   b65d9f30 of laptop:/home/ana/Videos, 2026-11-22 19:10:07
""",
    )
    assert videos.sectors()[: len(stored)] == stored
    assert sum(map(os.path.getsize, videos.sectors())) < 224 * MIB * 1.02
    assert videos.pipe("check", "/mnt/usb/backup", "--read-data").code == 0
    same(
        videos.shown(*VIDEOS),
        """\
unchanged     56,220 files   67.6 GiB, in 0.6 s
check point   8b1d07c4 of laptop:/home/ana/Photos, 2026-11-22 18:31:05, stands
""".replace("Photos", "Videos"),
    )


def test_a_second_ctrl_c_is_immediate(videos: Stage) -> None:
    at = videos.terminal(*VIDEOS)
    busy(at)
    at.type("\x03\x03")
    pressed = len(videos.sectors())
    assert at.finish() == 130
    assert len(videos.sectors()) - pressed <= UNDER_WAY
    assert videos.pipe(*VIDEOS).code == 0


def test_terminated(videos: Stage) -> None:
    at = videos.terminal(*VIDEOS)
    busy(at)
    at.process.terminate()
    assert at.finish() == 143
    assert shape("\n".join(at.lines[-2:])) == shape(
        "error: terminated; 96 sectors, 24.0 GiB, are stored, no check point completed\n"
        "hint: run the same command again: it goes on where it stopped"
    )


def test_vanished_files_are_no_failure(stage: Stage) -> None:
    write_all(stage.photos, (f"2025/{number:02d}.raw" for number in range(120)), 2 * MIB)
    write_all(stage.photos, ("last/gone.jpg",))
    recover(stage)
    at = stage.terminal(*SYNC, "--sector-size", "16MiB")
    at.until("storing")
    os.unlink(f"{stage.photos}/last/gone.jpg")
    assert at.finish() == 0
    same(
        at.lines[:2],
        """\
new               18 files    214 MiB
vanished           1 file    41.6 MiB
""",
    )
