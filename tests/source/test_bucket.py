"""A store without servers, fsspec's own memory, as source and as a place to restore to."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import fsspec
import pytest

from bakup.destination.bucket.bucket import NO_LINKS, BucketDestination
from bakup.destination.bucket.standing import Standing
from bakup.destination.opening import OutPlace
from bakup.errors import Failed, Usage
from bakup.model import Attributes, Kind
from bakup.source.bucket.bucket import BucketSource
from bakup.source.interface import Found, Vanished
from bakup.source.opening import open_source
from bakup.source.tree.filters import Rules
from bakup.store.buckets.opening import open_bucket

FILES = {"a/b": b"one", "a/c/d": b"two", "a.txt": b"three", "z": b""}


@pytest.fixture(name="url")
def somewhere() -> Iterator[str]:
    """A place with `FILES`."""
    name = uuid.uuid4().hex
    filesystem = fsspec.filesystem("memory")
    for path, data in FILES.items():
        filesystem.pipe_file(f"/{name}/{path}", data)
    yield f"memory://{name}"
    filesystem.rm(f"/{name}", recursive=True)


def source(url: str, **rules: object) -> BucketSource:
    return BucketSource(open_bucket(url), Rules(**rules))  # type: ignore[arg-type]


def scanned(found: BucketSource) -> dict[bytes, Found]:
    return {one.path: one for one in found.entries()}


def test_entries_come_in_key_order_with_their_folders(url: str) -> None:
    found = list(source(url).entries())
    assert [(one.path, one.kind) for one in found] == [
        (b"", Kind.DIR),
        (b"a", Kind.DIR),
        (b"a/b", Kind.FILE),
        (b"a/c", Kind.DIR),
        (b"a/c/d", Kind.FILE),
        (b"a.txt", Kind.FILE),
        (b"z", Kind.FILE),
    ]
    assert [one.size for one in found if one.kind == Kind.FILE] == [3, 3, 5, 0]


def test_a_second_scan_is_the_same_and_an_attribute_says_what_it_saw(url: str) -> None:
    tree = source(url)
    first = scanned(tree)
    assert first == scanned(source(url))
    small = tree.read_small(first[b"a/b"])
    assert (small.data, small.changing) == (b"one", False)
    facts = small.attributes
    assert (facts.mtime_ns, facts.ctime_ns, facts.inode) == first[b"a/b"][3:6]


def test_what_is_announced_is_read(url: str) -> None:
    tree = source(url)
    found = scanned(tree)
    for one in found.values():
        tree.announce(one)
    assert tree.read_small(found[b"a.txt"]).data == b"three"
    assert tree.sample(found[b"a.txt"], 2) == b"th"
    tree.close()


def test_an_overwritten_object_is_read_as_it_is_now(url: str) -> None:
    tree = source(url)
    found = scanned(tree)[b"a/b"]
    fsspec.filesystem("memory").pipe_file(url.removeprefix("memory:/") + "/a/b", b"another")
    small = tree.read_small(found)
    assert (small.data, small.changing) == (b"another", False)
    assert small.attributes.mtime_ns != found.mtime_ns


def test_a_deleted_object_has_vanished(url: str) -> None:
    tree = source(url)
    found = scanned(tree)[b"a/b"]
    fsspec.filesystem("memory").rm_file(url.removeprefix("memory:/") + "/a/b")
    with pytest.raises(Vanished):
        tree.read_small(found)
    with pytest.raises(Vanished):
        tree.open_large(found)


def test_a_large_object_is_read_in_pieces(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bakup.source.bucket.file.PIECE", 2)
    tree = source(url)
    buffer = bytearray(9)
    with tree.open_large(scanned(tree)[b"a.txt"]) as file:
        [run] = file.runs()
        filled = 0
        while count := file.readinto(memoryview(buffer)[filled:]):
            filled += count
        assert (run.length, bytes(buffer[:filled])) == (5, b"three")
        assert file.consistent()
        assert file.attributes().ctime_ns is not None


@pytest.mark.parametrize(
    ("rules", "kept", "left"),
    [
        ({"patterns": ("a/c",)}, [b"a/b", b"a.txt", b"z"], {"a/c": 1}),
        ({"patterns": ("a", "!/a/c/d")}, [b"a/c/d", b"a.txt", b"z"], {"a": 1}),
        ({"patterns": ("*.txt",), "larger_than": 2}, [b"z"], {"*.txt": 1, "--exclude-larger-than": 2}),
        ({"files_from": (b"a/c", b"z")}, [b"a/c/d", b"z"], {}),
    ],
)
def test_rules_mean_what_they_mean_for_files(
    url: str, rules: dict[str, object], kept: list[bytes], left: dict[str, int]
) -> None:
    tree = source(url, **rules)
    assert [one.path for one in tree.entries() if one.kind == Kind.FILE] == kept
    assert {rule: one.files for rule, one in tree.excluded.items()} == left
    assert tree.missing == ()


def test_a_listed_path_that_is_not_there_is_missing(url: str) -> None:
    tree = source(url, files_from=(b"a/b", b"nowhere"))
    assert [one.path for one in tree.entries()] == [b"", b"a", b"a/b"]
    assert tree.missing == (b"nowhere",)


def test_a_place_that_is_not_there_is_refused() -> None:
    with pytest.raises(Failed, match="there is no memory://nowhere"):
        open_source(b"memory://nowhere", Rules(), {}, "/target")


def test_a_target_is_refused_as_a_source_and_left_out_inside_one(url: str) -> None:
    filesystem = fsspec.filesystem("memory")
    filesystem.pipe_file(url.removeprefix("memory:/") + "/a/x.bakup", b"BKUP...")
    inside = open_source(url.encode(), Rules(), {}, f"{url}/a")
    assert [one.path for one in inside.entries()] == [b"", b"a.txt", b"z"]
    with pytest.raises(Usage, match="is itself a target of bakup"):
        list(source(f"{url}/a").entries())
    filesystem.pipe_file(f"{url.removeprefix('memory:/')}/b/{'ab' * 32}.atbake", b"\x01\x01...")
    with pytest.raises(Usage, match="is an object of the layout atbak"):
        list(source(f"{url}/b").entries())


def test_what_is_put_is_there_and_links_are_named(url: str) -> None:
    place = OutPlace(url + "/out", {})
    assert place.is_empty()
    with BucketDestination(open_bucket(url + "/out")) as out:
        assert out.write_whole(b"x/y", b"data", Attributes())
        part = out.begin_file(b"big", 6)
        part.write_at(4, b"z")
        assert part.finish(Attributes())
        assert not out.symlink(b"link", b"x", Attributes())
        assert out.settle() == []
        assert (out.read(b"x/y", 1, 9), out.read(b"x/none", 0, 9)) == (b"ata", b"")
        assert out.hard_link(b"x/again", b"x/y")
        assert out.problems == [(b"link", NO_LINKS)]
    root = url.removeprefix("memory:/") + "/out"
    filesystem = fsspec.filesystem("memory")
    found = {path: filesystem.cat_file(path) for path in filesystem.find(root)}
    assert found == {f"{root}/x/y": b"data", f"{root}/x/again": b"data", f"{root}/big": b"\0\0\0\0z\0"}
    assert not place.is_empty()


def test_a_partial_file_keeps_its_ranges(url: str) -> None:
    with BucketDestination(open_bucket(url + "/out")) as out:
        part = out.begin_file(b"f", 4)
        part.write_at(0, b"ab")
        assert part.keep_partial([(0, 2)]) == b"f.part"
        out.settle()
        again = out.begin_file(b"f", 4)
        assert again.keep_partial([(0, 2)]) is None
    root = url.removeprefix("memory:/") + "/out"
    assert fsspec.filesystem("memory").cat_file(f"{root}/f.part.ranges") == b"0 2\n"


def test_one_object_is_a_source_of_one_file(url: str) -> None:
    tree = open_source(f"{url}/a.txt".encode(), Rules(), {}, "/target")
    for _ in range(2):
        found = list(tree.entries())
        assert [one.path for one in found] == [b"", b"a.txt"]
    assert tree.location == f"{url}/a.txt".encode()
    assert tree.read_small(found[1]).data == b"three"
    tree.close()


def test_what_has_no_time_is_not_older(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = open_bucket(url)
    told = list(bucket.list())
    for mtime_ns, state in ((0, "newer"), (1, "older"), (3, "newer")):
        monkeypatch.setattr(bucket, "list", lambda at=mtime_ns: iter([one._replace(mtime_ns=at) for one in told]))
        with ThreadPoolExecutor(1) as pool:
            standing = Standing(bucket, pool)
            assert standing.compare("a.txt", 9, 2, ()) == state
            standing.close()


def test_an_object_that_a_listing_misses_is_asked_for(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = source(url, patterns=("*.txt",))
    every = scanned(tree)
    monkeypatch.setattr(tree.bucket, "list", lambda: iter(()))
    assert [one.path for one in tree.entries()] == [b""]
    fsspec.filesystem("memory").rm(f"/{url.removeprefix('memory://')}/z")
    stood = [(b"a", Kind.DIR), (b"a/b", Kind.FILE), (b"a/c", Kind.DIR), (b"a/c/d", Kind.FILE), (b"a.txt", Kind.FILE)]
    found = tree.look([*stood, (b"z", Kind.FILE)], lambda path: iter([b"a/b", b"a/c/d"]))
    assert [one and one.path for one in found] == [b"a", b"a/b", b"a/c", b"a/c/d", None, None]
    assert found[1] == every[b"a/b"]


def test_a_folder_whose_objects_are_gone_is_gone(url: str) -> None:
    tree = source(url)
    list(tree.entries())
    fsspec.filesystem("memory").rm(f"/{url.removeprefix('memory://')}/a", recursive=True)
    stood = [(b"a", Kind.DIR), (b"a/b", Kind.FILE), (b"a/c", Kind.DIR), (b"a/c/d", Kind.FILE)]
    assert tree.look(stood, lambda path: iter([b"a/b", b"a/c/d"])) == [None] * 4
