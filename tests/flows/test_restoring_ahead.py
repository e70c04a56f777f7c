"""restore with workers that begin with the first files while the others are still being planned."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from rig import Rig
from trees import assert_equal, noise, snapshot, write

from bakup.catalog import reads
from bakup.catalog.reads import PackRead, ReadPlan
from bakup.layouts.sectors import restorer

SMALL = {f"{folder}/{number:02}": noise(3000, number) for number, folder in enumerate("aabbbcccddddeeeffffgggghhhhii")}
AGAIN = {f"x/{path}": data for path, data in SMALL.items()}
LARGE = {"y/large": noise(60_000, 99), "y/its middle": noise(60_000, 99)[20_000:28_000]}
FILES = {**SMALL, **AGAIN, **LARGE, "z/empty": b""}


@pytest.fixture
def ahead(rig: Rig, small_cuts: None, monkeypatch: pytest.MonkeyPatch) -> tuple[Rig, list[PackRead]]:
    """A rig with FILES stored, and the packs that a restore gives out before all is planned."""
    monkeypatch.setattr(reads, "WINDOW", 4)
    given: list[PackRead] = []
    head = ReadPlan.head

    def told(plan: ReadPlan) -> Iterator[PackRead]:
        for read in head(plan):
            given.append(read)
            yield read

    monkeypatch.setattr(ReadPlan, "head", told)
    monkeypatch.setattr(restorer, "BATCH", 4)
    monkeypatch.setattr(restorer, "HEAD", 16)
    monkeypatch.setattr(restorer, "workers", lambda: 2)
    # Threads that earlier tests left, asleep, would keep these from forking.
    monkeypatch.setattr(restorer, "worth_forking", lambda: True)
    write(rig.source, FILES)
    rig.sync()
    return rig, given


def test_all_comes_back_once(ahead: tuple[Rig, list[PackRead]]) -> None:
    rig, given = ahead
    out, report = rig.restore()
    assert_equal(snapshot(out), snapshot(rig.source))
    assert (report.restored.files, report.restored.bytes) == (len(FILES), sum(map(len, FILES.values())))
    assert given
    assert {want[5] for read in given for want in read.wants} <= {path.encode() for path in SMALL}


def test_a_pack_that_is_mostly_for_later_waits(ahead: tuple[Rig, list[PackRead]]) -> None:
    rig, given = ahead
    rig.restore()
    for read in given:
        assert 2 * sum(want[3] for want in read.wants) > read.row.raw_length


def test_damage_in_what_was_given_ahead_is_named(ahead: tuple[Rig, list[PackRead]]) -> None:
    rig, given = ahead
    rig.restore()
    first = given[0]
    (sector,) = rig.sectors()
    content = bytearray(sector.read_bytes())
    # The first segment of the data region, which holds the first packs.
    content[len(content) // 20] ^= 1
    sector.write_bytes(content)
    given.clear()
    out, report = rig.restore()
    assert given[0].row == first.row
    lost = {file.path for cause in report.causes for file in cause.lost}
    assert lost >= {want[5] for want in first.wants}
    assert report.restored.files == len(FILES) - len(lost)
    assert {path for path in FILES if not _same(out / path, FILES[path])} == {path.decode() for path in lost}
    assert not any((out / path.decode()).exists() for path in lost)


def test_what_a_second_place_gives_comes_from_there(ahead: tuple[Rig, list[PackRead]]) -> None:
    rig, _ = ahead
    (sector,) = rig.sectors()
    rig.sync(standalone=True, always=True)
    content = bytearray(sector.read_bytes())
    content[len(content) // 20] ^= 1
    sector.write_bytes(content)
    out, report = rig.restore()
    assert not report.causes
    assert_equal(snapshot(out), snapshot(rig.source))


@pytest.mark.parametrize("window", [1, 2, 7, 1000])
def test_plain_files_are_planned_by_the_catalog_alone(rig: Rig, window: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reads, "WINDOW", window)
    write(rig.source, {"a": b"one", "b/c": b"two", "b/d": b"", "e": noise(5_000_000, 1), "f": b"of two names"})
    os.link(rig.source / "f", rig.source / "g")
    with open(rig.source / "hole", "wb") as file:
        file.truncate(8 << 20)
    (rig.source / os.fsdecode(b"\xff")).write_bytes(b"odd name")
    first, then = rig.sync(), snapshot(rig.source)
    (rig.source / "a").unlink()
    write(rig.source, {"b/c": b"other", "h": b"new"})
    rig.sync()
    given: list[bytes] = []
    add = ReadPlan.add

    def told(plan: ReadPlan, files: Sequence[Any], pieces: Sequence[Any]) -> None:
        given.extend(row[1] for row in files)
        add(plan, files, pieces)

    monkeypatch.setattr(ReadPlan, "add", told)
    out, report = rig.restore()
    assert_equal(snapshot(out), snapshot(rig.source))
    assert report.restored.files == 8
    assert sorted(given) == [b"b/d", b"e", b"f", b"hole"]
    assert first.sources[0].checkpoint is not None
    out, report = rig.restore(at=first.sources[0].checkpoint.uuid.hex()[:8])
    assert_equal(snapshot(out), then)
    assert report.restored.files == 8


def test_each_window_of_the_plan_looks_at_its_own_part_of_the_catalog(rig: Rig) -> None:
    write(rig.source, {"a": b"one"})
    rig.sync()
    with rig.open("restore") as home:
        for sql in (reads._PLAIN, reads._WINDOW_END):
            values = {"source": 1, "ordinal": 1, "key": b"", "end": b"b", "window": 1}
            ReadPlan(home.catalog, 1)
            plan = [row[3] for row in home.catalog.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
            end = " AND key<?" if ":end" in sql else ""
            assert plan == [f"SEARCH versions USING PRIMARY KEY (source=? AND key>?{end})"]


def _same(path: Path, data: bytes) -> bool:
    return path.exists() and path.read_bytes() == data
