"""What the tests of looking around share: a rig as in tests/flows, and the flows on it."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "flows")]

from look import Look  # noqa: E402
from nobody import NOBODY  # noqa: E402
from rig import Rig  # noqa: E402


@pytest.fixture
def look(tmp_path: Path) -> Look:
    """A fresh rig with an empty source, and what looks around in its target."""
    return Look(Rig(tmp_path))


@pytest.fixture
def small_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sectors of 192 KiB, packs of 16 KiB, files above 8 KiB cut: many sectors from few bytes."""
    from rig import cut_small

    cut_small(monkeypatch)


@pytest.fixture
def nobodys() -> Iterator[Look]:
    """As `look`, all of it belonging to nobody, in a folder that nobody may enter."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        look = Look(Rig(Path(folder)))
        look.sync({"warm": b"up"})  # loads what is imported late: nobody may not even read our Python
        for path in (look.rig.folder, *look.rig.folder.rglob("*")):
            if os.geteuid() == 0:
                os.chown(path, NOBODY, NOBODY)
        yield look
        for path in look.rig.source.rglob("*"):
            path.chmod(0o755)
