"""What only the user can decide: the card, other files at DST, two protections, a target as source (rule 10)."""

from __future__ import annotations

import os

import pytest
from page import same
from stage import Stage, write_all
from story import Story, answer, recover, words_of

SYNC = ("sync", "~/Photos", "/mnt/usb/backup")


@pytest.fixture
def photos(stage: Stage) -> Stage:
    """Something to back up."""
    write_all(stage.photos, ("a.jpg", "b.jpg"))
    return stage


def test_in_cron_without_an_account(photos: Stage) -> None:
    done = photos.pipe(*SYNC)
    assert (done.code, done.out) == (2, "")
    same(
        done.err,
        """\
error: no account here, and no terminal to show its 24 words on
hint: make one first: bakup account new --words-file FILE
""",
    )
    assert not os.path.exists(photos.drive)


def test_in_cron(photos: Stage) -> None:
    recover(photos)
    done = photos.pipe(*SYNC)
    assert (done.code, done.err) == (0, "")
    same(
        done.out,
        """\
new                2 files   31.0 MiB
stored        61.4 MiB in 1 sector (estimated 62.0 MiB), in 1.4 s
check point   e2704b9d of laptop:/home/ana/Photos, 2026-11-23 02:30:01
""",
    )
    assert "\x1b" not in done.out
    done = photos.pipe(*SYNC, "-q")
    assert (done.code, done.out, done.err) == (0, "", "")


def test_ctrl_c_at_the_card_leaves_nothing(photos: Stage) -> None:
    at = photos.terminal(*SYNC)
    at.until("Type word")
    at.type("\x03")
    assert at.finish() == 130
    assert at.lines == ["error: interrupted; no account was made, nothing was stored"]
    assert not os.path.exists(photos.state)
    assert not os.path.exists(photos.drive)


def test_a_wrong_word_is_asked_for_again(photos: Stage) -> None:
    at = photos.terminal(*SYNC)
    words = words_of(at.until("Type word"))
    at.type("wrong\n")
    at.until("That is another word; look at the card.")
    assert not os.path.exists(f"{photos.state}/account")
    answer(at, words)
    assert at.finish() == 0
    assert at.lines[0].startswith("made account ")


def test_a_passphrase_command_protects_the_new_account(photos: Stage) -> None:
    at = photos.terminal(*SYNC, "--passphrase-command", "echo secret")
    answer(at, words_of(at.until("Type word")))
    assert at.finish() == 0
    assert photos.pipe("account", "words", "--words-file", "~/card").code == 2
    assert photos.pipe("account", "words", "--words-file", "~/card", "--passphrase-command", "echo wrong").code == 12
    assert photos.pipe("account", "words", "--words-file", "~/card", "--passphrase-command", "echo secret").code == 0


def test_a_folder_with_other_files(photos: Stage) -> None:
    recover(photos)
    write_all(photos.drive, (f"{number}.txt" for number in range(12)))
    at = photos.terminal(*SYNC)
    same(at.until("[y/N]"), "/mnt/usb/backup holds 12 other files and no sectors; use it? [y/N]")
    at.type("\n")
    assert at.finish() == 2
    assert not photos.sectors()
    done = photos.pipe(*SYNC)
    assert (done.code, done.out) == (2, "")
    same(
        done.err,
        """\
error: /mnt/usb/backup holds 12 other files and no sectors
hint: to use it all the same, add --new-target
""",
    )
    at = photos.terminal(*SYNC)
    at.until("[y/N]")
    at.type("y\n")
    assert at.finish() == 0
    assert len(photos.sectors()) == 1


def test_a_folder_with_other_files_taken_by_an_option(photos: Stage) -> None:
    recover(photos)
    write_all(photos.drive, ("other.txt",))
    assert photos.pipe(*SYNC, "--new-target").code == 0
    assert photos.pipe(*SYNC).code == 0


def test_a_target_inside_the_source_is_left_out(photos: Stage) -> None:
    recover(photos)
    os.mkdir(f"{photos.photos}/backup")
    done = photos.pipe("sync", "~/Photos", "/home/ana/Photos/backup")
    assert done.code == 0
    assert "note: /home/ana/Photos/backup lies inside /home/ana/Photos and is left out\n" in done.err
    same(done.out.splitlines()[:1], "new                2 files   31.0 MiB")
    again = photos.pipe("sync", "~/Photos/", "/home/ana/Photos/backup")
    assert again.out.splitlines()[-1].endswith(", stands")


