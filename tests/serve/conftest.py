"""What the tests of the servers share: a rig as in tests/flows, and its target served."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "flows")]

from rig import Rig  # noqa: E402
from serving import Serving  # noqa: E402


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """A fresh rig with an empty source."""
    return Rig(tmp_path)


@pytest.fixture
def serving(rig: Rig) -> Iterator[Serving]:
    """Its target, served when asked for and ended in any case."""
    serving = Serving(rig)
    yield serving
    serving.end()
