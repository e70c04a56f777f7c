"""A pass in a process of its own finds what one in this process finds, and its end is never taken for the tree's."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bakup.errors import Failed
from bakup.source.tree import ahead
from bakup.source.tree.filters import Rules
from bakup.source.tree.tree import LocalTree

MANY = 6000


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    for folder in range(6):
        (root / f"{folder}").mkdir(parents=True)
        for number in range(MANY // 6):
            (root / f"{folder}" / f"{number}").write_bytes(b"x" * (number % 7))
    (root / "0" / os.fsdecode(b"\xff\n")).write_bytes(b"odd")
    (root / "link").symlink_to("0/1")
    os.mkfifo(root / "fifo")
    return root


def begun(root: Path, rules: Rules | None = None) -> LocalTree:
    source = LocalTree(str(root), rules or Rules())
    source.begin()
    return source


def test_it_finds_what_a_pass_here_finds(tree: Path) -> None:
    there = begun(tree)
    here = LocalTree(str(tree))
    assert list(there.entries()) == list(here.entries())
    assert len(list(there.entries())) == MANY + 6 + 4, "a second pass"


def test_what_it_counted_is_known_at_its_end(tree: Path) -> None:
    rules = Rules(patterns=("5*",), files_from=(b"0", b"1", b"not there"))
    there, here = begun(tree, rules), LocalTree(str(tree), rules)
    assert list(there.entries()) == list(here.entries())
    assert there.excluded == here.excluded
    assert there.excluded
    assert there.missing == here.missing == (b"not there",)
    assert there.vanished == here.vanished == 0


def test_a_root_that_is_gone_is_told_as_here(tree: Path) -> None:
    source = LocalTree(str(tree))
    shutil.rmtree(tree)
    source.begin()
    with pytest.raises(Failed, match="no such file"):
        list(source.entries())


def test_where_no_process_can_be_made_the_pass_is_made_here(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> int:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    before = os.listdir("/proc/self/fd")
    monkeypatch.setattr(os, "fork", refused)
    assert len(list(begun(tree).entries())) == MANY + 6 + 4
    assert os.listdir("/proc/self/fd") == before


def test_a_process_that_dies_is_an_error_and_not_an_end(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "BATCHES", 1)
    monkeypatch.setattr(ahead, "PIPE_BYTES", 1 << 12)
    source = begun(tree)
    entries = source.entries()
    next(entries)
    os.kill(child(), signal.SIGKILL)
    with pytest.raises(Failed, match="ended before its time"):
        list(entries)
    assert_no_child()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGUSR1])
def test_ctrl_c_and_how_far_are_left_to_this_process(
    tree: Path, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead, "BATCHES", 1)
    monkeypatch.setattr(ahead, "PIPE_BYTES", 1 << 12)
    source = begun(tree)
    entries = source.entries()
    next(entries)
    os.kill(child(), number)
    assert len(list(entries)) == MANY + 6 + 3


@pytest.mark.parametrize("read", [0, 1])
def test_closing_ends_it(tree: Path, read: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "BATCHES", 1)
    monkeypatch.setattr(ahead, "PIPE_BYTES", 1 << 12)
    source = begun(tree)
    entries = source.entries()
    for _ in range(read):
        next(entries)
    source.close()
    assert_no_child()


def test_it_holds_no_lock_of_this_process(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "BATCHES", 1)
    monkeypatch.setattr(ahead, "PIPE_BYTES", 1 << 12)
    lock = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    source = begun(tree)
    entries = source.entries()
    next(entries)
    os.close(lock)
    with open(tmp_path / "lock", "rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    source.close()


BEGIN = """
import sys, time
from bakup.source.tree import ahead
from bakup.source.tree.filters import Rules
ahead.BATCHES, ahead.PIPE_BYTES = 1, 1 << 12
begun = ahead.Ahead(sys.argv[1].encode(), Rules())
batches = begun.batches()
next(batches)
print(begun._pid, flush=True)
time.sleep(60)
"""


def test_it_ends_when_the_other_is_killed(tree: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", BEGIN, tree], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert is_alive(pid)
    parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 20
    while is_alive(pid):
        assert time.monotonic() < deadline, "it goes on for nobody"
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def child() -> int:
    """The only process that this one began."""
    (pid,) = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return int(pid)


def assert_no_child() -> None:
    assert not Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
