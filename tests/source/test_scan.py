"""A scan yields every path once, in key order, and says what it could not look at."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bakup.errors import Failed, Usage
from bakup.model import Kind, path_key
from bakup.source.interface import Source
from bakup.source.tree import listing, paths
from bakup.source.tree.filters import Rules
from bakup.source.tree.tree import LocalTree, special

Unprivileged = Callable[[], AbstractContextManager[None]]

names = st.binary(min_size=1, max_size=6).map(lambda raw: raw.replace(b"/", b"-").replace(b"\0", b"\x01"))
trees = st.lists(st.lists(names, min_size=1, max_size=4).map(b"/".join), max_size=12)


def plant(root: bytes, wanted: list[bytes]) -> None:
    for path in wanted:
        where = os.path.join(root, path)
        try:
            os.makedirs(os.path.dirname(where), exist_ok=True)
            with open(where, "xb"):
                pass
        except OSError:
            continue


def below(root: bytes) -> list[bytes]:
    found = [b""]
    for folder, folders, files in os.walk(root):
        found += [os.path.relpath(os.path.join(folder, name), root) for name in folders + files]
    return sorted(found, key=path_key)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=trees)
def test_every_path_once_in_key_order(wanted: list[bytes], tmp_path: Path) -> None:
    root = os.fsencode(tmp_path / "tree")
    shutil.rmtree(root, ignore_errors=True)
    os.mkdir(root)
    plant(root, [path for path in wanted if not {b".", b".."} & set(path.split(b"/"))])
    assert [found.path for found in LocalTree(root).entries()] == below(root)


def test_a_folder_comes_before_what_is_in_it_and_that_before_its_next_sibling(base: bytes) -> None:
    plant(base, [b"a/z", b"a-x", b"a.", b"a/b/c", b"b", "ä".encode(), b"\xff\n", b"n" * 255])
    scanned = [found.path for found in LocalTree(base).entries()]
    assert scanned == sorted(scanned, key=path_key) == below(base)
    assert scanned.index(b"a/z") < scanned.index(b"a-x")


def test_kinds_sizes_and_times(base: bytes) -> None:
    with open(base + b"/file", "wb") as file:
        file.write(b"12345")
    os.utime(base + b"/file", ns=(0, -1_500_000_001))
    os.symlink(b"nowhere", base + b"/link")
    os.mkfifo(base + b"/pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(base + b"/socket")
    found = {item.path: item for item in LocalTree(base).entries()}
    assert found[b"file"][1:4] == (Kind.FILE, 5, -1_500_000_001)
    assert found[b"file"].inode == os.stat(base + b"/file").st_ino
    assert found[b"file"].ctime_ns == os.stat(base + b"/file").st_ctime_ns
    assert (found[b"link"].kind, found[b"link"].size) == (Kind.SYMLINK, 0)
    assert (found[b""].kind, found[b""].size) == (Kind.DIR, 0)
    assert (found[b"pipe"].kind, special(found[b"pipe"])) == (Kind.SPECIAL, (1, 0))
    assert (found[b"socket"].kind, special(found[b"socket"])) == (Kind.SPECIAL, (2, 0))


def test_folders_that_deny_access_are_reported_and_the_rest_is_scanned(base: bytes, unprivileged: Unprivileged) -> None:
    plant(base, [b"a", b"closed/secret", b"listed/inside", b"z"])
    os.chmod(base + b"/closed", 0o700 if not os.geteuid() else 0)
    os.chmod(base + b"/listed", 0o744 if not os.geteuid() else 0o400)
    with unprivileged():
        scanned = [(found.path, found.kind, found.reason) for found in LocalTree(base).entries()]
    denied = "permission denied"
    assert scanned == [
        (b"", Kind.DIR, ""),
        (b"a", Kind.FILE, ""),
        (b"closed", Kind.DIR, ""),
        (b"closed", Kind.UNREAD, denied),
        (b"listed", Kind.DIR, ""),
        (b"listed/inside", Kind.UNREAD, denied),
        (b"z", Kind.FILE, ""),
    ]
    os.chmod(base + b"/closed", 0o700)
    os.chmod(base + b"/listed", 0o700)


def test_what_vanishes_meanwhile_is_left_out_and_counted(base: bytes) -> None:
    plant(base, [b"%04d" % number for number in range(1600)] + [b"folder/file", b"last/one"])
    tree = LocalTree(base)
    batches = tree.batches()
    scanned = [found.path for found in next(batches)]
    os.unlink(base + b"/1599")
    shutil.rmtree(base + b"/last")
    scanned += [found.path for batch in batches for found in batch]
    assert tree.vanished == 2
    assert scanned == below(base)


def test_a_folder_that_becomes_a_link_is_not_followed(base: bytes) -> None:
    plant(base, [b"tree/%04d" % number for number in range(1600)] + [b"tree/zz/one", b"other/secret"])
    tree = LocalTree(base + b"/tree")
    entries = tree.entries()
    next(entries)
    shutil.rmtree(base + b"/tree/zz")
    os.symlink(base + b"/other", base + b"/tree/zz")
    assert not [found.path for found in entries if b"secret" in found.path]


def test_paths_longer_than_a_call_takes(base: bytes) -> None:
    levels = 30
    at = os.open(base, os.O_RDONLY)
    for level in range(levels):
        name = b"%02d" % level + b"n" * 250
        os.mkdir(name, dir_fd=at)
        following = os.open(name, os.O_RDONLY, dir_fd=at)
        os.close(os.open(b"file", os.O_CREAT | os.O_WRONLY, dir_fd=following))
        os.symlink(b"target", b"link", dir_fd=following)
        os.close(at)
        at = following
    os.close(at)
    tree = LocalTree(base)
    found = list(tree.entries())
    assert len(found) == 1 + 3 * levels
    assert max(len(item.path) for item in found) > 2 * paths.LONGEST - 1000
    for item in found:
        if item.kind == Kind.FILE:
            assert tree.read_small(item).data == b""
        else:
            assert tree.entry(item).path == item.path
    assert [item.path for item in found] == sorted((item.path for item in found), key=path_key)


def test_a_very_deep_tree_needs_neither_descriptors_nor_recursion(base: bytes) -> None:
    levels = 3000
    at = os.open(base, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir(b"d", dir_fd=at)
        following = os.open(b"d", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = following
    os.close(at)
    open_before = len(os.listdir("/proc/self/fd"))
    entries = LocalTree(base).entries()
    most = 0
    count = 0
    for _ in entries:
        count += 1
        most = max(most, len(os.listdir("/proc/self/fd"))) if count % 500 == 0 else most
    assert count == levels + 1
    assert most <= open_before + 2


@pytest.mark.parametrize("run", [3, 10, 1000])
def test_a_large_folder_is_listed_in_sorted_runs(base: bytes, monkeypatch: pytest.MonkeyPatch, run: int) -> None:
    monkeypatch.setattr(listing, "RUN", run)
    monkeypatch.setattr(listing, "READ", 16)
    wanted = [b"%d" % (number * 7919 % 10007) for number in range(100)] + [b"\xff" * 200, b"\n"]
    plant(base, wanted)
    assert list(listing.names(base, listing.LARGE_FOLDER)) == sorted(wanted) == listing.names(base, 4096)


def test_without_descriptors_paths_are_looked_at_by_name(base: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(base, [b"a/b", b"c"])
    expected = list(LocalTree(base).entries())
    monkeypatch.setattr(paths, "DESCRIPTORS", False)
    assert list(LocalTree(base).entries()) == expected


def test_a_mounted_file_system_is_kept_as_a_folder_only(base: bytes) -> None:
    everything = {found.path for found in LocalTree("/dev").entries()}
    tree = LocalTree("/dev", Rules(one_file_system=True))
    kept = {found.path for found in tree.entries()}
    mounted = {path for path in (b"shm", b"pts", b"mqueue") if os.path.ismount(b"/dev/" + path)}
    assert mounted, "this system mounts nothing below /dev"
    assert mounted <= kept <= everything
    assert not {path for path in kept for mount in mounted if path.startswith(mount + b"/")}
    assert tree.excluded["--one-file-system"].folders == len(mounted)


def test_a_folder_left_out_is_known_by_what_it_is(base: bytes) -> None:
    plant(base, [b"tree/target/sector", b"tree/file"])
    os.symlink(base + b"/tree/target", base + b"/another name")
    tree = LocalTree(base + b"/tree", Rules(leave_out=(base + b"/another name", b"/no/such/folder")))
    assert [found.path for found in tree.entries()] == [b"", b"file"]


def test_a_linked_root_is_followed(base: bytes) -> None:
    plant(base, [b"tree/file"])
    os.symlink(b"tree", base + b"/link")
    tree = LocalTree(base + b"/link/")
    assert tree.location == base + b"/link"
    assert [found.path for found in tree.entries()] == [b"", b"file"]


def test_a_root_that_is_none(base: bytes) -> None:
    plant(base, [b"file"])
    with pytest.raises(Failed, match="no such file or directory"):
        LocalTree(base + b"/absent")
    with pytest.raises(Usage, match="is not a folder"):
        LocalTree(base + b"/file")


def test_a_root_that_cannot_be_listed(base: bytes, unprivileged: Unprivileged) -> None:
    os.mkdir(base + b"/closed", 0o700 if not os.geteuid() else 0)
    with unprivileged():
        tree = LocalTree(base + b"/closed")
        with pytest.raises(Failed, match=r"cannot list .*: permission denied"):
            list(tree.entries())


def test_each_pass_is_a_new_one(base: bytes) -> None:
    plant(base, [b"a"])
    tree = LocalTree(base)
    assert len(list(tree.entries())) == 2
    plant(base, [b"b"])
    assert len(list(tree.entries())) == 3


def test_the_source_is_not_changed_by_looking(base: bytes) -> None:
    plant(base, [b"file"])
    os.utime(base + b"/file", ns=(5, 10))
    tree: Source = LocalTree(base)
    prepared = tree.prepare(lambda facts: pytest.fail(f"journal of nothing: {facts}"))
    for found in tree.entries():
        tree.attributes(found)
    tree.restore_state(prepared)
    assert prepared.strategy == "none"
    assert os.stat(base + b"/file").st_atime_ns == 5


@pytest.mark.parametrize("again", [False, True], ids=["gone", "another"])
def test_a_root_that_goes_away_is_an_error_and_deletes_nothing(base: bytes, again: bool) -> None:
    root = base + b"/root"
    plant(root, [b"%04d" % number for number in range(3000)] + [b"z/below"])
    entries = LocalTree(root).entries()
    assert next(entries).path == b""
    os.rename(root, base + b"/elsewhere")
    if again:
        os.mkdir(root)
    with pytest.raises(Failed, match="was replaced while it was scanned" if again else "no such file"):
        list(entries)
