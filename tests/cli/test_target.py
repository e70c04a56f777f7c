"""`bakup target test`: against a real folder, and what it says of stores that promise less."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bakup.cli.app import run
from bakup.cli.commands import target
from bakup.cli.output.problems import Problem
from bakup.flows.target import TargetReport
from bakup.store.conformance.contract import Finding
from bakup.store.conformance.trial import PREFIX
from bakup.store.opening import open_target

if TYPE_CHECKING:
    from tests.servers.fleet import Fleet

Rendered = Callable[[list[str], list[Problem]], str]
MIB = 1024**2

GOOD = """\
keeps         yes: what was put is read back to the byte
lists         yes: an object is listed at once, with its size
ranges        yes: any range, at every edge
absent        yes: an object that is not there is told as such
again         yes: the same object put twice is one object
refuses       yes: another object of the same name is refused
large         yes: objects of 256 KiB to 40 MiB
at once       yes: 16 objects put at once
exclusive     yes: one writer won in each of 5 races for a name
whole         yes: while a put runs, nothing half is seen
names         yes: blanks, signs, other letters, 200 characters
free          N
tested        11 promises, in N
good          all that bakup needs
"""


def test_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["target", "test", str(tmp_path)]) == 0
    shown = capsys.readouterr()
    assert re.sub(r"(free +|, in )\S+ \S+", r"\1N", shown.out) == GOOD
    assert shown.err == ""
    assert os.listdir(tmp_path) == []


def test_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["target", "test", str(tmp_path), "--json", "--pages"]) == 0
    *promises, summary = map(json.loads, capsys.readouterr().out.splitlines())
    assert [one["promise"] for one in promises][-2:] == ["names", "pages"]
    assert all(one["message_type"] == "promise" and one["holds"] for one in promises)
    assert (summary["message_type"], summary["exit_code"], summary["broken"]) == ("summary", 0, [])
    assert (summary["promises"], summary["left_objects"]) == (12, 0)


def test_a_target_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["target", "test", str(tmp_path / "missing")]) == 10
    assert capsys.readouterr().err == f"error: there is no {tmp_path}/missing\nhint: is the drive mounted?\n"


@pytest.mark.peer
@pytest.mark.parametrize("name", ["ceph", "moto", "rclone", "azure", "gcs", "sftp", "webdav", "ftp", "smb"])
def test_real_stores_and_nothing_is_left_there(fleet: Fleet, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    served = fleet[name]
    assert run(["target", "test", served.url, *served.words()]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert shown.out.splitlines()[-1] == "good          all that bakup needs"
    there = open_target(served.url, options=served.options)
    assert [locator for locator, _ in there.list() if PREFIX in locator] == []
    there.close()


@pytest.mark.peer
def test_a_bucket_that_is_not_there(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["target", "test", "s3://no-such-bucket", *fleet["ceph"].words()]) == 10
    assert capsys.readouterr().err.startswith("error: there is no s3://no-such-bucket\n")


def test_a_store_that_promises_less(rendered: Rendered) -> None:
    exclusive = Finding("exclusive", None, False, False, "one writer won in each of 5 races for a name")
    whole = Finding("whole", None, True, False, "the put was over before it could be looked at")
    report = TargetReport(
        "ftp://nas/backup", "ftp://nas/backup/.bakup-test-5d0c91aa7f3e", (exclusive, whole), None, elapsed=2.5
    )
    shown = [line for finding in report.findings for line in target.lines(finding)]
    assert report.exit_code == 0
    assert (
        rendered([*shown, *target.report_lines(report)], target.problems(report))
        == """\
exclusive     not promised: one writer won in each of 5 races for a name
              bakup does not rest on it: it gives every sector a name of its own
whole         not seen: the put was over before it could be looked at
              a sector may look damaged to another computer while it goes up
free          not told by this store
tested        2 promises, in 2.5 s
good          all that bakup needs
"""
    )


def test_a_store_that_will_not_do(rendered: Rendered) -> None:
    refused = Finding("refused", False, True, True, "an object was replaced by another one")
    report = TargetReport(
        "webdav://nas/backup", "webdav://nas/backup/.bakup-test-5d0c91aa7f3e", (refused,), None, 17, 80 * MIB, 3.1
    )
    assert report.exit_code == 1
    assert (
        rendered([*target.lines(refused), *target.report_lines(report)], target.problems(report))
        == """\
refuses       no: an object was replaced by another one
              a faulty program could replace a sector by another one
free          not told by this store
tested        1 promise, in 3.1 s
warning: 17 objects, 80.0 MiB, are left at webdav://nas/backup/.bakup-test-5d0c91aa7f3e: they could not be removed
error: webdav://nas/backup does not do all that bakup needs
  refuses       an object was replaced by another one
"""
    )
