"""Times are shown in the zone of the experience page's transcripts; values that several tests render."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import pyte
import pytest

from bakup.cli.console import Console
from bakup.cli.problems import Problem
from bakup.cli.style import plain
from bakup.flows.reports import CheckpointLine


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


class Terminal:
    """A program on a real terminal of 80 columns, whose screen can be looked at."""

    def __init__(self, arguments: list[str], columns: int = 80, rows: int = 24, **environment: str) -> None:
        self.screen = pyte.Screen(columns, rows)
        self.written = b""
        self._stream = pyte.ByteStream(self.screen)
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process = subprocess.Popen(
            arguments,
            env={**os.environ, "TERM": "xterm", "PYTHONUTF8": "1", **environment},
            preexec_fn=lambda: os.login_tty(slave),  # noqa: PLW1509
            pass_fds=(slave,),
        )
        os.close(slave)

    def lines(self) -> list[str]:
        """What stands on the screen, without the empty lines below."""
        return "\n".join(row.rstrip() for row in self.screen.display).rstrip("\n").split("\n")

    def until(self, text: str, timeout: float = 20.0) -> list[str]:
        """Reads until the screen holds a text; gives its lines."""
        end = time.monotonic() + timeout
        while text not in "\n".join(self.lines()):
            if time.monotonic() > end or not self._read(0.2):
                raise AssertionError(f"no {text!r} on the screen:\n" + "\n".join(self.lines()))
        return self.lines()

    def type(self, text: str) -> None:
        """Types on the keyboard."""
        os.write(self._master, text.encode())

    def finish(self, timeout: float = 20.0) -> int:
        """Reads to the end; gives the exit code."""
        end = time.monotonic() + timeout
        while self._read(0.2):
            assert time.monotonic() < end, "\n".join(self.lines())
        return self.process.wait(timeout)

    def close(self) -> None:
        """Ends the program."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._master)

    def _read(self, wait: float) -> bool:
        if not select.select([self._master], [], [], wait)[0]:
            return self.process.poll() is None
        try:
            data = os.read(self._master, 65536)
        except OSError:
            return False
        self.written += data
        self._stream.feed(data)
        return bool(data)


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    """Starts programs on terminals, and ends them."""
    started: list[Terminal] = []

    def start(arguments: list[str], **settings: object) -> Terminal:
        started.append(Terminal(arguments, **settings))  # type: ignore[arg-type]
        return started[-1]

    yield start
    for one in started:
        one.close()
