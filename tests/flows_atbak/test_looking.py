"""Every command works on a target of the plain layout, local or remote, from any catalog of it."""

from __future__ import annotations

import os
from uuid import uuid4

import fsspec
import pytest
from look import Look
from plain import Plain
from rig import Answers
from trees import noise, snapshot, write

from bakup.api.reports import TargetOptions
from bakup.errors import Usage
from bakup.flows import ls


def test_all_answers_are_the_same_after_a_rebuild(plain: Plain) -> None:
    look = Look(plain)
    look.sync({"a": b"one", "b/c": noise(5_000_000), "empty": b""})
    look.sync({"a": b"two", "new": b"one"})
    (plain.source / "empty").unlink()
    look.sync()
    before = look.everything()
    plain.forget("catalog.db", "state.db")
    assert look.everything() == before
    assert [version.bytes for version in look.history(b"a").versions] == [3, 3]
    assert look.diff().marks == [("-", b"empty")]


def test_cat_gives_nothing_that_is_not_verified(plain: Plain) -> None:
    look = Look(plain)
    look.sync({"small": b"small", "large": noise(9_000_000), "empty": b""})
    assert look.cat(b"small")[0] == b"small"
    assert look.cat(b"large")[0] == noise(9_000_000)
    assert look.cat(b"empty")[0] == b""
    [path] = plain.of("large")
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    got, report = look.cat(b"large")
    assert got == b""
    assert "is damaged" in (report.cause or "")
    assert plain.sync().sources[0].stored_again.files == 1
    assert look.cat(b"large")[0] == noise(9_000_000)


def test_objects_of_files(plain: Plain) -> None:
    write(plain.source, {"a": b"same", "b": b"same", "folder/c": b""})
    plain.sync()
    with plain.open() as home:
        listing = ls.entries(
            home,
            str(plain.target),
            b"",
            source=None,
            at="latest",
            recursive=True,
            objects=True,
            target=TargetOptions(),
            watch=plain.watch,
            ask=Answers(),
        )
        found = {one.path: one.objects for one in listing.entries}
    assert found.pop(b"folder") == ()
    for path, locators in found.items():
        [locator] = locators
        assert plain.of(os.fsdecode(path)) == [plain.target / locator]


def test_a_plan_says_what_would_be_stored(plain: Plain) -> None:
    write(plain.source, {str(number): b"a line of text\n" * 100 for number in range(50)})
    report = plain.sync(dry_run=True)
    assert (report.estimated_sectors, report.unit) == (51, "object")
    assert not plain.target.exists()
    made = plain.sync()
    assert made.stored_sectors == 51
    assert 0.3 < report.estimated_bytes / made.stored_bytes < 3
    assert plain.sync(dry_run=True).estimated_sectors == 0
    for option in ({"pad": True}, {"sector_size": 16 << 20}):
        with pytest.raises(Usage, match="is for sectors"):
            plain.sync(**option)


def test_a_target_is_no_source(plain: Plain) -> None:
    write(plain.source, {"a": b"one"})
    plain.sync()
    target, plain.target = plain.target, plain.folder / "another"
    with pytest.raises(Usage, match=r"is itself a target of bakup: .* is an object of the layout atbak"):
        plain.sync(target)
    kept = plain.folder / "kept"
    kept.mkdir()
    for path in target.rglob("*.atbake"):
        path.rename(kept / path.name)
    assert plain.sync(kept).sources[0].made, "objects that were taken away are files like others"


def test_a_bucket_is_flat(plain: Plain) -> None:
    bucket = f"memory://{uuid4().hex}"
    fsspec.filesystem("memory").mkdir(bucket)
    plain.target = bucket  # type: ignore[assignment]
    write(plain.source, {str(number): noise(500, number) for number in range(30)} | {"large": noise(5_000_000)})
    back = plain.sync().to_get_back
    assert not any("/" in path.strip("/").partition("/")[2] for path in fsspec.filesystem("memory").find(bucket))
    wanted = snapshot(plain.source)
    plain.assert_restores(wanted)
    plain.forget("catalog.db", "state.db")
    found = plain.rebuild()
    assert (found.sectors, found.rejected) == (32, ())
    assert back.rebuild_gets <= found.reads <= back.rebuild_gets + 1
    assert 0 <= back.rebuild_bytes - found.read_bytes <= 2
    assert back.restore_gets == 30 + 3, "the large one takes three"
    plain.assert_restores(wanted)


PEAK = 220_000
"""KiB that a run takes at most, whatever the size of a file: Python itself, some buffers, files that wait."""


def test_memory_does_not_grow_with_a_file(plain: Plain) -> None:
    with (plain.source / "large").open("wb") as file:
        for number in range(40):
            file.write(noise(8 << 20, number % 3))
    measured = [plain.peak("sync", str(plain.source), str(plain.target), "--layout", "atbak", "--compression", "none")]
    measured.append(plain.peak("restore", str(plain.target), str(plain.folder / "out")))
    measured.append(plain.peak("check", "--read-data", str(plain.target)))
    assert max(measured) < PEAK, measured
    assert (plain.folder / "out/large").read_bytes() == (plain.source / "large").read_bytes()
