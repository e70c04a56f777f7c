"""Azure, Google, SFTP, WebDAV, SMB, FTP as sources and as places to restore to, against servers that speak so."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from rig import Rig

from bakup.errors import Failed
from bakup.flows.reports import RestoreReport, SyncReport
from bakup.store.buckets import Bucket, Pairs, open_bucket

pytestmark = pytest.mark.peer

MIB = 1 << 20
KEYED = ("azure", "gcs")
FOLDERS = ("sftp", "webdav", "smb", "ftp")
FILES = {
    **{f"folder {number % 3}/ünï {number}": os.urandom(number * 700) for number in range(8)},
    "large": os.urandom(3 * MIB),
    "odd & 1": b"odd",
}
KEYS = {"a//b": b"1", "a": b"2", "a/b/c": b"3", "dir/": b"", "50%2F": b"6"}
MADE_ANEW = {"etag", "generation", "version"}


class Stores:
    """Two places at one store, and the flows between them."""

    def __init__(self, served: Any, rig: Rig) -> None:
        self.rig = rig
        self.options = dict(served.options)
        self.places = (served.place(), served.place())
        self.source, self.back = (open_bucket(place, self.options) for place in self.places)

    def close(self) -> None:
        """Let go of both."""
        self.source.close()
        self.back.close()

    def sync(self, **options: object) -> SyncReport:
        """Back the first up."""
        return self.rig.sync(self.places[0], source_options=self.options, **options)  # type: ignore[arg-type]

    def restore(self, **options: object) -> RestoreReport:
        """Bring all back to the second."""
        return self.rig.restore(self.places[1], out_options=self.options, **options)[1]  # type: ignore[arg-type]


@pytest.fixture(name="stores", params=[*KEYED, *FOLDERS])
def two_places(request: pytest.FixtureRequest, fleet: Any, tmp_path: Path) -> Any:
    """Of each kind of store."""
    stores = Stores(fleet[request.param], Rig(tmp_path))
    yield stores
    stores.close()


def contents(bucket: Bucket) -> dict[str, tuple[bytes, Pairs]]:
    """All objects with their facts, but for what every put makes anew."""
    listed = [one for one in bucket.list() if not one.folder]
    with ThreadPoolExecutor(8) as pool:
        fetched = [*pool.map(bucket.fetch, listed)]
    return {
        one.listed.key: (one.data, tuple(pair for pair in one.pairs if pair[0] not in MADE_ANEW)) for one in fetched
    }


def test_there_and_back(stores: Stores) -> None:
    files = {**FILES, **KEYS} if stores.source.url.startswith("az:") else FILES  # gcs is emulated on a file system
    facts = (("cache-control", "no-store"), ("content-type", "image/jpeg"), ("metadata.number", "7"))
    for key, data in files.items():
        stores.source.put(key, data, len(data), facts)
    stored = contents(stores.source)
    assert {key: data for key, (data, _) in stored.items()} == files
    if stores.source.keyed:
        assert all(set(facts) <= set(pairs) for _, pairs in stored.values())
    first = stores.sync()
    assert first.sources[0].new.files == len(files) - ("dir/" in files)
    assert not stores.sync().sources[0].new.files
    assert stores.restore().causes == ()
    assert contents(stores.back) == stored
    changed = b"changed"
    stores.source.put("large", changed, len(changed), facts)
    again = stores.sync().sources[0]
    assert (again.new.files, again.changed.files, again.deleted.files) == (0, 1, 0)
    if stores.source.keyed:
        with pytest.raises(Failed, match="differs"):
            stores.restore()
    assert stores.restore(overwrite="always").causes == ()
    assert contents(stores.back)["large"][0] == changed


def test_files_go_there_and_are_what_they_were(stores: Stores) -> None:
    rig = stores.rig
    (rig.source / "large").write_bytes(FILES["large"] * 7)  # more than a part
    (rig.source / "small").write_bytes(b"small")
    os.link(rig.source / "small", rig.source / "zlink")
    rig.sync()
    assert stores.restore().causes == ()
    found = {key: data for key, (data, _) in contents(stores.back).items()}
    assert found == {"large": FILES["large"] * 7, "small": b"small", "zlink": b"small"}
    first = next(one for one in stores.back.list() if one.key == "large")
    assert stores.back.read(first, 20 * MIB, 500) == (FILES["large"] * 7)[20 * MIB :][:500]
