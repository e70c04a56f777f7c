"""fsspec's chained URLs, archives and its memory: as sources, as targets, as places to restore to."""

from __future__ import annotations

import os
import uuid
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any

import fsspec
import pytest
from rig import Rig
from trees import assert_equal, snapshot

from bakup.api.reports import TargetOptions
from bakup.errors import StoreError
from bakup.store.buckets.opening import open_bucket
from bakup.store.opening import open_target
from bakup.store.url.secrets import Place

FILES = {"a": b"one", "sub/b": b"two", "sub/large": os.urandom(3 << 20)}


def packed(file: Path, **more: bytes) -> Path:
    """A zip file with `FILES`."""
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in {**FILES, **more}.items():
            archive.writestr(name, data)
    return file


def found(folder: Path) -> dict[str, bytes]:
    """All files below."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("form", ["zip://::{}", "zip://::file://{}"])
def test_an_archive_is_a_source(rig: Rig, form: str, tmp_path: Path) -> None:
    url = form.format(packed(tmp_path / "x.zip"))
    assert rig.sync(url).sources[0].new.files == 3  # type: ignore[arg-type]
    assert rig.sync(url).sources[0].new.files == 0  # type: ignore[arg-type]
    packed(tmp_path / "x.zip", c=b"three")
    assert rig.sync(url).sources[0].new.files == 1  # type: ignore[arg-type]
    out, report = rig.restore()
    assert report.causes == ()
    assert found(out) == {**FILES, "c": b"three"}


def test_a_folder_of_an_archive_is_a_source(rig: Rig, tmp_path: Path) -> None:
    rig.sync(f"zip://sub::file://{packed(tmp_path / 'x.zip')}")  # type: ignore[arg-type]
    assert found(rig.restore()[0]) == {"b": FILES["sub/b"], "large": FILES["sub/large"]}


def test_a_target_that_was_packed_is_read_and_never_written(rig: Rig, tmp_path: Path) -> None:
    for name, data in FILES.items():
        (rig.source / name).parent.mkdir(exist_ok=True)
        (rig.source / name).write_bytes(data)
    rig.sync()
    with zipfile.ZipFile(tmp_path / "target.zip", "w") as archive:
        for path in rig.sectors():
            archive.write(path, path.name)
    before = (tmp_path / "target.zip").read_bytes()
    rig.target = f"zip://::{tmp_path / 'target.zip'}"  # type: ignore[assignment]
    out, report = rig.restore()
    assert report.causes == ()
    assert found(out) == FILES
    (rig.source / "new").write_bytes(b"new")
    with pytest.raises(StoreError, match="reading or writing"):
        rig.sync()
    assert (tmp_path / "target.zip").read_bytes() == before


@pytest.mark.parametrize("form", ["memory://{}", "simplecache::memory://{}", "dir://x::memory://{}"])
def test_memory_and_chains_are_targets(rig: Rig, form: str) -> None:
    place = uuid.uuid4().hex
    fsspec.filesystem("memory").makedirs(f"/{place}/x")
    rig.target = form.format(place)  # type: ignore[assignment]
    for name, data in FILES.items():
        (rig.source / name).parent.mkdir(exist_ok=True)
        (rig.source / name).write_bytes(data)
    tree = snapshot(rig.source)
    rig.sync()
    (rig.source / "a").unlink()
    rig.sync()
    out, report = rig.restore(at="latest~1")
    assert report.causes == ()
    assert_equal(snapshot(out), tree)


@pytest.mark.peer
def test_an_archive_in_a_bucket(rig: Rig, fleet: Any, tmp_path: Path) -> None:
    served = fleet["moto"]
    target = open_target(served.url, options=served.options)
    name = f"{uuid.uuid4().hex}.zip"
    target.put_new(name, str(packed(tmp_path / "x.zip")))
    target.close()
    rig.sync(f"zip://::{served.url}/{name}", source_options=dict(served.options))  # type: ignore[arg-type]
    out, report = rig.restore()
    assert report.causes == ()
    assert found(out) == FILES


def test_names_in_an_archive_that_are_no_paths(rig: Rig, tmp_path: Path) -> None:
    odd = {"../evil": b"1", "./dot": b"2", "x/../y": b"3"}
    hidden = {"/abs": b"4", "b//c": b"5"}
    [source] = rig.sync(f"zip://::{packed(tmp_path / 'x.zip', **odd, **hidden)}").sources  # type: ignore[arg-type]
    assert [one.path for one in source.unreadable] == [b"%2F/abs", b"b/%2F/c"]
    out, report = rig.restore()
    assert report.causes == ()
    assert found(out) == {**FILES, "%2E%2E/evil": b"1", "%2E/dot": b"2", "x/%2E%2E/y": b"3"}


@pytest.mark.peer
def test_a_chain_is_opened_by_the_user_info_or_options_of_its_last_store(rig: Rig, fleet: Any) -> None:
    place = fleet["ftp"].place()
    with closing(open_bucket(place)) as bucket:
        bucket.put("source/file", b"content", 7, ())
        bucket.put("target/nothing", b"", 0, ())
    rig.target = Place(f"dir://target::{place}")  # type: ignore[assignment]
    target = TargetOptions(store=Place(place).credentials)
    rig.sync(f"dir://source::{place}", target=target)  # type: ignore[arg-type]
    out, report = rig.restore(target=target)
    assert (report.causes, found(out)) == ((), {"file": b"content"})
