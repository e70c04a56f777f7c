"""What servers answer to LIST."""

from __future__ import annotations

import pytest

from bakup.store.backends.ftp_listing import Entry, entries


@pytest.mark.parametrize(
    ("line", "entry"),
    [
        ("-rw-r--r--    1 ftp      ftp            42 Nov 30 21:53 plain", Entry("plain", "file", 42)),
        ("-rw-r--r--    1 ftp      ftp             2 Nov 30 21:53  lead", Entry(" lead", "file", 2)),
        (
            "-rw-r--r--    1 ftp      ftp             2 Nov 30  2024   two and last ",
            Entry("  two and last ", "file", 2),
        ),
        ("drwxr-xr-x+   2 ftp      ftp          4096 Jan  1 00:00 .hidden", Entry(".hidden", "directory")),
        ("lrwxrwxrwx    1 0        0               4 Nov 30 21:53 link -> real", Entry("link", "other")),
        ("prw-r--r--    1 0        0               0 Nov 30 21:53 pipe", Entry("pipe", "other")),
        ("-rw-r--r-- 1 me domain users 7 Nov 30 21:53 x", Entry("x", "file", 7)),
        ("-rw-r--r-- 1 me 7 Nov 30 21:53 no group", Entry("no group", "file", 7)),
        ("-rw-r--r--   1 me us 34359738368 30 Nov 21:53 day first", Entry("day first", "file", 34359738368)),
        ("-rw-r--r--   1 me us 5 2026-11-30 21:53 Nov 30 21:53 x", Entry("Nov 30 21:53 x", "file", 5)),
        ("-rw-r--r--   1 me us 5 Nov 30 21:53 7 Nov 30 21:53 x", Entry("7 Nov 30 21:53 x", "file", 5)),
        ("11-30-26  09:53PM       <DIR>          a folder", Entry("a folder", "directory")),
        ("11-30-26  09:53PM       <DIR>            lead", Entry("  lead", "directory")),
        ("11-30-2026  21:53             1,234,567 file.bin", Entry("file.bin", "file", 1234567)),
        ("11-30-26  09:53PM                   12  lead", Entry(" lead", "file", 12)),
        ("11-30-26  09:53PM       <JUNCTION>     elsewhere", Entry("elsewhere", "other")),
        ("what nobody understands", Entry("what nobody understands", "other")),
    ],
)
def test_a_line(line: str, entry: Entry) -> None:
    assert [*entries([line])] == [entry]


def test_what_is_no_entry_is_passed_over() -> None:
    assert [*entries(["total 12", ""])] == []
