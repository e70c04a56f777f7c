"""Streams, levels, long lists, logs, JSON and how a run ends."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bakup import __version__
from bakup.api.watch import Progress
from bakup.cli import app
from bakup.cli.output import machine, problems, style
from bakup.cli.output.console import Console
from bakup.cli.output.log import Log, event_text
from bakup.cli.output.problems import Problem
from bakup.cli.output.style import bold, plain
from bakup.cli.parsing.options import Everywhere
from bakup.cli.running import Run, guarded
from bakup.errors import BakupError, Locked

ROWS = tuple((b"dir/%03d" % number, "permission denied") for number in range(432))
LONG = Problem("warning", "432 files could not be read", ROWS, hints=("try again",))


def run(work: Callable[[Run], int], **everywhere: Any) -> int:
    one = Run("sync", Everywhere(**everywhere))
    return guarded(one, lambda: work(one))


def test_in_a_pipe_a_list_is_never_cut(capsys: pytest.CaptureFixture[str]) -> None:
    Console().problem(LONG)
    assert len(capsys.readouterr().err.splitlines()) == 434


def test_on_a_terminal_a_list_stops_after_20_lines(
    terminal: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = """
from bakup.cli.output.console import Console
from bakup.cli.output.problems import Problem
rows = tuple((b"dir/%03d" % number, "permission denied") for number in range(432))
Console().problem(Problem("warning", "432 files could not be read", rows))
"""
    at = terminal([sys.executable, "-c", program], rows=40, TMPDIR=str(tmp_path))
    assert at.finish() == 0
    lines = at.lines
    text = "\n".join(lines)
    assert lines[0] == "warning: 432 files could not be read"
    assert lines[20] == "  dir/019                    permission denied"
    assert "  ... and 412 more in" in text
    [file] = tmp_path.iterdir()
    assert file.name[:20] in text.replace("\n", "")
    assert len(file.read_text().splitlines()) == 433
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("level", "out", "err"),
    [
        (-1, "made for it\n", "warning: w\nhint: h\n"),
        (0, "report\nmade for it\n", "note: n\nwarning: w\nhint: h\n"),
        (2, "report\nmade for it\n", "note: n\nwarning: w\nhint: h\ntrace\n"),
    ],
)
def test_levels(level: int, out: str, err: str, capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(level=level)
    console.report("report")
    console.product("made for it")
    console.note("n")
    console.problem(Problem("warning", "w", hints=("h",)))
    console.advice("not in a pipe")
    console.trace("trace")
    assert capsys.readouterr() == (out, err)


def test_further_lines_are_indented_and_shown_safely(capsys: pytest.CaptureFixture[str]) -> None:
    Console().problem(Problem("error", "a\x1b[2J\nb", hints=("do:\nbakup sync a b",)))
    assert capsys.readouterr().err == "error: a\\x1b[2J\n  b\nhint: do:\n  bakup sync a b\n"


def test_no_colour_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    Console().report(bold("id"))
    assert capsys.readouterr().out == "id\n"


def test_colour_on_a_terminal(terminal: Callable[..., Any]) -> None:
    program = """
