"""What is brought back equals what was read, in all that the system lets us set."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from msgspec.structs import replace
from oddities import ACL, plant_odd_things

from bakup.errors import Failed
from bakup.model import Attributes, Dir, Kind, SpecialType, Symlink
from bakup.source import paths
from bakup.source.applying import NOTED, Skipped
from bakup.source.destination import Destination
from bakup.source.places import Places, temporary_name
from bakup.source.tree import LocalTree

Unprivileged = Callable[[], AbstractContextManager[None]]
Facts = Callable[[bytes], dict[bytes, tuple[object, ...]]]

ROOT = os.geteuid() == 0
HERE = Attributes(0o644, os.geteuid(), os.getegid(), mtime_ns=1_000_000_000_000_000_001)


def read(path: bytes) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def write(path: bytes, content: bytes = b"x") -> None:
    with open(path, "wb") as file:
        file.write(content)


def leftovers(root: bytes) -> list[bytes]:
    return [name for _, _, names in os.walk(root) for name in names if name.startswith(b".bakup-")]


def bring_back(source: bytes, out: bytes) -> Destination:
    """The whole of what a restore does, in its order."""
    tree = LocalTree(source)
    entries = list(tree.entries())
    first: dict[int, bytes] = {}
    links: list[tuple[bytes, bytes]] = []
    destination = Destination(out)
    for found in entries:
        if found.kind == Kind.DIR:
            destination.make_dir(found.path)
    for found in entries:
        group = tree.attributes(found).link_group
        if group is not None and first.setdefault(group, found.path) != found.path:
            links.append((found.path, first[group]))
        elif found.kind == Kind.FILE:
            small = tree.read_small(found)
            destination.write_whole(found.path, small.data, small.attributes)
        elif found.kind != Kind.DIR:
            entry = tree.entry(found)
            if isinstance(entry, Symlink):
                destination.symlink(entry.path, entry.target, entry.attributes)
            elif not isinstance(entry, Dir):
                destination.special(entry.path, entry.special, entry.device, entry.attributes)
    for path, to in links:
        destination.hard_link(path, to)
    folders = [found for found in entries if found.kind == Kind.DIR]
    destination.finish_dirs((found.path, tree.attributes(found)) for found in reversed(folders))
    return destination


def test_odd_things_come_back_as_they_were(base: bytes, facts: Facts) -> None:
    os.mkdir(base + b"/tree")
    plant_odd_things(base + b"/tree")
    expected = facts(base + b"/tree")
    with bring_back(base + b"/tree", base + b"/out") as destination:
        assert destination.problems == []
        assert destination.skipped.pairs() == ()
    assert facts(base + b"/out") == expected
    assert len(expected) > 40
    assert not leftovers(base + b"/out")


def test_again_over_what_is_there(base: bytes, facts: Facts) -> None:
    os.mkdir(base + b"/tree")
    plant_odd_things(base + b"/tree")
    for _ in range(2):
        with bring_back(base + b"/tree", base + b"/out") as destination:
            assert destination.problems == []
    assert facts(base + b"/out") == facts(base + b"/tree")


def test_paths_longer_than_a_call_takes(base: bytes) -> None:
    name = b"n" * 250
    path = b"/".join([name] * 40)
    with Destination(base + b"/out") as destination:
        assert destination.make_dir(path)
        assert destination.write_whole(path + b"/file", b"deep", HERE)
        assert destination.symlink(path + b"/link", b"file", HERE)
        assert destination.hard_link(b"near", path + b"/file")
        assert destination.compare(path + b"/file", Kind.FILE, 4, HERE.mtime_ns) == "equal"
        part = destination.begin_file(path + b"/large", 10)
        assert part
        assert destination.make_dir(b"elsewhere/" + path)
        part.write_at(5, b"12345")
        assert part.finish(HERE)
        assert destination.finish_dir(path, replace(HERE, mode=0o500))
    assert read(base + b"/out/near") == b"deep"
    tree = LocalTree(base + b"/out")
    found = {item.path: item for item in tree.entries()}
    assert tree.read_small(found[path + b"/large"]).data == bytes(5) + b"12345"
    assert found[path].stat.st_mode & 0o777 == 0o500
    assert len(path) > 2 * paths.LONGEST


def test_the_umask_has_no_say(base: bytes) -> None:
    before = os.umask(0o077)
    try:
        with Destination(base + b"/out") as destination:
            destination.write_whole(b"file", b"x", replace(HERE, mode=0o666))
    finally:
        os.umask(before)
    assert os.stat(base + b"/out/file").st_mode & 0o777 == 0o666


def test_acls_of_the_folder_around_are_not_inherited(base: bytes) -> None:
    os.mkdir(base + b"/out")
    os.setxattr(base + b"/out", b"system.posix_acl_default", ACL)
    with Destination(base + b"/out") as destination:
        destination.write_whole(b"file", b"x", HERE)
        destination.make_dir(b"folder")
        part = destination.begin_file(b"part", 1)
        assert part
        assert part.finish(HERE)
        destination.finish_dir(b"folder", replace(HERE, mode=0o750))
    for name, mode in ((b"file", 0o644), (b"part", 0o644), (b"folder", 0o750)):
        assert os.listxattr(base + b"/out/" + name) == []
        assert os.stat(base + b"/out/" + name).st_mode & 0o777 == mode


def test_acls_that_the_root_has_of_its_own_give_way(base: bytes) -> None:
    os.mkdir(base + b"/out")
    os.setxattr(base + b"/out", b"system.posix_acl_access", ACL)
    with Destination(base + b"/out") as destination:
        destination.write_whole(b"file", b"x", HERE)
        destination.finish_dir(b"", replace(HERE, mode=0o755))
    assert os.listxattr(base + b"/out") == []
    assert os.stat(base + b"/out").st_mode & 0o777 == 0o755


def test_the_group_of_a_setgid_folder_is_not_inherited(base: bytes) -> None:
    os.mkdir(base + b"/out")
    if ROOT:
        os.chown(base + b"/out", -1, 4_000_000)
    os.chmod(base + b"/out", 0o2755)
    with Destination(base + b"/out") as destination:
        destination.write_whole(b"file", b"x", HERE)
        destination.symlink(b"link", b"x", HERE)
    assert os.lstat(base + b"/out/file").st_gid == os.lstat(base + b"/out/link").st_gid == os.getegid()


def test_an_owner_is_known_by_name_first(base: bytes) -> None:
    me = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    with Destination(base + b"/out") as destination:
        destination.write_whole(b"file", b"x", replace(HERE, uid=4_000_000, user=me))
        assert destination.skipped.pairs() == ()
    assert os.stat(base + b"/out/file").st_uid == os.geteuid()


def test_what_only_root_may_set_is_named_and_setuid_dropped(base: bytes, unprivileged: Unprivileged) -> None:
    os.mkdir(base + b"/out")
    os.chmod(base + b"/out", 0o777)
    foreign = replace(HERE, mode=0o6755, uid=4_000_000, gid=4_000_001, xattrs=((b"trusted.x", b"1"),))
    with unprivileged(), Destination(base + b"/out") as destination:
        assert destination.write_whole(b"file", b"x", foreign)
        assert destination.symlink(b"link", b"x", foreign)
        assert not destination.special(b"device", SpecialType.BLOCK, 7 << 32, foreign)
        assert destination.problems == [(b"device", "operation not permitted")]
        assert destination.skipped.pairs() == (
            (b"file", "owner: operation not permitted"),
            (b"link", "owner: operation not permitted"),
            (b"file", "extended attribute trusted.x: operation not permitted"),
        )
    now = os.stat(base + b"/out/file")
    assert now.st_mode & 0o7777 == 0o755
    assert now.st_mtime_ns == foreign.mtime_ns
    assert not leftovers(base + b"/out")


def test_files_of_a_mode_without_rights_keep_their_extended_attributes(base: bytes, unprivileged: Unprivileged) -> None:
    os.mkdir(base + b"/out")
    os.chmod(base + b"/out", 0o777)
    with unprivileged(), Destination(base + b"/out") as destination:
        mine = Attributes(0o444, os.geteuid(), os.getegid(), xattrs=((b"user.x", b"1"),))
        assert destination.write_whole(b"file", b"x", mine)
        assert destination.skipped.pairs() == ()
    assert os.getxattr(base + b"/out/file", b"user.x") == b"1"
    assert os.stat(base + b"/out/file").st_mode & 0o777 == 0o444


def test_what_is_skipped_is_bounded_and_adds_up() -> None:
    one, other = Skipped(), Skipped()
    for number in range(NOTED):
        one.note(b"%d" % number, "owner")
    other.note(b"more", "owner")
    other.note(b"more", "flags")
    one.merge(other)
    assert one.counts == {"owner": NOTED + 1, "flags": 1}
    assert len(one.pairs()) == NOTED + 1


def test_inode_flags_come_last(base: bytes) -> None:
    with Destination(base + b"/out") as destination:
        destination.write_whole(b"file", b"x", HERE)
        destination.make_dir(b"folder")
        assert destination.set_flags(b"file", 0x40)
        assert destination.set_flags(b"folder", 0x40 | 0x80)
        assert not destination.set_flags(b"absent", 0x40)
    tree = LocalTree(base + b"/out")
    found = {item.path: tree.attributes(item).inode_flags for item in tree.entries()}
    assert found == {b"": None, b"file": 0x40, b"folder": 0xC0}


def test_compare(base: bytes) -> None:
    os.mkdir(base + b"/out")
    write(base + b"/out/file", b"12345")
    os.utime(base + b"/out/file", ns=(0, 1001))
    os.symlink(b"target", base + b"/out/link")
    os.mkdir(base + b"/out/folder")
    os.mkfifo(base + b"/out/fifo")
    with Destination(base + b"/out") as destination:
        compare = destination.compare
        assert compare(b"file", Kind.FILE, 5, 1001) == "equal"
        assert compare(b"file", Kind.FILE, 5, 1002) == "older"
        assert compare(b"file", Kind.FILE, 5, 1000) == "newer"
        assert compare(b"file", Kind.FILE, 6, 1001) == "newer", "nothing replaces it unasked"
        assert compare(b"file", Kind.DIR, 0, 1000) == "other kind"
        assert compare(b"absent", Kind.FILE, 5, 1000) == "absent"
        assert compare(b"absent/file", Kind.FILE, 5, 1000) == "absent"
        assert compare(b"file/file", Kind.FILE, 5, 1000) == "other kind"
        assert compare(b"link/file", Kind.FILE, 5, 1000) == "other kind"
        assert compare(b"link", Kind.SYMLINK, 0, 0, target=b"target") == "equal"
        assert compare(b"link", Kind.SYMLINK, 0, 0, target=b"other") == "newer"
        assert compare(b"folder", Kind.DIR, 0, 0) == compare(b"", Kind.DIR, 0, 0) == "equal"
        assert compare(b"fifo", Kind.SPECIAL, 0, 0, special=(SpecialType.FIFO, 0)) == "equal"
        assert compare(b"fifo", Kind.SPECIAL, 0, 0, special=(SpecialType.SOCKET, 0)) == "newer"
        assert compare(b"fifo", Kind.SPECIAL, 0, 1 << 62, special=(SpecialType.BLOCK, 5)) == "older"
    assert sorted(os.listdir(base + b"/out")) == [b"fifo", b"file", b"folder", b"link"]


@pytest.mark.parametrize(
    ("held", "state"),
    [
        (1_700_000_001_987_654_300, "equal"),
        (1_700_000_001_980_000_000, "equal"),
        (1_700_000_001_000_000_000, "equal"),
        (1_700_000_000_000_000_000, "equal"),
        (1_700_000_001_987_654_320, "older"),
        (1_700_000_002_000_000_000, "newer"),
    ],
)
def test_times_as_file_systems_keep_them(base: bytes, held: int, state: str) -> None:
    write(base + b"/file")
    os.utime(base + b"/file", ns=(held, held))
    with Destination(base) as destination:
        assert destination.compare(b"file", Kind.FILE, 1, 1_700_000_001_987_654_321) == state


def test_a_file_where_a_folder_should_be_gives_way_only_when_told(base: bytes) -> None:
    os.mkdir(base + b"/out")
    write(base + b"/out/path")
    with Destination(base + b"/out") as destination:
        assert not destination.make_dir(b"path")
        assert destination.problems == [(b"path", "a file is where a folder should be")]
        assert destination.make_dir(b"path", replace=True)
        assert destination.make_dir(b"path", replace=True)
    assert os.path.isdir(base + b"/out/path")


def test_a_folder_is_never_replaced_by_a_file(base: bytes) -> None:
    os.makedirs(base + b"/out/path")
    write(base + b"/out/path/precious")
    with Destination(base + b"/out") as destination:
        assert not destination.write_whole(b"path", b"x", HERE)
        assert not destination.symlink(b"path", b"x", HERE)
        part = destination.begin_file(b"path", 1)
        assert part
        assert not part.finish(HERE)
        assert [path for path, _ in destination.problems] == [b"path"] * 3
    assert read(base + b"/out/path/precious") == b"x"
    assert not leftovers(base + b"/out")


def test_leftovers_of_a_killed_restore_are_removed_and_those_of_a_living_one_stay(base: bytes) -> None:
    os.makedirs(base + b"/out/folder")
    child = os.fork()
    if not child:
        write(base + b"/out/folder/" + temporary_name())
        os._exit(0)
    os.waitpid(child, 0)
    ours = temporary_name()
    write(base + b"/out/folder/" + ours)
    write(base + b"/out/folder/.bakup-notes.part")
    with Destination(base + b"/out") as destination:
        destination.make_dir(b"folder")
    assert sorted(os.listdir(base + b"/out/folder")) == sorted([ours, b".bakup-notes.part"])


def test_workers_after_a_fork(base: bytes) -> None:
    destination = Destination(base + b"/out")
    destination.make_dir(b"folder")
    children = []
    for worker in range(3):
        child = os.fork()
        if not child:
            done = [destination.write_whole(b"folder/%d-%d" % (worker, n), b"%d" % n, HERE) for n in range(200)]
            os._exit(0 if all(done) else 1)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    destination.close()
    assert len(os.listdir(base + b"/out/folder")) == 600


def test_an_error_that_would_meet_every_path_is_raised_with_the_path(base: bytes) -> None:
    places = Places(base, "bytes")
    with open("/dev/full", "wb", buffering=0) as full, pytest.raises(OSError, match="No space") as no_space:
        full.write(b"x")
    with pytest.raises(Failed, match=r"cannot write /tmp/.*/file: no space left on device") as failed:
        places.refuse(b"file", no_space.value)
    assert failed.value.code == "no-space"
    assert failed.value.hints
    assert not places.problems
    places.folders.close()


FULL_DISK = """
import os, sys
from bakup.errors import Failed
from bakup.model import Attributes
from bakup.source.destination import Destination
here = Attributes(0o644, os.geteuid(), os.getegid())
with Destination(sys.argv[1]) as destination:
    part = destination.begin_file(b"large", 1 << 30)
    for number in range(1000):
        try:
            destination.write_whole(b"%d" % number, bytes(102_400), here)
        except Failed as failed:
            print(failed.message)
            break
    try:
        part.write_at(0, bytes(1 << 20))
    except Failed as failed:
        print(failed.message)
    print(part.abandon(), sorted(os.listdir(sys.argv[1])))
