"""The summaries of `sync` and `plan`, to the letter of the experience page."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from blocks import FIRST, PLANNED, SECOND, STORED_AGAIN
from msgspec.structs import replace

from bakup.api.reports import CheckpointLine, Count, Lost, PathLine, SourceReport, SyncReport, UnreadPath
from bakup.cli.commands import sync
from bakup.cli.output.problems import Problem
from bakup.cli.output.style import plain

MIB, GIB = 1024**2, 1024**3
TARGET = "/mnt/usb/backup"
PHOTOS = b"/home/ana/Photos"

Line = Callable[..., CheckpointLine]
Rendered = Callable[[list[str], list[Problem]], str]


def gib(value: float) -> int:
    return int(value * GIB)


def mib(value: float) -> int:
    return int(value * MIB)


def report(source: SourceReport, **facts: object) -> SyncReport:
    return SyncReport(target=TARGET, sources=(source,), **{"dry_run": False, **facts})  # type: ignore[arg-type]


def shown(of: SyncReport, rendered: Rendered) -> str:
    return rendered(sync.report_lines(of), sync.problems(of))


def source(checkpoint: CheckpointLine | None, **facts: object) -> SourceReport:
    name = checkpoint.source if checkpoint else "laptop:/home/ana/Photos"
    return SourceReport(source=name, location=PHOTOS, checkpoint=checkpoint, **{"made": True, **facts})  # type: ignore[arg-type]


def test_first_run(line: Line, rendered: Rendered) -> None:
    found = report(
        source(line("3f9c2a1e", "2026-11-21 18:40:12"), new=Count(56_204, gib(67.4))),
        stored_bytes=gib(66.1),
        stored_sectors=265,
        estimated_bytes=gib(65.8),
        elapsed=252.0,
    )
    assert shown(found, rendered) == FIRST
    assert sync.exit_code(found) == 0


def test_second_run(line: Line, rendered: Rendered) -> None:
    found = report(
        source(
            line("8b1d07c4", "2026-11-22 18:31:05"),
            new=Count(18, mib(214)),
            changed=Count(3, mib(41.6)),
            deleted=Count(2, mib(8.1)),
            unchanged=Count(56_199, gib(67.4)),
        ),
        stored_bytes=mib(221),
        stored_sectors=1,
        estimated_bytes=mib(230),
        elapsed=1.9,
    )
    assert shown(found, rendered) == SECOND


def test_nothing_changed(line: Line, rendered: Rendered) -> None:
    stands = line("8b1d07c4", "2026-11-22 18:31:05")
    found = report(source(stands, made=False, unchanged=Count(56_220, gib(67.6))), elapsed=0.6)
    assert (
        shown(found, rendered)
        == """\
unchanged     56,220 files   67.6 GiB, in 0.6 s
check point   8b1d07c4 of laptop:/home/ana/Photos, 2026-11-22 18:31:05, stands
"""
    )


@pytest.fixture
def planned(line: Line) -> SyncReport:
    return report(
        source(
            line("8b1d07c4", "2026-11-22 18:31:05"),
            made=False,
            new=Count(18, mib(214)),
            changed=Count(3, mib(41.6)),
            deleted=Count(2, mib(8.1)),
            unchanged=Count(56_199, gib(67.4)),
            excluded=Count(41, gib(1.2)),
            excluded_by=(("*.tmp", 12), ("CACHEDIR.TAG", 29)),
            folders=((b"2026/11", Count(18, mib(214))), (b"Catalogue", Count(3, mib(41.6)))),
        ),
        dry_run=True,
        estimated_bytes=mib(230),
        estimated_sectors=1,
        estimated_seconds=2.2,
        free_bytes=int(1.69 * 1024 * GIB),
    )


def test_plan(planned: SyncReport, rendered: Rendered) -> None:
    assert shown(planned, rendered) == PLANNED


def test_plan_with_a_line_a_path(planned: SyncReport, rendered: Rendered) -> None:
    paths = (
        PathLine("+", b"2026/11/IMG_0412.jpg", mib(12.4)),
        PathLine("-", b"2026/10/IMG_0399.jpg", mib(4.05)),
        PathLine("U", b"raw", None),
    )
    found = replace(planned, sources=(replace(planned.sources[0], paths=paths),))
    assert (
        shown(found, rendered)
        == """\
+  12.4 MiB  2026/11/IMG_0412.jpg
-  4.05 MiB  2026/10/IMG_0399.jpg
U            raw
"""
        + PLANNED
    )


def test_a_long_folder_widens_its_column_and_cuts_nothing(planned: SyncReport) -> None:
    folders = ((b"a/rather/long/folder", Count(1, 5)), (b"b", Count(2, 6)))
    lines = [*map(plain, sync.report_lines(replace(planned, sources=(replace(planned.sources[0], folders=folders),))))]
    assert "  a/rather/long/folder      1 file         5 B" in lines
    assert "  b                         2 files        6 B" in lines


def test_excluded_folders_count_as_folders(planned: SyncReport) -> None:
    some = replace(planned.sources[0], excluded_folders=2)
    none = replace(some, excluded=Count(), excluded_by=(("cache/", 2),))
    for source_, row in (
        (some, "excluded          41 files   1.20 GiB, 2 folders: *.tmp 12, CACHEDIR.TAG 29"),
        (none, "excluded           0 files        0 B, 2 folders: cache/ 2"),
    ):
        assert row in [*map(plain, sync.report_lines(replace(planned, sources=(source_,))))]


def test_unreadable_and_changing_files(line: Line, rendered: Rendered) -> None:
    found = report(
        source(
            line("e2704b9d", "2026-11-23 02:30:01"),
            new=Count(2, mib(31)),
            unchanged=Count(56_217, gib(66.0)),
            unreadable=(
                UnreadPath(b"private/keys.kdbx", "permission denied", bytes.fromhex("8b1d07c4".ljust(32, "0")), 2048),
                UnreadPath(
                    b"2024/broken.mov",
                    "input/output error",
                    bytes.fromhex("3f9c2a1e".ljust(32, "0")),
                    gib(1.61),
                ),
            ),
            changing=(PathLine("M", b"Catalogue/previews.db", mib(31.9)),),
        ),
        stored_bytes=mib(61.4),
        stored_sectors=1,
        estimated_bytes=mib(62),
        elapsed=1.4,
    )
    assert (
        shown(found, rendered)
        == """\
