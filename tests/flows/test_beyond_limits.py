"""Files with more, larger and odder facts than an entry can hold: each is stored, or named, and stops nothing."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from rig import Rig
from trees import noise, snapshot, write

from bakup.catalog.rows import rows_of
from bakup.format.constants import EXTENTS_MAX
from bakup.model import Attributes, File
from bakup.source.tree import attributes, recorded, scan

BLOCK = 4096
YEAR_2300_NS = 10_413_792_000 * 10**9


def write_holes(path: Path, blocks: int) -> None:
    """A file of one block of data, one of nothing, and so on."""
    data = noise(BLOCK)
    with open(path, "wb") as file:
        for number in range(blocks):
            file.seek(2 * number * BLOCK)
            file.write(data)


def test_more_extents_than_an_entry_has(rig: Rig) -> None:
    write_holes(rig.source / "sparse", EXTENTS_MAX // 2 + 800)
    rig.sync()
    rig.assert_restores(snapshot(rig.source))


def test_they_are_listed_again_without_a_look_at_the_file(rig: Rig) -> None:
    write_holes(rig.source / "sparse", EXTENTS_MAX // 2 + 800)
    write(rig.source, {f"file{number}": b"first" for number in range(400)})
    rig.sync()
    for turn in range(4):
        write(rig.source, {f"file{number}": b"%d" % turn for number in range(400)})
        rig.sync()
    with closing(sqlite3.connect(rig.home / "catalog.db")) as catalog:
        [[listings]] = catalog.execute("SELECT count(*) FROM checkpoints WHERE based_on IS NULL")
    assert listings > 1
    rig.new_home("elsewhere")
    rig.assert_restores(snapshot(rig.source))


def test_a_time_past_2262(rig: Rig) -> None:
    write(rig.source, {"a": b"late", "b": b"now"})
    os.utime(rig.source / "a", ns=(YEAR_2300_NS, YEAR_2300_NS))
    if os.stat(rig.source / "a").st_mtime_ns != YEAR_2300_NS:
        pytest.fail("the file system of these tests keeps no time past 2262")
    assert rig.sync().sources[0].made
    assert not rig.sync().sources[0].made, "it is the same the next time"
    out, report = rig.restore()
    assert report.causes == ()
    assert os.stat(out / "a").st_mtime_ns // 10**9 == recorded.MOST // 10**9


@pytest.mark.parametrize("inode", [(1 << 63) + 5, (1 << 64) - 1])
def test_an_inode_of_64_bits(inode: int, tmp_path: Path) -> None:
    """As mergerfs and others number them: what a scan says is what the catalog has of an entry that says it in full."""
    found = os.stat(tmp_path)
    times = {"st_mtime_ns": found.st_mtime_ns, "st_ctime_ns": found.st_ctime_ns}
    numbered = os.stat_result((found.st_mode, inode, *tuple(found)[2:]), times)
    facts = Attributes(inode=inode)
    [version] = rows_of([File(b"a", facts, 0, ())], {}).versions
    assert scan._stat(numbered).st_ino in version
    assert attributes._attributes(numbered, found.st_dev, None, None, ()).inode == recorded.inode(inode)


def test_a_name_of_a_group_that_is_not_utf8(monkeypatch: pytest.MonkeyPatch) -> None:
    assert attributes._name(lambda: os.fsdecode(b"caf\xe9")) == "caf\ufffd"


def test_more_extended_attributes_than_an_entry_holds(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attributes, "XATTRS_BYTES", 1000)
    write(rig.source, {"a": b"a", "folder/b": b"b", "c": b"c" * 3_000_000})
    for name in ("a", "folder", "c"):
        os.setxattr(rig.source / name, "user.large", bytes(900))
        os.setxattr(rig.source / name, "user.more", bytes(200))
    report = rig.sync().sources[0]
    assert report.made
    assert {line.path for line in report.unreadable} == {b"a", b"folder", b"c"}
    assert all("more than an entry holds" in line.reason for line in report.unreadable)
    out, _ = rig.restore()
    assert (out / "folder/b").read_bytes() == b"b"


def test_the_home_is_left_out_of_a_source(rig: Rig) -> None:
    """Its account is secret, and its catalog changes with every run."""
    write(rig.source, {"a": b"a"})
    rig.new_home("source/home")
    rig.sync(encrypt=False)
    assert not rig.sync(encrypt=False).sources[0].made
    out, _ = rig.restore()
    assert os.listdir(out) == ["a"]


def test_a_target_inside_its_source_by_a_file_url(rig: Rig) -> None:
    write(rig.source, {"a": b"a"})
    rig.target = f"file://{rig.source}/backups"  # type: ignore[assignment]
    rig.sync()
    rig.sync()  # the folder that it was made in has another time now
    assert not rig.sync().sources[0].made