"""


@pytest.mark.peer
def test_a_disk_that_fills_up(base: bytes) -> None:
    """On a file system of 1 MiB, which only this test's own mount namespace sees."""
    shell = 'mount -t tmpfs -o size=1m none "$1" && exec "$2" -c "$3" "$1"'
    command = ["unshare", "-m" if ROOT else "-rm", "sh", "-c", shell, "sh", os.fsdecode(base), sys.executable]
    ran = subprocess.run([*command, FULL_DISK], capture_output=True, text=True, check=True, timeout=60)
    first, second, last = ran.stdout.splitlines()
    assert first == f"cannot write {os.fsdecode(base)}/10: no space left on device"
    assert second == f"cannot write {os.fsdecode(base)}/large: no space left on device"
    assert last == f"None {[str(number) for number in range(10)]}"


def test_a_root_that_cannot_be_written_to(base: bytes, unprivileged: Unprivileged) -> None:
    os.mkdir(base + b"/closed", 0o700 if ROOT else 0o500)
    with unprivileged(), pytest.raises(Failed, match=r"cannot write to .*/closed/out: permission denied"):
        Destination(base + b"/closed/out")


def test_a_system_without_descriptors_is_told(base: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "DESCRIPTORS", False)
    with pytest.raises(Failed, match="not possible on this system"):
        Destination(base + b"/out")


def test_names_that_a_system_cannot_hold_are_escaped(base: bytes) -> None:
    with Destination(base + b"/out", "windows") as destination:
        destination.make_dir(b"what?")
        destination.write_whole(b"what?/nul.txt", b"x", HERE)
        assert destination.compare(b"what?/nul.txt", Kind.FILE, 1, HERE.mtime_ns) == "equal"
    assert os.listdir(base + b"/out/what%3F") == [b"%6Eul.txt"]
    shutil.rmtree(base + b"/out")
