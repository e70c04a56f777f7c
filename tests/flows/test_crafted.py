"""Sectors that are signed by whoever holds the keys and say what bakup never would: what counts, what is refused."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from blake3 import blake3
from crafting import ROOT, SOURCE, Crafted, Writer, point, small
from msgspec.structs import replace
from rig import ENTROPY, Answers, Rig
from trees import snapshot, write

from bakup.account.keys import Account
from bakup.api.reports import TargetOptions
from bakup.flows import sector
from bakup.format.constants import RecordType
from bakup.format.records import encode_forgotten, encode_revocation
from bakup.model import Attributes, Closing, Dir, End, Entry, Extent, File, LaneLine, Part, Record, Replaced

ACCOUNT = Account.from_entropy(ENTROPY)
OWN = Account.from_entropy(b"writer" + bytes(26))
BIG = 2**63


def names(out: Path) -> set[bytes]:
    return {path for path in snapshot(out) if path}


def good(rig: Rig) -> None:
    """A sound source beside what is crafted, which must go on whatever that says."""
    write(rig.source, {"good": b"good"})
    rig.sync()


def assert_goes_on(rig: Rig) -> None:
    """Every command still serves the sound source, here and from the words alone."""
    tree = snapshot(rig.source)
    rig.check()
    rig.sync(always=True)
    rig.new_home(f"home{len(os.listdir(rig.folder))}")
    rig.rebuild()
    out, _ = rig.restore(source=str(rig.source))
    assert names(out) == {path for path in tree if path}


def dir_of(**changes: object) -> list[Entry]:
    return [ROOT, Dir(b"d", replace(Attributes(), **changes))]  # type: ignore[arg-type]


LANE = LaneLine(0, 1, bytes(32))
ENTRIES: dict[str, list[Entry]] = {
    "file size": [ROOT, small(b"f", b"x", size=BIG)],
    "extents": [ROOT, File(b"f", Attributes(), 5, (Extent(BIG - 1), Extent(BIG - 1)), bytes(32))],
    "hole": [ROOT, File(b"f", Attributes(), BIG, (Extent(BIG),), bytes(32))],
    "mtime": dir_of(mtime_ns=BIG),
    "inode flags": dir_of(inode_flags=BIG),
}


@pytest.mark.parametrize("case", ENTRIES)
def test_a_number_out_of_range_refuses_its_group(rig: Rig, case: str) -> None:
    good(rig)
    Crafted(rig.target, ACCOUNT).whole(ENTRIES[case], [b"x"])
    assert rig.check().exit_code in (20, 21)
    assert_goes_on(rig)


@pytest.mark.parametrize("changes", [{"files": BIG}, {"size": BIG}, {"lanes": (replace(LANE, length=BIG),)}])
def test_a_number_out_of_range_in_an_end(rig: Rig, changes: dict[str, object]) -> None:
    good(rig)
    crafted = Crafted(rig.target, ACCOUNT)
    crafted.sector([crafted.box([ROOT])], ends=[crafted.end(**changes)])
    assert_goes_on(rig)


@pytest.mark.parametrize("changes", [{"sequence": BIG}, {"sequence": 0}, {"time_ns": BIG}])
def test_a_number_out_of_range_in_a_header(rig: Rig, changes: dict[str, object]) -> None:
    good(rig)
    Crafted(rig.target, ACCOUNT, point(**changes)).whole([ROOT])
    assert_goes_on(rig)


def test_great_numbers_that_are_no_sizes_are_kept(rig: Rig) -> None:
    Crafted(rig.target, ACCOUNT).whole(dir_of(inode=2**64 - 1, link_group=2**64 - 1))
    assert rig.check().exit_code == 0
    assert names(rig.restore()[0]) == {b"d"}


@pytest.mark.parametrize(
    "changes",
    [
        {"size": 9},
        {"size": 1},
        {"extents": (Extent(5, blake3(b"small").digest(), 0, 0), Extent(3)), "size": 8, "digest": bytes(32)},
        {"extents": (), "size": 5},
    ],
)
def test_a_file_that_is_not_what_it_says_never_gets_its_name(rig: Rig, changes: dict[str, object]) -> None:
    entries = [ROOT, small(b"bad", b"small", **changes), small(b"good", b"small")]
    Crafted(rig.target, ACCOUNT).whole(entries, [b"small"])
    out, report = rig.restore()
    assert names(out) == {b"good"}
    assert [file.path for cause in report.causes for file in cause.lost] == [b"bad"]
    assert rig.check().exit_code != 0


def test_an_unsigned_sector_joins_no_chain(rig: Rig) -> None:
    """It names the account's key and says it is the newest state of the account's source."""
    first = Crafted(rig.target, ACCOUNT)
    first.whole([ROOT, small(b"ours", b"ours")], [b"ours"])
    forged = Crafted(rig.target, ACCOUNT, point(sequence=2, previous=first.ref), sign=False)
    forged.whole([ROOT, small(b"theirs", b"theirs")], [b"theirs"])
    out, _ = rig.restore(target=TargetOptions(accept_unsigned=True))
    assert names(out) == {b"ours"}


def test_a_uuid_is_no_identity(rig: Rig) -> None:
    """A certified writer that uses the account's sector's uuid again hides nothing."""
    mine = Crafted(rig.target, ACCOUNT)
    path = mine.whole([ROOT, small(b"mine", b"mine")], [b"mine"])
    writer = Writer(ACCOUNT, OWN)
    theirs = Crafted(rig.folder / "made", writer, certificate=writer.certificate)
    theirs.sector_uuid = mine.sectors[0].uuid
    other = theirs.whole([ROOT, small(b"theirs", b"theirs")], [b"theirs"])
    shutil.copy(other, rig.target / f"0{path.name}")
    with_both = {line.uuid for line in rig.list()}
    assert with_both == {mine.header.uuid, theirs.header.uuid}
    assert rig.check().exit_code == 0


def test_the_lane_digest_decides_between_boxes_of_one_offset(rig: Rig) -> None:
    for swapped in (False, True):
        folder = rig.folder / f"target{swapped}"
        crafted = Crafted(folder, ACCOUNT)
        true = crafted.box([ROOT, small(b"true", b"true!")])
        end = crafted.end()
        crafted.boxes.clear()
        false = crafted.box([ROOT, small(b"lies", b"lies!")], at=0)
        files = [
            crafted.sector([true], [b"true!"]),
            crafted.sector([false], [b"lies!"]),
            crafted.sector(ends=[end]),
        ]
        for number, file in enumerate(reversed(files) if swapped else files):
            file.rename(folder / f"{number}.bakup")
        rig.target = folder
        rig.new_home(f"home-{swapped}")
        assert names(rig.restore()[0]) == {b"true"}


def test_a_revoked_writer_cannot_change_what_a_digest_names(rig: Rig) -> None:
    """Its key is stolen: other entries under the digest that the account still believes, the true ones taken away."""
    writer = Writer(ACCOUNT, OWN)
    theirs = Crafted(rig.target, writer, certificate=writer.certificate)
    box = theirs.box([ROOT, small(b"true", b"true!")])
    held = theirs.sector([box], [b"true!"])
    theirs.sector(ends=[theirs.end()])
    believed = theirs.digest
    said = encode_revocation((b"writer-uuid-16by", ((SOURCE, believed),)))
    Crafted(rig.target, ACCOUNT, point("account", source=b"account-source-u")).whole(
        [ROOT, Record(b"", RecordType.REVOKE, said)]
    )
    assert names(rig.restore(source="evil")[0]) == {b"true"}
    held.unlink()
    theirs.boxes.clear()
    theirs.sector([theirs.box([ROOT, small(b"lies", b"lies!")], at=0)], [b"lies!"])
    rig.new_home("elsewhere")
    out, _ = rig.restore(source="evil")
    assert b"lies" not in names(out)


def test_what_a_revoked_writer_made_after_is_not_offered(rig: Rig) -> None:
    writer = Writer(ACCOUNT, OWN)
    first = Crafted(rig.target, writer, certificate=writer.certificate)
    first.whole([ROOT, small(b"first", b"first")], [b"first"])
    after = Crafted(rig.target, writer, point(sequence=2, previous=first.ref), certificate=writer.certificate)
    after.whole([ROOT, small(b"after", b"after")], [b"after"])
    assert names(rig.restore(source="evil")[0]) == {b"after"}
    for name in (b"writer-uuid-16by", writer.public.signer_id):
        said = encode_revocation((name, ((SOURCE, first.digest),)))
        path = Crafted(rig.target, ACCOUNT, point("account", source=b"account-source-u")).whole(
            [ROOT, Record(b"", RecordType.REVOKE, said)]
        )
        for home in (rig.home.name, f"elsewhere-{len(name)}"):
            if home != rig.home.name:
                rig.new_home(home)
            assert names(rig.restore(source="evil")[0]) == {b"first"}
            assert {line.uuid for line in rig.list()} >= {first.header.uuid}
            assert after.header.uuid not in {line.uuid for line in rig.list()}
        path.unlink()
        rig.new_home(f"again-{len(name)}")


def test_what_a_writer_says_of_others_has_no_effect(rig: Rig) -> None:
    mine = Crafted(rig.target, ACCOUNT)
    mine.whole([ROOT, small(b"mine", b"mine")], [b"mine"])
    writer = Writer(ACCOUNT, OWN)
    revoked = encode_revocation((ACCOUNT.public.signer_id, ()))
    forgotten = encode_forgotten(((ACCOUNT.public.signer_id, mine.header.uuid, mine.digest),))
    Crafted(rig.target, writer, certificate=writer.certificate).whole(
        [ROOT, Record(b"", RecordType.REVOKE, revoked), Record(b"", RecordType.FORGET, forgotten)]
    )
    assert mine.header.uuid in {line.uuid for line in rig.list()}


def test_a_forgotten_check_point_is_not_offered_and_still_a_base(rig: Rig) -> None:
    first = Crafted(rig.target, ACCOUNT)
    path = first.whole([ROOT, small(b"first", b"first")], [b"first"])
    header = point(sequence=2, previous=first.ref, flags=1, based_on=first.header.uuid)
    second = Crafted(rig.target, ACCOUNT, header)
    dropped = encode_forgotten(((ACCOUNT.public.signer_id, first.header.uuid, first.digest),))
    second.whole([Record(b"", RecordType.FORGET, dropped), small(b"second", b"second")], [b"second"])
    assert [line.uuid for line in rig.list()] == [header.uuid]
    assert names(rig.restore()[0]) == {b"first", b"second"}
    assert path.exists()
    assert rig.check().exit_code == 0


def test_a_check_point_that_was_listed_anew_can_go(rig: Rig) -> None:
    first = Crafted(rig.target, ACCOUNT)
    path = first.whole([ROOT, small(b"first", b"first")], [b"first"])
    signer = ACCOUNT.public.signer_id
    anew = point(time_ns=first.header.time_ns, replaces=Replaced(signer, first.header.uuid, first.digest))
    Crafted(rig.target, ACCOUNT, anew).whole([ROOT, small(b"first", b"first")], [b"first"])
    header = point(sequence=2, previous=first.ref, flags=1, based_on=first.header.uuid)
    Crafted(rig.target, ACCOUNT, header).whole([small(b"second", b"second")], [b"second"])
    assert [line.uuid for line in rig.list()] == [anew.uuid, header.uuid]
    path.unlink()
    rig.new_home("elsewhere")
    out, _ = rig.restore()
    assert names(out) == {b"first", b"second"}


def test_what_must_be_understood_refuses_its_check_point_only(rig: Rig) -> None:
    good(rig)
    for entries in (
        [ROOT, Record(b"", 0x8777, b"")],
        dir_of(facts=(("!x", b""),)),
    ):
        Crafted(rig.target, ACCOUNT).whole(entries)
    Crafted(rig.target, ACCOUNT, point(facts=(("!x", b""),))).whole([ROOT])
    report = rig.check()
    assert report.exit_code != 0
    assert [problem.reason.split(":")[0].split(" ", 3)[-1] for problem in report.problems if not problem.name] == [
        "cannot be used"
    ] * 3
    assert_goes_on(rig)


def test_copies_with_the_originals_gone_are_whole(rig: Rig) -> None:
    crafted = Crafted(rig.target, ACCOUNT)
    boxes = [crafted.box([ROOT]), crafted.box([small(b"f", b"small")])]
    originals = [crafted.sector([boxes[0]]), crafted.sector([boxes[1]], [b"small"])]
    end = crafted.end()
    crafted.sector(ends=[end])
    crafted.sector(boxes, [b"small"])
    for path in originals:
        path.unlink()
    assert rig.check().exit_code == 0
    assert names(rig.restore()[0]) == {b"f"}


def test_a_gap_is_loss_though_every_sector_is_there(rig: Rig) -> None:
    crafted = Crafted(rig.target, ACCOUNT)
    first, _, last = (
        crafted.box([ROOT]),
        crafted.box([Dir(b"gone", Attributes())]),
        crafted.box([Dir(b"z", Attributes())]),
    )
    crafted.sector([first, last], ends=[crafted.end()])
    assert rig.check().exit_code == 21
    out, report = rig.restore()
    assert names(out) == {b"z"}
    assert report.causes


def test_a_file_whose_closing_part_is_lost_is_offered_in_part(rig: Rig) -> None:
    crafted = Crafted(rig.target, ACCOUNT)
    extent = small(b"f", b"small").extents[0]
    first = crafted.box([ROOT, Part(b"f", 1, 0, 5, (extent,))])
    last = crafted.box([Part(b"f", 1, 5, 0, (), Closing(Attributes(), 5, bytes(32)))])
    crafted.sector([first], [b"small"])
    lost = crafted.sector([last])
    crafted.sector(ends=[crafted.end()])
    lost.unlink()
    out, report = rig.restore(partial=True)
    assert names(out) == {b"f.part", b"f.part.ranges"}
    assert (out / "f.part").read_bytes() == b"small"
    assert [file.path for cause in report.causes for file in cause.lost] == [b"f"]


def test_a_sector_alone_says_what_it_could_not_write(rig: Rig) -> None:
    made = Crafted(rig.folder / "made", ACCOUNT).whole(
        [ROOT, small(b"x" * 300, b"small"), small(b"y", b"small")], [b"small"]
    )
    with rig.open() as home:
        report = sector.restore(
            home, [str(made)], str(rig.new_out()), target=TargetOptions(), watch=rig.watch, ask=Answers()
        )
    assert report.restored.files == 1
    assert [path for path, _ in report.not_restored] == [b"x" * 300]


@pytest.mark.parametrize("named", [False, True])
def test_two_ends_of_one_check_point(rig: Rig, named: bool) -> None:
    crafted = Crafted(rig.target, ACCOUNT)
    box = crafted.box([ROOT, Dir(b"d", Attributes())])
    true = crafted.end()
    ref = crafted.ref
    crafted.sector([box], ends=[true])
    crafted.sector(ends=[crafted.end(files=77)])
    good(rig)
    if named:
        Crafted(rig.target, ACCOUNT, point(sequence=2, previous=ref)).whole([ROOT, Dir(b"next", Attributes())])
    offered = {line.uuid for line in rig.list()}
    assert (crafted.header.uuid in offered) == named
    assert_goes_on(rig)


def test_the_last_in_the_stream_counts(rig: Rig) -> None:
    crafted = Crafted(rig.target, ACCOUNT)
    boxes = [crafted.box([ROOT, small(b"f", b"older")]), crafted.box([small(b"f", b"newer")])]
    crafted.sector([boxes[1]], [b"newer"])
    crafted.sector([boxes[0]], [b"older"])
    crafted.sector(ends=[crafted.end()])
    out, _ = rig.restore()
    assert (out / "f").read_bytes() == b"newer"


def test_an_end_without_its_lanes(rig: Rig) -> None:
    good(rig)
    crafted = Crafted(rig.target, ACCOUNT)
    crafted.sector([crafted.box([ROOT])], ends=[End(crafted.header.uuid, 0, True, (), 0, 0)])
    assert crafted.header.uuid not in {line.uuid for line in rig.list()}
    assert_goes_on(rig)
