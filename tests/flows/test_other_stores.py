"""Azure, Google, SFTP, WebDAV, SMB, FTP as sources and as places to restore to, against servers that speak so."""

from __future__ import annotations

import ftplib
import gzip
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest
from rig import Rig

from bakup.api.reports import Count, RestoreReport, SyncReport, TargetOptions
from bakup.errors import Failed
from bakup.source.bucket.bucket import BucketSource
from bakup.source.interface import Unreadable
from bakup.source.tree.reading import COARSE_NS
from bakup.store.buckets.interface import Bucket, Pairs
from bakup.store.buckets.opening import open_bucket
from bakup.store.opening import open_target
from bakup.store.url.secrets import Place

pytestmark = pytest.mark.peer

MIB = 1 << 20
KEYED = ("azure", "gcs")
FOLDERS = ("sftp", "webdav", "smb", "ftp", "vsftpd", "apache")
FILES = {
    **{f"folder {number % 3}/ünï {number}": os.urandom(number * 700) for number in range(8)},
    "large": os.urandom(3 * MIB),
    "middle": os.urandom(600_000),
    "odd & 1": b"odd",
}
KEYS = {"a//b": b"1", "a": b"2", "a/b/c": b"3", "dir/": b"", "50%2F": b"6"}
ODD = frozenset(
    (
        b"what?",
        b"a:b",
        b"back\\slash",
        b"dot.",
        b"blank ",
        b"line\nbreak",
        b"tab\tbed",
        b"hash#",
        b"50%2Foff",
        b"%41",
        b"*",
    )
)
LARGE_ODD = b"2?"
NOT_THERE = {
    "azure": {b"back\\slash", b"dot."},
    "gcs": set(),
    "sftp": set(),
    "webdav": {b"what?", LARGE_ODD, b"line\nbreak", b"tab\tbed"},
    "apache": {b"what?", LARGE_ODD, b"line\nbreak", b"tab\tbed"},
    "smb": {b"what?", LARGE_ODD, b"a:b", b"back\\slash", b"dot.", b"blank ", b"line\nbreak", b"tab\tbed", b"*"},
    "ftp": {b"line\nbreak"},
    "vsftpd": {b"line\nbreak"},
}
"""Of those, the ones that a kind of store has not, or would take for another's."""
MADE_ANEW = {"etag", "generation", "version"}


class Stores:
    """Two places at one store, and the flows between them."""

    def __init__(self, name: str, served: Any, rig: Rig) -> None:
        self.name = name
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
    stores = Stores(request.param, fleet[request.param], Rig(tmp_path))
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
    if not stores.source.keyed:
        time.sleep(COARSE_NS / 1e9)  # where times are of whole seconds, what was written in this one is read again
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


def test_what_is_stored_packed_comes_back_as_it_is_stored(fleet: Any, tmp_path: Path) -> None:
    """Azure says `Content-Encoding: gzip` of it, which clients take for the line's and undo."""
    stores = Stores("azure", fleet["azure"], Rig(tmp_path))
    for key, size in (("large", 3 * MIB), ("small", 100)):
        packed = gzip.compress(os.urandom(size))
        stores.source.put(key, packed, len(packed), (("content-encoding", "gzip"),))
        (listed,) = (one for one in stores.source.list() if one.key == key)
        assert stores.source.fetch(listed).data == packed
        assert stores.source.read(listed, 10, 50) == packed[10:60]
        with closing(open_target(stores.places[0], options=stores.options)) as target:
            assert target.read(key, 10, 50) == packed[10:60]
    stores.sync()
    assert stores.restore().causes == ()
    assert contents(stores.back) == contents(stores.source)
    stores.close()


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


def test_names_that_differ_by_case_only(stores: Stores) -> None:
    """Where they are one, the first is restored and the others are named; nothing is lost without a word."""
    files = {"11/README.txt": b"upper", "11/readme.txt": b"lower", "Docs/x": b"1", "docs/x": b"2", "docs/z": b"3"}
    for name, data in files.items():
        path = stores.rig.source / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    stores.rig.sync()
    others = {b"11/readme.txt", b"docs/x", b"docs/z"} if stores.name == "smb" else set()
    for overwrite in (None, "always"):
        report = stores.restore(overwrite=overwrite)
        assert {(lost.path, lost.other) for cause in report.causes for lost in cause.lost} == {
            (path, b"README.txt" if path.endswith(b".txt") else b"Docs") for path in others
        }
        found = {key: data for key, (data, _) in contents(stores.back).items()}
        assert found == {name: data for name, data in files.items() if name.encode() not in others}


