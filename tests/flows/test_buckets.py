"""Buckets as sources and as places to restore to, against a real S3 API."""

from __future__ import annotations

import itertools
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import httpx
import pytest
from rig import Rig

from bakup.api.reports import RestoreReport, SyncReport
from bakup.errors import Failed
from bakup.source.bucket.bucket import BucketSource
from bakup.source.interface import Unreadable
from bakup.store.buckets.interface import Bucket, Pairs
from bakup.store.buckets.opening import open_bucket
from bakup.store.buckets.s3 import S3Bucket

pytestmark = pytest.mark.peer

ODD = (
    *("a//b", "a", "a/", "a//", "/lead", "//", "..", ".", "x/../y", "x/..", "%2F", "a%2F", "50%", "dir/"),
    *("ünï/çode", "w b+c?d=e&f#g", "back\\slash", " ", "tab\tbed", "a!", "a/b/c", "a" * 1000),
)
"""Keys that no file system would take, or that meet each other as files."""

MIB = 1 << 20


class Buckets:
    """Two buckets of a server, and the flows between them by way of a rig."""

    def __init__(self, served: Any, rig: Rig) -> None:
        self.options = dict(served.options)
        self.rig = rig
        self.source = self._bucket()
        self.back = self._bucket()

    def _bucket(self) -> Bucket:
        name = f"b{os.urandom(8).hex()}"
        self.raw("create_bucket", name)
        return open_bucket(f"s3://{name}", self.options)

    def raw(self, method: str, bucket: str, **arguments: Any) -> Any:
        """A request as it stands."""
        filesystem = fsspec.filesystem("s3", **self.options)
        return filesystem.call_s3(method, Bucket=bucket.removeprefix("s3://"), **arguments)

    def put(self, key: str, data: bytes = b"", **facts: str) -> None:
        """An object of the source; `content_type` is the fact `content-type`, `tag__x` is `tag.x`."""
        named = {name.replace("__", ".").replace("_", "-"): value for name, value in facts.items()}
        self.source.put(key, data, len(data), tuple(sorted(named.items())))

    def sync(self, **options: object) -> SyncReport:
        """Back the source up."""
        return self.rig.sync(self.source.url, source_options=self.options, **options)  # type: ignore[arg-type]

    def requests(self) -> list[dict[str, object]]:
        """What was asked of stores so far, a run each."""
        return [facts for name, facts in self.rig.watch.events if name == "requests"]

    def restore(self, *paths: bytes, **options: object) -> RestoreReport:
        """Bring all back into the other bucket."""
        return self.rig.restore(self.back.url, *paths, out_options=self.options, **options)[1]  # type: ignore[arg-type]


@pytest.fixture(name="buckets")
def two_buckets(fleet: Any, tmp_path: Path) -> Buckets:
    """Two empty buckets of moto."""
    return Buckets(fleet["moto"], Rig(tmp_path))


def contents(bucket: Bucket) -> dict[str, tuple[bytes, Pairs]]:
    """All objects with all their facts, but for what every put makes anew."""
    with ThreadPoolExecutor(8) as pool:
        fetched = pool.map(bucket.fetch, bucket.list())
        kept = ((one, tuple(pair for pair in one.pairs if pair[0] != "version")) for one in fetched)
        return {one.listed.key: (one.data, pairs) for one, pairs in kept}


def test_odd_keys_survive_store_to_target_to_store(buckets: Buckets) -> None:
    for key in ODD:
        buckets.put(key, b"" if key == "dir/" else key.encode(), content_type=f"text/{len(key)}", metadata__m="1")
    assert buckets.sync().sources[0].new.files == len(ODD) - 1  # one stands for a folder
    assert buckets.restore().causes == ()
    assert contents(buckets.back) == contents(buckets.source)


def test_ten_thousand_objects_come_back_equal(buckets: Buckets, capsys: pytest.CaptureFixture[str]) -> None:
    fill(buckets, 10_000)
    seconds = [timed(buckets.sync), timed(buckets.sync), timed(buckets.restore)]
    assert contents(buckets.back) == contents(buckets.source)
    first, again, restored = (facts for facts in buckets.requests() if facts["of"] != "target")
    assert (again["list"], again["get"]) == (11, 1)  # pages of 1,000, and whether it is there, and keeps versions
    assert restored["put"] == 10_000
    with capsys.disabled():
        print(f"\n10,000 objects: first, again, restore in {seconds} s:", first, again, restored, sep="\n")


def test_a_bucket_with_versions_is_read_as_it_was_listed(buckets: Buckets) -> None:
    buckets.raw("put_bucket_versioning", buckets.source.url, VersioningConfiguration={"Status": "Enabled"})
    buckets.put("kept", b"one")
    buckets.put("large", b"1" * 3 * MIB)
    buckets.put("deleted", b"gone")
    buckets.raw("delete_object", buckets.source.url, Key="deleted")
    tree = BucketSource(open_bucket(buckets.source.url, buckets.options))
    found = {one.path: one for one in tree.entries()}
    assert set(found) == {b"", b"kept", b"large"}
    buckets.put("kept", b"another")
    buckets.put("large", b"2" * 3 * MIB)
    assert tree.read_small(found[b"kept"]).data == b"one"
    with tree.open_large(found[b"large"]) as file:
        buffer = memoryview(bytearray(MIB))
        assert file.readinto(buffer) == MIB
        assert bytes(buffer) == b"1" * MIB
        assert file.consistent()
    tree.close()


