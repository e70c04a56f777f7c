"""What the tests of bad circumstances share: small file systems, and a computer with a source."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "acceptance")]

from disks import Disk, Mounts  # noqa: E402
from place import Place  # noqa: E402


@pytest.fixture
def mounts(tmp_path: Path) -> Iterator[Mounts]:
    """Mounts small file systems; all are unmounted in the end."""
    with ExitStack() as stack:
        yield lambda size_kib: stack.enter_context(Disk(tmp_path / f"disk{size_kib}", size_kib))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A computer, a source and a target."""
    return Place(tmp_path)
