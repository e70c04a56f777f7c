"""Trees of odd things, and what is to be seen of a tree."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from nobody import as_nobody
from oddities import facts_of


@pytest.fixture
def base() -> Iterator[bytes]:
    """A folder that any user may enter, unlike pytest's own, of any depth when it is removed."""
    folder = tempfile.mkdtemp(prefix="bakup-test-")
    os.chmod(folder, 0o755)
    yield os.fsencode(folder)
    subprocess.run(["chmod", "-R", "u+rwX", folder], check=True)
    subprocess.run(["rm", "-rf", folder], check=True)


@pytest.fixture
def unprivileged() -> Callable[[], AbstractContextManager[None]]:
    """Runs a block without root's powers."""
    return as_nobody


@pytest.fixture
def facts() -> Callable[[bytes], dict[bytes, tuple[object, ...]]]:
    """All that a restored tree must have in common with the first, by path; links of an inode share a
    number."""
    return facts_of
