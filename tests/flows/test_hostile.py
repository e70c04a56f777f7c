"""A target that lies: forged and changed sectors, and such as the account signed, with paths that would leave OUT."""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path

import pytest
from crafting import Crafted, point
from rig import ENTROPY, OTHER_ENTROPY, Answers, Rig
from trees import noise, snapshot, write

from bakup.account.keys import Account
from bakup.api.reports import TargetOptions
from bakup.flows import sector as sectors
from bakup.model import Attributes, Dir, Entry, File, Symlink

EVIL = [b"../evil", b"/evil", b"a/../../evil", b"a//b", b"./a", b"a/", b"a\0b", b"..", b"."]


def crafted(folder: Path, entries: list[Entry], *, entropy: bytes = ENTROPY) -> Path:
    """A sector with one whole check point of these entries, signed by the account: by one who has its keys."""
    header = point(source=uuid.uuid4().bytes)
    return Crafted(folder, Account.from_entropy(entropy), header).whole(entries)


def test_the_crafting_makes_good_sectors(rig: Rig) -> None:
    crafted(rig.target, [Dir(b"", Attributes()), Dir(b"a", Attributes(mtime_ns=5)), Symlink(b"b", Attributes(), b"x")])
    out, report = rig.restore(source="evil")
    assert report.causes == ()
    assert {path for path in snapshot(out) if path} == {b"a", b"b"}


@pytest.mark.parametrize("path", EVIL)
def test_a_path_that_leaves_is_refused(rig: Rig, path: bytes) -> None:
    write(rig.source, {"good": b"good"})
    rig.sync()
    evil = crafted(rig.folder / "made", [Dir(b"", Attributes()), File(path, Attributes(), 0, ())])
    shutil.copy(evil, rig.target / evil.name)
    report = rig.check()
    assert report.exit_code in (20, 21)
    assert [problem.name for problem in report.problems if problem.name] == [evil.name]
    rig.assert_restores(snapshot(rig.source), source=str(rig.source), refusals=True)
    rig.new_home("elsewhere")
    assert [name for name, _ in rig.rebuild().rejected] == [evil.name]
    rig.assert_restores(snapshot(rig.source), source=str(rig.source), refusals=True)
    with rig.open() as home:
        restored = sectors.restore(
            home, [str(evil)], str(rig.new_out()), target=TargetOptions(), watch=rig.watch, ask=Answers()
        )
    assert [name for name, _ in restored.rejected] == [str(evil)]
    assert restored.restored.files == 0
    assert not list(rig.folder.rglob("evil"))


def test_a_link_on_the_way_is_not_followed(rig: Rig) -> None:
    """`a` is a link to a folder outside, and there are entries below it: refused, or put in a folder, never outside."""
    outside = rig.folder / "outside"
    outside.mkdir()
    entries: list[Entry] = [
        Dir(b"", Attributes()),
        Symlink(b"a", Attributes(), os.fsencode(outside)),
        File(b"a/inner", Attributes(), 0, ()),
        Dir(b"a/folder", Attributes()),
    ]
    crafted(rig.target, sorted(entries, key=lambda entry: entry.path.replace(b"/", b"\0")))
    out = rig.new_out()
    rig.restore(out, source="evil")
    assert list(outside.iterdir()) == []


def test_a_link_in_the_destination_is_not_followed(rig: Rig) -> None:
    write(rig.source, {"a/inner": b"inner", "b": b"b"})
    rig.sync()
    outside = rig.folder / "outside"
    outside.mkdir()
    out = rig.new_out()
    out.mkdir()
    os.symlink(outside, out / "a")
    os.symlink(outside / "b", out / "b")
    for overwrite in ("never", "if-newer", "always"):
        rig.restore(out, overwrite=overwrite)
        assert list(outside.iterdir()) == []


def test_another_accounts_sectors_are_passed_over(rig: Rig) -> None:
    write(rig.source, {"good": b"good"})
    rig.sync()
    crafted(rig.target, [Dir(b"", Attributes())], entropy=OTHER_ENTROPY)
    report = rig.check()
    assert (report.exit_code, report.foreign) == (0, 1)
    rig.assert_restores(snapshot(rig.source))
    rig.new_home("elsewhere")
    rig.assert_restores(snapshot(rig.source))


def test_a_plain_sector_among_ours_is_not_believed(rig: Rig) -> None:
    """A store that slips in an unsigned check point of our source: it is named, and never offered."""
    write(rig.source, {"good": b"good"})
    rig.sync()
    forger = Rig(_made(rig.folder / "forger"))
    write(forger.source, {"good": b"forged"})
    forger.sync(encrypt=False, sign=False)
    for sector in forger.sectors():
        shutil.copy(sector, rig.target)
    report = rig.check()
    assert report.exit_code == 22
    assert {problem.state for problem in report.problems} == {"untrusted"}
    wanted = snapshot(rig.source)
    rig.assert_restores(wanted, refusals=True)
    rig.new_home("elsewhere")
    rig.assert_restores(wanted, refusals=True)
    assert rig.check().exit_code == 22


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_sectors_under_other_names_serve_as_well(rig: Rig) -> None:
    write(rig.source, {"a": noise(3000)})
    rig.sync()
    write(rig.source, {"b": noise(3000, 1)})
    rig.sync()
    one, two = rig.sectors()
    os.rename(one, rig.folder / "x")
    os.rename(two, one)
    os.rename(rig.folder / "x", two)
    wanted = snapshot(rig.source)
    rig.new_home("elsewhere")
    rig.assert_restores(wanted)
    rig.assert_recovers(wanted)
    rig.home = rig.folder / "home"
    rig.sync()
    rig.assert_restores(wanted)


def test_a_changed_copy_of_a_sector_is_refused(rig: Rig) -> None:
    first = crafted(rig.target, [Dir(b"", Attributes())])
    assert rig.check().exit_code == 0
    data = bytearray(first.read_bytes())
    data[-1] ^= 1
    (rig.target / f"{uuid.uuid4()}.bakup").write_bytes(data)
    assert rig.check().exit_code in (20, 21)
    _, report = rig.restore(source="evil")
    assert all(cause.lost == () for cause in report.causes)
