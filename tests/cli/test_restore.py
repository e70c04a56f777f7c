"""What `restore` and `rebuild` say, to the letter of the experience page."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from blocks import RESTORED_IN_PART
from msgspec.structs import replace

from bakup.api.reports import Cause, CheckpointLine, Count, Lost, RebuildReport, RestoreReport
from bakup.cli.commands import rebuild, restore
from bakup.cli.output.problems import Problem
from bakup.cli.output.style import plain
from bakup.errors import Failed

MIB, GIB = 1024**2, 1024**3

Line = Callable[..., CheckpointLine]
Rendered = Callable[[list[str], list[Problem]], str]


def gib(value: float) -> int:
    return int(value * GIB)


def mib(value: float) -> int:
    return int(value * MIB)


@pytest.fixture
def good(line: Line) -> RestoreReport:
    return RestoreReport(
        checkpoint=line("8b1d07c4", "2026-11-22 18:31:05"),
        out="/home/ana/back",
        restored=Count(56_220, gib(67.6)),
        elapsed=238.0,
    )


def shown(report: RestoreReport, rendered: Rendered) -> str:
    return rendered(restore.report_lines(report), restore.problems(report))


def test_all_of_it(good: RestoreReport, rendered: Rendered) -> None:
    assert (
        shown(good, rendered)
        == """\
restored      56,220 files   67.6 GiB to /home/ana/back, in 3 min 58 s
check point   8b1d07c4 of laptop:/home/ana/Photos, 2026-11-22 18:31:05
"""
    )
    assert restore.exit_code(good) == 0


def test_a_lost_sector(good: RestoreReport, rendered: Rendered) -> None:
    lost = (
        Lost(b"2025/08/DSC04518.ARW", mib(24.0), 0),
        Lost(b"2025/08/DSC04519.ARW", mib(23.9), 0),
        Lost(b"2025/08/boat.mov", gib(4.2), gib(4.2) - mib(208)),
    )
    found = replace(
        good,
        restored=Count(56_217, gib(63.3)),
        not_restored=Count(3, gib(4.25)),
        causes=(Cause("sector 77aa03f1-0b62-4e0d-8a3c-52f7d19e6c04 is missing", lost),),
        elapsed=221.0,
    )
    assert shown(found, rendered) == RESTORED_IN_PART
    assert restore.exit_code(found) == 3
    assert not any(problem.hints for problem in restore.problems(replace(found, partial=True)))


def test_a_new_laptop_rebuilds_first(good: RestoreReport, rendered: Rendered) -> None:
    rebuilt = RebuildReport(sectors=266, checkpoints=2, reads=532, read_bytes=mib(12.9), elapsed=1.1)
    found = replace(good, rebuilt=rebuilt, out="/home/ana/Photos", elapsed=242.0)
    assert (
        shown(found, rendered)
        == """\
rebuilt       266 sectors, 2 check points; 532 reads, 12.9 MiB, in 1.1 s
restored      56,220 files   67.6 GiB to /home/ana/Photos, in 4 min 02 s
check point   8b1d07c4 of laptop:/home/ana/Photos, 2026-11-22 18:31:05
"""
    )
    assert rebuild.report_lines(rebuilt) == restore.report_lines(found)[:1]


def test_equal_files_are_already_there(good: RestoreReport) -> None:
    some = [*map(plain, restore.report_lines(replace(good, already_there=Count(7, 70), kept=Count(1, 5))))]
    assert some[1:3] == ["already there      7 files       70 B", "kept               1 file         5 B"]
    every = [
        *map(plain, restore.report_lines(replace(good, restored=Count(), already_there=Count(7, 70), elapsed=0.5)))
    ]
    assert every[0] == "already there      7 files       70 B, in 0.5 s"


def test_a_dry_run_says_what_it_would_do(good: RestoreReport) -> None:
    lines = [*map(plain, restore.report_lines(replace(good, dry_run=True)))]
    assert lines[0] == "would restore 56,220 files   67.6 GiB to /home/ana/back"


def test_older_versions_and_attributes_are_named(good: RestoreReport, rendered: Rendered) -> None:
    found = replace(good, older=(b"private/keys.kdbx",), skipped=((b"dev/null", "operation not permitted"),))
    assert shown(found, rendered).endswith(
        """\
warning: 1 file could not be read when check point 8b1d07c4 was made; restored as stored before
  private/keys.kdbx
warning: 1 path could not be made as stored
  dev/null                   operation not permitted
"""
    )
    assert restore.exit_code(found) == 3


def test_files_in_the_way(rendered: Rendered) -> None:
    error = Failed(
        "2 files in /home/ana/Photos differ from 3f9c2a1e; nothing was written",
        hints=("--overwrite always, never, or if-newer (replaces what is older here)",),
        details=(
            (b"Catalogue/previews.db", "here it is newer"),
            (b"2026/10/IMG_0377.jpg", "here it is older"),
        ),
    )
    problem = Problem("error", error.message, error.details, error.hints)
    assert (
        rendered([], [problem])
        == """\
error: 2 files in /home/ana/Photos differ from 3f9c2a1e; nothing was written
  Catalogue/previews.db      here it is newer
  2026/10/IMG_0377.jpg       here it is older
hint: --overwrite always, never, or if-newer (replaces what is older here)
"""
    )


def test_what_is_not_believed_is_named(rendered: Rendered) -> None:
    assert (
        rendered([], rebuild.rejected((("77aa.bakup", "not signed"), ("x\x1by.bakup", "damaged header"))))
        == """\
warning: 2 objects at the target are left aside
  77aa.bakup                 not signed
  $'x\\x1by.bakup'            damaged header
"""
    )
