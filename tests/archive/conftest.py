"""What the tests of reading archives share: a rig as in tests/flows."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parents[1] / "flows")]

from rig import Rig  # noqa: E402


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """A fresh rig with an empty source."""
    return Rig(tmp_path)
