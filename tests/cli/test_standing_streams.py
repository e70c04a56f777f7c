"""Standard streams that are closed or full: the work goes on, and the exit code tells what could not be said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BAKUP = f"{sys.executable} -m bakup"
READS = (
    "ls t",
    "ls t . --print0",
    "find t a --print0",
    "cat t a",
    "stats t --json",
    "plan src t",
    "check t",
    "completion bash",
    "ls --help",
    "--version",
)


def call(folder: Path, line: str) -> subprocess.CompletedProcess[str]:
    settings = {**os.environ, "BAKUP_HOME": str(folder / "home")}
    return subprocess.run(["bash", "-c", line], cwd=folder, env=settings, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("streams")
    (made / "src").mkdir()
    (made / "src" / "a").write_text("1\n")
    assert call(made, f"{BAKUP} account new --words-file card && {BAKUP} sync src t -q").returncode == 0
    return made


@pytest.mark.parametrize("streams", [">&-", "2>&-", "<&-", ">&- 2>&- <&-", "2>/dev/full"])
def test_a_backup_without_streams_is_whole(tmp_path: Path, streams: str) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a").write_text("1\n")
    done = call(tmp_path, f"{BAKUP} account new --words-file card; {BAKUP} sync src t {streams}")
    assert done.returncode == 0, done
    assert call(tmp_path, f"{BAKUP} cat t a").stdout == "1\n"


def test_a_full_standard_output_is_no_full_target(folder: Path) -> None:
    (folder / "src" / "b").write_text("2\n")
    done = call(folder, f"{BAKUP} sync src t > /dev/full")
    assert done.returncode == 1
    assert done.stderr.endswith(
        "error: cannot write to standard output: no space left on device\n  all else is done\n"
    ), done
    assert call(folder, f"{BAKUP} cat t b").stdout == "2\n"


@pytest.mark.parametrize("line", READS)
def test_what_could_not_be_said_is_no_success(folder: Path, line: str) -> None:
    done = call(folder, f"{BAKUP} {line} > /dev/full")
    assert done.returncode == 1
    assert done.stderr.count("cannot write to standard output: no space left on device") == 1, done
    assert call(folder, f"{BAKUP} {line} >&-").returncode == 0


def test_an_error_keeps_its_exit_code(folder: Path) -> None:
    for streams in (">&-", "2>&-", ">&- 2>&- <&-", ">/dev/full", "2>/dev/full", "&>/dev/full"):
        assert call(folder, f"{BAKUP} ls nowhere {streams}").returncode == 10


def test_no_file_takes_the_place_of_a_stream(folder: Path) -> None:
    """What is written to a closed stream is in no file that was opened after it."""
    assert call(folder, f"{BAKUP} -vv ls t --log-file log >&- 2>&- <&-").returncode == 0
    assert "check point" not in (folder / "log").read_text()


def test_a_full_disk_for_the_log_stops_nothing(folder: Path) -> None:
    done = call(folder, f"{BAKUP} ls t --json --log-file /dev/full")
    assert done.returncode == 0
    assert "warning: cannot write the log file /dev/full: no space left on device\n" in done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["message_type"] == "summary"
