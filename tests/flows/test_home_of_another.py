"""A BAKUP_HOME that cannot be written: what only reads works on copies of its databases."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from nobody import NOBODY, as_nobody

from bakup.archive.home import Home
from bakup.catalog import database
from bakup.errors import Failed


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """With both databases, of nobody, with no right to write."""
    home = tmp_path / "home"
    with Home.open(str(home)) as made:
        made.catalog.execute("CREATE TABLE kept (number INTEGER)")
        made.catalog.execute("INSERT INTO kept VALUES (7)")
        assert made.state
    for path in (home, *home.iterdir()):
        if os.geteuid() == 0:
            os.chown(path, NOBODY, NOBODY)
        path.chmod(0o500 if path.is_dir() else 0o400)
    for path in (tmp_path, *list(tmp_path.parents)[:2]):
        path.chmod(path.stat().st_mode | stat.S_IXOTH)
    yield home
    home.chmod(0o700)


def _kept(home: Home) -> list[int]:
    return [number for (number,) in home.catalog.execute("SELECT number FROM kept ORDER BY number")]


def test_reads_and_writes_go_to_a_copy(folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with as_nobody(), Home.open(str(folder)) as home:
        assert not home.remembers
        assert _kept(home) == [7]
        home.lock(0.0)
        home.catalog.execute("INSERT INTO kept VALUES (8)")
        assert home.state.execute("SELECT count(*) FROM runs").fetchone() == (0,)
        copies = Path(home.catalog.execute("PRAGMA database_list").fetchone()[2]).parent
        assert copies != folder
    assert not copies.exists()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_home_that_cannot_be_read_is_not_taken_for_an_empty_one(folder: Path) -> None:
    (folder / "catalog.db").chmod(0)
    with as_nobody(), pytest.raises(Failed, match="cannot read"):
        Home.open(str(folder))


def test_what_must_be_remembered_is_refused(folder: Path) -> None:
    with as_nobody(), pytest.raises(Failed, match="cannot write"):
        Home.open(str(folder), write=True)
    with as_nobody(), Home.open(str(folder), write=True, remember=False) as home:
        assert not home.remembers


def test_a_home_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with Home.open(str(tmp_path / "file" / "home")) as home:
        assert home.state
        assert home.catalog
    with pytest.raises(Failed, match="cannot make"):
        Home.open(str(tmp_path / "file" / "home"), write=True)


def test_what_a_killed_writer_left_in_its_journal_is_read(tmp_path: Path) -> None:
    live = tmp_path / "live"
    dead = tmp_path / "dead"
    dead.mkdir()
    with Home.open(str(live)) as home:
        home.catalog.execute("CREATE TABLE kept (number INTEGER)")
        home.catalog.execute("INSERT INTO kept VALUES (7)")
        for name in ("catalog.db", "catalog.db-wal"):
            (dead / name).write_bytes((live / name).read_bytes())
    copies = tmp_path / "copies"
    copies.mkdir()
    database.copy(str(dead), str(copies))
    with sqlite3.connect(copies / "catalog.db") as copied:
        assert copied.execute("SELECT number FROM kept").fetchall() == [(7,)]
