"""Terminals of 40 and of 80 columns: nothing is cut in a word, nothing is lost; and one of a thing is one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bakup.cli.output.folding import folded
from bakup.cli.output.style import COLUMN, HANG, bold, plain

BAKUP = [sys.executable, "-m", "bakup"]
PLURALS = re.compile(r"(?<![\d.,:~-])1 (?!address|access|less|class|process)([a-z]{2,}s)\b")
COMMANDS = {
    "plan": "plan src t",
    "plan -v": "plan -v more t",
    "ls": "ls t",
    "ls PATH": "ls t .",
    "ls -R --objects": "ls -R t . --objects",
    "find": "find t *.txt",
    "history": "history t notes.txt",
    "diff": "diff t latest latest",
    "stats": "stats t",
    "query": "query t largest",
    "query --list": "query t",
    "check": "check t --read-data",
    "restore -n": "restore t out -n",
    "sector inspect": "sector inspect SECTOR",
    "account show": "account show",
    "target test": "target test t",
    "rebuild": "rebuild t",
    "help": "--help",
    "help of one": "sync --help",
    "nothing found": "find t nothing",
    "another source": "ls t --source scr",
    "no path": "restore t out note.txt",
}
TIME = re.compile(r"\d+(\.\d+)? (s|GiB|TiB|MiB)\b|1 s")


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A computer with one of all: a file, a source, a check point, a sector."""
    folder = tmp_path_factory.mktemp("w")
    (folder / "src").mkdir()
    (folder / "src" / "notes.txt").write_text("one\n")
    (folder / "more").mkdir()
    (folder / "more" / "a").write_text("a")
    for arguments in (["account", "new", "--words-file", "card"], ["sync", "src", "t"]):
        done = piped(folder, arguments)
        assert done.returncode == 0, done.stderr
    return folder


def surroundings(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BAKUP_")}
    return {**kept, "BAKUP_HOME": str(folder / "home"), "TZ": "UTC", "NO_COLOR": "1", "PWD": str(folder)}


def piped(folder: Path, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    call = [*BAKUP, *arguments]
    settings = surroundings(folder)
    return subprocess.run(call, cwd=folder, env=settings, capture_output=True, text=True, check=False)


def call(there: Path, command: str) -> list[str]:
    [sector] = (there / "t").glob("*.bakup")
    return [str(sector.relative_to(there)) if word == "SECTOR" else word for word in command.split()]


def words(text: str) -> list[str]:
    """Without figures that differ from run to run, and bars of progress."""
    return TIME.sub("N", text).split()


@pytest.mark.parametrize("command", COMMANDS)
def test_no_word_is_cut_and_none_is_lost(
    there: Path, command: str, terminal: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(there)
    arguments = call(there, COMMANDS[command])
    done = piped(there, arguments)
    assert not PLURALS.search(done.stdout + done.stderr)
    for columns in (40, 80):
        at = terminal([*BAKUP, *arguments], columns=columns, rows=400, **surroundings(there))
        at.finish()
        written = at.written.decode().replace("\r", "")
        assert sorted(words(written)) == sorted(words(done.stdout + done.stderr))
        wide = [line for line in written.split("\n") if len(line) > columns]
        assert [line for line in wide if not to_paste(line) and len(max(line.split(), key=len)) < columns - 4] == []


def to_paste(line: str) -> bool:
    """A command: the terminal wraps it, so that it is one when it is copied."""
    return re.match(r" *(bakup |\[)|Example: ", line) is not None


@pytest.mark.parametrize("width", [34, 40, 60, 80])
def test_rows_of_a_table_break_alike(width: int) -> None:
    rows = [("8b1d07c4", "2026-11-22 18:31:05", f"{many:>7,}", f"{size:>8}") for many, size in CHECK_POINTS]
    found = [folded(COLUMN.join((bold(first), *rest)), width) for first, *rest in rows]
    assert all(len(plain(line)) <= width for lines in found for line in lines)
    assert len({tuple(len(plain(line)) for line in lines) for lines in found}) == 1
    assert [" ".join(plain(" ".join(lines)).split()) for lines in found] == [
        " ".join(" ".join(row).split()) for row in rows
    ]


CHECK_POINTS = [(56_204, "67.4 GiB"), (1, "1 B")]


def test_a_text_hangs_below_its_beginning() -> None:
    line = f"{'stored':<14}{HANG}66.1 GiB in 265 sectors (estimated 65.8 GiB), in 4 min 12 s"
    assert folded(line, 60) == [
        "stored        66.1 GiB in 265 sectors (estimated 65.8 GiB),",
        "              in 4 min 12 s",
    ]
    assert folded(line, 40) == ["stored        66.1 GiB in 265 sectors", "  (estimated 65.8 GiB), in 4 min 12 s"]
    assert folded(plain(line), 40) == [plain(line)]
