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

from bakup.destination.folder.folder import Destination
from bakup.destination.folder.temporary import Places
from bakup.destination.folder.unfinished import RestoreRun
from bakup.destination.skipped import NOTED, Skipped
from bakup.errors import Failed
from bakup.model import Attributes, Dir, Kind, SpecialType, Symlink
from bakup.source.tree import paths
from bakup.source.tree.tree import LocalTree

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
    for found in reversed(entries):
        if found.kind == Kind.DIR:
            destination.finish_dir(found.path, tree.attributes(found))
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
            (b"link", "extended attribute trusted.x: operation not permitted"),
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


def killed(root: bytes, records: str, folder: bytes) -> bytes:
    """What a restore has left in a folder of `root` when it was killed there."""
    here, there = os.pipe()
    child = os.fork()
    if not child:
        name = folder + b"/" + RestoreRun(root, records).temporary_name()
        write(root + b"/" + name)
        os.write(there, name)
        os._exit(0)
    os.waitpid(child, 0)
    return os.read(here, 1000)


def test_leftovers_of_killed_restores_are_known_by_their_records(base: bytes) -> None:
    out, records = base + b"/out", os.fsdecode(base + b"/records")
    os.makedirs(out + b"/folder")
    os.makedirs(base + b"/other")
    left, spared = killed(out, records, b"folder"), killed(out, records, b"folder")
    of_another = killed(base + b"/other", records, b".")
    living = RestoreRun(out, records)
    others = [living.temporary_name(), b".bakup-fffff0-00000000abcd.part", b".bakup-notes.part", of_another[2:]]
    for name in others:
        write(out + b"/folder/" + name)
    for scope, stays in ((b"other", False), (b"", False)):
        run = RestoreRun(out, records, scope)
        with Destination(out, run=run, spared=lambda path: path == spared) as destination:
            destination.make_dir(b"folder")
        run.end(well=True)
        assert os.path.exists(out + b"/" + left) == stays
    assert sorted(os.listdir(out + b"/folder")) == sorted([spared[7:], *others])
    living.end(well=False)
    assert len(os.listdir(records)) == 2, "the one that did not end well, and that of the other folder"


def test_what_a_killed_restore_has_made_is_known(base: bytes) -> None:
    records = os.fsdecode(base + b"/records")
    os.makedirs(base + b"/out/stood")
    child = os.fork()
    if not child:
        Destination(base + b"/out", run=RestoreRun(base + b"/out", records)).make_dir(b"stood/new")
        os._exit(0)
    os.waitpid(child, 0)
    with Destination(base + b"/out", run=RestoreRun(base + b"/out", records)) as destination:
        assert [destination.made(path) for path in (b"", b"stood", b"stood/new")] == [False, False, True]
        os.chmod(base + b"/out/stood/new", 0o755)
        assert not destination.made(b"stood/new"), "somebody gave it a mode meanwhile"


def test_nothing_is_touched_that_is_equal(base: bytes, facts: Facts) -> None:
    os.mkdir(base + b"/tree")
    plant_odd_things(base + b"/tree")
    bring_back(base + b"/tree", base + b"/out").close()
    tree = LocalTree(base + b"/tree")
    before = [os.lstat(base + b"/out/" + found.path).st_ctime_ns for found in tree.entries()]
    with Destination(base + b"/out") as destination:
        for found in tree.entries():
            assert not destination.differs(found.path, tree.attributes(found)), found.path
            assert destination.amend(found.path, tree.attributes(found))
        assert destination.skipped.pairs() == ()
    assert [os.lstat(base + b"/out/" + found.path).st_ctime_ns for found in tree.entries()] == before


@pytest.mark.parametrize("name", [b"folder", b"file", b"fifo", b"link"])
def test_what_differs_is_set_on_what_stands(base: bytes, name: bytes) -> None:
    os.mkdir(base + b"/folder")
    write(base + b"/file")
    os.mkfifo(base + b"/fifo")
    os.symlink(b"nowhere", base + b"/link")
    if name != b"link":
        os.setxattr(base + b"/" + name, b"system.posix_acl_access", ACL)
    special = ((b"trusted.x", b"1"),) if ROOT else ()
    wanted = Attributes(0o640, os.geteuid(), os.getegid(), mtime_ns=5, xattrs=special)
    if ROOT:
        wanted = replace(wanted, uid=4_000_000, gid=4_000_001)
    with Destination(base) as destination:
        assert destination.differs(name, wanted)
        assert destination.amend(name, wanted)
        assert not destination.differs(name, wanted)
        assert destination.skipped.pairs() == ()
    now = os.lstat(base + b"/" + name)
    assert (now.st_uid, now.st_gid, now.st_mtime_ns) == (wanted.uid, wanted.gid, 5)
    assert now.st_mode & 0o7777 == (0o777 if name == b"link" else 0o640)
    assert os.listxattr(base + b"/" + name, follow_symlinks=False) == [os.fsdecode(pair[0]) for pair in special]


def test_what_is_no_file_takes_acls_and_extended_attributes(base: bytes) -> None:
    """The default ACL of the folder around is not inherited."""
    os.mkdir(base + b"/out")
    os.setxattr(base + b"/out", b"system.posix_acl_default", ACL)
    acl = ((b"system.posix_acl_access", ACL),)
    trusted = ((b"trusted.x", b"1"),) if ROOT else ()
    with Destination(base + b"/out") as destination:
        for number, kind in enumerate((SpecialType.FIFO, SpecialType.SOCKET)):
            assert destination.special(b"plain%d" % number, kind, 0, replace(HERE, mode=0o620))
            assert destination.special(b"acl%d" % number, kind, 0, replace(HERE, mode=0o770, xattrs=acl + trusted))
        assert destination.symlink(b"link", b"x", replace(HERE, xattrs=trusted))
        assert destination.skipped.pairs() == ()
    for number in range(2):
        assert os.listxattr(base + b"/out/plain%d" % number) == []
        assert os.stat(base + b"/out/plain%d" % number).st_mode & 0o777 == 0o620
        assert os.getxattr(base + b"/out/acl%d" % number, b"system.posix_acl_access") == ACL
        assert len(os.listxattr(base + b"/out/acl%d" % number)) == 1 + len(trusted)
    assert len(os.listxattr(base + b"/out/link", follow_symlinks=False)) == len(trusted)


def test_a_folder_that_is_closed_to_us_is_opened_only_to_be_filled(base: bytes, unprivileged: Unprivileged) -> None:
    os.mkdir(base + b"/out")
    os.chmod(base + b"/out", 0o777)
    with unprivileged():
        for name in (b"filled", b"left"):
            os.mkdir(base + b"/out/" + name)
            write(base + b"/out/" + name + b"/stood")
            os.chmod(base + b"/out/" + name, 0o500)
        before = os.stat(base + b"/out/left").st_ctime_ns
        with Destination(base + b"/out") as destination:
            assert destination.make_dir(b"filled", filled=True)
            assert destination.make_dir(b"left", filled=False)
            assert destination.write_whole(b"filled/new", b"x", replace(HERE, uid=os.geteuid(), gid=os.getegid()))
        assert os.stat(base + b"/out/left").st_ctime_ns == before
        assert os.stat(base + b"/out/filled").st_mode & 0o777 == 0o500
        assert read(base + b"/out/filled/new") == b"x"


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
    places = Places(base, "bytes", RestoreRun(base))
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
from bakup.destination.folder.folder import Destination
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
