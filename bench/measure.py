"""Run one program and say what it cost: wall time, CPU seconds and peak memory of its whole process tree."""

from __future__ import annotations

import os
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

SAMPLE_INTERVAL_S = 0.1
WARM_BYTES = 1 << 20
OUTPUT_TAIL_BYTES = 4096


class CommandFailed(Exception):
    """A measured program did not exit with 0; the message ends with what it said."""


@dataclass(frozen=True, slots=True)
class Command:
    """A program to run: arguments, variables beside the inherited ones, working folder."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run took: seconds of wall time, CPU seconds (user and system), peak memory in bytes."""

    wall_s: float
    cpu_s: float
    peak_bytes: int


def run(command: Command) -> Cost:
    """Run to the end and measure; file systems are synced before, so no run pays for another's dirty pages.

    CPU seconds are those that the kernel accounts to the program and to all descendants that were waited for.
    Peak memory is the larger of two: the largest resident set of any one process (the kernel's figure; not
    below this program's own, about 30 MiB), and the largest sum of proportional set sizes over the process
    tree (pages shared by forked workers count once), sampled ten times a second.

    Raises:
        CommandFailed: the program's exit code is not 0.
    """
    os.sync()
    with tempfile.TemporaryFile() as output:
        begun = time.perf_counter()
        process = subprocess.Popen(
            command.argv,
            env={**os.environ, **command.env},
            cwd=command.cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        with MemorySampler(process.pid) as memory:
            _, status, usage = os.wait4(process.pid, 0)
            wall_s = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise CommandFailed(f"{' '.join(command.argv)}: exit {process.returncode}\n{_tail(output.fileno())}")
    return Cost(wall_s, usage.ru_utime + usage.ru_stime, max(usage.ru_maxrss * 1024, memory.peak_bytes))


def warm(folder: str) -> None:
    """Read every file below `folder` once: a machine with little to do may have dropped it from its page cache."""
    buffer = bytearray(WARM_BYTES)
    for where, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(where, name)
            if stat.S_ISREG(os.lstat(path).st_mode):
                with open(path, "rb", buffering=0) as file:
                    while file.readinto(buffer):
                        pass


def _tail(output: int) -> str:
    """The end of what a program wrote."""
    size = os.fstat(output).st_size
    return os.pread(output, OUTPUT_TAIL_BYTES, max(0, size - OUTPUT_TAIL_BYTES)).decode(errors="replace")


class MemorySampler:
    """While entered, keeps the largest proportional set size (bytes) of a process and its descendants."""

    def __init__(self, pid: int) -> None:
        self.peak_bytes = 0
        self._pid = pid
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> MemorySampler:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(SAMPLE_INTERVAL_S):
            total = sum(_proportional_bytes(pid) for pid in _tree(self._pid))
            self.peak_bytes = max(self.peak_bytes, total)


def _tree(pid: int) -> Iterator[int]:
    """A process and its descendants, as far as they still live."""
    yield pid
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return
    for thread in threads:
        try:
            with open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as children:
                found = children.read().split()
        except OSError:
            continue
        for child in found:
            yield from _tree(int(child))


def _proportional_bytes(pid: int) -> int:
    """Pss of one process in bytes; 0 if it is gone."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as rollup:
            for line in rollup:
                if line.startswith("Pss:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
