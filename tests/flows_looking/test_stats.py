"""stats: what the numbers mean, on targets whose numbers are known."""

from __future__ import annotations

import os

import pytest
from look import Look
from trees import noise, write

from bakup.api.reports import Compression
from bakup.errors import Failed, Usage


def sizes(look: Look) -> list[int]:
    return [path.stat().st_size for path in look.rig.sectors()]


def test_one_source(look: Look) -> None:
    text, same = b"a line of text\n" * 20_000, noise(500_000)
    look.sync({"text": text, "a": same, "b": same})
    look.sync({"text": b"short", "c": same})
    report = look.stats()
    [row] = report.sources
    assert (row.checkpoints, row.files, row.bytes) == (2, 4, 5 + 3 * len(same))
    assert row.stored == report.bytes == sum(sizes(look))
    assert (report.sectors, report.missing_sectors) == (2, 0)
    assert (report.smallest, report.largest) == (min(sizes(look)), max(sizes(look)))
    found = report.versions
    assert found is not None
    assert (found.versions, found.paths, found.bytes) == (5, 4, len(text) + 5 + 3 * len(same))
    assert found.raw == len(text) + len(same) + 5
    assert len(same) < found.packed < len(same) + len(text) // 10


def test_what_is_not_compressed_saves_nothing(look: Look) -> None:
    look.sync({"a": noise(10_000)}, compression=Compression("none"))
    found = look.stats().versions
    assert found is not None
    assert (found.raw, found.packed) == (10_000, 10_000)


def test_a_shared_sector_is_divided(look: Look) -> None:
    other = look.rig.folder / "other"
    write(other, {"a": noise(300_000, 1)})
    write(look.rig.source, {"a": noise(100_000, 2)})
    synced = look.rig.sync(look.rig.source, other)
    assert len(look.rig.sectors()) == 1
    report = look.stats()
    small, large = sorted(report.sources, key=lambda row: row.bytes)
    assert small.stored + large.stored == report.bytes == sizes(look)[0]
    assert abs(small.stored - 100_000) < 5_000
    listed = {line.source: line.stored for line in look.rig.list()}
    assert listed.keys() == {row.source for row in report.sources}
    assert all(abs(listed[row.source] - row.stored) <= 1 for row in report.sources), "ls divides it as stats does"
    assert listed == {one.checkpoint.source: one.checkpoint.stored for one in synced.sources if one.checkpoint}
    one = look.stats(source="other")
    assert one.sources == (large,)
    assert one.versions is not None
    assert (one.versions.versions, one.versions.raw) == (1, 300_000)
    with pytest.raises(Failed, match="no source third"):
        look.stats(source="third")


def test_sectors_of_other_sources_do_not_count(look: Look) -> None:
    other = look.rig.folder / "other"
    write(other, {"a": noise(300_000, 1)})
    look.sync({"a": b"1"})
    look.rig.sync(other)
    assert look.stats().sectors == 2
    one = look.stats(source="other")
    assert (one.sectors, one.smallest, one.bytes) == (1, one.largest, one.largest)


def test_at_one_check_point(look: Look) -> None:
    one = look.sync({"a": noise(1000)})
    look.sync({"b": noise(2000, 1)})
    [line, _] = look.rig.list()
    report = look.stats(at=one.hex()[:8])
    [row] = report.sources
    assert (row.checkpoints, row.files, row.bytes, row.stored) == (1, 1, 1000, line.stored)
    assert report.versions is None
    with pytest.raises(Failed, match="no check point latest~5"):
        look.stats(at="latest~5")
    with pytest.raises(Usage):
        look.stats(at="whenever")


def test_the_last_check_is_told(look: Look) -> None:
    look.sync({"a": noise(1000)})
    assert look.stats().last_check is None
    look.rig.check(read_data=True)
    checked = look.stats().last_check
    assert checked is not None
    assert (checked.exit_code, checked.read_data) == (0, True)
    look.sync({"b": noise(1000, 1)})
    os.unlink(look.rig.sectors()[-1])
    code = look.rig.check().exit_code
    report = look.stats()
    assert report.last_check is not None
    assert (report.last_check.exit_code, code) == (21, 21)
    assert (report.sectors, report.missing_sectors) == (1, 1)


def test_stored_again_is_no_version_and_saves_nothing(look: Look) -> None:
    look.sync({"a": noise(100_000)})
    look.sync(standalone=True, always=True)
    found = look.stats().versions
    assert found is not None
    assert (found.versions, found.paths, found.bytes, found.raw) == (1, 1, 100_000, 200_000)


def test_deleted_and_added_again_are_two_versions(look: Look) -> None:
    look.sync({"a": b"1", "b": b""})
    os.unlink(look.rig.source / "a")
    look.sync()
    look.sync({"a": b"1"})
    found = look.stats().versions
    assert found is not None
    assert (found.versions, found.paths, found.bytes) == (3, 2, 2)
    assert found.versions == len(look.find().all)
