"""diff: what a restore of either check point would bring back differently."""

from __future__ import annotations

import os

import pytest
from look import Look, touch, uuid_text
from nobody import as_nobody
from rig import SMALL_SECTOR
from trees import noise, write

from bakup.errors import Failed, Usage


def test_marks(look: Look) -> None:
    for name in ("content", "mode", "time", "type", "gone", "same"):
        write(look.rig.source, {f"d/{name}": b"old"})
    os.symlink("a", look.rig.source / "d/link")
    one = look.sync()
    source = look.rig.source
    write(source, {"d/content": b"other", "d/new/inner": b""})
    os.chmod(source / "d/mode", 0o600)
    touch(source / "d/time", 1)
    os.unlink(source / "d/gone")
    os.unlink(source / "d/link")
    os.symlink("b", source / "d/link")
    os.unlink(source / "d/type")
    os.mkdir(source / "d/type")
    two = look.sync()
    changes = look.diff()
    assert changes.marks == [
        ("M", b"d/content"),
        ("-", b"d/gone"),
        ("M", b"d/link"),
        ("U", b"d/mode"),
        ("+", b"d/new"),
        ("+", b"d/new/inner"),
        ("U", b"d/time"),
        ("T", b"d/type"),
    ]
    assert (changes.report.before.uuid, changes.report.after.uuid) == (one, two)
    assert {line.path: line.bytes for line in changes.lines}[b"d/content"] == 5
    assert {line.path: line.bytes for line in changes.lines}[b"d/gone"] == 3


def test_what_no_restore_shows_is_no_change(look: Look) -> None:
    look.sync({"a": b"1", "b": b"2"})
    os.rename(look.rig.source / "a", look.rig.source / "a.old")
    (look.rig.source / "a").write_bytes(b"1")
    facts = os.stat(look.rig.source / "a.old")
    os.utime(look.rig.source / "a", ns=(facts.st_atime_ns, facts.st_mtime_ns))
    os.unlink(look.rig.source / "a.old")
    look.sync(always=True)
    assert look.diff().marks == []
    assert look.diff("latest", "latest").marks == []


def test_a_folder_with_another_mode_is_listed(look: Look) -> None:
    look.sync({"d/a": b""})
    os.chmod(look.rig.source / "d", 0o700)
    look.sync()
    assert look.diff().marks == [("U", b"d")]


def test_what_could_not_be_read_is_a_problem(nobodys: Look) -> None:
    look, source = nobodys, nobodys.rig.source
    with as_nobody():
        look.sync({"a": b"1", "b": b"2", "d/in": b"3"})
    for name in ("b", "d"):
        (source / name).chmod(0)
    write(source, {"a": b"22", "never": b""})
    (source / "never").chmod(0)
    with as_nobody():
        look.sync()
    changes = look.diff()
    assert changes.marks == [("M", b"a"), ("!", b"b"), ("!", b"d"), ("!", b"never")]
    assert {line.reason for line in changes.lines} == {"", "permission denied"}
    assert look.diff("latest", "latest~1").marks == [("M", b"a"), ("U", b"d")]
    got, report = look.cat(b"d/in")
    assert (got, report.older) == (b"3", True)
    assert not look.cat(b"a")[1].older


def test_one_check_point_has_nothing_to_compare_with(look: Look) -> None:
    look.sync({"a": b"1"})
    with pytest.raises(Failed, match="no check point latest~1"):
        look.diff()


def test_of_several_sources_one_must_be_named(look: Look) -> None:
    other = look.rig.folder / "other"
    write(other, {"a": b""})
    write(look.rig.source, {"a": b""})
    look.rig.sync(look.rig.source, other)
    write(other, {"b": b""})
    look.rig.sync(look.rig.source, other)
    with pytest.raises(Usage, match="2 sources"):
        look.diff()
    assert look.diff(source="other").marks == [("+", b"b")]


def test_what_is_lost_with_its_very_names_is_told(look: Look, small_cuts: None) -> None:
    one = look.sync({f"a/{number}": noise(7_000, number) for number in range(60)}, sector_size=SMALL_SECTOR)
    two = look.sync({f"b/{number}": noise(7_000, 60 + number) for number in range(60)}, sector_size=SMALL_SECTOR)
    lost = look.lines(two)[0]
    look.lose(lost.sector)
    three = look.sync({"c": b"3"}, standalone=True)
    four = look.sync({"d": b"4"})
    look.rig.new_home("elsewhere")
    [cause] = look.diff(one.hex(), two.hex()).report.unknown
    assert cause.startswith(f"sector {uuid_text(lost.sector)} is missing: {lost.entries} entries, ")
    assert look.diff(three.hex(), four.hex()).report.unknown == ()
    assert look.diff(three.hex(), four.hex()).marks == [("+", b"d")]
