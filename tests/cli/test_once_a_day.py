"""With -q, a warning that is the same each night is given once a day."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from bakup.cli import app

DAY_S = 24 * 3600


@pytest.fixture
def nightly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Path:
    """A folder with a source, and a target on the same file system."""
    monkeypatch.setenv("BAKUP_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a").write_text("1")
    assert app.run(["account", "new", "--words-file", "card", "-q"]) == 0
    capfd.readouterr()
    return tmp_path


def test_the_same_warning_once_a_day(
    nightly: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    now, day = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: now() + day[0] * DAY_S)

    def said(*more: str) -> str:
        assert app.run(["sync", "src", "t", *more]) == 0
        return capfd.readouterr().err

    warning = "warning: t is on the same file system as src\n  one dead disk takes both\n"
    assert said("-q").replace(str(nightly) + "/", "") == warning
    assert said("-q") == ""
    assert "same file system" in said(), "without -q it is always said"
    assert app.run(["sync", "src", "t2", "-q"]) == 0
    assert "same file system" in capfd.readouterr().err, "another place is another warning"
    assert app.run(["sync", "src", "t", "-q", "--json", "--log-file", "log"]) == 0
    assert '"code":"same-file-system"' in capfd.readouterr().out
    assert "same-file-system" in (nightly / "log").read_text()
    day[0] = 1
    assert said("-q").replace(str(nightly) + "/", "") == warning
    assert said("-q") == ""
    (nightly / "home" / "state.db").unlink()
    assert "same file system" in said("-q")


def test_what_the_exit_code_tells_of_is_always_said(nightly: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert app.run(["sync", "nowhere", "t", "-q"]) == 1
        assert "error: " in capfd.readouterr().err
    assert app.run(["sync", "src", "t", "-q"]) == 0
    for sector in (nightly / "t").glob("*.bakup"):
        sector.write_bytes(sector.read_bytes()[:200])
    capfd.readouterr()
    first = app.run(["check", "t", "-q"]), capfd.readouterr().err
    assert first == (app.run(["check", "t", "-q"]), capfd.readouterr().err)
    assert first[0] == 21
