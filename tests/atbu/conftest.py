"""ATBU with a HOME of its own for each test."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from atbu import Atbu


@pytest.fixture
def atbu(tmp_path: Path) -> Atbu:
    """The real one."""
    return Atbu(tmp_path / "home")
