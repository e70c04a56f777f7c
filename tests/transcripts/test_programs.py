"""Section 8 of the experience page and rules 4, 5, 9: streams, JSON, the log, levels, a closed pipe, colour."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from typing import Any

import pytest
from page import same, shape
from stage import Stage, write, write_all
from story import WORDS, Story, recover

SYNC = ("sync", "~/Photos", "/mnt/usb/backup")


def objects(text: str) -> list[dict[str, Any]]:
    """Standard output, which is JSON only; without what is said where there is but one disk."""
    found = [json.loads(line) for line in text.splitlines()]
    return [one for one in found if one.get("code") != "same-file-system"]


@pytest.fixture
def photos(stage: Stage) -> Stage:
    """Something to back up, and an account."""
    write_all(stage.photos, ("a.jpg", "2026/b.jpg"))
    recover(stage)
    return stage


def test_json_of_a_sync(photos: Stage) -> None:
    write(f"{photos.photos}/" + os.fsdecode(b"caf\xe9.jpg"))
    os.chmod(f"{photos.photos}/".encode() + b"caf\xe9.jpg", 0)
    photos.strict_rights = True
    done = photos.pipe(*SYNC, "--json")
    assert done.code == 3
    *_, warning, summary = objects(done.out)
    assert warning["message_type"] == "warning"
    assert (warning["code"], warning["path"], warning["path_b64"]) == ("unreadable", "caf\ufffd.jpg", "Y2Fm6S5qcGc=")
    assert warning["reason"] == "permission denied"
    expected = {
        "message_type": "summary",
        "schema": 1,
        "command": "sync",
        "exit_code": 3,
        "target": "/mnt/usb/backup",
        "source": "laptop:/home/ana/Photos",
        "check_point_new": True,
        "new_files": 2,
        "new_bytes": 6000,
        "changed_files": 0,
        "deleted_files": 0,
        "unchanged_files": 0,
        "unreadable_files": 1,
        "stored_sectors": 1,
    }
    assert summary | expected == summary
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", summary["check_point"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", summary["time"])
    assert {"stored_bytes", "estimated_bytes", "elapsed_s"} <= summary.keys()
    same(
        done.err,
        """\
warning: 1 file could not be read and is not in this check point
  $'caf\\xe9.jpg'         permission denied           never stored
