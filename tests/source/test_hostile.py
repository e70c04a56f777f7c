"""A target may lie about paths, and others may write where we restore: nothing leaves the root."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bakup.destination.folder.folder import Destination
from bakup.model import Attributes, SpecialType

HERE = Attributes(0o644, os.geteuid(), os.getegid(), mtime_ns=1)
Make = Callable[[Destination, bytes], bool]

MAKERS: dict[str, Make] = {
    "file": lambda destination, path: destination.write_whole(path, b"hostile", HERE),
    "part": lambda destination, path: destination.begin_file(path, 1) is not None,
    "folder": lambda destination, path: destination.make_dir(path),
    "replaced": lambda destination, path: destination.make_dir(path, replace=True),
    "link": lambda destination, path: destination.symlink(path, b"/etc/passwd", HERE),
    "special": lambda destination, path: destination.special(path, SpecialType.FIFO, 0, HERE),
    "attributes": lambda destination, path: destination.finish_dir(path, HERE),
    "flags": lambda destination, path: destination.set_flags(path, 0x40),
}

LINKERS: dict[str, Callable[[Destination, bytes], bool]] = {
    "hard link": lambda destination, path: destination.hard_link(path, b"inside"),
    "to": lambda destination, path: destination.hard_link(b"new", path),
}

BAD = [b"/etc/x", b"../x", b"a/../../x", b"a/..", b".", b"..", b"a//b", b"a/", b"a/./b", b"a\0b", b"a/b\0/c"]


@pytest.fixture
def out(base: bytes) -> bytes:
    os.mkdir(base + b"/outside")
    os.mkdir(base + b"/out")
    with open(base + b"/outside/secret", "wb") as file:
        file.write(b"untouched")
    with open(base + b"/out/inside", "wb") as file:
        file.write(b"inside")
    return base + b"/out"


def untouched(out: bytes) -> bool:
    outside = os.path.dirname(out) + b"/outside"
    with open(outside + b"/secret", "rb") as file:
        same = file.read() == b"untouched"
    now = os.stat(outside + b"/secret")
    return same and os.listdir(outside) == [b"secret"] and now.st_nlink == 1 and now.st_mtime_ns > 1


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("path", BAD)
def test_paths_that_leave_the_root_are_refused_and_named(out: bytes, maker: str, path: bytes) -> None:
    with Destination(out) as destination:
        assert not MAKERS[maker](destination, path)
        assert destination.problems == [(path, "is not a path inside the destination")]
    assert untouched(out)
    assert sorted(os.listdir(os.path.dirname(out))) == [b"out", b"outside"]


@pytest.mark.parametrize("linker", LINKERS)
@pytest.mark.parametrize("path", [*BAD, b"way/secret"])
def test_hard_links_out_of_the_root_are_not_made(out: bytes, linker: str, path: bytes) -> None:
    os.symlink(b"../outside", out + b"/way")
    with Destination(out) as destination:
        assert not LINKERS[linker](destination, path)
    assert untouched(out)
    assert sorted(os.listdir(out)) == [b"inside", b"way"]


@pytest.mark.parametrize("maker", MAKERS)
def test_a_link_on_the_way_is_refused_and_named(out: bytes, maker: str) -> None:
    os.symlink(b"../outside", out + b"/way")
    with Destination(out) as destination:
        assert not MAKERS[maker](destination, b"way/deep/secret")
        assert not MAKERS[maker](destination, b"way/secret")
        assert {reason for _, reason in destination.problems} == {"a symbolic link is on the way"}
    assert untouched(out)


@pytest.mark.parametrize("maker", ["file", "link", "special", "hard link"])
def test_a_link_at_the_path_is_replaced_not_followed(out: bytes, maker: str) -> None:
    os.symlink(b"../outside/secret", out + b"/path")
    with Destination(out) as destination:
        assert (MAKERS | LINKERS)[maker](destination, b"path")
    assert os.path.lexists(out + b"/path")
    assert not os.path.islink(out + b"/path") or os.readlink(out + b"/path") == b"/etc/passwd"
    assert untouched(out)


def test_a_link_at_the_path_of_a_folder_is_not_followed(out: bytes) -> None:
    os.symlink(b"../outside", out + b"/path")
    with Destination(out) as destination:
        assert not destination.make_dir(b"path")
        assert not destination.finish_dir(b"path", HERE)
        assert not destination.set_flags(b"path", 0x40)
        assert destination.make_dir(b"path", replace=True)
        assert destination.write_whole(b"path/secret", b"inside now", HERE)
    assert untouched(out)


def test_a_link_that_was_restored_is_not_followed(out: bytes) -> None:
    with Destination(out) as destination:
        assert destination.symlink(b"way", b"../outside", HERE)
        assert not destination.write_whole(b"way/secret", b"hostile", HERE)
    assert untouched(out)


def test_a_folder_that_is_swapped_for_a_link_meanwhile_is_not_followed(out: bytes) -> None:
    with Destination(out) as destination:
        assert destination.make_dir(b"way/deep")
        part = destination.begin_file(b"way/deep/secret", 7)
        assert part
        os.rename(out + b"/way", out + b"/moved")
        os.symlink(b"../outside", out + b"/way")
        for number in range(100):
            destination.make_dir(b"other%d" % number)
        part.write_at(0, b"hostile")
        assert not part.finish(HERE)
        assert not destination.write_whole(b"way/secret", b"hostile", HERE)
    assert untouched(out)


def test_a_hard_link_to_what_a_link_points_at_is_not_made(out: bytes) -> None:
    os.symlink(b"../outside/secret", out + b"/way")
    with Destination(out) as destination:
        assert destination.hard_link(b"path", b"way")
    assert os.path.islink(out + b"/path")
    assert untouched(out)


@pytest.mark.parametrize("name", [b"n" * 256, b"n" * 100_000])
def test_names_that_no_system_holds_are_named_not_fatal(out: bytes, name: bytes) -> None:
    with Destination(out) as destination:
        assert not destination.write_whole(name, b"x", HERE)
        assert not destination.make_dir(name)
        assert not destination.symlink(b"fine", b"t" * 100_000, HERE)
        assert [reason for _, reason in destination.problems] == ["file name too long"] * 3
    assert os.listdir(out) == [b"inside"]


def test_values_beyond_what_systems_take(out: bytes) -> None:
    wild = Attributes(0xFFFF_FFFF, 2**32 - 2, 2**32 - 2, "root\0x", "\ud800", (1 << 63) - 1, xattrs=((b"", b""),))
    with Destination(out) as destination:
        destination.write_whole(b"file", b"x", wild)
        destination.special(b"device", SpecialType.BLOCK, 2**64 - 1, wild)
        destination.special(b"kind", 9, 0, wild)
        destination.set_flags(b"inside", 2**32 - 1)
        part = destination.begin_file(b"huge", 2**63)
        if part:
            assert not part.finish(HERE)


pieces = st.sampled_from([b"a", b"b", b"..", b".", b"", b"way", b"inside", b"\0", b"n" * 300])


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=st.lists(st.tuples(st.sampled_from(sorted(MAKERS)), st.lists(pieces, max_size=4)), max_size=6))
def test_whatever_is_asked_for_stays_inside(out: bytes, made: list[tuple[str, list[bytes]]]) -> None:
    os.chmod(out, 0o755)
    if not os.path.lexists(out + b"/way"):
        os.symlink(b"../outside", out + b"/way")
    with Destination(out) as destination:
        for maker, path in made:
            MAKERS[maker](destination, b"/".join(path))
    assert untouched(out)
    assert sorted(os.listdir(os.path.dirname(out))) == [b"out", b"outside"]
