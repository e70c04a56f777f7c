"""`diff`, to the letter of the experience page."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bakup.api.listings import DiffLine, DiffReport
from bakup.api.reports import CheckpointLine
from bakup.cli import app
from bakup.cli.commands import diff
from bakup.cli.output.style import plain
from bakup.model import Kind

MIB = 1024**2

Line = Callable[..., CheckpointLine]


@pytest.fixture
def report(line: Line) -> DiffReport:
    """From one check point to the next."""
    return DiffReport(line("3f9c2a1e", "2026-11-21 18:40:12"), line("8b1d07c4", "2026-11-22 18:31:05"), iter(()))


def test_lines_and_foot(report: DiffReport) -> None:
    new = [DiffLine("+", b"2026/11/IMG_0412.jpg", Kind.FILE, int(12.4 * MIB))] * 18
    changed = [DiffLine("M", b"Catalogue/previews.db", Kind.FILE, int(31.9 * MIB))] * 3
    deleted = [DiffLine("-", b"2026/10/IMG_0399.jpg", Kind.FILE, int(4.05 * MIB))] * 2
    total = diff.Total()
    lines = [plain(diff.shown(line)) for line in total.counted([*deleted, *new, *changed])]
    assert [lines[0], lines[2], lines[-1], plain(diff.foot(report, total))] == [
        "-  4.05 MiB  2026/10/IMG_0399.jpg",
        "+  12.4 MiB  2026/11/IMG_0412.jpg",
        "M  31.9 MiB  Catalogue/previews.db",
        "18 new, 3 changed, 2 deleted from 3f9c2a1e to 8b1d07c4",
    ]


def test_folders_are_listed_and_counted_apart(report: DiffReport) -> None:
    total = diff.Total()
    lines = [
        DiffLine("+", b"caf\xe9", Kind.DIR, None),
        DiffLine("T", b"was a file", Kind.DIR, None),
        DiffLine("U", b"", Kind.DIR, None),
        DiffLine("!", b"locked", None, None, "permission denied"),
        DiffLine("U", b"a", Kind.FILE, 5),
    ]
    assert [plain(diff.shown(line)) for line in total.counted(lines)] == [
        "+            $'caf\\xe9/'",
        "T            was a file",
        "U            .",
        "!            locked",
        "U       5 B  a",
    ]
    assert (
        plain(diff.foot(report, total))
        == "0 new, 2 changed, 0 deleted, 1 not read from 3f9c2a1e to 8b1d07c4; 2 folders besides"
    )


def test_json_is_documented(report: DiffReport) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "json.md").read_text(encoding="utf-8")
    section = page.split("\n## diff\n")[1].split("\n## ")[0]
    facts = diff.facts(DiffLine("!", b"caf\xe9", None, None, "denied"))
    summary = diff.summary(report, "/t", diff.Total())
    json.dumps([facts, summary])
    assert all(f"`{name}`" in section for name in {*facts, *summary} - {"message_type"})


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A target with two check points."""
    monkeypatch.setenv("BAKUP_HOME", str(tmp_path / "home"))
    (tmp_path / "source").mkdir()
    assert app.run(["account", "new", "-q", "--words-file", str(tmp_path / "words")]) == 0
    for name in ("a", "b"):
        (tmp_path / "source" / name).write_bytes(b"x")
        assert app.run(["sync", "-q", str(tmp_path / "source"), str(tmp_path / "target")]) == 0
    return tmp_path / "target"


def test_as_typed(target: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def said(*arguments: str, code: int = 0) -> str:
        capsys.readouterr()
        assert app.run(["diff", str(target), *arguments]) == code
        shown = capsys.readouterr()
        return shown.out + shown.err

    assert said().startswith("+       1 B  b\n1 new, 0 changed, 0 deleted from ")
    assert said("latest~1") == said() == said("latest~1", "latest")
    assert said("latest", "latest~1").startswith("-       1 B  b\n0 new, 0 changed, 1 deleted from ")
    assert said("latest", "latest").startswith("0 new, 0 changed, 0 deleted from ")
    assert said("-q") == "+       1 B  b\n"
    change, summary = map(json.loads, said("--json").splitlines())
    assert (change["mark"], change["path"], summary["new_entries"]) == ("+", "b", 1)
    assert said("latest~9", code=1).startswith("error: no check point latest~9 of ")
