"""`sync -v` and `plan -v` mark as `diff` does; no change shows nothing, and a check point says why it was made."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable

import pytest
from rig import Rig
from trees import snapshot, write

from bakup.source.tree import listing


def marks(said: str) -> list[tuple[str, str]]:
    """Mark and path of each line."""
    return re.findall(r"^([-+MUT!])  [ \d.BKMGTi]{8}  (.+)$", said, re.MULTILINE)


@pytest.mark.parametrize("layout", ["sectors", "atbak"])
def test_the_marks_are_those_of_diff(rig: Rig, layout: str) -> None:
    write(rig.source, {name: name.encode() for name in ("mode", "nothing", "content", "kind", "gone", "sub/time")})
    os.symlink("a", rig.source / "link")
    rig.run("sync", str(rig.source), str(rig.target), "--layout", layout)
    time.sleep(0.05)
    os.chmod(rig.source / "mode", 0o600)
    shutil.copy2(rig.source / "nothing", rig.folder / "copy")
    os.rename(rig.folder / "copy", rig.source / "nothing")
    write(rig.source, {"content": b"CONTENT", "new": b"", "sub/other": b""})
    (rig.source / "sub" / "other").unlink()
    for name in ("kind", "gone", "link"):
        (rig.source / name).unlink()
    (rig.source / "kind").mkdir()
    os.symlink("b", rig.source / "link")
    wanted = [("M", "content"), ("-", "gone"), ("T", "kind"), ("M", "link"), ("U", "mode"), ("+", "new")]
    planned = rig.run("plan", "-v", str(rig.source), str(rig.target))
    said = rig.run("sync", "-v", str(rig.source), str(rig.target))
    compared = rig.run("diff", str(rig.target))
    assert marks(compared) == wanted
    assert marks(said) == wanted
    assert marks(planned) == wanted
    for text in (planned, said):
        assert re.search(r"^changed +2 files", text, re.MULTILINE)
        assert re.search(r"^unchanged +2 files", text, re.MULTILINE)
    assert "-       4 B  gone" in said
    assert "-       4 B  gone" in planned


def test_a_check_point_without_a_changed_file_says_why(rig: Rig) -> None:
    write(rig.source, {"sub/a": b"a", "b": b"b"})
    rig.sync()
    os.chmod(rig.source / "sub", 0o700)
    assert "other         1 folder or link changed\n" in rig.run("sync", str(rig.source), str(rig.target))
    shutil.copy2(rig.source / "b", rig.folder / "copy")
    os.rename(rig.folder / "copy", rig.source / "b")
    said = rig.run("sync", str(rig.source), str(rig.target))
    assert "other         2 paths differ in inode or change time alone\n" in said
    assert "other" not in rig.run("sync", str(rig.source), str(rig.target))


@pytest.fixture
def numbered(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Stands for a file system that numbers its files anew at each mount, or tells the clock for a change time."""
    monkeypatch.setattr("bakup.flows.sync.worth_forking", lambda: False)
    real = listing.look

    def anew(*, inode: int = 0, ctime_ns: int = 0) -> None:
        def look(*arguments: object) -> list[listing.Looked]:
            return [(name, _other(stat, inode, ctime_ns)) for name, stat in real(*arguments)]  # type: ignore[arg-type]

        monkeypatch.setattr(listing, "look", look)

    return anew


def _other(stat: os.stat_result, inode: int, ctime_ns: int) -> os.stat_result:
    fields = ("st_mtime_ns", "st_rdev")
    named = {name: getattr(stat, name) for name in fields} | {"st_ctime_ns": stat.st_ctime_ns + ctime_ns}
    return os.stat_result((stat.st_mode, stat.st_ino + inode, *stat[2:10]), named)


def test_inodes_that_are_all_new_are_no_changes_and_said_once(rig: Rig, numbered: Callable[..., None]) -> None:
    write(rig.source, {f"{number}": b"%d" % number for number in range(10)})
    rig.sync()
    numbered(inode=1000)
    write(rig.source, {"new": b"n"})
    report = rig.sync().sources[0]
    assert (report.new.files, report.changed.files, report.unchanged.files, report.noted) == (1, 0, 10, 1)
    assert [note for note in rig.watch.notes if "inodes" in note] == [
        f"all inodes of {report.source} are new, and nothing else is: they are not counted as changes"
    ]
    assert rig.sync(standalone=True).sources[0].changed.files == 0
    rig.assert_restores(snapshot(rig.source))


def test_one_new_inode_among_old_ones_is_a_reason_to_read(rig: Rig, numbered: Callable[..., None]) -> None:
    write(rig.source, {f"{number}": b"%d" % number for number in range(10)})
    rig.sync()
    shutil.copy2(rig.source / "5", rig.folder / "copy")
    os.rename(rig.folder / "copy", rig.source / "5")
    report = rig.sync().sources[0]
    assert (report.made, report.unchanged.files, report.noted) == (True, 10, 2)
    assert not [note for note in rig.watch.notes if "inodes" in note]


def test_inodes_and_change_times_may_be_ignored_but_no_metadata(rig: Rig, numbered: Callable[..., None]) -> None:
    write(rig.source, {f"{number}": b"%d" % number for number in range(10)})
    rig.sync()
    os.chmod(rig.source / "4", 0o600)
    numbered(inode=1000, ctime_ns=10**9)
    report = rig.sync(ignore_inode=True).sources[0]
    assert (report.changed.files, report.unchanged.files) == (1, 9)
    numbered(inode=2000, ctime_ns=10**10)
    assert not rig.sync(ignore_inode=True).sources[0].made
    rig.assert_restores(snapshot(rig.source))
