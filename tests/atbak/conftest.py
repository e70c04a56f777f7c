"""A shelf for each test: a target whose objects are written by bakup, or crafted byte by byte."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from shelf import Shelf


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """An empty target."""
    return Shelf(tmp_path)
