"""What the damage tests share: two small targets, sealed and plain, made once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "acceptance")]

from estate import Estate, cut_small  # noqa: E402


@pytest.fixture(autouse=True)
def small() -> Iterator[None]:
    """Packs of 16 KiB and files cut above 8 KiB: many packs and segments from few bytes."""
    with pytest.MonkeyPatch.context() as patch:
        cut_small(patch)
        yield


@pytest.fixture(scope="session")
def estates(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bool], Estate]:
    """Gives the estate whose sectors are sealed, or the plain one; each is made once."""
    made: dict[bool, Estate] = {}

    def estate(sealed: bool) -> Estate:
        if sealed not in made:
            with pytest.MonkeyPatch.context() as patch:
                cut_small(patch)
                made[sealed] = Estate(tmp_path_factory.mktemp("sealed" if sealed else "plain"), sealed=sealed)
        return made[sealed]

    return estate
