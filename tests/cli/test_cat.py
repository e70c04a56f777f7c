"""`cat`: bytes as they are, in any stream; what is said when they are not whole."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bakup.api.listings import CatReport
from bakup.api.reports import CheckpointLine
from bakup.cli import app
from bakup.cli.commands import cat
from bakup.cli.output.problems import Problem

MIB = 1024**2
DATA = bytes(range(256)) * 20_000

Line = Callable[..., CheckpointLine]
Rendered = Callable[[list[str], list[Problem]], str]


@pytest.fixture
def point(line: Line) -> CheckpointLine:
    return line("8b1d07c4", "2026-11-22 18:31:05")


def test_a_file_that_is_not_whole(point: CheckpointLine, rendered: Rendered) -> None:
    cause = "sector 5d0c91aa-7f3e-4b1c-9d55-1f0e6c2a9b77 is damaged at 41,943,040"
    report = CatReport(point, b"Catalogue/previews.db", int(31.9 * MIB), 8 * MIB, cause)
    assert (
        rendered([], cat.problems(report, "/mnt/disk 1"))
        == """\
error: Catalogue/previews.db is not whole: sector 5d0c91aa-7f3e-4b1c-9d55-1f0e6c2a9b77 is damaged at 41,943,040
  8.00 MiB of 31.9 MiB were written, all of it verified
hint: to keep all that is left of it: bakup restore '/mnt/disk 1' /tmp/try Catalogue/previews.db --partial --at 8b1d07c4
"""
    )


def test_nothing_written(point: CheckpointLine, rendered: Rendered) -> None:
    report = CatReport(point, b"caf\xe9", 5, 0, "sector x is missing")
    assert (
        rendered([], cat.problems(report, "/t", "Photos"))
        == """\
error: $'caf\\xe9' is not whole: sector x is missing
  nothing was written
hint: to keep all that is left of it: bakup restore /t /tmp/try $'caf\\xe9' --partial --at 8b1d07c4 --source Photos
"""
    )


def test_warnings(point: CheckpointLine, rendered: Rendered) -> None:
    report = CatReport(point, b"a", 5, 5, None, ("sector x",), older=True)
    assert (
        rendered([], cat.problems(report, "/t"))
        == """\
warning: sector x is damaged; the same bytes were found elsewhere
warning: a could not be read when check point 8b1d07c4 was made; written as stored before
"""
    )


def test_json_is_documented(point: CheckpointLine) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "json.md").read_text(encoding="utf-8")
    section = page.split("\n## cat\n")[1].split("\n## ")[0]
    summary = cat.summary(CatReport(point, b"caf\xe9", 5, 5), "/t")
    json.dumps(summary)
    names = {*summary, "offset_bytes", "length_bytes", "data_b64"}
    assert all(f"`{name}`" in section for name in names)


@pytest.fixture(scope="module")
def backup(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A target with one check point, and the BAKUP_HOME that made it."""
    folder = tmp_path_factory.mktemp("cat")
    (folder / "source" / "d").mkdir(parents=True)
    (folder / "source" / "data").write_bytes(DATA)
    (folder / "source" / "empty").write_bytes(b"")
    with open(folder / "source" / "hole", "wb") as file:
        file.truncate(3 * MIB)
    with open(os.fsencode(folder / "source") + b"/caf\xe9", "wb") as file:
        file.write(b"odd")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BAKUP_HOME", str(folder / "home"))
        assert app.run(["account", "new", "-q", "--words-file", str(folder / "words")]) == 0
        assert app.run(["sync", "-q", str(folder / "source"), str(folder / "target")]) == 0
    return folder


def run(backup: Path, *arguments: str | bytes, **streams: object) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "bakup", "cat", str(backup / "target"), *arguments]
    environment = {**os.environ, "BAKUP_HOME": str(backup / "home")}
    settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    return subprocess.run(command, env=environment, check=False, **settings)  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize(
    ("path", "data"), [(b"data", DATA), (b"empty", b""), (b"caf\xe9", b"odd"), (b"./hole", bytes(3 * MIB))]
)
def test_bytes_and_nothing_else(backup: Path, path: bytes, data: bytes) -> None:
    done = run(backup, path)
    assert (done.returncode, done.stdout, done.stderr) == (0, data, b"")
    assert run(backup, path, "-q").stdout == data
    assert run(backup, path, "-vv").stdout == data


def test_json_carries_the_bytes(backup: Path) -> None:
    *pieces, summary = map(json.loads, run(backup, "data", "--json").stdout.splitlines())
    assert b"".join(base64.b64decode(piece["data_b64"]) for piece in pieces) == DATA
    assert pieces[0]["offset_bytes"] == 0
    assert (summary["written_bytes"], summary["exit_code"]) == (len(DATA), 0)
    *pieces, summary = map(json.loads, run(backup, "hole", "--json").stdout.splitlines())
    assert {piece["data_b64"] for piece in pieces} <= {None, base64.b64encode(bytes(3 * MIB)).decode()}
    assert sum(piece["length_bytes"] for piece in pieces) == summary["size_bytes"] == 3 * MIB


def test_a_closed_pipe_ends_it_quietly(backup: Path) -> None:
    for options in ([], ["--json"]):
        read, write = os.pipe()
        os.close(read)
        done = run(backup, "data", *options, stdout=write)
        os.close(write)
        assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("path", ["data", "caf\udce9"])
def test_a_full_disk_is_told(backup: Path, path: str) -> None:
    with open("/dev/full", "wb") as full:
        done = run(backup, path, stdout=full)
    assert done.returncode == 1
    assert done.stderr == b"error: cannot write to standard output: no space left on device\n"


def test_what_is_not_there(backup: Path) -> None:
    done = run(backup, "d/nope")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"error: no d/nope in ")
    hint = f"hint: see whether another check point has it: bakup history {backup}/target d/nope\n"
    assert done.stderr.decode().endswith(hint)
    done = run(backup, "d")
    assert done.returncode == 1
    assert done.stderr.decode() == f"error: d is a folder\nhint: see what is in it: bakup ls {backup}/target d\n"


def test_damage_ends_it_with_3(backup: Path, tmp_path: Path) -> None:
    shutil.copytree(backup, tmp_path / "copy")
    [sector] = (tmp_path / "copy" / "target").glob("*.bakup")
    environment = {"BAKUP_HOME": str(tmp_path / "copy" / "home")}
    raw = bytearray(sector.read_bytes())
    at = int.from_bytes(raw[10:14], "little") + 70
    raw[at] ^= 1
    sector.write_bytes(raw)
    command = [sys.executable, "-m", "bakup", "cat", str(tmp_path / "copy" / "target"), "data", "-q"]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, check=False)
    assert done.returncode == 3
    assert done.stdout == b""
    lines = done.stderr.decode().splitlines()
    assert lines[0].startswith(f"error: data is not whole: sector {sector.stem} is damaged")
    assert lines[1] == "  nothing was written"
    assert lines[2].startswith("hint: to keep all that is left of it: bakup restore ")
