"""What a read costs, whose name a check point gets, and files that are not whole."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from rig import Answers, Rig
from trees import noise

from bakup.api.reports import TargetOptions
from bakup.archive.contents import Contents
from bakup.archive.moments import Folders, Link, Moment
from bakup.archive.opening import attach
from bakup.catalog.readers import Readers
from bakup.store.counting import Counts

MIB = 1 << 20


@contextmanager
def contents(rig: Rig) -> Iterator[tuple[Contents, Counts]]:
    """The rig's target, and what it is asked for from now on."""
    with rig.open() as home, attach(home, str(rig.target), TargetOptions(), rig.watch, Answers()) as attached:
        readers = Readers(home.databases)
        counts = attached.target.counts
        counts.reads = counts.read_bytes = 0
        reading = attached.layout.reading(readers, attached.row)
        with closing(Contents(readers, attached.row, reading)) as opened:
            yield opened, counts


def test_a_small_file_of_many_sectors_takes_two_reads(rig: Rig) -> None:
    for number in range(4):
        (rig.source / f"big{number}").write_bytes(noise(15 * MIB, number))
    (rig.source / "c").write_bytes(noise(1024, 9))
    rig.sync()
    with contents(rig) as (opened, counts):
        [moment] = opened.moments()
        version = opened.entry(moment, b"c")
        assert version is not None
        assert opened.file(version).read(0, 4096) == noise(1024, 9)
        assert counts.reads == 2  # the sector's header, and the pack
        assert counts.read_bytes < 5 * MIB
        assert opened.file(version).read(512, 100) == noise(1024, 9)[512:612]
        assert counts.reads == 2


def test_who_reads_on_gets_packs_ahead_and_none_twice(rig: Rig) -> None:
    data = noise(24 * MIB)
    (rig.source / "big").write_bytes(data)
    rig.sync()
    stored = sum(path.stat().st_size for path in rig.target.glob("*.bakup"))
    with contents(rig) as (opened, counts):
        [moment] = opened.moments()
        version = opened.entry(moment, b"big")
        assert version is not None
        file = opened.file(version)
        assert b"".join(file.read(at, 131_072) for at in range(0, len(data), 131_072)) == data
        assert counts.read_bytes < 1.05 * stored  # where two packs meet, a segment is read for both


def test_folders_of_any_shape_are_listed_as_they_are(rig: Rig) -> None:
    for path in ("a/x/deep/er", "a-b/y", "a.b", "ab/z"):
        (rig.source / path).parent.mkdir(parents=True, exist_ok=True)
        (rig.source / path).write_bytes(b"1")
    rig.sync()
    with contents(rig) as (opened, _):
        [moment] = opened.moments()
        assert sorted(opened.folder(moment, b"")) == [b"a", b"a-b", b"a.b", b"ab"]
        assert list(opened.folder(moment, b"a")) == [b"x"]
        assert list(opened.folder(moment, b"a/x/deep")) == [b"er"]
        assert opened.folder(moment, b"a.b") == opened.folder(moment, b"none") == {}
        assert opened.entry(moment, b"a/none") is None


def moment(
    number: int, time_s: float, tags: tuple[str, ...] = (), source: int = 1, location: bytes = b"/a/b"
) -> Moment:
    return Moment(number.to_bytes(16), number, source, number, int(time_s * 10**9), tags, "nas", location, "")


def test_names_of_one_minute_and_names_that_stay() -> None:
    begin = 1_796_000_400.0
    first, second, third = moment(1, begin), moment(2, begin + 1), moment(3, begin + 1, ("a/b",))
    folders = Folders()
    top = folders.of([second, third])
    minute, full = (time.strftime(form, time.localtime(begin + 1)) for form in ("%Y-%m-%dT%H%M", "%Y-%m-%dT%H%M%S"))
    assert list(top[b"by-time"]) == [minute.encode(), full.encode()]  # type: ignore[arg-type]
    assert top[b"by-tag"] == {b"a-b": {minute.encode(): third}}
    again = folders.of([first, second, third])
    times = again[b"by-time"]
    assert isinstance(times, dict)
    assert (times[minute.encode()], times[full.encode()], len(times)) == (second, third, 3)
    assert again[b"latest"] == Link(b"by-id/" + third.id.encode(), third)


def test_sources_of_one_name_have_two() -> None:
    found = [moment(1, 10), moment(2, 20, source=2, location=b"/c/b"), moment(3, 30, source=3, location=b"/")]
    sources = Folders().of(found)[b"by-source"]
    assert isinstance(sources, dict)
    assert list(sources) == [b"b", b"nas-b", b"root"]
