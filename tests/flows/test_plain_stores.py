"""A store of folders and files that does not do as it should, as a source: what it keeps back is named, and keeps the
version that stands."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from rig import SECTOR, Rig

from bakup.api.reports import SyncReport
from bakup.store.buckets.interface import Listed
from bakup.store.buckets.plain import PlainBucket

FILES = {"a": b"one", "folder/b": b"two", "large": os.urandom(9 << 20)}
LAYOUTS = {"sectors": {"sector_size": SECTOR}, "atbak": {"sector_size": None, "layout": "atbak"}}


class Stored:
    """A place in fsspec's memory that is backed up."""

    def __init__(self, rig: Rig, layout: str) -> None:
        self.rig = rig
        self.options = LAYOUTS[layout]
        self.place = f"/{uuid.uuid4().hex}"
        self.store = fsspec.filesystem("memory")
        for path, data in FILES.items():
            self.put(path, data)

    def put(self, path: str, data: bytes) -> None:
        """Put or replace a file."""
        self.store.pipe_file(f"{self.place}/{path}", data)

    def sync(self) -> SyncReport:
        """Back it up."""
        return self.rig.sync(f"memory:/{self.place}", **self.options)  # type: ignore[arg-type]

    def restored(self) -> dict[str, bytes]:
        """The newest check point's files."""
        out = self.rig.restore()[0]
        return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}


@pytest.fixture(name="stored", params=LAYOUTS)
def somewhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stored]:
    """`FILES`, for each layout."""
    stored = Stored(Rig(tmp_path), request.param)
    yield stored
    stored.store.rm(stored.place, recursive=True)


def named(report: SyncReport) -> list[bytes]:
    """Paths that could not be read."""
    return [one.path for one in report.sources[0].unreadable]


def test_a_folder_that_denies_access_is_named_and_keeps_its_files(
    stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored.sync()
    stored.put("new", b"new")
    listing = MemoryFileSystem.ls

    def denied(store: MemoryFileSystem, path: str, **words: object) -> object:
        if path == f"{stored.place}/folder":
            raise PermissionError(errno.EACCES, "Permission denied")
        return listing(store, path, **words)

    monkeypatch.setattr(MemoryFileSystem, "ls", denied)
    report = stored.sync()
    assert [(one.path, one.reason) for one in report.sources[0].unreadable] == [(b"folder", "permission denied")]
    assert report.sources[0].new.files == 1
    assert stored.restored() == {**FILES, "new": b"new"}


def test_what_is_neither_file_nor_folder_is_named(stored: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    listing = MemoryFileSystem.ls

    def linked(store: MemoryFileSystem, path: str, **words: object) -> object:
        return [{**one, "type": "link"} if one["name"].endswith("/b") else one for one in listing(store, path, **words)]

    monkeypatch.setattr(MemoryFileSystem, "ls", linked)
    assert named(stored.sync()) == [b"folder/b"]
    assert stored.restored() == {name: FILES[name] for name in ("a", "large")}


def test_a_folder_that_goes_away_while_it_is_listed_is_gone(stored: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    listing = MemoryFileSystem.ls

    def going(store: MemoryFileSystem, path: str, **words: object) -> object:
        if path == f"{stored.place}/folder" and store.exists(path):
            store.rm(path, recursive=True)
        return listing(store, path, **words)

    monkeypatch.setattr(MemoryFileSystem, "ls", going)
    assert named(stored.sync()) == []
    assert stored.restored() == {name: FILES[name] for name in ("a", "large")}


def test_what_never_comes_whole_keeps_its_version(stored: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    stored.sync()
    stored.put("large", os.urandom(9 << 20))
    whole = PlainBucket.read

    def torn(bucket: PlainBucket, listed: Listed, offset: int, length: int) -> bytes:
        return whole(bucket, listed, offset, length)[:-1]

    monkeypatch.setattr(PlainBucket, "read", torn)
    report = stored.sync()
    assert (named(report), report.sources[0].changing) == ([b"large"], ())
    monkeypatch.undo()
    assert stored.restored() == FILES
    assert named(stored.sync()) == []
    assert stored.restored()["large"] != FILES["large"]
