"""Buckets as sources and as places to restore to, against a real S3 API."""

from __future__ import annotations

import itertools
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import pytest
from rig import Rig

from bakup.flows.reports import RestoreReport, SyncReport
from bakup.store.buckets import Bucket, Pairs, open_bucket

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
    buckets.source.requests.clear()
    seconds = [timed(buckets.sync), timed(buckets.sync), timed(buckets.restore)]
    spent = dict(buckets.source.requests)
    assert contents(buckets.back) == contents(buckets.source)
    with capsys.disabled():
        print(f"\n10,000 objects: first, again, restore in {seconds} s; requests {spent}")


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
