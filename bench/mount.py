"""`make bench-mount`: `grep -r` over a mounted backup, beside restic's mount and the plain folder, in one run.

The first pass fetches; the second finds the kernel's cache. CPU is that of the process that serves the mount.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bakup.account import keyfile

ABSENT = "no such words stand anywhere"
TICKS = os.sysconf("SC_CLK_TCK")


def main() -> int:
    """Print a row a contender and round."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", default="/usr/share/doc", help="what is backed up (/usr/share/doc)")
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    source = Path(asked.folder)
    with tempfile.TemporaryDirectory(prefix="bakup-mount-") as folder:
        place = Path(folder)
        os.environ |= {"BAKUP_HOME": str(place / "home"), "RESTIC_PASSWORD": "none"}
        keyfile.save(str(place / "home"), os.urandom(32))
        quiet(sys.executable, "-m", "bakup", "sync", source, place / "bakup")
        quiet("restic", "init", "-r", place / "restic")
        quiet("restic", "-r", place / "restic", "backup", source)
        (place / "mounted").mkdir()
        print(f"{'':8}{'first s':>9}{'CPU s':>8}{'again s':>9}{'CPU s':>8}{'peak MiB':>10}")
        grep(source)
        for _ in range(asked.runs):
            for name, command, inside in contenders(place, source):
                with mounted(command, place / "mounted") as process:
                    print(row(name, place / "mounted" / inside, process))
            print(f"{'plain':8}{grep(source):9.2f}{'':8}{grep(source):9.2f}")
    return 0


def contenders(place: Path, source: Path) -> list[tuple[str, list[str], str]]:
    """(name, command that mounts, where the tree is then)."""
    at = str(place / "mounted")
    ours = [sys.executable, "-m", "bakup", "mount", "-f", str(place / "bakup"), at]
    theirs = ["restic", "-q", "-r", str(place / "restic"), "mount", at]
    return [("bakup", ours, "latest/"), ("restic", theirs, f"snapshots/latest{source}/")]


@contextmanager
def mounted(command: list[str], folder: Path) -> Iterator[int]:
    """The process that serves it, by its number."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not os.path.ismount(folder):
        if process.poll() is not None:
            raise SystemExit(f"{command[0]} did not mount")
        time.sleep(0.02)
    try:
        yield process.pid
    finally:
        quiet("fusermount3", "-u", folder)
        process.wait(30)


def row(name: str, tree: Path, process: int) -> str:
    """Two passes, measured."""
    figures: list[float] = []
    for _ in range(2):
        before = cpu(process)
        figures += [grep(tree), cpu(process) - before]
    with open(f"/proc/{process}/status") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    first, first_cpu, again, again_cpu = figures
    return f"{name:8}{first:9.2f}{first_cpu:8.2f}{again:9.2f}{again_cpu:8.2f}{peak / 1024:10.0f}"


def grep(tree: Path) -> float:
    """Seconds of a search that finds nothing."""
    begun = time.monotonic()
    subprocess.run(
        ["grep", "-r", ABSENT, f"{tree}/"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
    )
    return time.monotonic() - begun


def cpu(process: int) -> float:
    """User and system seconds so far."""
    with open(f"/proc/{process}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def quiet(*command: object) -> None:
    """A program that must end well."""
    subprocess.run([str(word) for word in command], check=True, capture_output=True)


if __name__ == "__main__":
    raise SystemExit(main())
