"""Trees of odd things, and what is to be seen of a tree."""

from __future__ import annotations

import os
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from nobody import as_nobody


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
    return _facts


def _facts(root: bytes) -> dict[bytes, tuple[object, ...]]:
    found: dict[bytes, tuple[object, ...]] = {}
    groups: dict[int, int] = {}
    for folder, folders, files in os.walk(root):
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        for name in sorted([b".", *files, *links]):
            path = os.path.join(folder, name)
            found[os.path.relpath(path, root)] = _fact(path, groups)
    return found


def _fact(path: bytes, groups: dict[int, int]) -> tuple[object, ...]:
    now = os.lstat(path)
    content: object = None
    if stat.S_ISLNK(now.st_mode):
        content = os.readlink(path)
    elif stat.S_ISREG(now.st_mode):
        with open(path, "rb") as file:
            content = file.read()
    names = os.listxattr(path, follow_symlinks=False)
    extended = {name: os.getxattr(path, name, follow_symlinks=False) for name in names}
    group = groups.setdefault(now.st_ino, len(groups)) if now.st_nlink > 1 and not stat.S_ISDIR(now.st_mode) else 0
    return now.st_mode, now.st_uid, now.st_gid, now.st_mtime_ns, now.st_rdev, content, extended, group
