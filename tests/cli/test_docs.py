"""The pages that promise something to programs hold it: docs/json.md, docs/exit-codes.md, docs/cli.md."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bakup.api.objects import HeldFile, SectorReport, SectorRestoreReport
from bakup.api.reports import (
    Cause,
    CheckpointLine,
    CheckReport,
    ListedEntry,
    Lost,
    PathLine,
    RebuildReport,
    RestoreReport,
    SectorProblem,
    SourceReport,
    SyncReport,
    UnreadPath,
)
from bakup.api.reports import Count as C
from bakup.cli.commands import check, rebuild, restore, sector, sync, target
from bakup.cli.output import listing, sync_json
from bakup.errors import BakupError
from bakup.flows.target import TargetReport
from bakup.model import Attributes, Symlink
from bakup.store.conformance.contract import Finding

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
EVERYWHERE = {"message_type", "code"}

Line = Callable[..., CheckpointLine]


def section(title: str) -> str:
    page = (DOCS / "json.md").read_text(encoding="utf-8")
    [found] = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE)
    return str(found)


def documented(title: str) -> set[str]:
    """All names of a section, with those that a list of stems and `_files` and `_bytes` make."""
    text = section(title)
    stems = re.search(r"`_files` and\s`_bytes` of (.*?), then", text, re.DOTALL)
    made = {stem + end for stem in re.findall(r"`(\w+)`", stems[1]) for end in ("_files", "_bytes")} if stems else set()
    return set(re.findall(r"`(\w+)`", text)) | made


def objects(*facts: object) -> set[str]:
    """All names in these objects, which must be JSON."""
    found: set[str] = set()

    def walk(value: object) -> None:
        if isinstance(value, dict):
            found.update(value)
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(json.loads(json.dumps(facts)))
    return found - EVERYWHERE


RAW = b"caf\xe9"
LOST = Lost(RAW, 10, 5)
WARNINGS = documented("While it runs, any command")


@pytest.fixture
def point(line: Line) -> CheckpointLine:
    return line("8b1d07c4", "2026-11-22 18:31:05", tags=("t",))


def test_sync(point: CheckpointLine) -> None:
    source = SourceReport(
        "laptop:/x",
        b"/x",
        point,
        True,
        unreadable=(UnreadPath(RAW, "denied", None),),
        changing=(PathLine("M", RAW, 5),),
        paths=(PathLine("+", RAW, 5),),
    )
    report = SyncReport("/t", (source, source), False, missing_sectors=(bytes(16),), gone=(LOST,))
    names = documented("sync, plan")
    assert objects(sync_json.summary(report), *sync_json.sources(report)) <= names
    alone = sync_json.summary(SyncReport("/t", (source,), False))
    assert set(alone) <= names
    assert alone["check_point"] == "8b1d07c4-0000-0000-0000-000000000000"
    warnings = [facts for problem in sync.problems(report) for facts in problem.facts]
    assert objects(*warnings, *sync_json.paths(report)) <= WARNINGS


def test_restore(point: CheckpointLine) -> None:
    report = RestoreReport(
        point, "/out", C(), causes=(Cause("sector x is missing", (LOST,)),), older=(RAW,), skipped=((RAW, "no"),)
    )
    assert objects(restore.summary(report, "/t")) <= documented("restore")
    assert objects(*(facts for problem in restore.problems(report) for facts in problem.facts)) <= WARNINGS


def test_check() -> None:
    problem = SectorProblem(bytes(16), "x", "missing", "is missing", (LOST,))
    report = CheckReport("/t", 1, 1, 5, True, 1, 1, problems=(problem,))
    facts = [facts for problem in check.problems(report) for facts in problem.facts]
    assert objects(check.summary(report), *facts) <= documented("check")


def test_ls(point: CheckpointLine) -> None:
    entry = ListedEntry(RAW, Symlink(RAW, Attributes(), RAW), None)
    assert objects(listing.checkpoint_facts(point), listing.entry_facts(b"", entry)) <= documented("ls")


def test_rebuild_and_sectors() -> None:
    rebuilt = RebuildReport(1, 1, 2, 5, rejected=(("x", "y"),))
    assert objects(rebuild.summary(rebuilt, "/t")) <= documented("rebuild")
    assert objects(*rebuild.rejected(rebuilt.rejected)[0].facts) <= WARNINGS
    report = SectorReport(
        bytes(16), 1, 9, 3, 3, 3, True, True, "a", "good", "good", "good", ((bytes(16), "s", 1),), C(), C(),
        (HeldFile(RAW, 5, ((0, 5),), True),),
    )  # fmt: skip
    assert objects(sector.inspect_summary(report, "f"), *sector.file_facts(report)) <= documented("sector inspect")
    restored = SectorRestoreReport(1, C(), C(), ((RAW, "no"),))
    assert objects(sector.restore_summary(restored, "o")) <= documented("sector restore")
    assert objects(*sector.problems(restored)[0].facts) <= WARNINGS


def test_target() -> None:
    found = Finding("stored", True, True, True, "as put")
    report = TargetReport("/t", "/t/.bakup-test-x", (found,), None)
    assert objects(target.summary(report), target.facts(found)) <= documented("target test")


def test_every_exit_code_is_on_its_page() -> None:
    page = (DOCS / "exit-codes.md").read_text(encoding="utf-8")
    codes = set(map(int, re.findall(r"^\| (\d+) \|", page, re.MULTILINE)))

    def known(kind: type[BakupError]) -> set[int]:
        return {kind.exit_code} | {code for inner in kind.__subclasses__() for code in known(inner)}

    assert known(BakupError) | {0, 3, 20, 130, 143} == codes


def test_the_reference_is_fresh() -> None:
    tool = [sys.executable, str(ROOT / "tools" / "reference.py"), "--check"]
    done = subprocess.run(tool, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
