"""A store of folders and files that does not do as it should, as a source: what it keeps back is named, and keeps the
version that stands."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from rig import SECTOR, Rig

from bakup.flows.reports import SyncReport
from bakup.store.bucket_plain import PlainBucket
from bakup.store.buckets import Listed

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
