"""Completion, as shells do it: real ones on a terminal, where tab is typed and what came of it is run."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from terminal import Terminal

from bakup.catalog import database
from bakup.catalog.children import children
from bakup.cli import app
from bakup.cli.shell import shells
from bakup.cli.shell.asked import words_of

BIN = Path(sys.executable).parent
STARTS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], "PS1='ready> '; source <(bakup completion bash)"),
    "zsh": (
        ["zsh", "-f", "-i"],
        "PS1='ready> '; autoload -Uz compinit; compinit -u -D; source <(bakup completion zsh)",
    ),
    "fish": (
        ["fish", "--no-config", "-i"],
        "function fish_prompt; echo -n 'ready> '; end; bakup completion fish | source",
    ),
}
SHELLS = [
    "bash",
    pytest.param("zsh", marks=pytest.mark.peer),
    pytest.param("fish", marks=pytest.mark.peer),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a source, a target with two check points of it, and a BAKUP_HOME."""
    folder = tmp_path_factory.mktemp("ana")
    source = folder / "Photos"
    (source / "Summer 2025" / "raw").mkdir(parents=True)
    (source / "Summer 2025" / "sea.jpg").write_text("sea")
    (source / "it's $HOME: `a=b`").write_text("odd")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BAKUP_HOME", str(folder / "home"))
        patch.chdir(folder)
        assert app.run(["account", "new", "--words-file", "words", "-q"]) == 0
        assert app.run(["sync", "Photos", "drive", "-q", "--tag", "first"]) == 0
        (source / "newer").write_text("newer")
        assert app.run(["sync", "Photos", "drive", "-q"]) == 0
        yield folder


