"""Ctrl-C once, twice, three times: what is said is what is so."""

from __future__ import annotations

import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

MIB = 1 << 20


@pytest.fixture
def computer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With an account, and two sources that fill several sectors."""
    monkeypatch.setenv("BAKUP_HOME", str(tmp_path / "home"))
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "big").write_bytes(random.Random(name).randbytes(40 * MIB))
    done = subprocess.run([*BAKUP, "account", "new", "--words-file", str(tmp_path / "card")], check=False)
    assert done.returncode == 0
    return tmp_path


BAKUP = [sys.executable, "-m", "bakup"]


def sync(computer: Path, *more: str) -> subprocess.Popen[str]:
    places = [str(computer / name) for name in ("one", "two", "target")]
    call = [*BAKUP, "sync", *places, "--sector-size", "16MiB", *more]
    return subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def interrupted(computer: Path, when: str, rate: str) -> str:
    """Stops a sync when its log says so; what it said."""
    log = computer / "log"
    log.write_text("")
    run = sync(computer, "--limit-upload", rate, "--log-file", str(log))
    end = time.monotonic() + 60
    while when not in log.read_text() and time.monotonic() < end:
        time.sleep(0.01)
    run.send_signal(signal.SIGINT)
    said = run.communicate(timeout=60)[1]
    assert run.returncode == 130, said
    return said


def test_three_times(computer: Path) -> None:
    first = interrupted(computer, "sector-stored", "20MiB")
    assert re.search(r"^error: interrupted; 1 sector, 1\d\.\d MiB, is stored, no check point completed$", first, re.M)
    second = interrupted(computer, "sector-stored", "20MiB")
    assert re.search(r"^note: going on from the run of .*; 1\d\.\d MiB need not be sent$", second, re.M)
    assert re.search(r"^error: interrupted; 1 sector, 1\d\.\d MiB, is stored besides 1\d\.\d MiB of ear", second, re.M)
    third = interrupted(computer, "note message='going on", "1MiB")
    assert len(re.findall(r"^note: going on from the run of .*; [23]\d\.\d MiB need not be sent$", third, re.M)) == 1
    assert re.search(r"^error: interrupted; nothing more was stored; [23]\d\.\d MiB of earlier runs stay", third, re.M)
    done = sync(computer)
    assert "going on from" in done.communicate(timeout=60)[1]
    assert done.returncode == 0


def test_a_second_one_ends_at_once_with_a_word() -> None:
    program = """
import os, signal, sys, time
from bakup.cli.output import signals
with signals.handled(lambda: None):
    for _ in range(2):
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)
        except KeyboardInterrupt:
            pass
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 130
    assert done.stderr == (
        "error: interrupted again, ended at once; what is stored is whole, the same command goes on from there\n"
    )
