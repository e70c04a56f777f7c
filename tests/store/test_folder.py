import errno
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bakup.errors import BakupError, Failed, NoTarget, StoreError
from bakup.store.faults import faults, shown
from bakup.store.local.folder import FolderTarget
from bakup.store.local.spool import SPOOL

RUN = """
import sys, time
from bakup.store.local.folder import FolderTarget
folder = FolderTarget(sys.argv[1]).spool_folder()
open(folder + "/part", "wb").close()
print(folder, flush=True)
time.sleep(60)
"""


@pytest.fixture
def target(tmp_path: Path) -> Iterator[FolderTarget]:
    made = FolderTarget(str(tmp_path / "target"))
    made.create()
    yield made
    made.close()


def spooled(target: FolderTarget, content: bytes = b"content") -> str:
    path = os.path.join(target.spool_folder(), "finished")
    Path(path).write_bytes(content)
    return path


def test_a_put_writes_no_byte_twice(target: FolderTarget) -> None:
    path = spooled(target)
    inode = os.stat(path).st_ino
    target.put_new("a.bakup", path)
    assert os.stat(os.path.join(target.url, "a.bakup")).st_ino == inode
    assert not os.path.exists(path)


@pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP, errno.EXDEV])
def test_without_links(target: FolderTarget, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    """exFAT and others have no links; from another file system a spool is copied beside the target."""
    linked = []

    def link(source: str, final: str) -> None:
        linked.append(source)
        raise OSError(code if len(linked) == 1 else errno.EPERM, os.strerror(code))

    monkeypatch.setattr(os, "link", link)
    for content, good in ((b"content", True), (b"content", True), (b"another", False)):
        linked.clear()
        path = spooled(target, content)
        if good:
            assert target.put_new("a.bakup", path) == "a.bakup"
        else:
            with pytest.raises(StoreError):
                target.put_new("a.bakup", path)
        assert os.path.exists(path) != good
    assert target.read("a.bakup", 0, 100) == b"content"
    assert linked
    os.unlink(path)
    assert os.listdir(target.spool_folder()) == ["lock"]


def test_from_another_file_system(target: FolderTarget) -> None:
    elsewhere = Path("/dev/shm") if os.path.isdir("/dev/shm") else Path(target.url).parent
    path = elsewhere / f"bakup-test-{os.getpid()}"
    path.write_bytes(b"content")
    target.put_new("a.bakup", str(path))
    assert not path.exists()
    assert target.read("a.bakup", 0, 100) == b"content"


def test_objects_are_found_in_folders_of_any_depth(target: FolderTarget) -> None:
    deep = Path(target.url, "a", "b")
    deep.mkdir(parents=True)
    Path(deep, "c.bakup").write_bytes(b"deep")
    Path(target.url, "notes.txt").write_bytes(b"not ours")
    os.symlink("notes.txt", os.path.join(target.url, "link"))
    os.symlink("/", os.path.join(target.url, "loop"))
    spooled(target)
    assert list(target.list()) == [("a/b/c.bakup", 4), ("notes.txt", 8)]
    assert target.read("a/b/c.bakup", 1, 2) == b"ee"


def test_names_that_are_not_utf8(target: FolderTarget) -> None:
    Path(os.fsdecode(os.fsencode(target.url) + b"/caf\xe9")).write_bytes(b"x")
    ((locator, size),) = target.list()
    assert (target.read(locator, 0, 9), size) == (b"x", 1)


def test_create_at_the_moment_when_another_run_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def beaten(path: str) -> None:
        make(path)
        make(path)

    make = os.mkdir
    monkeypatch.setattr(os, "mkdir", beaten)
    made = FolderTarget(str(tmp_path / "target"))
    made.create()
    assert made.exists()


def test_create_makes_no_parents(tmp_path: Path) -> None:
    with pytest.raises(NoTarget, match=f"there is no {tmp_path}/missing$") as caught:
        FolderTarget(str(tmp_path / "missing" / "target")).create()
    assert caught.value.hints == ("is the drive mounted?",)
    assert not (tmp_path / "missing").exists()


def test_a_file_is_no_target(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    target = FolderTarget(str(tmp_path / "file"))
    assert not target.exists()
    for use in (target.create, lambda: list(target.list())):
        with pytest.raises(NoTarget, match="is not a folder"):
            use()


def test_a_missing_target_is_told_from_a_missing_object(target: FolderTarget) -> None:
    with pytest.raises(StoreError, match=r"there is no object .*/gone\.bakup"):
        target.read("gone.bakup", 0, 1)
    target.close()
    os.rmdir(target.url)
    with pytest.raises(NoTarget, match="there is no ") as caught:
        target.read("gone.bakup", 0, 1)
    assert caught.value.hints == ("is the drive mounted?",)
    for use in (target.spool_folder, target.free_bytes):
        with pytest.raises(NoTarget):
            use()


def test_closing_leaves_nothing(target: FolderTarget) -> None:
    spooled(target)
    target.close()
    target.close()
    assert os.listdir(target.url) == []


def test_a_folder_in_the_spool_that_is_no_run_s_stays(target: FolderTarget) -> None:
    mine = os.path.join(target.url, SPOOL, "mine")
    unlocked = os.path.join(target.url, SPOOL, "0" * 32)
    for path in (mine, unlocked):
        os.makedirs(path)
    target.spool_folder()
    assert os.path.isdir(mine)
    assert os.path.isdir(unlocked)


def test_spools_of_dead_runs_are_removed_those_of_living_ones_stay(target: FolderTarget) -> None:
    runs = [subprocess.Popen([sys.executable, "-c", RUN, target.url], stdout=subprocess.PIPE, text=True) for _ in "ab"]
    try:
        folders = [run.stdout.readline().strip() for run in runs if run.stdout]
        runs[0].kill()
        runs[0].wait()
        mine = target.spool_folder()
        assert [os.path.isdir(folder) for folder in folders] == [False, True]
        assert os.listdir(os.path.join(target.url, SPOOL)).count(os.path.basename(mine)) == 1
    finally:
        for run in runs:
            run.kill()
            run.communicate()
    target.close()
    again = FolderTarget(target.url)
    deadline = time.monotonic() + 10
    while os.path.isdir(folders[1]) and time.monotonic() < deadline:
        again.spool_folder()
        again.close()
    assert os.listdir(target.url) == []


def test_many_runs_that_begin_and_end_at_once(target: FolderTarget) -> None:
    def run(_: int) -> bool:
        mine = FolderTarget(target.url)
        folder = mine.spool_folder()
        Path(folder, "part").write_bytes(b"x")
        whole = sorted(os.listdir(folder)) == ["lock", "part"]
        mine.close()
        return whole

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(run, range(300)))
    assert os.listdir(target.url) == []


def test_a_spool_never_makes_a_target(target: FolderTarget) -> None:
    target.spool_folder()
    os.rename(target.url, target.url + ".unmounted")
    target.close()
    assert not os.path.exists(target.url)
    os.rename(target.url + ".unmounted", target.url)


def test_two_targets_of_one_run_have_their_own_spools(target: FolderTarget) -> None:
    other = FolderTarget(target.url)
    one, two = target.spool_folder(), other.spool_folder()
    assert one != two
    assert one == target.spool_folder()
    other.close()
    assert os.path.isdir(one)
    assert not os.path.isdir(two)


@pytest.mark.parametrize(
    ("code", "kind", "text"),
    [
        (errno.ENOSPC, Failed, r"no space left at /mnt/x: .* free, a sector needs 256 MiB"),
        (errno.EDQUOT, Failed, "no space left"),
        (errno.EFBIG, Failed, "a file of 256 MiB is too large"),
        (errno.EACCES, NoTarget, "/mnt/x denies access: permission denied"),
        (errno.EROFS, NoTarget, "/mnt/x denies access: read-only file system"),
        (errno.ENOTDIR, NoTarget, "/mnt/x is not a folder"),
        (errno.ENOENT, NoTarget, "there is no /mnt/x"),
        (errno.EIO, StoreError, "/mnt/x: input/output error"),
    ],
)
def test_errors_of_the_system(tmp_path: Path, code: int, kind: type[BakupError], text: str) -> None:
    with pytest.raises(kind, match=text) as caught, faults("/mnt/x", folder=str(tmp_path), need=2**28):
        raise OSError(code, os.strerror(code))
    assert type(caught.value) is kind
    assert caught.value.message == caught.value.message.rstrip(".")


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.00 KiB"),
        (41 * 2**20, "41.0 MiB"),
        (2**28, "256 MiB"),
        (10_480_000, "9.99 MiB"),
        (2**40 + 2**39, "1.50 TiB"),
        (1023 * 2**20, "1.00 GiB"),
    ],
)
def test_sizes(size: int, text: str) -> None:
    assert shown(size) == text