""",
    )


def test_json_ends_with_a_summary_when_nothing_changed(story: Story) -> None:
    done = story.stage.pipe(*SYNC, "--json")
    assert (done.code, done.err) == (0, "")
    [summary] = [one for one in objects(done.out) if one["message_type"] != "status"]
    assert (summary["message_type"], summary["exit_code"], summary["check_point_new"]) == ("summary", 0, False)


def test_json_ends_with_an_error(story: Story) -> None:
    for sector in story.stage.sectors():
        os.unlink(sector)
    done = story.stage.pipe(*SYNC, "--json")
    assert done.code == 10
    error = objects(done.out)[-1]
    head = {"message_type": "error", "schema": 1, "command": "sync", "exit_code": 10, "code": "target-empty"}
    assert error | head == error
    assert error["message"].startswith("/mnt/usb/backup is empty; ")
    assert error["hint"].startswith("is the drive mounted?")
    assert done.err.startswith("error: /mnt/usb/backup is empty; ")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["sync", "--no-such-option", "--json"], 2),
        (["plan", "~/Photos", "/mnt/usb/backup"], 0),
        (["ls", "/mnt/usb/backup"], 0),
        (["ls", "/mnt/usb/backup", "2026"], 0),
        (["ls", "/mnt/usb/backup", "2031"], 1),
        (["check", "/mnt/usb/backup"], 0),
        (["rebuild", "/mnt/usb/backup"], 0),
        (["restore", "/mnt/usb/backup", "~/back"], 0),
        (["account", "show"], 0),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_json_of_every_command_ends_with_its_exit_code(story: Story, arguments: list[str], code: int) -> None:
    done = story.stage.pipe(*arguments, *([] if "--json" in arguments else ["--json"]))
    last = objects(done.out)[-1]
    assert (done.code, last["exit_code"], last["schema"]) == (code, code, 1)
    assert last["message_type"] == ("summary" if code == 0 else "error")


def test_status_objects_not_with_q(photos: Stage) -> None:
    write_all(photos.photos, (f"{number}.raw" for number in range(20)), 1 << 20)
    done = photos.pipe(*SYNC, "--json", "--sector-size", "16MiB")
    status = [one for one in objects(done.out) if one.get("phase") == "storing"]
    assert {"message_type", "done_files", "total_files", "done_bytes", "total_bytes", "elapsed_s"} <= status[0].keys()
    os.rename(f"{photos.drive}", f"{photos.drive}.away")
    done = photos.pipe(*SYNC, "--json", "-q", "--new-target", "--sector-size", "16MiB")
    shutil.rmtree(f"{photos.drive}.away")
    assert [one["message_type"] for one in objects(done.out)] == ["summary"]


def test_log_file(photos: Stage) -> None:
    log = f"{photos.home}/log"
    write(f"{photos.photos}/" + os.fsdecode(b"caf\xe9 1.jpg"))
    os.chmod(f"{photos.photos}/".encode() + b"caf\xe9 1.jpg", 0)
    photos.strict_rights = True
    for _ in range(2):
        assert photos.pipe(*SYNC, "--log-file", log).code == 3
    assert os.stat(log).st_mode & 0o777 == 0o600
    with open(log, encoding="utf-8") as file:
        lines = file.read().splitlines()
    heads = [line for line in lines if not line.startswith("  ")]
    pattern = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d (INFO|WARN|ERROR) [0-9a-f]{4} [a-z-]+( [a-z_]+=.*)?"
    assert all(re.fullmatch(pattern, line) for line in heads), heads
    assert len({line.split()[2] for line in heads}) == 2
    assert sum(" sector-stored " in line for line in heads) == 1
    assert [line for line in heads if re.search(r" sector-stored sector=[0-9a-f-]{36} bytes=\d+ s=[\d.]+", line)]
    assert any(" WARN " in line and "unreadable" in line for line in heads)
    assert any(r"$'caf\xe9 1.jpg'" in line for line in lines)
    text = "\n".join(lines)
    assert not re.search(r"\b(?:legal winner|sausage)\b", text)
    assert " end exit_code=3 " in heads[-1]


def test_quiet_tells_problems_alone(photos: Stage) -> None:
    os.chmod(f"{photos.photos}/a.jpg", 0)
    photos.strict_rights = True
    done = photos.pipe(*SYNC, "-q")
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith("warning: 1 file could not be read")
    assert photos.pipe("ls", "/mnt/usb/backup", "-q").out


def test_verbose_has_a_line_a_path_and_a_sector(photos: Stage) -> None:
    done = photos.pipe(*SYNC, "-v")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert "+  2.93 KiB  2026/b.jpg" in lines
    assert "+  2.93 KiB  a.jpg" in lines
    assert [line for line in lines if re.fullmatch(r"sector [0-9a-f-]{36} stored, \S+ KiB", line)]
    assert shape(lines[-1]) == shape("check point   3f9c2a1e of laptop:/home/ana/Photos, 2026-11-21 18:40:12")
    write(f"{photos.photos}/a.jpg", seed="changed")
    os.chmod(f"{photos.photos}/2026", 0o700)
    plan = photos.pipe("plan", "-v", "~/Photos", "/mnt/usb/backup")
    assert plan.out.splitlines()[:2] == ["U            2026", "M  2.93 KiB  a.jpg"]
    assert photos.pipe(*SYNC, "-vv").err


@pytest.mark.parametrize("arguments", [["ls", "/mnt/usb/backup", "-R", "."], ["--help"]])
def test_a_closed_pipe_ends_quietly(story: Story, arguments: list[str]) -> None:
    stage = story.stage
    done = subprocess.run(
        ["bash", "-c", '"$@" | head -1; exit "${PIPESTATUS[0]}"', "bash", *stage.command(*arguments)],
        capture_output=True,
        text=True,
        env=stage.environment({}),
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 1
    assert stage.pipe(*SYNC, "--lock-wait", "0").code == 0


def test_colour_of_labels_alone_and_none_with_no_color(story: Story) -> None:
    stage = story.stage
    for sector in stage.sectors():
        os.unlink(sector)
    at = stage.terminal(*SYNC)
    assert at.finish() == 10
    assert [at.screen.buffer[row][0].fg for row in range(3)] == ["red", "cyan", "cyan"]
    assert at.screen.buffer[0][7].fg == "default"
    for setting in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        plain = stage.terminal(*SYNC, **setting)
        assert plain.finish() == 10
        assert b"\x1b" not in plain.written
        assert plain.lines == at.lines


def test_bold_ids_and_headings(story: Story) -> None:
    at = story.stage.terminal("ls", "/mnt/usb/backup")
    assert at.finish() == 0
    assert at.screen.buffer[0][0].bold
    assert at.screen.buffer[2][0].bold
    assert not at.screen.buffer[2][12].bold


def test_words_go_to_the_terminal_or_a_file_alone(story: Story) -> None:
    stage = story.stage
    done = stage.pipe("account", "words")
    assert (done.code, done.out) == (2, "")
    at = stage.terminal("account", "words")
    card = at.until("Enter takes this card off")
    assert all(word in "\n".join(card) for word in story.words)
    at.type("\n")
    assert at.finish() == 0
    assert at.lines == [""]
    done = stage.pipe("account", "words", "--words-file", "~/card")
    assert done.code == 0
    assert os.stat(stage.here("~/card")).st_mode & 0o777 == 0o600
    new = {"BAKUP_HOME": "/home/ana/new"}
    assert stage.pipe("account", "recover", "--words-file", "~/card", **new).code == 0
    assert stage.pipe("ls", "/mnt/usb/backup", **new).code == 0
    assert stage.pipe("account", "words", "--words-file", "~/card").code == 1


def test_account_new_with_a_file(stage: Stage) -> None:
    done = stage.pipe("account", "new", "--words-file", "~/card", "/mnt/usb/backup")
    assert (done.code, done.err) == (0, "")
    same(done.out, "made account 7c41-9e02-b3aa; its words are in /home/ana/card\n")
    assert os.stat(stage.here("~/card")).st_mode & 0o777 == 0o600
    with open(stage.here("~/card")) as file:
        text = file.read()
    assert stage.page(text).count("/mnt/usb/backup") == 1
    assert stage.pipe("account", "recover", "--words-file", "-", stdin=WORDS).code == 1
    write_all(stage.photos, ("a.jpg",))
    assert stage.pipe(*SYNC).code == 0


def test_a_passphrase_is_asked_for(story: Story) -> None:
    stage = story.stage
    at = stage.terminal("account", "passphrase")
    at.until("new passphrase (empty: none):")
    at.type("secret\n")
    at.until("the same again:")
    at.type("secret\n")
    assert at.finish() == 0
    assert "secret" not in "\n".join(at.lines)
    done = stage.pipe(*SYNC)
    assert (done.code, done.out) == (2, "")
    assert stage.pipe(*SYNC, "--passphrase-command", "echo secret").code == 0


def test_a_signal_asks_how_far_it_is(photos: Stage) -> None:
    write_all(photos.photos, (f"{number:03d}.raw" for number in range(96)), 1 << 20)
    run = subprocess.Popen(
        photos.command(*SYNC, "--sector-size", "16MiB"),
        env=photos.environment({}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while run.poll() is None and not (os.path.isdir(photos.drive) and photos.sectors()):
        time.sleep(0.005)
    run.send_signal(signal.SIGUSR1)
    out, err = run.communicate(timeout=30)
    assert run.returncode == 0
    assert len(out.splitlines()) == 3
    assert re.fullmatch(r"storing \d+%, \S+ MiB of \S+ MiB, \d+ of 98 files(, \d+ s left)?\n", err), err
