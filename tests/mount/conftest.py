"""What the tests of mounts share: a rig as in tests/flows, and its target mounted."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "flows")]

from mounted import Mounted  # noqa: E402
from rig import Rig  # noqa: E402


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """A fresh rig with an empty source."""
    return Rig(tmp_path)


@pytest.fixture
def mounted(rig: Rig) -> Iterator[Mounted]:
    """Its target, mounted when asked for and unmounted in any case."""
    mounted = Mounted(rig)
    yield mounted
    mounted.end()
