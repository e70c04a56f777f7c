"""Section 4 of the experience page: `ls`, both forms."""

from __future__ import annotations

import grp
import os
import pwd

from blocks import LISTED
from page import same
from story import Story


def test_check_points(told: Story) -> None:
    same(
        told.stage.shown("ls", "/mnt/usb/backup"),
        LISTED,
    )


def test_entries_of_a_folder(told: Story) -> None:
    shown = told.stage.shown("ls", "/mnt/usb/backup", "2026/09")
    me = f"{pwd.getpwuid(os.getuid()).pw_name}  {grp.getgrgid(os.getgid()).gr_name}"
    same(
        [line.replace(me, "ana  ana") for line in shown],
        """\
laptop:/home/ana/Photos at 8b1d07c4, 2026-11-22 18:31:05
-rw-r--r--  ana  ana  12.4 MiB  2026-11-20 09:12:44  IMG_0412.jpg
lrwxrwxrwx  ana  ana            2026-11-20 09:13:02  best.jpg -> IMG_0412.jpg
-rw-r--r--  ana  ana  4.05 MiB  2026-11-20 09:12:51  $'caf\\xe9.jpg'
drwxr-xr-x  ana  ana            2026-11-19 21:40:03  raw/
4 entries, 16.4 MiB; times in Europe/Berlin
""",
    )


def test_entries_at_a_time_by_an_absolute_path(told: Story) -> None:
    first = told.stage.shown("ls", "/mnt/usb/backup")[2].split()
    when = f"{first[1]} {first[2]}"
    shown = told.stage.shown("ls", "/mnt/usb/backup", "/home/ana/Photos/2026/10/", "--at", when)
    assert shown[0] == f"laptop:/home/ana/Photos at {first[0]}, {when}"
    assert [line.split()[-1] for line in shown[1:-1]] == ["IMG_0377.jpg", "IMG_0399.jpg", "IMG_0400.jpg"]
    now = told.stage.shown("ls", "/mnt/usb/backup", "2026/10")
    assert [line.split()[-1] for line in now[1:-1]] == ["IMG_0377.jpg"]


def test_a_path_that_is_not_there(told: Story) -> None:
    done = told.stage.pipe("ls", "/mnt/usb/backup", "2031")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("error: no 2031 in ")
