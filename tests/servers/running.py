"""Programs that serve for a while: found, started, waited for, and surely stopped."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
INSTALLED = f"{ROOT}/.venv-servers/bin:{ROOT}/build/azurite/node_modules/.bin"
READY_S = 60.0
_PARENT_DEATH_SIGNAL = 1
_LIBC = ctypes.CDLL(None)


def program(name: str) -> str:
    """The path of a program that `install.sh` brings. Raises FileNotFoundError: missing is failed, never skipped."""
    found = shutil.which(name, path=f"{INSTALLED}:{os.environ['PATH']}:/usr/sbin:/sbin")
    if found is None:
        raise FileNotFoundError(f"no {name} here: bash tests/servers/install.sh")
    return found


def free_port() -> int:
    """A port of the loopback interface that nobody listens at."""
    with socket.create_server((HOST, 0)) as taken:
        return int(taken.getsockname()[1])


def run(*command: str | Path, text: str = "") -> str:
    """Run a program to its end; gives its standard output. Raises AssertionError with its own words."""
    words = [program(str(command[0])), *map(str, command[1:])]
    done = subprocess.run(words, input=text, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{words} gave {done.returncode}: {done.stderr}"
    return done.stdout


@contextmanager
def running(
    command: Sequence[str | Path], log: Path, *, port: int | None = None, settings: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the end of the block; `port` must answer first. It dies with this process at the latest.

    Raises AssertionError with the server's own words when it does not start.
    """
    words = [program(str(command[0])), *map(str, command[1:])]
    with log.open("wb") as written:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(settings or {})},
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - it makes one system call
        )
    try:
        if port is not None:
            _await_port(process, port, log)
        yield process
    finally:
        _stop(process)


def _die_with_parent() -> None:
    _LIBC.prctl(_PARENT_DEATH_SIGNAL, signal.SIGTERM)  # which a server hands on to its children


def _await_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + READY_S
    while time.monotonic() < end:
        assert process.poll() is None, f"{process.args!r} ended:\n{log.read_text(errors='replace')[-3000:]}"
        with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return
        time.sleep(0.02)
    raise AssertionError(f"{process.args!r} does not answer:\n{log.read_text(errors='replace')[-3000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(5)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