@pytest.mark.parametrize(
    ("source", "out", "size", "fact", "left_out"),
    [
        ("moto", "ceph", 1, ("storage-class", "STANDARD_IA"), "storage class: "),
        ("moto", "ceph", 20 * MIB, ("storage-class", "STANDARD_IA"), "storage class: "),
        ("moto", "azure", 1, ("metadata.x-y", "1"), "metadata and tags: "),
        ("azure", "moto", 2 * MIB, ("storage-class", "Cool"), ""),
        ("moto", "gcs", 1, ("storage-class", "STANDARD_IA"), ""),
    ],
)
def test_facts_that_another_store_refuses_do_not_keep_an_object_back(
    fleet: Any, tmp_path: Path, source: str, out: str, size: int, fact: tuple[str, str], left_out: str
) -> None:
    served, rig = (fleet[source], fleet[out]), Rig(tmp_path)
    first, back = (open_bucket(one.place(), one.options) for one in served)
    data = os.urandom(size)
    first.put("x", data, size, tuple(sorted((("content-type", "x/y"), fact))))
    rig.sync(first.url, source_options=dict(served[0].options))  # type: ignore[arg-type]
    _, report = rig.restore(back.url, out_options=dict(served[1].options))  # type: ignore[arg-type]
    assert (report.restored.files, report.causes) == (1, ())
    assert [(path, reason[: len(left_out)]) for path, reason in report.skipped] == [(b"x", left_out)] * bool(left_out)
    [(found, pairs)] = contents(back).values()
    assert found == data
    assert ("content-type", "x/y") in pairs
    assert fact not in pairs
    first.close()
    back.close()


@pytest.mark.parametrize("times", [1, 2, 99])
def test_an_object_that_is_replaced_between_look_and_read_has_not_vanished(fleet: Any, times: int) -> None:
    """The emulator of Google keeps no generations: that one is gone is played here."""
    served = fleet["gcs"]
    bucket = open_bucket(served.place(), served.options)
    bucket.put("x", b"0", 1, ())
    tree = BucketSource(bucket)
    found = next(one for one in tree.entries() if one.path)
    download, left = bucket._gcs.download, iter(range(times))

    def replaced(key: str, *given: Any, **words: str) -> Any:
        if next(left, None) is None:
            return download(key, *given, **words)
        bucket.put(key, b"another", 7, ())
        raise FileNotFoundError(key)

    bucket._gcs.download = replaced
    if times == 99:
        with pytest.raises(Unreadable, match="replaced each time"):
            tree.read_small(found)
    else:
        assert tree.read_small(found).data == b"another"
    tree.close()


def test_what_looks_like_the_end_of_a_part_is_data(fleet: Any) -> None:
    """A put to Google is a multipart message: what separates its parts must be in none of them (RFC 2046)."""
    served = fleet["gcs"]
    bucket = open_bucket(served.place(), served.options)
    seen: list[bytes] = []
    upload = bucket._gcs.upload

    def noted(body: bytes, *given: Any, **words: Any) -> Any:
        seen.append(body)
        return upload(body, *given, **words)

    bucket._gcs.upload = noted
    bucket.put("first", b"x", 1, ())
    data = b"start\r\n" + seen[0].partition(b"\r\n")[0] + b"--\r\nrest"
    bucket.put("second", data, len(data), ())
    assert bucket.fetch(next(one for one in bucket.list() if one.key == "second")).data == data
    bucket.close()


def test_names_that_a_store_has_not_are_named_and_the_others_are_there(stores: Stores) -> None:
    for name in ODD:
        (stores.rig.source / os.fsdecode(name)).write_bytes(name)
    (stores.rig.source / os.fsdecode(LARGE_ODD)).write_bytes(FILES["large"])
    stores.rig.sync()
    report = stores.restore()
    assert {one.path for cause in report.causes for one in cause.lost} == NOT_THERE[stores.name]
    found = {os.fsencode(key): data for key, (data, _) in contents(stores.back).items()}
    wanted = {name: name for name in ODD} | {LARGE_ODD: FILES["large"]}
    assert found == {name: data for name, data in wanted.items() if name not in NOT_THERE[stores.name]}


def test_names_that_nobody_could_put_are_read(fleet: Any, tmp_path: Path) -> None:
    served, rig = fleet["webdav"], Rig(tmp_path)
    names = {"what?": b"1", "50%2Foff": b"2", "hash#": b"3", "a;b=c&d": b"4", "%41": b"5"}
    place = served.place()
    server = f"http://127.0.0.1:{served.port}/{place.partition(str(served.port))[2].strip('/')}"
    httpx.request("MKCOL", server).raise_for_status()
    for name, data in names.items():
        httpx.put(f"{server}/{quote(name)}", content=data).raise_for_status()
    rig.sync(place, source_options=dict(served.options))  # type: ignore[arg-type]
    out, report = rig.restore()
    assert report.causes == ()
    assert {path.name: path.read_bytes() for path in out.iterdir()} == names


