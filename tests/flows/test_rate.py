"""How fast a target is, as plan reckons: from runs that stored enough to tell for what is planned."""

from __future__ import annotations

from pathlib import Path

import pytest

from bakup.flows import remembered
from bakup.flows.home import Home

MIB = 1 << 20


def run(home: Home, mib: int, seconds: float) -> None:
    number = remembered.begin_run(home.state, "t", "laptop:/src")
    remembered.stored_so_far(home.state, [number], mib * MIB, 1)
    remembered.end_run(home.state, number, seconds)


def test_small_runs_tell_nothing(tmp_path: Path) -> None:
    with Home.open(str(tmp_path)) as home:
        for _ in range(5):
            run(home, 1, 10.0)
        assert remembered.rate(home.state, "t", 100 * MIB) is None
        assert remembered.rate(home.state, "t", 4 * MIB) == pytest.approx(MIB / 10)
        run(home, 640, 2.0)
        run(home, 1, 10.0)
        assert remembered.rate(home.state, "t", 100_000 * MIB) == pytest.approx(320 * MIB)
        assert remembered.rate(home.state, "another", MIB) is None
