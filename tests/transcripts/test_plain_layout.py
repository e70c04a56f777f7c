"""Section 7 of the experience page: the plain layout, and what is said of it afterwards."""

from __future__ import annotations

import grp
import os
import pwd
import re
from pathlib import Path

import pytest
from page import same
from stage import Stage, write, write_all
from story import recover

NAME = "3f/3f81a0c2d49e7b6650c1f2a83d94e7b05a6c1e8f7d2b3a4958606172839405a6"
SYNC = ("sync", "~/Documents", "/mnt/usb/backup")


@pytest.fixture
def documents(stage: Stage) -> Stage:
    """Ana's documents, stored."""
    recover(stage)
    write_all(f"{stage.home}/Documents", [f"letters/{number}.txt" for number in range(40)])
    write(f"{stage.home}/Documents/taxes/2025.pdf", 188 << 10)
    same(
        stage.shown(*SYNC, "--layout", "atbak"),
        """\
note: this layout is encrypted, not signed: damage is noticed, forgery is not
new            2,041 files   1.32 GiB
stored        1.18 GiB in 2,042 objects, one of them for what the format lacks
check point   c05e77d2 of laptop:/home/ana/Documents, 2026-11-22 20:15:40
""",
    )
    return stage


def named(lines: list[str]) -> list[str]:
    """With the object's name of the page."""
    return [re.sub(r"[0-9a-f]{2}/[0-9a-f]{64}", NAME, line) for line in lines]


def test_where_a_file_stands(documents: Stage) -> None:
    me = f"{pwd.getpwuid(os.getuid()).pw_name}  {grp.getgrgid(os.getgid()).gr_name}"
    shown = named(documents.shown("ls", "/mnt/usb/backup", "taxes", "--objects"))
    same(
        [line.replace(me, "ana  ana") for line in shown],
        f"""\
laptop:/home/ana/Documents at c05e77d2, 2026-11-22 20:15:40
-rw-r--r--  ana  ana   188 KiB  2026-03-02 10:22:17  2025.pdf
  {NAME}.atbake
1 entry, 188 KiB; times in Europe/Berlin
""",
    )


def test_later_runs_find_the_layout(documents: Stage) -> None:
    same(
        documents.pipe(*SYNC).out,
        """\
unchanged      2,041 files   1.32 GiB, in 0.6 s
check point   c05e77d2 of laptop:/home/ana/Documents, 2026-11-22 20:15:40, stands
""",
    )
    refused = documents.pipe(*SYNC, "--layout", "sectors")
    assert refused.code == 2
    assert refused.err.endswith(
        "error: /mnt/usb/backup has the layout atbak, and keeps it\nhint: --layout sectors is for a new target\n"
    )


def test_an_object_removed_by_hand(documents: Stage) -> None:
    found = documents.pipe("ls", "/mnt/usb/backup", "taxes/2025.pdf", "--objects").out
    [locator] = re.findall(r"[0-9a-f]{2}/[0-9a-f]{64}\.atbake", found)
    (Path(documents.drive) / locator).unlink()
    done = documents.pipe("check", "/mnt/usb/backup")
    assert done.code == 0
    same(
        done.out,
        """\
checked       2,041 objects: metadata, references; data not read
removed       1 object: no damage, and not stored again
good          1 check point of 1 source
""",
    )
    folder = documents.home.lstrip("/").replace("home/ana", "")
    assert "note: this layout is encrypted, not signed: damage is noticed, forgery is not\n" in done.err
    assert f"note: 1 object removed by hand:\n  {folder}/Documents/taxes/2025.pdf\n" in done.err


def test_without_any_account(stage: Stage) -> None:
    write_all(f"{stage.home}/Documents", ["a", "b/c"])
    with open(f"{stage.home}/key", "w") as file:
        file.write("5a" * 32 + "\n")
    key = ("--key-file", f"{stage.home}/key")
    assert stage.pipe(*SYNC, "--layout", "atbak", *key).code == 0
    assert stage.pipe("restore", "/mnt/usb/backup", "~/back", *key).code == 0
    assert not os.path.exists(f"{stage.state}/account")
    assert stage.pipe("ls", "/mnt/usb/backup").code == 12
