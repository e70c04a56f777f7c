"""A run that came to nothing leaves no BAKUP_HOME; one that has something to remember, or that was there, stays."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path

from bakup.archive.home import LOCK_FILE, Home


def fail(folder: Path, statement: str = "") -> None:
    with suppress(KeyboardInterrupt), Home.open(str(folder), write=True) as home:
        assert home.catalog
        if statement:
            home.state.execute(statement)
        raise KeyboardInterrupt


def test_a_run_that_came_to_nothing(tmp_path: Path) -> None:
    fail(tmp_path / "new")
    assert not (tmp_path / "new").exists()
    (tmp_path / "empty").mkdir()
    fail(tmp_path / "empty")
    assert os.listdir(tmp_path / "empty") == []


def test_what_is_remembered_stays(tmp_path: Path) -> None:
    fail(tmp_path / "new", "INSERT INTO marks VALUES ('sftp://h/x', 'mark')")
    assert (tmp_path / "new" / "state.db").exists()


def test_a_home_that_was_there_stays(tmp_path: Path) -> None:
    with Home.open(str(tmp_path), write=True) as home:
        assert home.state
        assert home.catalog
    before = sorted(os.listdir(tmp_path))
    fail(tmp_path)
    assert sorted(os.listdir(tmp_path)) == before


def test_who_waits_for_the_lock_gets_the_one_that_counts(tmp_path: Path) -> None:
    folder, waiting = tmp_path / "new", Home(str(tmp_path / "new"))
    with suppress(KeyboardInterrupt), Home.open(str(folder), write=True) as first:
        assert first.catalog
        thread = threading.Thread(target=waiting.lock, args=[20.0])
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
        raise KeyboardInterrupt
    thread.join(20.0)
    assert waiting.locked
    assert (folder / LOCK_FILE).exists()
    assert not Home(str(folder)).try_lock()
    waiting.close()
