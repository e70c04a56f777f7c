"""What the transcripts share: a stage of one's own, and one with two check points that is reset after each test."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("page")
sys.path.insert(0, str(Path(__file__).parent))

from stage import Stage  # noqa: E402
from story import Story  # noqa: E402


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A computer without an account, and no drive yet."""
    one = Stage()
    yield one
    one.close()


@pytest.fixture(scope="session")
def told() -> Iterator[Story]:
    """The first days with bakup, as sections 2 and 4 of the page tell them."""
    one = Story()
    yield one
    one.stage.close()


@pytest.fixture
def story(told: Story) -> Iterator[Story]:
    """The same, and what a test does to the drive and to the local state is undone after it."""
    yield told
    told.reset()
