"""Names that somebody else chose - of hosts, sources, tags, files, places - move no cursor, wherever they are shown."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from terminal import Terminal

from bakup.cli import app
from bakup.cli.output import machine
from bakup.cli.output.console import Console
from bakup.cli.output.problems import Problem
from bakup.cli.shell import shells

EVIL = "\x1b[2J\r\n\u202e\x9b31m"
RAW = ("\x1b", "\r", "\u202e", "\x9b", "\x9b".encode("latin-1").decode("utf-8", "surrogateescape"))
LABELS = ("error: ", "warning: ", "hint: ", "note: ", "  ")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with two sources and a target; nothing in it has a name that can be shown as it is."""
    base = tmp_path_factory.mktemp("evil")
    source = base / f"src{EVIL}"
    (source / f"folder{EVIL}").mkdir(parents=True)
    (source / f"folder{EVIL}" / f"file{EVIL}").write_text("1")
    (source / f"link{EVIL}").symlink_to(f"to{EVIL}")
    (source / "unreadable\x1b[H").symlink_to("x")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BAKUP_HOME", str(base / "home"))
        patch.setattr(socket, "gethostname", lambda: f"host{EVIL}")
        patch.chdir(base)
        assert app.run(["account", "new", "--words-file", "words", "-q"]) == 0
        assert app.run(["sync", str(source), f"t{EVIL}", "--tag", f"tag{EVIL}", "-q"]) == 0
        (source / f"new{EVIL}").write_text("2")
        assert app.run(["sync", str(source), f"t{EVIL}", "--name", f"name{EVIL}", "-q"]) == 0
        (source / f"new{EVIL}").write_text("33")
        assert app.run(["sync", str(source), f"t{EVIL}", "--tag", f"tag{EVIL}", "-q"]) == 0
        yield base


HOST = ("--source", f"src{EVIL}")
T = f"t{EVIL}"
CALLS = [
    ("ls", T),
    ("ls", T, "--tag", f"none{EVIL}"),
    ("ls", T, ".", "-R", "--objects", *HOST),
    ("ls", T, f"nowhere{EVIL}", *HOST),
    ("ls", T, "."),
    ("ls", T, ".", "--source", f"nobody{EVIL}"),
    ("ls", T, ".", "--at", f"never{EVIL}", *HOST),
    ("find", T, "*"),
    ("find", T, f"none{EVIL}"),
    ("history", T, f"new{EVIL}", *HOST),
    ("diff", T, *HOST),
    ("cat", T, f"nowhere{EVIL}", *HOST),
    ("cat", T, f"folder{EVIL}", *HOST),
    ("stats", T),
    ("query", T, "changes"),
    ("query", T, f"none{EVIL}"),
    ("query", T, f"SELECT none{EVIL}"),
    ("check", T, "--read-data"),
    ("rebuild", T),
    ("restore", T, f"out{EVIL}", "-n", *HOST),
    ("restore", T, f"out{EVIL}"),
    ("plan", f"src{EVIL}", T, "--exclude", f"folder{EVIL}"),
    ("plan", f"nothing{EVIL}", T),
    ("sync", f"src{EVIL}", T, "--name", f"other{EVIL}"),
    ("sync", f"src{EVIL}", f"away{EVIL}/t"),
    ("sector", "inspect", T),
    ("sector", "inspect", f"nothing{EVIL}"),
    ("target", "test", T),
    ("ls", f"s3://{EVIL}"),
    ("ls", f"http://user:word@[{EVIL}/"),
    ("account", "words", "--words-file", f"words{EVIL}"),
    (f"command{EVIL}",),
    ("ls", T, f"--option{EVIL}"),
    ("ls", T, "--lock-wait", f"1{EVIL}"),
    ("completion", f"shell{EVIL}"),
]


@pytest.mark.parametrize("more", [(), ("-v",), ("-vv",), ("--json", "-v"), ("--log-file", "log")])
def test_no_raw_character_in_any_stream(
    folder: Path, more: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BAKUP_HOME", str(folder / "home"))
    monkeypatch.setattr(socket, "gethostname", lambda: f"host{EVIL}")
    monkeypatch.chdir(folder)
    for call in CALLS:
        capfd.readouterr()
        code = app.run([*call, *more])
        out, err = capfd.readouterr()
        said = [out, err, (folder / "log").read_text() if "--log-file" in more else ""]
        assert code in (0, 1, 2, 3, 10, 20), (call, said)
        assert not [raw for raw in RAW for text in said if raw in text], (call, said)
        if more != ("-vv",):
            assert all(line.startswith(LABELS) for line in err.splitlines() if line), (call, err)


@pytest.mark.parametrize("shell", ["fish", "zsh"])
@pytest.mark.parametrize(
    "words",
    [("ls", T, "--source", ""), ("ls", T, "--at", ""), ("ls", T, *HOST, ""), ("ls", T, *HOST, f"folder{EVIL}/"), ("",)],
)
def test_what_shells_are_answered(
    folder: Path,
    shell: str,
    words: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    monkeypatch.setenv("BAKUP_HOME", str(folder / "home"))
    monkeypatch.setenv(shells.VARIABLE, shell)
    monkeypatch.chdir(folder)
    capfdbinary.readouterr()
    app.run([*words])
    out = os.fsdecode(capfdbinary.readouterr().out)
    assert not [raw for raw in RAW if raw in out], out


def test_progress_and_questions_on_a_terminal(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAKUP_HOME", str(folder / "home"))
    other = folder / f"other{EVIL}"
    other.mkdir()
    (other / f"file{EVIL}").write_text("x")
    call = ["bakup", "sync", f"src{EVIL}", other.name]
    environment = {**os.environ, "TERM": "xterm", "NO_COLOR": "1", "PATH": f"{Path(sys.executable).parent}:/bin"}
    at = Terminal(call, environment, columns=120, prepare=lambda: os.chdir(folder))
    try:
        at.until("use it? [y/N]")
        at.type("n\n")
        assert at.finish() != 0
    finally:
        at.close()
    assert b"\x1b[2J" not in at.written
    assert "\u202e".encode() not in at.written
    assert "\x9b".encode() not in at.written


def test_what_a_program_reads_is_exact(capsys: pytest.CaptureFixture[str]) -> None:
    import json

    facts = {"message": f"{EVIL}\U000e0001 caf\u00e9 \u200d"}
    said = machine.line(facts)
    assert json.loads(said) == facts
    assert "café" in said
    assert not [raw for raw in (*RAW, "\U000e0001") if raw in said]
    Console().problem(Problem("warning", f"of {EVIL}", ((f"a{EVIL}", b"b\x1b"),), (f"try {EVIL}",)))
    assert not [raw for raw in RAW if raw in capsys.readouterr().err]
