"""A file that comes in pieces has its name when it is whole, and else none, or one that says so."""

from __future__ import annotations

import os

import pytest
from msgspec.structs import replace

from bakup.destination.folder import partfile
from bakup.destination.folder.folder import Destination
from bakup.model import Attributes

HERE = Attributes(0o644, os.geteuid(), os.getegid(), mtime_ns=1_000_000_000_000_000_001)


def read(path: bytes) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def test_a_file_in_pieces(base: bytes) -> None:
    with Destination(base + b"/out") as destination:
        part = destination.begin_file(b"folder/file", 1 << 20)
        assert part
        part.write_at(700_000, b"end")
        part.write_at(5, memoryview(b"start"))
        assert not os.path.exists(base + b"/out/folder/file")
        assert part.finish(replace(HERE, mode=0o4640, xattrs=((b"user.x", b"1"),)))
    now = os.stat(base + b"/out/folder/file")
    assert read(base + b"/out/folder/file")[:10] == bytes(5) + b"start"
    assert (now.st_size, now.st_mode & 0o7777, now.st_mtime_ns) == (1 << 20, 0o4640, HERE.mtime_ns)
    assert now.st_blocks * 512 < now.st_size, "holes are holes"
    assert os.getxattr(base + b"/out/folder/file", b"user.x") == b"1"
    assert os.listdir(base + b"/out/folder") == [b"file"]


def test_more_files_in_pieces_than_descriptors(base: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partfile, "OPEN", 3)
    before = len(os.listdir("/proc/self/fd"))
    with Destination(base + b"/out") as destination:
        parts = [destination.begin_file(b"%d/file" % number, 2) for number in range(10)]
        for offset in range(2):
            for number, part in enumerate(parts):
                assert part
                part.write_at(offset, b"%d" % number)
        assert len(os.listdir("/proc/self/fd")) <= before + 1 + 10 + 3
        assert all(part and part.finish(HERE) for part in parts)
    assert [read(base + b"/out/%d/file" % number) for number in range(10)] == [b"%d%d" % (n, n) for n in range(10)]
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_file_that_is_abandoned_leaves_nothing(base: bytes) -> None:
    with Destination(base + b"/out") as destination:
        part = destination.begin_file(b"file", 10)
        assert part
        part.write_at(0, b"x")
        part.abandon()
    assert os.listdir(base + b"/out") == []


def test_what_is_left_of_a_file_is_kept_with_its_ranges(base: bytes) -> None:
    with Destination(base + b"/out") as destination:
        for name in (b"folder/file", b"n" * 255):
            part = destination.begin_file(name, 100)
            assert part
            part.write_at(10, b"x" * 20)
            kept = part.keep_partial([(10, 20)])
            assert kept
            assert read(base + b"/out/" + kept) == bytes(10) + b"x" * 20 + bytes(70)
            assert read(base + b"/out/" + kept + b".ranges") == b"10 20\n"
    assert sorted(os.listdir(base + b"/out/folder")) == [b"file.part", b"file.part.ranges"]


def test_what_is_left_of_a_file_does_not_replace_another(base: bytes) -> None:
    with Destination(base + b"/out") as destination:
        destination.write_whole(b"file.part", b"by that name", HERE)
        for _ in range(2):
            part = destination.begin_file(b"file", 1)
            assert part
            assert part.keep_partial([]) == b"file.part2"
    assert read(base + b"/out/file.part") == b"by that name"
