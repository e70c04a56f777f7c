"""Times are shown in the zone of the experience page's transcripts; values that several tests render."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from terminal import Terminal

from bakup.api.reports import CheckpointLine
from bakup.cli.output.console import Console
from bakup.cli.output.problems import Problem
from bakup.cli.output.style import plain


@pytest.fixture(autouse=True)
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("NO_COLOR", "BAKUP_HOME"):
        monkeypatch.delenv(name, raising=False)
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()


def _moment(text: str) -> int:
    local = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Berlin"))
    return int(local.timestamp()) * 10**9


@pytest.fixture
def line() -> Callable[..., CheckpointLine]:
    """Makes a check point whose id begins with some digits, at a local time."""

    def make(uuid: str, when: str, **more: object) -> CheckpointLine:
        facts = {"source": "laptop:/home/ana/Photos", "files": 0, "bytes": 0, "stored": 0, **more}
        return CheckpointLine(uuid=bytes.fromhex(uuid.ljust(32, "0")), time_ns=_moment(when), **facts)  # type: ignore[arg-type]

    return make


@pytest.fixture
def rendered(capsys: pytest.CaptureFixture[str]) -> Callable[[list[str], list[Problem]], str]:
    """Report and problems as one text, the problems as standard error shows them."""

    def render(lines: list[str], problems: list[Problem]) -> str:
        capsys.readouterr()
        for problem in problems:
            Console().problem(problem)
        return "\n".join([*map(plain, lines), capsys.readouterr().err.rstrip("\n")]).rstrip("\n") + "\n"

    return render


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    """Starts programs on terminals, and ends them."""
    started: list[Terminal] = []

    def start(arguments: list[str], columns: int = 80, rows: int = 24, **environment: str) -> Terminal:
        settings = {**os.environ, "TERM": "xterm", "PYTHONUTF8": "1", **environment}
        started.append(Terminal(arguments, settings, columns=columns, rows=rows))
        return started[-1]

    yield start
    for one in started:
        one.close()