@pytest.mark.parametrize("server", ["moto", "ceph"])
def test_what_a_bucket_held_before_it_kept_versions_is_read_as_it_was_listed(
    fleet: Any, tmp_path: Path, server: str
) -> None:
    buckets = Buckets(fleet[server], Rig(tmp_path))
    kept = {"deleted": b"one", "large": b"1" * 3 * MIB, "small": b"one"}
    for key, data in kept.items():
        buckets.put(key, data, metadata__m="1")
    buckets.raw("put_bucket_versioning", buckets.source.url, VersioningConfiguration={"Status": "Enabled"})
    tree = BucketSource(open_bucket(buckets.source.url, buckets.options))
    found = {os.fsdecode(one.path): one for one in tree.entries() if one.path}
    buckets.put("large", b"2" * 3 * MIB)
    buckets.put("small", b"another")
    buckets.raw("delete_object", buckets.source.url, Key="deleted")
    for key in ("deleted", "small"):
        small = tree.read_small(found[key])
        assert (small.data, small.attributes.inode) == (kept[key], found[key].inode)
        assert ("metadata.m", b"1") in small.attributes.facts
    with tree.open_large(found["large"]) as file:
        buffer = memoryview(bytearray(MIB))
        assert file.readinto(buffer) == MIB
        assert bytes(buffer) == b"1" * MIB
        assert file.consistent()
    tree.close()


def test_without_versions_a_large_object_that_changes_is_noticed(buckets: Buckets) -> None:
    buckets.put("large", b"1" * 3 * MIB)
    tree = BucketSource(open_bucket(buckets.source.url, buckets.options))
    found = {one.path: one for one in tree.entries()}
    with tree.open_large(found[b"large"]) as file:
        buckets.put("large", b"2" * 3 * MIB)
        assert file.readinto(memoryview(bytearray(MIB))) == 0
        assert not file.consistent()
        with pytest.raises(Unreadable, match="never came whole"):
            file.attributes()
    tree.close()


def test_archived_objects_are_named_until_they_can_be_read(buckets: Buckets) -> None:
    buckets.put("cold", b"cold", storage_class="GLACIER")
    buckets.put("warm", b"warm")
    [source] = buckets.sync().sources
    assert [(one.path, one.reason) for one in source.unreadable] == [(b"cold", "in an archive tier: GLACIER")]
    assert source.new.files == 1
    buckets.put("cold", b"cold")
    assert buckets.sync().sources[0].new.files == 1


def test_an_object_that_moved_to_an_archive_after_it_was_stored_is_unchanged(buckets: Buckets) -> None:
    buckets.put("x", b"x")
    buckets.sync()
    buckets.raw(
        "copy_object",
        buckets.source.url,
        Key="x",
        CopySource={"Bucket": buckets.source.url.removeprefix("s3://"), "Key": "x"},
        StorageClass="GLACIER",
        MetadataDirective="COPY",
    )
    tree = BucketSource(open_bucket(buckets.source.url, buckets.options))
    found = {one.path: one for one in tree.entries()}[b"x"]
    with pytest.raises(Unreadable, match="archive tier"):
        tree.read_small(found)
    tree.close()


def test_tags_alone_are_noticed_where_all_is_read_again(buckets: Buckets) -> None:
    for key in ("large", "small"):
        buckets.put(key, key.encode() * (MIB if key == "large" else 1), tag__colour="red", metadata__m="1")
    buckets.sync()
    stood = contents(buckets.source)
    for key in ("large", "small"):
        blue = {"TagSet": [{"Key": "colour", "Value": "blue"}]}
        buckets.raw("put_object_tagging", buckets.source.url, Key=key, Tagging=blue)
    unnoticed = buckets.sync().sources[0]
    assert (unnoticed.unchanged.files, unnoticed.made) == (2, False)
    report = buckets.sync(checksum=True)
    assert (report.sources[0].changed.files, report.sources[0].made) == (2, True)
    assert report.stored_bytes < MIB  # the tags, and no content again
    buckets.restore()
    assert contents(buckets.back) == contents(buckets.source) != stood


def test_a_second_restore_finds_all_there(buckets: Buckets) -> None:
    buckets.put("parts", os.urandom(20 * MIB), content_type="x/y")
    buckets.put("small", b"x", content_type="x/y")
    buckets.sync()
    buckets.restore()
    assert contents(buckets.back) == contents(buckets.source)
    again = buckets.restore()
    assert (again.already_there.files, again.restored.files) == (2, 0)
    buckets.back.put("small", b"other", 5, ())
    with pytest.raises(Failed, match="differs"):
        buckets.restore()
    assert buckets.restore(overwrite="always").restored.files == 1


