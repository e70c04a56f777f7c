"""What `check` and `sector` say, to the letter of the experience page."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from blocks import DAMAGED, INSPECTED, MISSING

from bakup.api.objects import HeldFile, SectorReport, SectorRestoreReport
from bakup.api.reports import CheckReport, Count, Lost, SectorProblem
from bakup.cli.commands import check, sector
from bakup.cli.output.problems import Problem
from bakup.cli.output.style import plain

MIB, GIB = 1024**2, 1024**3

Rendered = Callable[[list[str], list[Problem]], str]


def gib(value: float) -> int:
    return int(value * GIB)


def mib(value: float) -> int:
    return int(value * MIB)


def short(digits: str) -> bytes:
    return bytes.fromhex(digits.ljust(32, "0"))


def report(**facts: object) -> CheckReport:
    usual = {"target": "/mnt/usb/backup", "sectors": 266, "expected_sectors": 266, "bytes": gib(66.3)}
    rest = {"read_data": False, "checkpoints": 2, "sources": 1}
    return CheckReport(**{**usual, **rest, **facts})  # type: ignore[arg-type]


def shown(found: CheckReport, rendered: Rendered) -> str:
    return rendered(check.report_lines(found), check.problems(found))


def test_all_well(rendered: Rendered) -> None:
    assert (
        shown(report(), rendered)
        == """\
checked       266 sectors: signatures, metadata, references; data not read
good          2 check points of 1 source
"""
    )


def test_a_damaged_sector(rendered: Rendered) -> None:
    problem = SectorProblem(
        uuid=uuid.UUID("5d0c91aa-7f3e-4b1c-9d55-1f0e6c2a9b77").bytes,
        name="5d0c91aa-7f3e-4b1c-9d55-1f0e6c2a9b77.bakup",
        state="damaged",
        reason="is damaged at 41,943,040",
        lost=(
            Lost(b"2025/07/Sardinia/DSC04411.ARW", mib(24.1), 0),
            Lost(b"2025/07/Sardinia/DSC04412.ARW", mib(23.8), 0),
        ),
        unchanged_in=(("/home/ana/Photos", 2),),
    )
    found = report(
        read_data=True,
        chunks=71_204,
        damaged_chunks=3,
        problems=(problem,),
        lost=Count(2, mib(47.9)),
        lost_from=short("3f9c2a1e"),
        lost_to=short("8b1d07c4"),
        elapsed=302.0,
        exit_code=21,
    )
    assert shown(found, rendered) == DAMAGED


LOST = SectorProblem(
    uuid=uuid.UUID("77aa03f1-0b62-4e0d-8a3c-52f7d19e6c04").bytes,
    name="77aa03f1-0b62-4e0d-8a3c-52f7d19e6c04.bakup",
    state="missing",
    reason="is missing, 256 MiB",
    lost=(
        Lost(b"2025/08/DSC04518.ARW", mib(24.0), 0),
        Lost(b"2025/08/DSC04519.ARW", mib(23.9), 0),
        Lost(b"2025/08/boat.mov", gib(4.2), gib(4.2) - mib(208)),
    ),
    unchanged_in=(("/home/ana/Photos", 3),),
)


def test_a_lost_sector(rendered: Rendered) -> None:
    found = report(
        sectors=265,
        problems=(LOST,),
        lost=Count(3, gib(4.25)),
        lost_from=short("3f9c2a1e"),
        lost_to=short("8b1d07c4"),
        exit_code=21,
    )
    assert shown(found, rendered) == MISSING


def test_a_lost_sector_without_a_catalog_is_named_by_its_range(rendered: Rendered) -> None:
    named = SectorProblem(
        uuid=LOST.uuid,
        name=LOST.name,
        state="missing",
        reason="is missing",
        range=(3, b"2025/08/DSC04518.ARW", b"2025/08/boat.mov"),
    )
    found = rendered([], check.problems(report(problems=(named,))))
    assert found.endswith("is missing: 3 entries, 2025/08/DSC04518.ARW to 2025/08/boat.mov\n")


def test_damage_that_a_second_copy_makes_good() -> None:
    found = report(problems=(SectorProblem(None, "x.bakup", "damaged", "is cut short"),), exit_code=20)
    assert [*map(plain, check.report_lines(found))][-3:] == [
        "damaged       1 sector",
        "lost          nothing",
        "good          everything; backing up to this target can go on",
    ]


def test_history_says_nothing_of_going_on() -> None:
    found = report(history=("check point 8b1d07c4 of laptop:/x is missing",), exit_code=23)
    assert plain(check.report_lines(found)[-1]) == "good          everything else"
    assert [problem.kind for problem in check.problems(found)] == ["error"]


def test_part_of_the_lost_is_unchanged() -> None:
    partly = SectorProblem(LOST.uuid, LOST.name, "missing", "is missing", LOST.lost, unchanged_in=(("/my photos", 1),))
    [problem] = check.problems(report(problems=(partly,)))
    assert problem.hints == (
        "1 of 3 is unchanged in /my photos; to store it again:\nbakup sync '/my photos' /mnt/usb/backup",
    )


def test_an_unfinished_copy_at_a_store() -> None:
    [problem] = check.problems(report(target="s3://bucket", copies=((".x.bakup.part", "is cut short"),)))
    assert problem.hints == ("once no other tool copies to s3://bucket, it can be removed",)
    assert problem.rows == ((".x.bakup.part", "is cut short"),)


def inspected(**facts: object) -> SectorReport:
    usual = {
        "uuid": uuid.UUID("5d0c91aa-7f3e-4b1c-9d55-1f0e6c2a9b77").bytes,
        "version": 1,
        "total_bytes": 256 * MIB,
        "header_bytes": 2673,
        "data_bytes": 255 * MIB,
        "meta_bytes": int(14.2 * 1024),
        "encrypted": True,
        "signed": True,
        "account": "7c41-9e02-b3aa",
        "signature": "good",
        "meta_state": "good",
        "data_state": "good",
    }
    return SectorReport(**{**usual, **facts})  # type: ignore[arg-type]


PUBLIC = INSPECTED


def test_inspect_with_the_account(rendered: Rendered) -> None:
    found = inspected(
        checkpoints=((short("3f9c2a1e"), "laptop:/home/ana/Photos", 17),),
        whole=Count(10, mib(241)),
        partial=Count(1, mib(13.6)),
        files=(
            HeldFile(b"2025/07/Sardinia/DSC04405.ARW", mib(24.2), ((0, mib(24.2)),), whole=True),
            HeldFile(b"2025/07/Sardinia/sunset.mov", mib(310), ((0, mib(13.6)),), whole=False),
        ),
    )
    assert (
        rendered(sector.report_lines(found), [])
        == PUBLIC
        + """\