from bakup.cli.output.console import Console
from bakup.cli.output.problems import Problem
from bakup.cli.output.style import bold
Console().report(bold("3f9c2a1e"))
Console().problem(Problem("error", "x", hints=("y",)))
Console().problem(Problem("warning", "z"))
"""
    at = terminal([sys.executable, "-c", program])
    assert at.finish() == 0
    screen = at.screen
    assert screen.buffer[0][0].bold
    assert [screen.buffer[row][0].fg for row in (1, 2, 3)] == ["red", "cyan", "brown"]
    plain = terminal([sys.executable, "-c", program], NO_COLOR="1")
    assert plain.finish() == 0
    assert b"\x1b[" not in plain.written


def test_json_is_alone_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    def work(one: Run) -> int:
        one.watch.progress(Progress("storing", 12, 21, 132_120_576, 268_016_026))
        one.watch.problem(Problem("warning", "w", code="unreadable", facts=(machine.path_fields(b"caf\xe9.jpg"),)))
        one.console.report("not in JSON")
        one.console.product("nor this")
        return one.finish({"new_files": 18}, 3)

    assert run(work, json=True) == 3
    shown = capsys.readouterr()
    status, warning, summary = (json.loads(line) for line in shown.out.splitlines())
    assert {**status, "elapsed_s": 0.9} == {
        "message_type": "status",
        "phase": "storing",
        "done_files": 12,
        "total_files": 21,
        "done_bytes": 132_120_576,
        "total_bytes": 268_016_026,
        "done_sectors": 0,
        "elapsed_s": 0.9,
    }
    assert warning == {
        "message_type": "warning",
        "code": "unreadable",
        "path": "caf\ufffd.jpg",
        "path_b64": "Y2Fm6S5qcGc=",
    }
    assert summary == {
        "message_type": "summary",
        "schema": 1,
        "command": "sync",
        "exit_code": 3,
        "new_files": 18,
    }
    assert shown.err == "warning: w\n"


def test_quiet_json_has_no_status(capsys: pytest.CaptureFixture[str]) -> None:
    def work(one: Run) -> int:
        one.watch.progress(Progress("storing", 12, 21))
        return one.finish({}, 0)

    run(work, json=True, quiet=True)
    [line] = capsys.readouterr().out.splitlines()
    assert json.loads(line)["message_type"] == "summary"


@pytest.mark.parametrize("error", BakupError.__subclasses__())
def test_each_error_has_its_exit_code(error: type[BakupError], capsys: pytest.CaptureFixture[str]) -> None:
    def work(one: Run) -> int:
        raise error("x is so", hints=("do y",), code="stable")

    assert run(work, json=True) == error.exit_code
    shown = capsys.readouterr()
    assert shown.err == "error: x is so\nhint: do y\n"
    last = json.loads(shown.out)
    assert (last["message_type"], last["code"], last["exit_code"]) == ("error", "stable", error.exit_code)


def test_the_unforeseen_shows_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    def work(one: Run) -> int:
        raise FileNotFoundError(2, "No such file or directory", b"caf\xe9")

    assert run(work) == 1
    assert capsys.readouterr().err == (
        "error: unexpected: no such file or directory: $'caf\\xe9'\n"
        "hint: to see where: the same command with -vv, or with --log-file FILE\n"
    )


def test_a_traceback_with_vv_and_in_the_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def work(one: Run) -> int:
        raise KeyError("nobody foresaw this")

    file = tmp_path / "log"
    assert run(work, verbose=2, log_file=str(file)) == 1
    err = capsys.readouterr().err
    assert "Traceback (most recent call last)" in err
    assert f"hint: all of it is in {file}\n" in err
    assert "Traceback (most recent call last)" in file.read_text()


def test_ctrl_c_names_what_is_stored(capsys: pytest.CaptureFixture[str]) -> None:
    def work(one: Run) -> int:
        one.watch.progress(Progress("storing"))
        for _ in range(96):
            one.watch.event("sector-stored", sector=bytes(16), bytes=256 * 1024**2, s=0.5)
        raise KeyboardInterrupt

    assert run(work) == 130
    assert capsys.readouterr().err == (
        "error: interrupted; 96 sectors, 24.0 GiB, are stored, no check point completed\n"
        "hint: run the same command again: it goes on where it stopped\n"
    )


def test_ctrl_c_in_a_restore_says_what_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    one = Run("restore", Everywhere())

    def work() -> int:
        one.watch.progress(Progress("restoring", 12, 56_220, 5, 10))
        raise KeyboardInterrupt

    assert guarded(one, work) == 130
    err = capsys.readouterr().err
    assert err.startswith("error: interrupted; 12 files of 56,220 are restored and whole\nhint: run the same")


def test_a_check_does_not_go_on_where_it_stopped(capsys: pytest.CaptureFixture[str]) -> None:
    one = Run("check", Everywhere())

    def work() -> int:
        one.watch.progress(Progress("checking", done_sectors=1, total_sectors=2))
        raise KeyboardInterrupt

    assert guarded(one, work) == 130
    assert capsys.readouterr().err == "error: interrupted\n"


def test_the_log_has_exact_numbers_and_whole_ids(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "log"

    def work(one: Run) -> int:
        one.watch.event("sector-stored", sector=bytes(16), bytes=231_735_296, s=0.61)
        one.watch.problem(Problem("warning", "1 file could not be read", ((b"caf\xe9.jpg", "denied"),)))
        return one.finish({}, 3)

    assert run(work, log_file=str(file)) == 3
    lines = file.read_text().splitlines()
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0[12]:00"
    assert re.fullmatch(stamp + r" INFO [0-9a-f]{4} begin command=sync version=[0-9.a-z+]+", lines[0])
    assert lines[1].endswith(f" sector-stored sector={'00000000-0000-0000-0000-000000000000'} bytes=231735296 s=0.61")
    assert re.fullmatch(stamp + r" WARN [0-9a-f]{4} warning message='1 file could not be read'", lines[2])
    assert lines[3] == "  $'caf\\xe9.jpg'             denied"
    assert lines[4].endswith(" end exit_code=3")
    run(work, log_file=str(file))
    assert len(file.read_text().splitlines()) == 10


def test_log_values() -> None:
    facts = {"path": b"caf\xe9.jpg", "errno": 13, "message": "two words", "none": None, "s": 2.0, "b": b"a b"}
    assert event_text("unreadable", facts) == (
        "unreadable path=$'caf\\xe9.jpg' errno=13 message='two words' none=None s=2 b='a b'"
    )


def test_a_log_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BakupError, match="cannot write the log file"):
        Log(str(tmp_path / "none" / "log"))


def test_verbose_lists_paths_and_sectors(capsys: pytest.CaptureFixture[str]) -> None:
    def work(one: Run) -> int:
        one.watch.path("M", b"Catalogue/previews.db", int(31.9 * 1024**2))
        one.watch.event("sector-stored", sector=bytes(16), bytes=512, s=0.5)
        return 0

    run(work, verbose=1)
    assert capsys.readouterr().out == (
        "M  31.9 MiB  Catalogue/previews.db\nsector 00000000-0000-0000-0000-000000000000 stored, 512 B\n"
    )
    run(work)
    assert capsys.readouterr().out == ""


def test_a_closed_pipe_ends_quietly() -> None:
    program = """
