"""Section 5 of the experience page: `restore` in all its forms, and a new laptop."""

from __future__ import annotations

import filecmp
import os

from blocks import RESTORED_IN_PART
from page import same
from stage import Stage, write
from story import WORDS, Story, lose_a_sector

BACK = "~/back"


def equal(left: str, right: str) -> bool:
    """Whether two trees have the same files with the same bytes."""
    found = filecmp.dircmp(left, right)
    return not (found.left_only or found.right_only or found.diff_files or found.funny_files) and all(
        equal(f"{left}/{name}", f"{right}/{name}") for name in found.common_dirs
    )


def test_all_of_it(story: Story) -> None:
    stage = story.stage
    same(
        stage.shown("restore", "/mnt/usb/backup", BACK),
        """\
restored      56,220 files   67.6 GiB to /home/ana/back, in 3 min 58 s
check point   8b1d07c4 of laptop:/home/ana/Photos, 2026-11-22 18:31:05
""",
    )
    assert equal(stage.photos, stage.here(BACK))
    same(
        stage.shown("restore", "/mnt/usb/backup", BACK),
        """\
already there     43 files    123 KiB, in 0.1 s
check point   8b1d07c4 of laptop:/home/ana/Photos, 2026-11-22 18:31:05
""",
    )


def test_different_files_in_the_way(story: Story) -> None:
    stage = story.stage
    out = stage.here("~/way")
    assert stage.pipe("restore", "/mnt/usb/backup", out).code == 0
    write(f"{out}/Catalogue/previews.db", seed="newer")
    write(f"{out}/2026/10/IMG_0377.jpg", seed="older", mtime=1_000_000_000)
    before = os.stat(f"{out}/2026/10/IMG_0377.jpg")
    call = ["restore", "/mnt/usb/backup", "~/way", "--at", "latest~1", "2026", "Catalogue/previews.db"]
    same(
        stage.shown(*call, code=1),
        """\
error: 2 files in /home/ana/way differ from 3f9c2a1e; nothing was written
  2026/10/IMG_0377.jpg       here it is older
  Catalogue/previews.db      here it is newer
hint: --overwrite always, never, or if-newer (replaces what is older here)
""",
    )
    assert os.stat(f"{out}/2026/10/IMG_0377.jpg") == before
    assert not os.path.exists(f"{out}/2026/10/IMG_0399.jpg")
    stage.shown("restore", "/mnt/usb/backup", "~/way", "--overwrite", "if-newer")
    assert os.stat(f"{out}/2026/10/IMG_0377.jpg").st_mtime > before.st_mtime
    assert not filecmp.cmp(f"{out}/Catalogue/previews.db", f"{stage.photos}/Catalogue/previews.db", shallow=False)
    stage.shown("restore", "/mnt/usb/backup", "~/way", "--overwrite", "always")
    assert equal(stage.photos, out)


def test_two_sources(story: Story) -> None:
    stage = story.stage
    write(stage.here("~/Videos/a.mp4"))
    assert stage.pipe("sync", "~/Videos", "/mnt/usb/backup").code == 0
    same(
        stage.shown("restore", "/mnt/usb/backup", "~/two", code=2),
        """\
error: 2 sources at /mnt/usb/backup; which one?
  laptop:/home/ana/Photos
  laptop:/home/ana/Videos
hint: the last part of the path is enough: --source Photos
""",
    )
    stage.shown("restore", "/mnt/usb/backup", "~/two", "--source", "Videos")
    assert os.listdir(stage.here("~/two")) == ["a.mp4"]


def test_one_sector_lost(stage: Stage) -> None:
    sector = lose_a_sector(stage)
    shown = stage.shown("restore", "/mnt/usb/backup", BACK, code=3)
    same(
        shown,
        RESTORED_IN_PART,
    )
    assert f"warning: sector {sector} is missing; 3 files need it" in shown
    assert os.listdir(stage.here(BACK) + "/2025/08") == ["DSC04517.ARW"]
    again = stage.pipe("restore", "/mnt/usb/backup", BACK, "--partial")
    assert again.code == 3
    assert sorted(os.listdir(stage.here(BACK) + "/2025/08")) == [
        "DSC04517.ARW",
        "boat.mov.part",
        "boat.mov.part.ranges",
    ]
    assert "hint: --partial" not in again.err


def test_a_new_laptop(story: Story) -> None:
    stage = story.stage
    new = {"BAKUP_HOME": "/home/ana/new"}
    same(
        stage.shown("restore", "/mnt/usb/backup", "~/again", code=12, **new),
        """\
error: /mnt/usb/backup belongs to account 7c41-9e02-b3aa; this computer has none
hint: with your 24 words: bakup account recover
""",
    )
    terminal = stage.terminal("account", "recover", **new)
    typed = [" ".join(word[:letters] for word in story.words[at : at + 8]) for at, letters in ((0, 8), (8, 4), (16, 4))]
    for number, words in enumerate(typed, 1):
        terminal.until(f"{typed[number - 2]}\n>" if number > 1 else ":\n>")
        terminal.type(f"{words}\n")
    assert terminal.finish() == 0
    same(terminal.lines, "account 7c41-9e02-b3aa is here again")
    same(
        stage.shown("restore", "/mnt/usb/backup", "~/again", **new),
        """\
note: no catalog of /mnt/usb/backup here; rebuilding it from the target
rebuilt       266 sectors, 2 check points; 532 reads, 12.9 MiB, in 1.1 s
restored      56,220 files   67.6 GiB to /home/ana/again, in 4 min 02 s
check point   8b1d07c4 of laptop:/home/ana/Photos, 2026-11-22 18:31:05
""",
    )
    assert equal(stage.photos, stage.here("~/again"))


def test_a_wrong_word_is_named_by_its_number(stage: Stage) -> None:
    done = stage.pipe("account", "recover", "--words-file", "-", stdin=WORDS.replace("sausage", "sausgae", 1))
    assert done.code == 12
    assert done.err.startswith("error: word 6 ")
    assert not os.path.exists(f"{stage.state}/account")
