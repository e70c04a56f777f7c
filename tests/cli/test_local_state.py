"""A catalog or state that cannot be used: what is only held is not taken for broken."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bakup.archive.home import Home
from bakup.cli.parsing.options import Everywhere
from bakup.cli.running import Run, guarded


def write(home: Home) -> int:
    home.catalog.execute("PRAGMA busy_timeout = 0")
    home.catalog.execute("CREATE TABLE IF NOT EXISTS another (number INTEGER)")
    return 0


def test_a_held_catalog_is_not_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BAKUP_HOME", str(tmp_path))
    with Home.open() as home, closing(sqlite3.connect(tmp_path / "catalog.db", isolation_level=None)) as other:
        assert home.catalog
        other.execute("BEGIN IMMEDIATE")
        assert guarded(Run("ls", Everywhere()), lambda: write(home)) == 1
        said = capsys.readouterr().err
        assert "hint: another program has it open: when that has ended, run the same command again\n" in said
        assert "rm" not in said.split("hint:")[1]
        other.execute("COMMIT")
        assert guarded(Run("ls", Everywhere()), lambda: write(home)) == 0
