"""`find`: its tables to the letter of the experience page, its globs and bounds as typed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bakup.api.listings import CheckpointTime, FindReport, FoundIn, FoundVersion
from bakup.api.reports import CheckpointLine
from bakup.cli import app
from bakup.cli.commands import find
from bakup.cli.output import versions
from bakup.cli.output.style import plain
from bakup.model import Attributes, Dir, Entry, File, Symlink

GIB = 1024**3

Line = Callable[..., CheckpointLine]


@pytest.fixture
def found(line: Line) -> Callable[..., FoundVersion]:
    """Makes a version that stands from one check point to another."""
    points = [line("3f9c2a1e", "2026-11-21 18:40:12"), line("8b1d07c4", "2026-11-22 18:31:05")]
    first, last = (CheckpointTime(point.uuid, point.time_ns) for point in points)

    def make(path: bytes, modified: str, size: int | None, entry: Entry | None = None, **more: Any) -> FoundVersion:
        made = entry or File(path, Attributes(), size or 0, ())
        when = line("00", modified).time_ns
        return FoundVersion(path, made, size, when, **{"first": first, "last": last, "current": True, **more})

    return make


def text(report: FindReport, total: find.Total, *, exact: bool = False) -> str:
    return "".join(f"{plain(shown)}\n" for _, shown in find.lines(report, total, exact=exact))


def test_a_table(found: Callable[..., FoundVersion]) -> None:
    group = (
        found(b"2024/broken.mov", "2024-06-02 17:20:10", int(1.61 * GIB)),
        found(b"2025/08/boat.mov", "2025-08-14 11:03:28", int(4.20 * GIB)),
    )
    report = FindReport(iter([FoundIn("laptop:/home/ana/Photos", iter(group))]))
    assert (
        text(report, find.Total())
        == """\
laptop:/home/ana/Photos
modified                 size  from      to        path
2024-06-02 17:20:10  1.61 GiB  3f9c2a1e  latest    2024/broken.mov
2025-08-14 11:03:28  4.20 GiB  3f9c2a1e  latest    2025/08/boat.mov
2 versions of 2 paths; times in Europe/Berlin
"""
    )


def test_a_table_a_source_that_has_any(found: Callable[..., FoundVersion], line: Line) -> None:
    folder, link = Dir(b"d", Attributes()), Symlink(b"l", Attributes(), b"caf\xe9")
    last = CheckpointTime(line("3f9c2a1e", "2026-11-21 18:40:12").uuid, 0)
    groups = [
        FoundIn("a:/x", iter(())),
        FoundIn("b:/y", iter((found(b"d", "2024-06-02 17:20:10", None, folder, last=last, current=False),))),
        FoundIn("c:/z", iter((found(b"l", "2024-06-02 17:20:10", None, link), found(b"l", "2024-06-02 17:20:10", 5)))),
    ]
    assert (
        text(FindReport(iter(groups)), find.Total())
        == """\
b:/y
modified                 size  from      to        path
2024-06-02 17:20:10            3f9c2a1e  3f9c2a1e  d/