@pytest.mark.parametrize("server", ["moto", "ceph"])
def test_headers_come_back_as_they_are_stored(fleet: Any, tmp_path: Path, server: str) -> None:
    buckets = Buckets(fleet[server], Rig(tmp_path))
    for number, expires in enumerate(("0", "-1", "never", "Thu, 01 Dec 1994 16:00:00 GMT")):
        buckets.put(f"{number}", b"x", expires=expires, metadata__m="1")
    buckets.put("utf-8", b"x", metadata__m="1", **({"metadata__name": "Zoë ü"} if server == "ceph" else {}))
    buckets.put("large", b"x" * 20 * MIB, metadata__m="1", expires="never")
    stored = contents(buckets.source)
    assert dict(stored["2"][1])["expires"] == dict(stored["large"][1])["expires"] == "never"
    assert server != "ceph" or dict(stored["utf-8"][1])["metadata.name"] == "Zoë ü"
    buckets.sync()
    assert buckets.restore().causes == ()
    assert contents(buckets.back) == stored


def test_metadata_that_is_no_text_is_named_and_the_other_objects_are_stored(buckets: Buckets) -> None:
    buckets.put("first", b"1")
    for key, size in (("latin", 1), ("latin large", 3 * MIB)):
        url = f"{buckets.options['endpoint_url']}/{buckets.source.url.removeprefix('s3://')}/{key}"
        httpx.put(url, content=bytes(size), headers=[(b"x-amz-meta-name", b"\xfc")]).raise_for_status()
    [source] = buckets.sync().sources
    assert source.new.files == 1
    assert [one.path for one in source.unreadable] == [b"latin", b"latin large"]


def test_what_has_the_bytes_but_other_facts_is_not_there_already(buckets: Buckets) -> None:
    for number in range(40):
        buckets.put(f"{number % 3}/{number}", b"x", content_type="x/y", metadata__m="1", tag__colour="red")
    buckets.sync()
    buckets.restore()
    stored = contents(buckets.source)
    buckets.back.put("0/3", b"x", 1, (("content-type", "x/z"), ("metadata.m", "1"), ("tag.colour", "red")))
    buckets.back.put("1/4", b"x", 1, (("content-type", "x/y"), ("metadata.m", "2"), ("tag.colour", "red")))
    buckets.back.put("2/5", b"x", 1, (("content-type", "x/y"), ("metadata.m", "1"), ("tag.colour", "blue")))
    with pytest.raises(Failed, match="3 files"):
        buckets.restore()
    again = buckets.restore(overwrite="always")
    assert (again.already_there.files, again.restored.files) == (37, 3)
    assert contents(buckets.back) == stored


@pytest.mark.parametrize("options", [{}, {"layout": "atbak", "sector_size": None}])
def test_what_is_on_its_way_is_not_counted_as_there(
    buckets: Buckets, monkeypatch: pytest.MonkeyPatch, options: dict[str, object]
) -> None:
    for number in range(20):
        (buckets.rig.source / f"{number}").write_bytes(b"x")
    buckets.rig.sync(**options)
    put, there, told = S3Bucket.put, list[str](), list[tuple[int, int]]()

    def slow(bucket: S3Bucket, key: str, *given: Any) -> None:
        time.sleep(0.01)
        put(bucket, key, *given)
        there.append(key)

    monkeypatch.setattr(S3Bucket, "put", slow)
    monkeypatch.setattr(buckets.rig.watch, "progress", lambda now: told.append((now.done_files, len(there))))
    buckets.restore()
    assert told
    assert all(done <= put_ for done, put_ in told)


def test_files_go_to_a_bucket_and_are_known_again_by_their_time(buckets: Buckets) -> None:
    rig = buckets.rig
    (rig.source / "folder").mkdir()
    (rig.source / "folder" / "file").write_bytes(b"data")
    (rig.source / "link").symlink_to("folder")
    rig.sync()
    first = buckets.restore()
    assert [one.path for cause in first.causes for one in cause.lost] == [b"link"]
    assert list(contents(buckets.back)) == ["folder/file"]
    assert buckets.restore().already_there.files == 1


def fill(buckets: Buckets, count: int) -> None:
    """So many objects, some with tags, some with odd keys, some that share their content."""
    odd = itertools.cycle(ODD[:8])

    def one(number: int) -> None:
        key = f"{number % 97}/{next(odd) if number % 10 == 0 else 'plain'}/{number}"
        data = os.urandom(number % 3000) if number % 5 else b"shared"
        facts = {"content_type": "image/jpeg", "metadata__number": str(number), "cache_control": "no-store"}
        if number % 3 == 0:
            facts |= {"tag__third": str(number), "storage_class": "STANDARD_IA"}
        buckets.put(key, data, **facts)

    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(one, range(count)):
            pass


def timed(work: Any) -> float:
    begun = time.monotonic()
    work()
    return round(time.monotonic() - begun, 1)
