"""What a sector says does not decide how much memory a reader takes (docs/format/sector.md, section 7)."""

from __future__ import annotations

from pathlib import Path

import pytest
from peaks import peak_bytes

from tests.vectors.heavy import crowd, ends
from tests.vectors.readers import RECOVER

PEAK = 250 << 20
ACCEPTED = ("--accept-plain", "--accept-unsigned")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "target"
    folder.mkdir()
    return folder


def expect_bounded(target: Path, out: Path) -> None:
    """Of both readers, whatever they say of the target."""
    home, anything = target.parent / "home", (0, 1, 3, 20, 21, 22)
    for command in (("ls", target), ("check", target), ("restore", target, out)):
        assert peak_bytes(home, *map(str, command), *ACCEPTED, codes=anything) < PEAK, command
    for command in ((target, "--list"), (target, out.with_name("again"))):
        peak = peak_bytes(home, *ACCEPTED, *map(str, command), program=str(RECOVER), codes=anything)
        assert peak < PEAK, command


@pytest.mark.peer
def test_ends_of_176_mib(target: Path, tmp_path: Path) -> None:
    ends(lambda name, data: (target / name).write_bytes(data))
    expect_bounded(target, tmp_path / "out")


@pytest.mark.peer
def test_as_many_entries_as_groups_may_have(target: Path, tmp_path: Path) -> None:
    crowd(lambda name, data: (target / name).write_bytes(data), groups=3)
    expect_bounded(target, tmp_path / "out")


@pytest.mark.soak
def test_12_million_entries_in_few_bytes(target: Path, tmp_path: Path) -> None:
    crowd(lambda name, data: (target / name).write_bytes(data))
    expect_bounded(target, tmp_path / "out")
