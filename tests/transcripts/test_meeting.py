"""Sections 1 and 12 of the experience page: the first words, help, what is typed by habit."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from blocks import OVERVIEW, SHORT
from stage import ROOT, Stage
from story import Story

COMMANDS = (
    ["sync"],
    ["plan"],
    ["ls"],
    ["find"],
    ["history"],
    ["diff"],
    ["cat"],
    ["stats"],
    ["query"],
    ["restore"],
    ["check"],
    ["rebuild"],
    ["target", "test"],
    ["completion"],
    ["account", "new"],
    ["account", "show"],
    ["account", "words"],
    ["account", "recover"],
    ["account", "passphrase"],
    ["sector", "inspect"],
    ["sector", "restore"],
    ["atbak", "inspect"],
    ["atbak", "decrypt"],
    ["atbak", "key", "show"],
)


def test_without_arguments() -> None:
    done = subprocess.run([sys.executable, "-m", "bakup"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == SHORT


def test_help_lists_the_commands(stage: Stage) -> None:
    done = stage.pipe("--help")
    assert (done.code, done.out, done.err) == (0, OVERVIEW, "")
    assert stage.shown("-h") == OVERVIEW.rstrip("\n").split("\n")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_the_help_of_a_command(stage: Stage, command: list[str]) -> None:
    done = stage.pipe(*command, "--help")
    assert (done.code, done.err) == (0, "")
    name = " ".join(command)
    usage, text, example, *groups = re.split(r"\n\n(?=\S)", done.out.replace("\n\n  ", "\n\n\n  ", 1))
    assert usage.startswith(f"Usage: bakup {name} [OPTIONS]")
    assert example.startswith(f"Example:\n  bakup {name}") or text.startswith("Example:")
    titles = re.findall(r"^(\S[^\n]*):$", done.out, re.MULTILINE)
    assert titles[0] == "Example"
    assert titles[-1] == "Everywhere"
    assert max(map(len, done.out.split("\n"))) <= 80
    assert "━" not in done.out
    assert "│" not in done.out
    assert groups


def test_sync_says_first_that_it_deletes_nothing(stage: Stage) -> None:
    text = stage.pipe("sync", "--help").out.split("\n\n")[1]
    assert text.split("\n")[0] == "  Store in DST what changed in SRC...; deletes nothing at DST. A trailing slash"


def test_version(stage: Stage) -> None:
    done = stage.pipe("-V")
    assert done.code == 0
    assert re.fullmatch(r"bakup \d+\.\d+\S*\n", done.out)


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        (["backup"], "error: no such command: backup\nhint: bakup sync\n"),
        (["snapshots"], "error: no such command: snapshots\nhint: bakup ls\n"),
        (["list"], "error: no such command: list\nhint: bakup ls\n"),
        (["dump"], "error: no such command: dump\nhint: bakup cat\n"),
        (["create"], "error: no such command: create\nhint: bakup sync\n"),
        (["extract"], "error: no such command: extract\nhint: bakup restore\n"),
        (["verify"], "error: no such command: verify\nhint: bakup check --read-data\n"),
        (["key"], "error: no such command: key\nhint: bakup account\n"),
        (["rebuild-index"], "error: no such command: rebuild-index\nhint: bakup rebuild\n"),
        (["init"], "error: no such command: init\nhint: the first sync makes a target\n"),
        (["unlock"], "error: no such command: unlock\nhint: the target has no locks\n"),
        (
            ["sync", "a", "b", "--delete"],
            "error: --delete: a check point has no file that the source lacks; earlier ones keep what was deleted\n",
        ),
        (["sync", "a", "b", "--remove-source-files"], "error: --remove-source-files: a source is never changed\n"),
        (["sync", "a", "b", "-i"], "error: no such option: -i\nhint: to see a line a path: -v\n"),
        (["sync", "a", "b", "-u"], "error: no such option: -u\nhint: not needed: check points keep every version\n"),
        (
            ["sync", "-r", "/mnt/x", "a"],
            "error: no such option: -r\nhint: the target is an argument: bakup sync SRC... DST\n",
        ),
        (
            ["restore", "/mnt/usb/backup", "latest"],
            "error: OUT is the place to restore to; latest names a check point\n"
            "hint: of that check point: bakup restore /mnt/usb/backup /tmp/try --at latest\n"
            "hint: a folder of that name: ./latest\n",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_refused_with_bakups_own_word(stage: Stage, typed: list[str], answer: str) -> None:
    done = stage.pipe(*typed)
    assert (done.code, done.out, done.err) == (2, "", answer)


@pytest.mark.parametrize("flags", ["-avz", "-aHAX", "-avP", "-aS"])
def test_what_rsync_is_called_with_is_accepted(story: Story, flags: str) -> None:
    done = story.stage.pipe("sync", flags, "/home/ana/Photos/", "/mnt/usb/backup")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[-1].endswith(", stands")


def test_host_and_path_is_no_folder(stage: Stage) -> None:
    done = stage.pipe("sync", "~/Photos", "host:/path")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: host:/path is no folder here")


def test_options_stand_anywhere_and_have_variables(story: Story) -> None:
    stage = story.stage
    shown = stage.pipe("ls", "/mnt/usb/backup").out
    assert stage.pipe("-v", "ls", "/mnt/usb/backup").out == shown
    exact = stage.pipe("ls", "--bytes", "/mnt/usb/backup")
    assert stage.pipe("ls", "/mnt/usb/backup", BAKUP_BYTES="yes").out == exact.out != shown
