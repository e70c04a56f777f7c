"""find and history: which versions there are, and at which check points they stand."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from look import Look, ends, touch, uuid_text
from rig import SMALL_SECTOR, Answers
from trees import noise, write

from bakup.api.reports import TargetOptions
from bakup.archive.when import span_of
from bakup.catalog.history import CheckpointRow
from bakup.catalog.search import Timeline, matcher
from bakup.errors import Failed, Usage
from bakup.flows import ls

ODD = {"caf\udce9.jpg": b"1", "new\nline": b"2", "[a]": b"3", "-n": b"4", "café.jpg": b"5", " ": b"6"}


@pytest.mark.parametrize(
    ("glob", "path", "fits"),
    [
        (b"*.mov", b"2024/broken.mov", True),
        (b"*.mov", b"broken.mov", True),
        (b"*.mov", b"a.mov/b", False),
        (b"*.MOV", b"broken.mov", False),
        (b"2024", b"2024/broken.mov", False),
        (b"2024", b"x/2024", True),
        (b"2024/*", b"2024/broken.mov", True),
        (b"2024/*", b"2024/07/broken.mov", False),
        (b"2024/*", b"x/2024/broken.mov", False),
        (b"2024/**", b"2024/07/broken.mov", True),
        (b"**/*.mov", b"broken.mov", True),
        (b"**/07/*.mov", b"a/b/07/x.mov", True),
        (b"**/07/*.mov", b"a/b/07/c/x.mov", False),
        (b"/x.mov", b"x.mov", True),
        (b"/x.mov", b"a/x.mov", False),
        (b"?", "é".encode(), True),
        (b"??", "é".encode(), False),
        (b"?", b"\xe9", True),
        (b"[!a]", b"b", True),
        (b"[!a]", b"a", False),
        (b"[[]a]", b"[a]", True),
        (b"a?b", b"a\nb", True),
        (b"a?b", b"a/b", False),
        (b"a*b", b"a/b", False),
        (b"a\\*", b"a\\x", True),
    ],
)
def test_globs(glob: bytes, path: bytes, fits: bool) -> None:
    assert matcher([glob])(path.replace(b"/", b"\0")) is fits
    assert matcher([b"no such", glob])(path.replace(b"/", b"\0")) is fits


def test_a_version_stands_until_it_is_replaced_or_deleted(look: Look) -> None:
    one = look.sync({"d/a": b"1", "d/b": b"1"})
    two = look.sync({"d/a": b"22"})
    os.unlink(look.rig.source / "d/a")
    three = look.sync({"d/c": b"3"})
    four = look.sync({"d/a": b"22"})
    found = [version for _, version in look.find(b"a").all]
    assert [ends(version) for version in found] == [(one, one, False), (two, two, False), (four, four, True)]
    assert [version.bytes for version in found] == [1, 2, 2]
    [other] = look.history(b"d/b").versions
    assert ends(other) == (one, four, True)
    [late] = look.history(b"d/c").versions
    assert ends(late) == (three, four, True)
    assert look.history(b"d/a").versions == tuple(found)
    assert look.history(b"d").versions[-1].current
    assert look.history(b"nope").versions == ()


def test_a_full_listing_and_storing_again_begin_no_version(look: Look) -> None:
    one = look.sync({"a": b"same", "big": noise(3 << 20)})
    two = look.sync({"b": b"2"}, standalone=True)
    for sector in look.rig.sectors()[:1]:
        sector.unlink()
    three = look.sync(always=True)
    for path, first in {b"a": one, b"big": one, b"b": two}.items():
        [version] = look.history(path).versions
        assert ends(version) == (first, three, True)


def test_a_history_that_forks_was_not_applied_in_the_order_of_its_chain() -> None:
    def row(ordinal: int) -> CheckpointRow:
        return CheckpointRow(ordinal, bytes(16), 1, ordinal, 1, 0, b"", 0, 0, (), False, None, None, 0)

    forked, straight = Timeline([row(1), row(4), row(2)]), Timeline([row(1), row(2), row(4)])
    assert list(forked.positions(1, 3)) == [0, 2]
    assert list(forked.positions(3, None)) == [1]
    assert list(forked.positions(5, None)) == list(straight.positions(3, 3)) == []
    assert list(straight.positions(1, 3)) == [0, 1]
    assert list(straight.positions(2, None)) == [1, 2]


def test_another_type_is_another_version(look: Look) -> None:
    one = look.sync({"a": b"file"})
    os.unlink(look.rig.source / "a")
    os.symlink("elsewhere", look.rig.source / "a")
    two = look.sync()
    os.unlink(look.rig.source / "a")
    three = look.sync({"a/b": b"inside"})
    found = look.history(b"a").versions
    assert [ends(version)[0] for version in found] == [one, two, three]
    assert [type(version.entry).__name__ for version in found] == ["File", "Symlink", "Dir"]
    assert [version.bytes for version in found] == [4, None, None]


def test_sizes_and_times_bound_what_is_found(look: Look) -> None:
    for number in range(5):
        write(look.rig.source, {f"f{number}": bytes(number * 10)})
        touch(look.rig.source / f"f{number}", 1_700_000_000 + number)
    look.sync()
    assert look.find(larger_than=10, smaller_than=40).paths == [b"f2", b"f3"]
    assert look.find(b"*", larger_than=0).paths == [b"f1", b"f2", b"f3", b"f4"]

    def when(second: int) -> str:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(1_700_000_000 + second))

    assert look.find(b"f*", newer_than=when(1), older_than=when(4)).paths == [b"f2", b"f3"]
    assert look.find(b"f*", newer_than="latest").paths == []
    assert look.find(b"f*", older_than="latest").paths == [b"f%d" % number for number in range(5)]


@pytest.mark.parametrize("option", ["newer_than", "older_than"])
def test_a_time_that_is_none_is_refused(look: Look, option: str) -> None:
    look.sync({"a": b""})
    with pytest.raises(Usage, match="no check point or time: yesterday"):
        look.find(**{option: "yesterday"})


def test_odd_names_are_found(look: Look) -> None:
    look.sync({os.path.join("d", name): data for name, data in ODD.items()})
    found = {os.fsdecode(path) for path in look.find(b"d/*").paths}
    assert found == {f"d/{name}" for name in ODD}
    assert look.find(b"caf?.jpg").paths == ["d/café.jpg".encode(), b"d/caf\xe9.jpg"]
    assert look.find(b"caf\xe9.jpg").paths == [b"d/caf\xe9.jpg"]
    assert [version.path for version in look.history(b"d/new\nline").versions] == [b"d/new\nline"]


def test_absolute_paths_below_the_source_are_understood(look: Look) -> None:
    look.sync({"a": b"", "d/a": b""})
    source = os.fsencode(look.rig.source)
    assert look.find(source + b"/a").paths == [b"a"]
    assert look.find(source + b"/*/a").paths == [b"d/a"]
    assert [version.path for version in look.history(source + b"/d/a").versions] == [b"d/a"]
    with pytest.raises(Usage, match="is not in"):
        look.find(b"/elsewhere/*")


def test_only_what_stood_at_a_check_point(look: Look) -> None:
    one = look.sync({"a": b"1", "gone": b"x"})
    os.unlink(look.rig.source / "gone")
    look.sync({"a": b"22"})
    assert look.find(b"a", b"gone", at=one.hex()).paths == [b"a", b"gone"]
    assert look.find(b"a", b"gone", at="latest").paths == [b"a"]
    [version] = look.history(b"a", at="latest~1").versions
    assert version.bytes == 1
    with pytest.raises(Failed, match="no check point latest~2"):
        look.find(at="latest~2")


def test_all_sources_or_one(look: Look) -> None:
    other = look.rig.folder / "other"
    write(other, {"a": b"other", "only": b""})
    write(look.rig.source, {"a": b"source"})
    look.rig.sync(look.rig.source, other)
    labels = {source for source, _ in look.find(b"a").all}
    assert {label.rpartition("/")[2] for label in labels} == {"source", "other"}
    assert look.find(b"*", source="other").paths == [b"a", b"only"]
    assert look.find(os.fsencode(other) + b"/*").paths == [b"a", b"only"]
    with pytest.raises(Usage, match="2 sources"):
        look.history(b"a")
    assert len(look.history(b"a", source="other").versions) == 1


def test_what_is_lost_with_its_very_names_is_told(look: Look, small_cuts: None) -> None:
    kept = [
        look.sync(
            {f"{point}/{number}": noise(7_000, ord(point) * 99 + number) for number in range(60)},
            sector_size=SMALL_SECTOR,
        )
        for point in "abc"
    ]
    look.sync({"d": b""})
    by_point = [{line.sector for line in look.lines(uuid)} for uuid in kept]
    assert min(map(len, by_point)) > 1
    lost = look.lines(kept[1])[0]
    look.lose(lost.sector)
    look.rig.new_home("elsewhere")
    told = f"sector {uuid_text(lost.sector)} is missing: {lost.entries} entries, "
    [cause] = look.find().unknown
    assert cause.startswith(told)
    assert look.history(b"a/1").unknown == (cause,)
    assert look.find(at=kept[0].hex()).unknown == ()
    assert look.find(at=kept[1].hex()).unknown == (cause,)


def test_a_check_point_that_is_gone_is_told(look: Look) -> None:
    look.sync({"a": b"1"})
    two = look.sync({"b": b"2"})
    look.lose(look.lines(two)[-1].sector)
    three = look.sync({"c": b"3"})
    look.rig.new_home("elsewhere")
    told = f"check point {two.hex()[:8]}, before {three.hex()[:8]}, is missing"
    assert look.find().unknown == look.history(b"a").unknown == (told,)
    assert look.find(at="latest").unknown == ()


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("text", "begin", "seconds"),
    [
        ("2026-11-21", 1_795_215_600, 86_400),
        ("2026-10-25", 1_792_879_200, 90_000),
        ("2026-03-29", 1_774_738_800, 82_800),
        ("2026-11-21 18:40:12", 1_795_282_812, 1),
        ("2026-11-21T17:40:12Z", 1_795_282_812, 1),
    ],
)
def test_a_date_is_its_whole_day(berlin: None, text: str, begin: int, seconds: int) -> None:
    assert span_of(text) == (begin * 10**9, (begin + seconds) * 10**9 - 1)


def test_memory_is_flat(look: Look, tmp_path: Path) -> None:
    look.sync({f"{number:04}": b"" for number in range(3000)})
    import tracemalloc

    with look.rig.open("find") as home:
        from rig import Answers

        from bakup.api.listings import FindOptions
        from bakup.flows import find

        report = find.find(home, look.dst, FindOptions(globs=(b"*",)), watch=look.rig.watch, ask=Answers())
        [group] = report.groups
        next(group.versions)
        tracemalloc.start()
        count = sum(1 for _ in group.versions)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert count == 2999
    assert peak < 300_000


def test_a_folder_is_listed_without_what_is_below(look: Look) -> None:
    uuid = look.sync({**{f"wide/many/{number}": b"" for number in range(300)}, "wide/one": b"1", "wide.x": b"2"})

    def listed(path: bytes, recursive: bool) -> tuple[list[bytes], int]:
        steps: list[None] = []
        with look.rig.open("ls") as home:
            found = ls.entries(
                home,
                look.dst,
                path,
                at=uuid.hex(),
                source=None,
                recursive=recursive,
                target=TargetOptions(),
                watch=look.rig.watch,
                ask=Answers(),
            )
            home.catalog.set_progress_handler(lambda: steps.append(None), 1)
            names = [one.path for one in found.entries]
        return names, len(steps)

    assert listed(b"wide", recursive=False)[0] == [b"many", b"one"]
    assert listed(b"", recursive=False)[0] == [b"wide", b"wide.x"]
    many, all_steps = listed(b"wide", recursive=True)
    assert len(many) == 302
    assert listed(b"wide", recursive=False)[1] * 10 < all_steps