def test_a_target_on_the_same_file_system(photos: Stage) -> None:
    recover(photos)
    same(
        photos.shown("sync", "~/Photos", "/home/ana/backup")[:2],
        """\
warning: /home/ana/backup is on the same file system as /home/ana/Photos
  one dead disk takes both
""",
    )


def test_a_target_is_no_source(story: Story) -> None:
    done = story.stage.pipe("sync", "/mnt/usb/backup", "/home/ana/copy")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: /mnt/usb/backup is itself a target of bakup")


@pytest.mark.parametrize(
    ("made", "read"),
    [
        (["--no-encrypt"], ["--accept-plain"]),
        (["--no-sign"], ["--accept-unsigned"]),
        (["--no-encrypt", "--no-sign"], ["--accept-plain", "--accept-unsigned"]),
    ],
)
def test_protection_is_remembered_here_alone(photos: Stage, made: list[str], read: list[str]) -> None:
    other = {"BAKUP_HOME": "/home/ana/other"}
    recover(photos)
    recover(photos, **other)
    assert photos.pipe(*SYNC, *made).code == 0
    write_all(photos.photos, ("c.jpg",))
    assert photos.pipe(*SYNC).code == 0
    assert photos.pipe("check", "/mnt/usb/backup", "--read-data").code == 0
    refused = photos.pipe("restore", "/mnt/usb/backup", "~/back", **other)
    assert (refused.code, refused.out) == (22, "")
    assert refused.err.endswith(f"hint: if you made them so: {' '.join(read)}\n")
    assert photos.pipe("check", "/mnt/usb/backup", **other).code == 22
    assert photos.pipe("restore", "/mnt/usb/backup", "~/back", *read, **other).code == 0
    assert sorted(os.listdir(photos.here("~/back"))) == ["a.jpg", "b.jpg", "c.jpg"]


def test_plan_needs_no_account_and_makes_none(photos: Stage) -> None:
    done = photos.pipe("plan", "~/Photos", "/mnt/usb/backup")
    assert (done.code, done.err) == (0, "")
    same(
        done.out,
        """\
new                2 files   41.6 MiB
  .                2 files   41.6 MiB
would store   about 230 MiB in 1 sector
free          1.69 TiB at /mnt/usb/backup
""",
    )
    assert not os.path.exists(f"{photos.state}/account")
    assert not os.path.exists(photos.drive)


def test_plan_where_there_is_nothing_to_do(story: Story) -> None:
    same(
        story.stage.shown("plan", "~/Photos", "/mnt/usb/backup"),
        """\
unchanged     56,220 files   67.6 GiB
would store   nothing
free          1.69 TiB at /mnt/usb/backup
""",
    )


def test_plan_for_a_drive_of_another_account(story: Story) -> None:
    other = {"BAKUP_HOME": "/home/ana/other"}
    none = story.stage.pipe("plan", "~/Photos", "/mnt/usb/backup", **other)
    assert none.code == 12
    recover(story.stage, **other)
    assert story.stage.pipe("plan", "~/Photos", "/mnt/usb/backup", **other).code == 12


def test_an_account_is_never_replaced(story: Story) -> None:
    for call in (["new", "--words-file", "~/card"], ["recover", "--words-file", "-"]):
        done = story.stage.pipe("account", *call, stdin=" ".join(story.words))
        assert (done.code, done.out) == (1, "")
        assert "never replaced" in done.err
    assert not os.path.exists(story.stage.here("~/card"))


def test_another_run_is_named(story: Story) -> None:
    import fcntl

    with open(f"{story.stage.state}/lock", "r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = story.stage.pipe(*SYNC, "--lock-wait", "0")
    assert (done.code, done.out) == (11, "")
    assert done.err.startswith("error: another run is using /home/ana/.local/share/bakup: process ")


def test_a_target_rolled_back(story: Story) -> None:
    os.unlink(story.stage.sectors()[-1])
    for name in ("catalog.db", "catalog.db-wal", "catalog.db-shm"):
        if os.path.exists(f"{story.stage.state}/{name}"):
            os.unlink(f"{story.stage.state}/{name}")
    done = story.stage.pipe(*SYNC)
    assert (done.code, done.out) == (23, "")
    assert story.stage.pipe("check", "/mnt/usb/backup").code == 23


def test_damage_that_only_old_check_points_need(story: Story) -> None:
    stage = story.stage
    first = stage.sectors()[0]
    assert stage.pipe(*SYNC, "--standalone", "--always").code == 0
    os.unlink(first)
    done = stage.pipe("check", "/mnt/usb/backup")
    assert done.code == 20
    assert "good          the latest check point of every source; backing up to this target can go on" in done.out
