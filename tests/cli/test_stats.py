"""`stats`, to the letter of the experience page."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bakup.api.listings import LastCheck, SourceTotals, StatsReport, VersionTotals
from bakup.api.reports import CheckpointLine
from bakup.cli import app
from bakup.cli.commands import stats
from bakup.cli.output.style import plain

MIB, GIB = 1024**2, 1024**3

Line = Callable[..., CheckpointLine]


def text(report: StatsReport) -> str:
    return "".join(f"{plain(line)}\n" for line in stats.report_lines(report))


def test_a_report(line: Line) -> None:
    checked = line("00", "2026-11-22 20:02:55").time_ns
    report = StatsReport(
        sources=(SourceTotals("laptop:/home/ana/Photos", 2, 56_220, int(67.6 * GIB), int(66.3 * GIB)),),
        sectors=266,
        missing_sectors=0,
        smallest=221 * MIB,
        largest=256 * MIB,
        bytes=int(66.3 * GIB),
        last_check=LastCheck(checked, 0, False),
        versions=VersionTotals(
            56_225, 56_222, int(67.7 * GIB), int(67.7 * GIB * 0.985), int(67.7 * GIB * 0.985 * 0.995)
        ),
    )
    assert (
        text(report)
        == """\
source                   check points   files      size    stored
laptop:/home/ana/Photos             2  56,220  67.6 GiB  66.3 GiB
sectors       266, of 221 MiB to 256 MiB; last check 2026-11-22 20:02:55, good
all versions  56,225 of 56,222 paths, 67.7 GiB; dedup 1.5%, compression 0.5%
"""
    )


def test_several_sources_and_a_bad_check(line: Line) -> None:
    rows = (SourceTotals("a:/x", 1, 1_234_567, 5, 5), SourceTotals("b:/\u5c71/caf\udce9", 12_345, 1, 5, 5))
    checked = LastCheck(line("00", "2026-11-22 20:02:55").time_ns, 21, True)
    report = StatsReport(rows, 1, 1, 5, 5, 5, checked, None)
    assert (
        text(report)
        == """\
source            check points      files      size    stored
a:/x                         1  1,234,567       5 B       5 B
$'b:/\u5c71/caf\\xe9'        12,345          1       5 B       5 B
sectors       1 of 2, of 5 B; last check 2026-11-22 20:02:55, damaged
"""
    )


@pytest.mark.parametrize(
    ("left", "whole", "shown"),
    [(995, 1000, "0.5%"), (1000, 1000, "0.0%"), (0, 0, "0.0%"), (10_001, 10_000, "0.0%"), (2, 1, "-100.0%")],
)
def test_what_was_saved(left: int, whole: int, shown: str) -> None:
    assert stats.saved(left, whole) == shown


def test_json_is_documented() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "json.md").read_text(encoding="utf-8")
    section = page.split("\n## stats\n")[1].split("\n## ")[0]
    row = SourceTotals("a:/x", 1, 1, 5, 5)
    facts = stats.source_facts(row)
    summary = stats.summary(StatsReport((row,), 1, 0, 5, 5, 5, None, None), "/t")
    json.dumps([facts, summary])
    assert all(f"`{name}`" in section for name in {*facts, *summary} - {"message_type"})


def test_as_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("BAKUP_HOME", str(tmp_path / "home"))
    source, target = tmp_path / "source", str(tmp_path / "target")
    source.mkdir()
    (source / "a").write_bytes(b"x" * 1000)
    assert app.run(["account", "new", "-q", "--words-file", str(tmp_path / "words")]) == 0
    assert app.run(["sync", "-q", str(source), target, "--name", "papers"]) == 0
    capsys.readouterr()
    assert app.run(["stats", target]) == 0
    head, row, sectors, versions = capsys.readouterr().out.splitlines()
    assert head == "source  check points   files      size    stored"
    assert row.startswith("papers             1       1  0.98 KiB  ")
    assert sectors.endswith("; never checked from here")
    assert versions.startswith("all versions  1 of 1 path, ")
    assert app.run(["check", "-q", target]) == 0
    assert app.run(["stats", target, "--json", "--at", "latest"]) == 0
    one, summary = map(json.loads, capsys.readouterr().out.splitlines())
    assert (one["message_type"], one["total_files"]) == ("source", 1)
    assert (summary["last_check_exit_code"], summary["versions"]) == (0, None)
    assert app.run(["stats", str(tmp_path / "nowhere")]) == 10
