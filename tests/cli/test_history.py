"""`history`, to the letter of the experience page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bakup.api.listings import CheckpointTime, FoundVersion, HistoryReport
from bakup.api.reports import CheckpointLine
from bakup.cli import app
from bakup.cli.commands import history
from bakup.cli.output.style import plain
from bakup.model import Attributes, Dir, Entry, File, Special, Symlink

MIB = 1024**2

Line = Callable[..., CheckpointLine]


def text(report: HistoryReport) -> str:
    head, table, foot = history.lines(report)
    return "".join(f"{plain(line)}\n" for line in (head, *table, foot))


@pytest.fixture
def version(line: Line) -> Callable[..., FoundVersion]:
    """Makes a version that stands at one check point only."""

    def make(when: str, size: int | None, point: CheckpointLine, entry: Entry, **more: Any) -> FoundVersion:
        stands = CheckpointTime(point.uuid, point.time_ns)
        facts: dict[str, Any] = {"first": stands, "last": stands, "current": False, **more}
        return FoundVersion(entry.path, entry, size, line("00", when).time_ns, **facts)

    return make


PATH = b"Catalogue/previews.db"
FILE = File(PATH, Attributes(), 1, ())


def test_a_table(version: Callable[..., FoundVersion], line: Line) -> None:
    one, two = line("3f9c2a1e", "2026-11-21 18:40:12"), line("8b1d07c4", "2026-11-22 18:31:05")
    report = HistoryReport(
        "laptop:/home/ana/Photos",
        PATH,
        (
            version("2026-11-20 22:10:41", int(31.2 * MIB), one, FILE),
            version("2026-11-22 18:02:11", int(31.9 * MIB), two, FILE, current=True),
        ),
    )
    assert (
        text(report)
        == """\
laptop:/home/ana/Photos
modified                 size  from                          to
2026-11-20 22:10:41  31.2 MiB  3f9c2a1e 2026-11-21 18:40:12  3f9c2a1e
2026-11-22 18:02:11  31.9 MiB  8b1d07c4 2026-11-22 18:31:05  latest
2 versions; times in Europe/Berlin
"""
    )


def test_what_is_no_file_says_so(version: Callable[..., FoundVersion], line: Line) -> None:
    one = line("3f9c2a1e", "2026-11-21 18:40:12")
    entries = (Dir(b"x", Attributes()), Symlink(b"x", Attributes(), b"y"), Special(b"x", Attributes(), 1, 0))
    report = HistoryReport("s", b"x", tuple(version("2026-11-20 22:10:41", None, one, entry) for entry in entries))
    kinds = [row.split("  ")[1:-2] for row in text(report).splitlines()[2:-1]]
    assert ["".join(kind).strip() for kind in kinds] == ["folder", "link", "fifo"]


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A target with one check point."""
    monkeypatch.setenv("BAKUP_HOME", str(tmp_path / "home"))
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "it's").write_bytes(b"x")
    assert app.run(["account", "new", "-q", "--words-file", str(tmp_path / "words")]) == 0
    assert app.run(["sync", "-q", str(tmp_path / "source"), str(tmp_path / "target")]) == 0
    return tmp_path / "target"


def test_as_typed(target: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert app.run(["history", str(target), f"{target.parent}/source/it's"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 version; times in Europe/Berlin"
    assert app.run(["history", "--json", str(target), "it's"]) == 0
    assert '"from_check_point":' in capsys.readouterr().out
    assert app.run(["history", str(target), "d/it s"]) == 1
    label = capsys.readouterr().err.split(" of ")[1].split("\n")[0]
    assert app.run(["history", str(target), "d/it s"]) == 1
    assert capsys.readouterr().err == (
        f"error: no d/it s in any check point of {label}\nhint: search for its name: bakup find {target} 'it s'\n"
    )