holds         1 check point: 3f9c2a1e of laptop:/home/ana/Photos, 17 boxes
can restore   10 files whole, 241 MiB; 1 file in part, 13.6 MiB
  2025/07/Sardinia/DSC04405.ARW       24.2 MiB
  2025/07/Sardinia/sunset.mov         0 B to 13.6 MiB of 310 MiB
"""
    )


def test_inspect_without_an_account(rendered: Rendered) -> None:
    assert rendered(sector.report_lines(inspected()), []) == PUBLIC


def test_protection_given_up_is_said() -> None:
    def protection(**facts: object) -> str:
        return plain(sector.report_lines(inspected(**facts))[2]).removeprefix("protection    ")

    assert protection(encrypted=False, signed=False, signature="none", account=None) == "not encrypted, not signed"
    assert protection(encrypted=False) == "not encrypted, signed by account 7c41-9e02-b3aa: good"
    assert protection(signature="bad") == "encrypted for account 7c41-9e02-b3aa, signed by it: bad"
    assert protection(signature="none").endswith("not signed")


def test_sector_restore(rendered: Rendered) -> None:
    found = SectorRestoreReport(
        sectors=2,
        restored=Count(10, mib(241)),
        partial=Count(1, mib(13.6)),
        not_restored=((b"old.mov", "sector is damaged"),),
        rejected=(("y.bakup", "not signed"),),
        elapsed=1.2,
    )
    assert (
        rendered(sector.restore_lines(found, "/home/ana/back"), sector.problems(found))
        == """\
restored          10 files    241 MiB to /home/ana/back, in 1.2 s
in part            1 file    13.6 MiB, as NAME.part with NAME.part.ranges
warning: 1 path could not be restored
  old.mov                    sector is damaged
warning: 1 object is left aside
  y.bakup                    not signed
"""
    )