def test_keys_that_azure_has_not_are_named(fleet: Any, tmp_path: Path) -> None:
    moto, azure, rig = fleet["moto"], fleet["azure"], Rig(tmp_path)
    keys = ("..", ".", "x/../y", "x/./z", "../x", "y", "a//b", "...", "x/..z")
    source = open_bucket(moto.place(), moto.options)
    for key in keys:
        source.put(key, key.encode(), len(key), ())
    rig.sync(source.url, source_options=dict(moto.options))  # type: ignore[arg-type]
    back = open_bucket(azure.place(), azure.options)
    _, report = rig.restore(back.url, out_options=dict(azure.options))  # type: ignore[arg-type]
    assert {key: data for key, (data, _) in contents(back).items()} == {
        key: key.encode() for key in ("y", "a//b", "x/..z")
    }
    assert report.not_restored == Count(6, sum(map(len, ("..", ".", "x/../y", "x/./z", "../x", "..."))))
    named = {one.path for cause in report.causes for one in cause.lost}
    assert named == {b"%2E%2E%2F", b"%2E", b"x/%2E%2E/y", b"x/%2E/z", b"%2E%2E/x", b"..."}
    source.close()
    back.close()


def test_a_target_inside_is_left_out_whoever_asks_for_it(fleet: Any, rig: Rig) -> None:
    place = fleet["ftp"].place()
    with closing(open_bucket(place)) as bucket:
        bucket.put("file", b"content", 7, ())
        rig.target = Place(f"{place}/bak")  # type: ignore[assignment]
        target = TargetOptions(store=Place(place).credentials)
        assert rig.sync(place, target=target).sources[0].new.files == 1  # type: ignore[arg-type]
        bucket.put("file", b"another", 7, ())
    assert rig.sync(place, target=target).sources[0].new.files == 0  # type: ignore[arg-type]
    assert f"{Place(place)}/bak lies inside {Place(place)} and is left out" in rig.watch.notes


def test_a_folder_that_vanished_at_ftp_is_told_alone(fleet: Any) -> None:
    """As it was listed; one that is there and cannot be listed is named (tests/store/test_ftp.py)."""
    place = fleet["ftp"].place()
    with closing(open_bucket(place)) as bucket:
        for key in ("one/file", "two/file"):
            bucket.put(key, b"content", 7, ())
        listing = bucket.list()
        first = next(listing)
        gone = "two" if first.key == "one" else "one"
        with ftplib.FTP() as ftp:
            parts = urlsplit(place)
            ftp.connect(parts.hostname or "", parts.port or 0)
            ftp.login(parts.username or "", parts.password or "")
            ftp.delete(f"{parts.path}/{gone}/file")
            ftp.rmd(f"{parts.path}/{gone}")
        left = [*listing]
        assert [one.key for one in left if one.key.startswith(gone)] == [gone]
        assert [one for one in left if one.problem] == []


def test_links_and_pipes_at_sftp_are_named(fleet: Any, rig: Rig) -> None:
    served = fleet["sftp"]
    place = served.place()
    with closing(open_bucket(place, served.options)) as bucket:
        bucket.put("file", b"content", 7, ())
    folder = Path(urlsplit(place).path)
    (folder / "link").symlink_to("file")
    (folder / "nowhere").symlink_to("nothing")
    os.mkfifo(folder / "pipe")
    [source] = rig.sync(place, source_options=dict(served.options)).sources  # type: ignore[arg-type]
    assert [one.path for one in source.unreadable] == [b"link", b"nowhere", b"pipe"]
    assert source.new.files == 1


@pytest.mark.parametrize("name", ["moto", *KEYED, *FOLDERS])
def test_one_object_is_a_source_and_a_place_with_nothing_is_warned_of(fleet: Any, rig: Rig, name: str) -> None:
    served = fleet[name]
    place, options = served.place(), dict(served.options)
    with closing(open_bucket(place, options)) as bucket:
        bucket.put("folder/one & only", b"content", 7, ())
        key = "one & only" if bucket.keyed else quote("one & only")
    alone = f"{place}/folder/{key}"
    if name in ("sftp", "ftp", "vsftpd"):
        time.sleep(COARSE_NS / 1e9)  # whole seconds again
    assert rig.sync(alone, source_options=options).sources[0].new.files == 1  # type: ignore[arg-type]
    assert not rig.sync(alone, source_options=options).sources[0].made  # type: ignore[arg-type]
    out, _ = rig.restore()
    assert (out / "one & only").read_bytes() == b"content"
    if name in (*KEYED, "moto"):
        rig.sync(f"{place}/no/such", source_options=options)  # type: ignore[arg-type]
        assert rig.watch.warnings == [f"nothing is at {Place(place)}/no/such"]


@pytest.mark.parametrize("size", [1, 2 * MIB])
def test_the_access_tier_of_a_blob_comes_back(fleet: Any, tmp_path: Path, size: int) -> None:
    stores = Stores("azure", fleet["azure"], Rig(tmp_path))
    data = os.urandom(size)
    stores.source.put("x", data, size, (("storage-class", "Cool"),))
    stores.sync()
    assert stores.restore().causes == ()
    [(found, pairs)] = contents(stores.back).values()
    [listed] = stores.back.list()
    assert (found, listed.storage_class) == (data, "Cool")
    assert ("storage-class", "Cool") in pairs
    stores.close()