@pytest.fixture
def ana(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In that folder, with its BAKUP_HOME."""
    monkeypatch.setenv("BAKUP_HOME", str(made / "home"))
    monkeypatch.chdir(made)
    return made


@pytest.fixture
def typed(ana: Path) -> Iterator[Callable[..., Terminal]]:
    """Starts a shell, and types; a tab completes."""
    started: list[Terminal] = []

    def start(shell: str, text: str) -> Terminal:
        arguments, settings = STARTS[shell]
        kept = {name: os.environ[name] for name in ("LANG", "LC_ALL", "TZ") if name in os.environ}
        mine = {"HOME": str(ana), "PATH": f"{BIN}:/usr/bin:/bin", "TERM": "xterm", "BAKUP_HOME": str(ana / "home")}
        at = Terminal(arguments, {**kept, **mine}, columns=200, prepare=lambda: os.chdir(ana))
        started.append(at)
        at.type(f"{settings}; clear; echo be''gin\n")
        at.until("begin\nready>")
        at.type(text)
        return at

    yield start
    for one in started:
        one.close()


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("text", "completed"),
    [
        ("bakup resto\t", "bakup restore"),
        ("bakup account re\t", "bakup account recover"),
        ("bakup ls --recu\t", "bakup ls --recursive"),
        ("bakup ls dri\t", "bakup ls drive/"),
        ("bakup ls drive --at latest~\t", "bakup ls drive --at latest~1"),
        ("bakup ls drive --at=latest~\t", "bakup ls drive --at=latest~1"),
        ("bakup -v ls drive new\t", "bakup -v ls drive newer"),
        ("bakup ls drive --source Ph\t", "bakup ls drive --source Photos"),
        ("bakup completion pow\t", "bakup completion powershell"),
    ],
)
def test_what_a_tab_completes(typed: Callable[..., Terminal], shell: str, text: str, completed: str) -> None:
    at = typed(shell, text)
    quoted = completed.replace("~", r"\~") if shell == "zsh" else completed
    at.until(f"ready> {quoted}")


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("path", ["it\t", "Summer\tsea\t"])
def test_a_completed_path_is_the_path(typed: Callable[..., Terminal], shell: str, path: str) -> None:
    at = typed(shell, f"bakup cat drive {path}")
    at.type("; echo; echo en''d\n")
    lines = at.until("\nend\n")
    assert "odd" in lines or "sea" in lines, "\n".join(lines)


@pytest.mark.parametrize("shell", SHELLS)
def test_check_points_are_listed(typed: Callable[..., Terminal], shell: str) -> None:
    at = typed(shell, "bakup diff drive lat\t\t\t")
    at.until("latest~1")


def answer(capfdbinary: pytest.CaptureFixture[bytes], *words: str) -> list[str]:
    """What fish would get for these words, the last of them being typed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(shells.VARIABLE, "fish")
        capfdbinary.readouterr()
        code = app.run([*words])
    shown = capfdbinary.readouterr()
    assert shown.err == b""
    lines = os.fsdecode(shown.out).splitlines()
    assert bool(lines) == (code == 0)
    return [line.split("\t")[0] for line in lines]


@pytest.mark.usefixtures("ana")
def test_paths_are_those_of_the_check_point(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    odd = "it's $HOME: `a=b`"
    assert answer(capfdbinary, "ls", "drive", "") == ["paths", "Summer 2025/", odd, "newer"]
    assert answer(capfdbinary, "ls", "drive", "--at", "latest~1", "") == ["paths", "Summer 2025/", odd]
    assert answer(capfdbinary, "restore", "drive", "out", "newer", "Su") == ["paths", "Summer 2025/"]
    assert answer(capfdbinary, "ls", "drive", "Summer 2025/") == ["paths", "Summer 2025/raw/", "Summer 2025/sea.jpg"]
    inside = os.path.abspath("Photos/Summer 2025/s")
    assert answer(capfdbinary, "cat", "drive", inside) == ["paths", f"{inside}ea.jpg"]


def test_options_before_and_after(ana: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert answer(capfdbinary, "-v", "cat", "--at", "latest", f"{ana}/drive", "ne") == ["paths", "newer"]
    kind, *found = answer(capfdbinary, "ls", "drive", "--at", "")
    assert (kind, found[2:], {len(one) for one in found[:2]}) == ("words", ["latest", "latest~1"], {8})
    assert answer(capfdbinary, "ls", "drive", "--at", found[0][:4]) == ["words", found[0]]
    assert answer(capfdbinary, "restore", "drive", "--overwrite", "") == ["words", "always", "if-newer", "never"]
    assert answer(capfdbinary, "sync", "Photos", "drive", "--layout", "") == ["words", "sectors", "atbak"]
    assert answer(capfdbinary, "sync", "Photos", "drive", "--compression", "g") == ["words", "gzip:4"]
    assert answer(capfdbinary, "ls", "drive", "--tag", "") == ["words", "first"]
    assert answer(capfdbinary, "sync", "Photos", "--tag", "f", "drive", "--tag", "f") == ["words", "first"]
    assert answer(capfdbinary, "ls", "s3://b") == ["words"]
    assert answer(capfdbinary, "ls", "dri") == ["files"]
    assert answer(capfdbinary, "ls", "--log-file", "") == ["files"]


@pytest.mark.parametrize(
    "words",
    [
        ("ls", "nowhere", ""),
        ("ls", "drive", "--at", "ffff", ""),
        ("ls", "drive", "../"),
        ("ls", "drive", "/etc/"),
        ("ls", "drive", "--source", "nobody", ""),
        ("cat", "s3://bucket/nowhere", ""),
    ],
)
@pytest.mark.usefixtures("ana")
def test_trouble_is_silent(capfdbinary: pytest.CaptureFixture[bytes], words: tuple[str, ...]) -> None:
    assert answer(capfdbinary, *words) in ([], ["paths"])


def test_only_the_catalog_is_asked(ana: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """The target may be away, locked or asleep; nothing is written."""
    os.rename(ana / "drive", ana / "away")
    home = ana / "home"
    before = {path.name: path.stat().st_mtime_ns for path in home.iterdir() if path.suffix != ".db-shm"}
    try:
        assert answer(capfdbinary, "ls", "drive", "new") == ["paths", "newer"]
    finally:
        os.rename(ana / "away", ana / "drive")
    after = {path.name: path.stat().st_mtime_ns for path in home.iterdir() if path.suffix != ".db-shm"}
    assert {name: after[name] for name in before} == before
    assert not set(after) - set(before) - {"catalog.db-wal"}


def test_without_a_home_nothing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setenv("BAKUP_HOME", str(tmp_path / "home"))
    assert answer(capfdbinary, "ls", "drive", "--at", "") == []
    assert os.listdir(tmp_path) == []


def test_a_large_folder_costs_its_names(ana: Path) -> None:
    """One seek a name: what lies below a folder is passed over."""
    for number in range(300):
        path = ana / "wide" / "many" / str(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (ana / "wide" / "one").touch()
    assert app.run(["sync", "wide", "other", "-q"]) == 0
    steps: list[None] = []
    with closing(database.reader(str(ana / "home"))) as connection:
        newest = "SELECT source, ordinal FROM checkpoints ORDER BY ordinal DESC"
        source, ordinal = connection.execute(newest).fetchone()
        connection.set_progress_handler(lambda: steps.append(None), 1)
        assert list(children(connection, source, ordinal, b"", b"")) == [(b"many", True), (b"one", False)]
        few = len(steps)
        assert len(list(children(connection, source, ordinal, b"many", b""))) == 300
    assert few * 20 < len(steps)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"bakup ls a\\ b 'c d' \"e \\\" f\" $'caf\\xe9'", [b"bakup", b"ls", b"a b", b"c d", b'e " f', b"caf\xe9"]),
        (b"bakup ls ", [b"bakup", b"ls", b""]),
        (b"bakup ls 'half a", [b"bakup", b"ls", b"half a"]),
        (b"a'b'\"c\"\\d", [b"abcd"]),
    ],
)
def test_words_of_a_line(line: bytes, words: list[bytes]) -> None:
    assert list(words_of(line)) == words


def test_the_script_for_powershell_asks_in_its_own_way(
    ana: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """No PowerShell runs here: what its script would call, by hand."""
    for name, value in ((shells.VARIABLE, "powershell"), ("COMP_WORD", "latest~")):
        monkeypatch.setenv(name, value)
    capfdbinary.readouterr()
    assert app.run(["ls", str(ana / "drive"), "--at"]) == 0
    assert capfdbinary.readouterr().out == b"words\nlatest~1\tthe one before it\n"
