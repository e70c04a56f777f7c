"""What the tests of whole runs share: a rig with a source, a target and a BAKUP_HOME, all real folders."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from rig import Rig


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """A fresh rig with an empty source."""
    return Rig(tmp_path)


@pytest.fixture
def small_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sectors of 192 KiB, packs of 16 KiB, files above 8 KiB cut: many sectors from few bytes."""
    from rig import cut_small

    cut_small(monkeypatch)