new                2 files   31.0 MiB
unchanged     56,217 files   66.0 GiB
unreadable         2 files   1.61 GiB
changing           1 file    31.9 MiB
stored        61.4 MiB in 1 sector (estimated 62.0 MiB), in 1.4 s
check point   e2704b9d of laptop:/home/ana/Photos, 2026-11-23 02:30:01
warning: 2 files could not be read and are not in this check point
  private/keys.kdbx      permission denied           last stored: 8b1d07c4
  2024/broken.mov        input/output error          last stored: 3f9c2a1e
warning: 1 file changed each time it was read; stored as it was read last
  Catalogue/previews.db
"""
    )
    assert sync.exit_code(found) == 3


@pytest.mark.parametrize(("strict", "code"), [(False, 0), (True, 3)])
def test_changing_files_count_only_when_strict(line: Line, strict: bool, code: int) -> None:
    changing = (PathLine("M", b"a", 1), PathLine("M", b"b", 1))
    found = report(source(line("e2704b9d", "2026-11-23 02:30:01"), changing=changing), strict=strict)
    assert sync.exit_code(found) == code
    [problem] = sync.problems(found)
    assert problem.message == "2 files changed each time they were read; stored as they were read last"


def test_what_was_missing_is_stored_again(line: Line, rendered: Rendered) -> None:
    found = report(
        source(
            line("c41a90d7", "2026-11-22 20:11:30"),
            stored_again=Count(3, mib(256)),
            unchanged=Count(56_217, gib(63.3)),
        ),
        stored_bytes=mib(256),
        stored_sectors=2,
        estimated_bytes=mib(256),
        missing_sectors=(bytes(16),),
        elapsed=1.6,
    )
    assert shown(found, rendered) == STORED_AGAIN
    assert sync.exit_code(found) == 0


def test_what_the_source_no_longer_has_is_named(line: Line, rendered: Rendered) -> None:
    found = report(
        source(line("c41a90d7", "2026-11-22 20:11:30"), unchanged=Count(1, 1)),
        missing_sectors=(bytes(16), bytes(16)),
        gone=(Lost(b"2025/08/boat.mov", gib(4.2), gib(4.0)),),
    )
    assert shown(found, rendered).endswith(
        """\
warning: 2 sectors were missing at the target; 1 file they held is no longer in the source
  2025/08/boat.mov           205 MiB of 4.20 GiB
"""
    )
    assert sync.exit_code(found) == 3


def test_vanished_files_are_counted_no_more(line: Line, rendered: Rendered) -> None:
    found = report(source(line("c41a90d7", "2026-11-22 20:11:30"), vanished=Count(2, 10)))
    assert "vanished           2 files       10 B\n" in shown(found, rendered)
    assert sync.exit_code(found) == 0


def test_two_sources_share_their_sectors(line: Line, rendered: Rendered) -> None:
    photos = source(line("3f9c2a1e", "2026-11-21 18:40:12"), new=Count(2, 2048))
    videos = source(line("b65d9f30", "2026-11-21 18:40:12", source="laptop:/home/ana/Videos"), new=Count(1, 4096))
    found = SyncReport(
        target=TARGET,
        sources=(photos, videos),
        dry_run=False,
        stored_bytes=9000,
        stored_sectors=1,
        estimated_bytes=9000,
        elapsed=0.3,
    )
    assert (
        shown(found, rendered)
        == """\
laptop:/home/ana/Photos
new                2 files   2.00 KiB
check point   3f9c2a1e of laptop:/home/ana/Photos, 2026-11-21 18:40:12

laptop:/home/ana/Videos
new                1 file    4.00 KiB
check point   b65d9f30 of laptop:/home/ana/Videos, 2026-11-21 18:40:12

stored        8.79 KiB in 1 sector (estimated 8.79 KiB), in 0.3 s
"""
    )


def test_many_files_widen_all_rows_alike(line: Line) -> None:
    found = report(source(line("3f9c2a1e", "2026-11-21 18:40:12"), new=Count(12_345_678, 5), changed=Count(1, 5)))
    assert [*map(plain, sync.report_lines(found))][:2] == [
        "new           12,345,678 files        5 B",
        "changed                1 file         5 B",
    ]


def test_exact_numbers(line: Line) -> None:
    found = report(source(line("3f9c2a1e", "2026-11-21 18:40:12"), new=Count(2, 224_395_264)))
    assert plain(sync.report_lines(found, exact=True)[0]) == "new                2 files   224,395,264 B"


def test_with_several_sources_a_warning_says_whose_files_they_are() -> None:
    unread = SourceReport("laptop:/a", b"/a", None, False, unreadable=(UnreadPath(b"x", "denied", None),))
    changed = SourceReport("laptop:/b", b"/b", None, False, changing=(PathLine("!", b"y", 5),))
    messages = [problem.message for problem in sync.problems(SyncReport("/t", (unread, changed), False))]
    assert messages == [
        "1 file of laptop:/a could not be read and is not in this check point",
        "1 file of laptop:/b changed each time it was read; stored as it was read last",
    ]
