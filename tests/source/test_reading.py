"""Files are read as one consistent read, or said to be changing, gone or unreadable; facts are recorded
whole."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from bakup.model import Kind, SpecialType
from bakup.source.interface import Found, Grown, Large, Run, Unreadable, Vanished
from bakup.source.tree import attributes, reading, statx
from bakup.source.tree.filters import Rules
from bakup.source.tree.tree import LocalTree

Unprivileged = Callable[[], AbstractContextManager[None]]

# Version 2: owner rwx, user 1234 r-x, group r-x, mask r-x, others none (linux/posix_acl_xattr.h).
ENTRIES = ((1, 7, 0xFFFFFFFF), (2, 5, 1234), (4, 5, 0xFFFFFFFF), (0x10, 5, 0xFFFFFFFF), (0x20, 0, 0xFFFFFFFF))
ACL = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in ENTRIES)


def write(path: bytes, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)


def scan(tree: LocalTree) -> dict[bytes, Found]:
    return {found.path: found for found in tree.entries() if found.kind != Kind.UNREAD}


@contextmanager
def writing(path: bytes) -> Iterator[None]:
    """A process that changes a file all the time."""
    stop = threading.Event()

    def change() -> None:
        with open(path, "ab", buffering=0) as file:
            while not stop.is_set():
                file.write(b"x")
                time.sleep(0.001)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_a_file_is_read_whole(base: bytes) -> None:
    write(base + b"/empty", b"")
    write(base + b"/file", b"content" * 1000)
    tree = LocalTree(base)
    found = scan(tree)
    assert tree.read_small(found[b"empty"])[::2] == (b"", False)
    small = tree.read_small(found[b"file"])
    assert small.data == b"content" * 1000
    assert not small.changing
    assert small.attributes.mtime_ns == found[b"file"].mtime_ns
    assert small.attributes == tree.attributes(found[b"file"])


def test_a_settled_file_is_read_once_and_at_once(base: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    write(base + b"/file", b"content")
    time.sleep(2 * reading.SETTLED_NS / 1e9)
    tree = LocalTree(base)
    found = scan(tree)[b"file"]
    monkeypatch.setattr(reading, "_read_again", lambda *_: pytest.fail("read again"))
    assert tree.read_small(found).data == b"content"


def test_a_file_changed_since_the_scan_is_stored_as_it_is_now(base: bytes) -> None:
    write(base + b"/file", b"before")
    tree = LocalTree(base)
    found = scan(tree)[b"file"]
    write(base + b"/file", b"after that")
    small = tree.read_small(found)
    now = os.stat(base + b"/file")
    assert small.data == b"after that"
    assert not small.changing
    assert (small.attributes.mtime_ns, small.attributes.ctime_ns) == (now.st_mtime_ns, now.st_ctime_ns)


def test_a_change_within_the_same_tick_is_not_missed(base: bytes) -> None:
    for _ in range(20):
        write(base + b"/file", b"one")
        tree = LocalTree(base)
        small = tree.read_small(scan(tree)[b"file"])
        now = os.stat(base + b"/file")
        assert now.st_ctime_ns + reading.SETTLED_NS <= time.time_ns(), "read before its time could tell"
        assert small.attributes.ctime_ns == now.st_ctime_ns


def test_a_file_that_never_holds_still_is_stored_and_said_so(base: bytes) -> None:
    write(base + b"/file", b"start")
    tree = LocalTree(base)
    found = scan(tree)[b"file"]
    with writing(base + b"/file"):
        small = tree.read_small(found)
    assert small.changing
    assert small.data.startswith(b"startx")
    assert small.attributes.ctime_ns is None, "the next scan could take it for unchanged"


def test_a_file_that_grew_is_for_large_reading(base: bytes) -> None:
    write(base + b"/file", b"small")
    tree = LocalTree(base)
    found = scan(tree)[b"file"]
    write(base + b"/file", bytes(1001))
    with pytest.raises(Grown) as grown:
        tree.read_small(found, limit=1000)
    assert grown.value.size == 1001
    with tree.open_large(found) as large:
        assert large.size == 1001


@pytest.mark.parametrize("become", ["nothing", "folder", "link", "fifo"])
def test_what_is_no_file_any_more_has_vanished(base: bytes, become: str) -> None:
    write(base + b"/file", b"content")
    write(base + b"/secret", b"content")
    tree = LocalTree(base)
    found = scan(tree)[b"file"]
    os.unlink(base + b"/file")
    makers: dict[str, Callable[[], None]] = {
        "nothing": lambda: None,
        "folder": lambda: os.mkdir(base + b"/file"),
        "link": lambda: os.symlink(b"secret", base + b"/file"),
        "fifo": lambda: os.mkfifo(base + b"/file"),
    }
    makers[become]()
    with pytest.raises(Vanished):
        tree.read_small(found)
    with pytest.raises(Vanished):
        tree.open_large(found)


def test_what_cannot_be_read_says_why(base: bytes, unprivileged: Unprivileged) -> None:
    write(base + b"/file", b"content")
    os.chmod(base + b"/file", 0o600 if not os.geteuid() else 0)
    tree = LocalTree(base)
    found = scan(tree)[b"file"]
    with unprivileged():
        with pytest.raises(Unreadable) as unreadable:
            tree.read_small(found)
        assert (unreadable.value.path, unreadable.value.reason) == (b"file", "permission denied")
        assert tree.attributes(found).mode == found.stat.st_mode & 0o7777


def test_someone_elses_file_is_read_though_its_access_time_changes(base: bytes, unprivileged: Unprivileged) -> None:
    write(base + b"/file", b"content")
    tree = LocalTree(base)
    found = scan(tree)[b"file"]
    with unprivileged():
        assert tree.read_small(found).data == b"content"


def test_a_large_file_is_read_in_order(base: bytes) -> None:
    content = os.urandom(300_000)
    write(base + b"/file", content)
    tree = LocalTree(base)
    buffer = memoryview(bytearray(65_536))
    with tree.open_large(scan(tree)[b"file"]) as large:
        assert list(large.runs()) == [Run(0, 300_000, False)]
        read = b""
        while count := large.readinto(buffer):
            read += buffer[:count]
        assert large.consistent()
        assert large.attributes() == tree.attributes(scan(tree)[b"file"])
    assert read == content


def test_a_large_file_that_grows_is_read_to_its_first_size_and_is_not_consistent(base: bytes) -> None:
    write(base + b"/file", bytes(1000))
    tree = LocalTree(base)
    buffer = memoryview(bytearray(4096))
    with tree.open_large(scan(tree)[b"file"]) as large:
        with open(base + b"/file", "ab") as file:
            file.write(b"more")
        assert large.readinto(buffer) == 1000
        assert large.readinto(buffer) == 0
        assert not large.consistent()
        assert large.attributes().ctime_ns is None


@pytest.mark.parametrize(
    ("size", "written"),
    [(10 << 20, (0, 5 << 20)), (10 << 20, ()), (10 << 20, ((10 << 20) - 4096,)), (1 << 20, (4096,))],
)
def test_holes_are_told(base: bytes, size: int, written: tuple[int, ...]) -> None:
    with open(base + b"/sparse", "wb") as file:
        file.truncate(size)
        for offset in written:
            file.seek(offset)
            file.write(b"x" * 4096)
    tree = LocalTree(base)
    with tree.open_large(scan(tree)[b"sparse"]) as large:
        runs = list(large.runs())
        holes = bytearray(size)
        for run in runs:
            if not run.hole:
                large.seek(run.offset)
                assert large.readinto(memoryview(holes)[run.offset : run.offset + run.length]) == run.length
    assert sum(run.length for run in runs) == size
    assert [run.offset for run in runs] == [sum(run.length for run in runs[:index]) for index in range(len(runs))]
    assert any(run.hole for run in runs)
    with open(base + b"/sparse", "rb") as file:
        assert file.read() == holes


def test_an_empty_large_file_has_no_runs(base: bytes) -> None:
    write(base + b"/file", b"")
    tree = LocalTree(base)
    with tree.open_large(scan(tree)[b"file"]) as large:
        assert list(large.runs()) == []


def test_facts_of_a_file(base: bytes) -> None:
    path = base + b"/file"
    write(path, b"x")
    os.chmod(path, 0o4751)
    os.setxattr(path, b"user.second", b"\0\xff")
    os.setxattr(path, b"user.first", b"")
    os.setxattr(path, b"system.posix_acl_access", ACL)
    os.utime(path, ns=(0, 9_223_372_036_854_775))
    attributes_ = LocalTree(base).read_small(scan(LocalTree(base))[b"file"]).attributes
    now = os.stat(path)
    assert attributes_.mode == now.st_mode & 0o7777
    assert (attributes_.uid, attributes_.gid) == (now.st_uid, now.st_gid)
    assert attributes_.user == subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    assert attributes_.mtime_ns == now.st_mtime_ns
    assert attributes_.inode == now.st_ino
    assert attributes_.link_group is None
    assert attributes_.xattrs == (
        (b"system.posix_acl_access", ACL),
        (b"user.first", b""),
        (b"user.second", b"\0\xff"),
    )


def test_birth_is_recorded_where_the_system_tells_it(base: bytes) -> None:
    write(base + b"/file", b"x")
    shown = subprocess.run(["stat", "-c", "%W", base + b"/file"], capture_output=True, check=True).stdout
    found = LocalTree(base).read_small(scan(LocalTree(base))[b"file"]).attributes
    assert (found.birth_ns or 0) // 10**9 == int(shown)
    assert statx.born(base) == LocalTree(base).attributes(scan(LocalTree(base))[b""]).birth_ns


def test_without_statx_the_rest_is_the_same(base: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    write(base + b"/file", b"x")
    with open(base + b"/file", "rb") as file:
        full = statx.look(file.fileno())
        monkeypatch.setattr(statx, "_statx", None)
        assert statx.look(file.fileno()) == full._replace(birth_ns=None)
    assert statx.born(base) is None


def test_hard_links_share_a_number(base: bytes) -> None:
    write(base + b"/one", b"x")
    os.link(base + b"/one", base + b"/two")
    os.symlink(b"x", base + b"/link")
    os.link(base + b"/link", base + b"/link too", follow_symlinks=False)
    tree = LocalTree(base)
    groups = {path: tree.attributes(found).link_group for path, found in scan(tree).items()}
    assert groups[b"one"] == groups[b"two"] == os.stat(base + b"/one").st_ino
    assert groups[b"link"] == groups[b"link too"] != groups[b"one"]
    assert groups[b""] is None


def test_the_same_inode_on_two_devices_is_two_files() -> None:
    assert attributes.link_group(5, 1, root_device=1) == 5
    assert attributes.link_group(5, 2, root_device=1) != attributes.link_group(5, 3, root_device=1)
    assert 0 <= attributes.link_group(5, 2, root_device=1) < 1 << 64


def test_inode_flags_that_a_user_sets_are_recorded(base: bytes) -> None:
    write(base + b"/file", b"x")
    with open(base + b"/file", "rb") as file:
        assert attributes.inode_flags(file.fileno()) is None
        attributes.set_inode_flags(file.fileno(), 0x40 | 0x80000)
        assert attributes.inode_flags(file.fileno()) == 0x40
        raw = fcntl.ioctl(file.fileno(), attributes.GET_FLAGS, bytes(8))
    assert int.from_bytes(raw[:4], "little") & 0x40
    assert LocalTree(base).attributes(scan(LocalTree(base))[b"file"]).inode_flags == 0x40


def test_links_and_special_files(base: bytes) -> None:
    os.symlink(b"\xff\n/nowhere", base + b"/link")
    os.mkfifo(base + b"/fifo", 0o640)
    tree = LocalTree(base)
    found = scan(tree)
    link = tree.entry(found[b"link"])
    fifo = tree.entry(found[b"fifo"])
    assert link.target == b"\xff\n/nowhere"  # type: ignore[union-attr]
    assert (fifo.special, fifo.device) == (SpecialType.FIFO, 0)  # type: ignore[union-attr]
    assert fifo.attributes.mode == os.stat(base + b"/fifo").st_mode & 0o7777
    os.unlink(base + b"/link")
    with pytest.raises(Vanished):
        tree.entry(found[b"link"])


def test_devices(base: bytes) -> None:
    tree = LocalTree("/dev")
    null = tree.entry(next(found for found in tree.entries() if found.path == b"null"))
    assert (null.special, null.device) == (SpecialType.CHARACTER, 1 << 32 | 3)  # type: ignore[union-attr]


def test_reading_from_many_threads(base: bytes) -> None:
    for number in range(200):
        write(base + b"/%d" % number, b"%d" % number * number)
    tree = LocalTree(base)
    files = [found for found in tree.entries() if found.kind == Kind.FILE]
    wrong: list[bytes] = []

    def read() -> None:
        wrong.extend(found.path for found in files if tree.read_small(found).data != found.path * int(found.path))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_file_that_is_told_to_be_empty_is_read_to_its_end() -> None:
    """As all are in /proc, and some on FUSE."""
    tree = LocalTree("/proc/sys/kernel", Rules(files_from=(b"ostype", b"random/uuid")))
    found = scan(tree)
    assert found[b"ostype"].size == 0
    small = tree.read_small(found[b"ostype"])
    assert (small.data, small.changing, small.attributes.ctime_ns) == (b"Linux\n", False, None)
    assert tree.read_small(found[b"random/uuid"]).changing


def test_a_large_file_that_is_told_to_be_empty_is_read_to_its_end() -> None:
    """The kernel's list of its names takes some MB."""
    tree = LocalTree("/proc", Rules(files_from=(b"kallsyms",)))
    found = scan(tree)[b"kallsyms"]
    with open("/proc/kallsyms", "rb") as file:
        wanted = file.read()
    assert found.size == 0
    assert len(wanted) > 1 << 20
    with pytest.raises(Grown):
        tree.read_small(found, 1 << 20)
    with tree.open_large(found) as large:
        assert read_large(large) == wanted
        assert not large.consistent()
        assert large.attributes().ctime_ns is None


def test_a_file_cut_short_while_it_is_read_is_not_taken_for_whole(base: bytes) -> None:
    write(base + b"/file", b"x" * 100_000)
    tree = LocalTree(base)
    found = scan(tree)[b"file"]
    with tree.open_large(found) as large:
        os.truncate(base + b"/file", 10)
        assert read_large(large) == b"x" * 10
        assert not large.consistent()


def test_what_is_added_to_a_large_file_while_it_is_read_waits_for_the_next_read(base: bytes) -> None:
    write(base + b"/file", b"x" * 100_000)
    tree = LocalTree(base)
    with tree.open_large(scan(tree)[b"file"]) as large, open(base + b"/file", "ab") as file:
        file.write(b"more")
        file.flush()
        assert read_large(large) == b"x" * 100_000
        assert not large.consistent()


def read_large(large: Large) -> bytes:
    read = bytearray()
    buffer = memoryview(bytearray(1 << 16))
    for run in large.runs():
        left = run.length
        large.seek(run.offset)
        while left and (count := large.readinto(buffer[: min(left, len(buffer))])):
            read += buffer[:count]
            left -= count
    return bytes(read)
