"""A target that lies: forged and changed sectors, and such as the account signed, with paths that would leave OUT."""

from __future__ import annotations

import os
import shutil
import time
import uuid
from pathlib import Path

import pytest
from rig import ENTROPY, OTHER_ENTROPY, Answers, Rig, raising
from trees import noise, snapshot, write

from bakup.account.keys import Account
from bakup.errors import BakupError, Damaged
from bakup.flows import sectors
from bakup.flows.reports import TargetOptions
from bakup.format.action import frame, group_action
from bakup.format.constants import ActionType
from bakup.format.entries import encode_entries
from bakup.format.structures import encode_checkpoint, encode_end
from bakup.model import Attributes, Checkpoint, Chunker, Dir, End, Entry, File, SectorLine, Symlink
from bakup.sector.writer import SectorWriter

EVIL = [b"../evil", b"/evil", b"a/../../evil", b"a//b", b"./a", b"a/", b"a\0b", b"..", b"."]


def crafted(folder: Path, entries: list[Entry], *, entropy: bytes = ENTROPY) -> Path:
    """A sector with one whole check point of these entries, signed by the account: by one who has its keys."""
    account = Account.from_entropy(entropy)
    checkpoint = Checkpoint(
        uuid=uuid.uuid4().bytes,
        flags=0,
        time_ns=time.time_ns(),
        source=uuid.uuid4().bytes,
        host="evil",
        location=b"/evil",
        name="evil",
        tags=(),
        sequence=1,
        previous=None,
        based_on=None,
        chunker=Chunker("fastcdc-2020", 1, 2, 3, 0),
    )
    folder.mkdir(exist_ok=True)
    with SectorWriter(str(folder), account) as writer:
        writer.begin_checkpoint(checkpoint.uuid, encode_checkpoint(checkpoint))
        group = group_action(encode_entries(entries), None)
        writer.add_meta(checkpoint.uuid, 0, group)
        line = SectorLine(writer.uuid, None, len(entries), 0, entries[0].path[:256], entries[-1].path[:256])
        end = End(checkpoint.uuid, 0, True, (line,), 0, 0)
        writer.add_meta(checkpoint.uuid, len(group), frame(ActionType.END, encode_end(end)))
        return Path(writer.finish().path)


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
    assert [problem.name for problem in report.problems] == [evil.name]
    rig.assert_restores(snapshot(rig.source), refusals=True)
    rig.new_home("elsewhere")
    assert [name for name, _ in rig.rebuild().rejected] == [evil.name]
    rig.assert_restores(snapshot(rig.source), refusals=True)
    assert not list(rig.folder.rglob("evil"))
    with rig.open() as home:
        error = raising(
            lambda: sectors.restore(
                home, [str(evil)], str(rig.new_out()), target=TargetOptions(), watch=rig.watch, ask=Answers()
            ),
            BakupError,
        )
    assert isinstance(error, Damaged)


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