import sys
from bakup.cli.output import streams
from bakup.cli.parsing.options import Everywhere
from bakup.cli.running import Run, guarded
streams.stand()
run = Run("ls", Everywhere())
def work():
    for number in range(200000):
        run.console.report("a line of the report")
    return run.finish({}, 0)
code = guarded(run, work)
sys.stderr.write(f"ended {code}")
sys.exit(code)
"""
    shell = f"{sys.executable} -c '{program}' | head -1; echo \"${{PIPESTATUS[0]}}\""
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=True)
    assert done.stdout == "a line of the report\n0\n"
    assert done.stderr == "ended 0"


def test_columns_stand_alike() -> None:
    rows = ((b"2025/08/boat.mov", "208 MiB"), (b"2025/07/Sardinia/DSC04411.ARW", "24.1 MiB"))
    assert [*map(plain, problems.columns(rows))] == [
        "2025/08/boat.mov                    208 MiB",
        "2025/07/Sardinia/DSC04411.ARW       24.1 MiB",
    ]
    assert problems.columns(()) == []
    assert problems.columns(((b"only",),)) == ["only"]


def test_locked_is_told_with_details(capsys: pytest.CaptureFixture[str]) -> None:
    def work(one: Run) -> int:
        raise Locked("another run", details=(("process 1", "since"), (os.fsencode("é\n"), "x")))

    assert run(work) == 11
    assert capsys.readouterr().err == (
        "error: another run\n  process 1                  since\n  $'é\\n'                     x\n"
    )


def test_the_log_says_what_was_backed_up_and_how_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BAKUP_HOME", str(tmp_path / "home"))
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a").write_text("1")
    app.run(["account", "new", "--words-file", "card"])
    assert app.run(["sync", "src", "t", "--log-file", "log"]) == 0
    lines = (tmp_path / "log").read_text().splitlines()
    assert lines[0].endswith(f" begin command=sync version={__version__} source=src target=t")
    assert " end exit_code=0 " in lines[-1]
    assert " new_files=1 new_bytes=1 " in lines[-1]


@pytest.mark.parametrize(("settings", "unicode"), [({"LC_ALL": "C"}, False), ({"LANG": "C"}, False), ({}, True)])
def test_an_ascii_bar_where_the_locale_is_c(
    settings: dict[str, str], unicode: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("LC_ALL", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with (tmp_path / "stream").open("w", encoding="utf-8") as stream:
        assert style.is_unicode(stream) is unicode