c:/z
modified                 size  from      to        path
2024-06-02 17:20:10            3f9c2a1e  latest    l -> $'caf\\xe9'
2024-06-02 17:20:10       5 B  3f9c2a1e  latest    l
3 versions of 2 paths; times in Europe/Berlin
"""
    )


def test_exact_sizes_widen_their_column(found: Callable[..., FoundVersion]) -> None:
    group = (found(b"a", "2024-06-02 17:20:10", 4 * GIB), found(b"b", "2024-06-02 17:20:10", 1))
    lines = text(FindReport(iter([FoundIn("s", iter(group))])), find.Total(), exact=True).splitlines()
    assert lines[1] == "modified                        size  from      to        path"
    assert lines[2] == "2024-06-02 17:20:10  4,294,967,296 B  3f9c2a1e  latest    a"
    assert lines[3] == "2024-06-02 17:20:10              1 B  3f9c2a1e  latest    b"


def test_versions_stream_in_batches(found: Callable[..., FoundVersion]) -> None:
    taken = 0

    def many() -> Iterator[FoundVersion]:
        nonlocal taken
        for number in range(2500):
            taken += 1
            yield found(b"%d" % number, "2024-06-02 17:20:10", 1)

    lines = versions.found_lines(many())
    next(lines)
    assert taken == 1000
    assert sum(1 for _ in lines) == 2500


def test_json_of_a_version_is_documented(found: Callable[..., FoundVersion]) -> None:
    facts = versions.facts("laptop:/x", found(b"caf\xe9", "2024-06-02 17:20:10", 5))
    page = (Path(__file__).resolve().parents[2] / "docs" / "json.md").read_text(encoding="utf-8")
    section = page.split("\n## find, history\n")[1].split("\n## ")[0]
    assert json.loads(json.dumps(facts))["path_b64"] == "Y2Fm6Q=="
    assert all(f"`{name}`" in section for name in {*facts} - {"message_type"})
    assert facts["current"] is True


@pytest.fixture(scope="module")
def backup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A target with two check points, and the BAKUP_HOME that made it."""
    folder = tmp_path_factory.mktemp("find")
    source = folder / "source"
    (source / "d").mkdir(parents=True)
    for name, size in {"d/small.mov": 10, "d/large.mov": 5000, "odd\nname": 3}.items():
        (source / name).write_bytes(b"x" * size)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BAKUP_HOME", str(folder / "home"))
        assert app.run(["account", "new", "-q", "--words-file", str(folder / "words")]) == 0
        assert app.run(["sync", "-q", str(source), str(folder / "target")]) == 0
        (source / "d/small.mov").write_bytes(b"y" * 11)
        assert app.run(["sync", "-q", str(source), str(folder / "target")]) == 0
        yield folder


@pytest.fixture(autouse=True)
def home(backup: Path, monkeypatch: pytest.MonkeyPatch, berlin: None) -> None:
    monkeypatch.setenv("BAKUP_HOME", str(backup / "home"))


def run(capfdbinary: pytest.CaptureFixture[bytes], *arguments: object, code: int = 0) -> tuple[bytes, bytes]:
    capfdbinary.readouterr()
    assert app.run(["find", *map(str, arguments)]) == code
    shown = capfdbinary.readouterr()
    return shown.out, shown.err


def test_as_typed(backup: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    target = backup / "target"
    out, _ = run(capfdbinary, target, "*.mov")
    assert out.endswith(b"3 versions of 2 paths; times in Europe/Berlin\n")
    out, _ = run(capfdbinary, target, "*.mov", "--larger-than", "1KiB")
    assert out.splitlines()[-2].endswith(b"  latest    d/large.mov")
    out, _ = run(capfdbinary, target, "*.mov", "--smaller-than", "11", "-q")
    assert out.endswith(b"d/small.mov\n")
    assert out.count(b"\n") == 1
    out, _ = run(capfdbinary, target, "d/*", "--at", "latest~1", "--json")
    first, *_, summary = map(json.loads, out.splitlines())
    assert (first["message_type"], first["path"], first["current"]) == ("version", "d/large.mov", True)
    assert (summary["versions"], summary["paths"], summary["exit_code"]) == (2, 2, 0)
    out, _ = run(capfdbinary, target, "*.mov", "odd*", "--print0")
    assert out == b"d/large.mov\0d/small.mov\0odd\nname\0"


def test_nothing_found(backup: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    out, err = run(capfdbinary, backup / "target", "*.mp4", "--newer-than", "2001-01-01", code=1)
    hint = "a GLOB without / is held against the last name, one with / against the whole path"
    assert (out, err.decode()) == (b"", f"error: nothing found at {backup}/target for '*.mp4'\nhint: {hint}\n")
    out, _ = run(capfdbinary, backup / "target", "*.mp4", "--json", code=1)
    assert json.loads(out)["code"] == "nothing-found"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--larger-than", "big"], "--larger-than: not a size: big"),
        (["--newer-than", "soon"], "no check point or time: soon"),
        (["/elsewhere/*"], "is not in"),
    ],
)
def test_wrong_calls(arguments: list[str], said: str, backup: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    glob = [] if arguments[0].startswith("/") else ["*"]
    _, err = run(capfdbinary, backup / "target", *glob, *arguments, code=2)
    assert said in err.decode()


@pytest.mark.parametrize("options", [[], ["--print0"], ["--json"]])
def test_a_closed_pipe_ends_it_quietly(backup: Path, options: list[str]) -> None:
    command = [sys.executable, "-m", "bakup", "find", str(backup / "target"), "*", *options]
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")
