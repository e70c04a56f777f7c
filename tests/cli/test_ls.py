"""Tables of `ls`, to the letter of the experience page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from blocks import LISTED

from bakup.api.reports import CheckpointLine, ListedEntry, Listing, TargetListing
from bakup.cli import app
from bakup.cli.output import listing
from bakup.cli.output.style import plain
from bakup.model import Attributes, Dir, File, Special, Symlink, Unread

MIB, GIB = 1024**2, 1024**3

Line = Callable[..., CheckpointLine]


def attributes(mode: int, when: str, **more: object) -> Attributes:
    local = datetime.fromisoformat(when).replace(tzinfo=ZoneInfo("Europe/Berlin"))
    named = {"user": "ana", "group": "ana", **more}
    return Attributes(mode=mode, mtime_ns=int(local.timestamp()) * 10**9, **named)  # type: ignore[arg-type]


def file(path: bytes, mode: int, when: str, size: int, **more: object) -> ListedEntry:
    return ListedEntry(path, File(path, attributes(mode, when, **more), size, ()), size)


def text(lines: Iterator[str] | list[str]) -> str:
    return "".join(f"{plain(line)}\n" for line in lines)


def test_check_points(line: Line) -> None:
    report = TargetListing(
        checkpoints=(
            line("3f9c2a1e", "2026-11-21 18:40:12", files=56_204, bytes=int(67.4 * GIB), stored=int(66.1 * GIB)),
            line(
                "8b1d07c4",
                "2026-11-22 18:31:05",
                files=56_220,
                bytes=int(67.6 * GIB),
                stored=221 * MIB,
                tags=("after-trip",),
            ),
        ),
        sectors=266,
        bytes=int(66.3 * GIB),
    )
    assert text(listing.checkpoint_lines(report)) == LISTED


def test_several_sources_have_a_table_each(line: Line) -> None:
    videos = line("b65d9f30", "2026-11-22 19:10:07", source="laptop:/home/ana/Videos", tags=("a", "b"), whole=False)
    report = TargetListing((line("3f9c2a1e", "2026-11-21 18:40:12"), videos), sectors=1, bytes=5)
    assert (
        text(listing.checkpoint_lines(report))
        == """\
laptop:/home/ana/Photos
id        time                   files      size    stored  tags
3f9c2a1e  2026-11-21 18:40:12        0       0 B       0 B

laptop:/home/ana/Videos
id        time                   files      size    stored  tags
b65d9f30  2026-11-22 19:10:07        0       0 B       0 B  a, b ! not whole

2 check points, 5 B in 1 sector; times in Europe/Berlin
"""
    )


ENTRIES = (
    ListedEntry(b"raw", Dir(b"raw", attributes(0o755, "2026-11-19 21:40:03")), None),
    file(b"IMG_0412.jpg", 0o644, "2026-11-20 09:12:44", int(12.4 * MIB)),
    file(b"caf\xe9.jpg", 0o644, "2026-11-20 09:12:51", int(4.05 * MIB)),
    ListedEntry(b"best.jpg", Symlink(b"best.jpg", attributes(0o777, "2026-11-20 09:13:02"), b"IMG_0412.jpg"), None),
)


def test_entries(line: Line) -> None:
    found = Listing(line("8b1d07c4", "2026-11-22 18:31:05"), b"2026/11", iter(ENTRIES))
    total = listing.Total()
    lines = [
        listing.entries_head(found),
        *listing.entry_lines(total.counted(found.entries)),
        listing.entries_foot(total),
    ]
    assert (
        text(lines)
        == """\
laptop:/home/ana/Photos at 8b1d07c4, 2026-11-22 18:31:05
drwxr-xr-x  ana  ana            2026-11-19 21:40:03  raw/
-rw-r--r--  ana  ana  12.4 MiB  2026-11-20 09:12:44  IMG_0412.jpg
-rw-r--r--  ana  ana  4.05 MiB  2026-11-20 09:12:51  $'caf\\xe9.jpg'
lrwxrwxrwx  ana  ana            2026-11-20 09:13:02  best.jpg -> IMG_0412.jpg
4 entries, 16.4 MiB; times in Europe/Berlin
"""
    )


def test_owners_without_a_name_are_numbers_and_columns_stay_in_line() -> None:
    rows = [
        file(b"a", 0o4755, "2026-11-20 09:12:44", 1, user=None, group=None, uid=1000, gid=None),
        file(b"b", 0o644, "2026-11-20 09:12:44", 1, user="anastasia"),
        ListedEntry(b"p", Special(b"p", attributes(0o600, "2026-11-20 09:12:44"), 1, 0), None, True, "denied"),
        ListedEntry(b"q", Unread(b"q", "denied"), None, True, "denied"),
    ]
    assert text(listing.entry_lines(iter(rows))).splitlines() == [
        "-rwsr-xr-x  1000       -         1 B  2026-11-20 09:12:44  a",
        "-rw-r--r--  anastasia  ana       1 B  2026-11-20 09:12:44  b",
        "prw-------  ana        ana            2026-11-20 09:12:44  p  ! denied; as stored before",
        "!---------  -          -                                   q  ! denied",
    ]


def test_entries_stream_in_batches() -> None:
    taken = 0

    def many() -> Iterator[ListedEntry]:
        nonlocal taken
        for number in range(2500):
            taken += 1
            yield file(b"%d" % number, 0o644, "2026-11-20 09:12:44", 1)

    lines = listing.entry_lines(many())
    assert plain(next(lines)).endswith("  0")
    assert taken == 1000
    assert sum(1 for _ in lines) == 2499


def test_json_of_an_entry_has_the_path_inside_the_source() -> None:
    facts = listing.entry_facts(b"2026/11", ENTRIES[2])
    assert facts["path"] == "2026/11/caf\ufffd.jpg"
    assert facts["path_b64"] == "MjAyNi8xMS9jYWbpLmpwZw=="
    assert facts["kind"] == "file"
    assert listing.entry_facts(b"", ENTRIES[3])["link"] == "IMG_0412.jpg"


def test_a_tag_that_no_check_point_has_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BAKUP_HOME", str(tmp_path / "home"))
    (tmp_path / "src").mkdir()
    app.run(["account", "new", "--words-file", "card"])
    app.run(["sync", "src", "t", "--always"])
    capsys.readouterr()
    assert app.run(["ls", "t", "--tag", "none"]) == 1
    assert capsys.readouterr().err == "error: no check points with the tag none at t\n"
