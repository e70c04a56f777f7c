"""How fast a target is, as plan reckons: from runs that stored enough to tell for what is planned."""

from __future__ import annotations

from pathlib import Path

import pytest

from bakup.archive.home import Home
from bakup.catalog import state_db

MIB = 1 << 20


def run(home: Home, mib: int, seconds: float) -> None:
    number = state_db.begin_run(home.state, "t", ["laptop:/src"])[0]
    state_db.stored_so_far(home.state, [number], mib * MIB, 1)
    state_db.end_run(home.state, number, seconds)


def test_small_runs_tell_nothing(tmp_path: Path) -> None:
    with Home.open(str(tmp_path)) as home:
        for _ in range(5):
            run(home, 1, 10.0)
        assert state_db.rate(home.state, "t", 100 * MIB) is None
        assert state_db.rate(home.state, "t", 4 * MIB) == pytest.approx(MIB / 10)
        run(home, 640, 2.0)
        run(home, 1, 10.0)
        assert state_db.rate(home.state, "t", 100_000 * MIB) == pytest.approx(320 * MIB)
        assert state_db.rate(home.state, "another", MIB) is None
