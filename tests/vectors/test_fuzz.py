"""The two readers agree on random histories with random faults (tests/vectors/fuzz.py); their memory stays bounded."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SEEDS = 500
"""Of one run."""
PEAK_MIB = 250
"""Of both readers in one process."""


def run(first: int) -> None:
    command = [sys.executable, "-m", "tests.vectors.fuzz", str(first), str(SEEDS)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    said = done.stdout[-20_000:] + done.stderr[-5_000:]
    counted = re.search(r"(\d+) seeds, (\d+) disagreements, peak (\d+) MiB\n$", done.stdout)
    assert counted is not None, said
    assert counted[1] == str(SEEDS)
    assert (counted[2], done.returncode) == ("0", 0), said
    assert int(counted[3]) < PEAK_MIB


@pytest.mark.parametrize("first", range(0, 2000, SEEDS))
def test_both_readers_agree(first: int) -> None:
    run(first)


@pytest.mark.soak
@pytest.mark.parametrize("first", range(2000, 202_000, SEEDS))
def test_both_readers_agree_long(first: int) -> None:
    run(first)
