"""What the tests of the plain layout share: a rig as in tests/flows whose target gets this layout."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path[:0] = [
    str(Path(__file__).parent),
    *(str(Path(__file__).parents[1] / name) for name in ("flows", "flows_looking")),
]

from plain import Plain  # noqa: E402
from rig import Rig  # noqa: E402


@pytest.fixture
def plain(tmp_path: Path) -> Plain:
    """A fresh rig with an empty source."""
    return Plain(tmp_path)


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """One whose target gets sectors."""
    return Rig(tmp_path)
