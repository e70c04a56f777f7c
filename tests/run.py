"""Run the tests in several small processes, side by side.

    python -m tests.run [--files N] [--at-once N] [OPTIONS OF PYTEST, NO PATHS...]

A sync forks workers, and what a fork costs grows with the process that forks: one process for all tests spends most of
its time there. So pytest is asked once what the arguments select, and each run of it gets a few of those files, of one
folder. What it printed is shown when it has ended, the sum of all stands last, and the exit code is the worst.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

SLOW_FIRST = (
    "vectors",
    "hints",
    "flows_atbak",
    "circumstances",
    "acceptance",
    "flows",
    "store",
    "sector",
    "transcripts",
)
"""Folders that take longest: begun first, so that no processor is idle at the end."""
ALONE = ("test_fuzz.py", "test_hints.py", "test_every_store.py", "test_odd_answers.py", "test_real_tree.py")
"""Files that take as long as many others: each is a run of its own."""
NONE_SELECTED = 5
"""pytest's exit code where the arguments select nothing."""
COUNTED = re.compile(r"(\d+) (passed|failed|errors?|skipped|xfailed|xpassed|deselected|warnings?)")
SLOWEST = 10
"""So many runs are named at the end."""


class Run(NamedTuple):
    """One process of pytest that has ended."""

    files: tuple[str, ...]
    code: int
    text: str
    seconds: float


def selected(arguments: list[str]) -> list[str]:
    """The files of which the arguments select a test. Raises SystemExit where they cannot be imported."""
    # So quiet, it says `FILE: NUMBER`.
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--collect-only", "-qq", *arguments]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in (0, NONE_SELECTED):
        sys.exit(done.stdout)
    lines = [line.rpartition(": ") for line in done.stdout.splitlines()]
    return [file for file, _, number in lines if number.isdigit()]


def groups(files: Iterable[str], at_most: int) -> list[tuple[str, ...]]:
    """Files of one folder together, `at_most` in a run, the slow ones first."""
    folders: dict[Path, list[str]] = {}
    made: list[tuple[str, ...]] = []
    for file in files:
        path = Path(file)
        if path.name in ALONE:
            made.append((file,))
        else:
            folders.setdefault(path.parent, []).append(file)
    for folder in sorted(folders, key=lambda folder: (_rank(folder), folder)):
        there = folders[folder]
        made += [tuple(there[at : at + at_most]) for at in range(0, len(there), at_most)]
    return made


def _rank(folder: Path) -> int:
    below = [part for part in folder.parts if part in SLOW_FIRST]
    return SLOW_FIRST.index(below[0]) if below else len(SLOW_FIRST)


def run(files: tuple[str, ...], arguments: list[str]) -> Run:
    """Run pytest over some files."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bakup-tests-") as folder:
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--basetemp={folder}/t"]
        done = subprocess.run(
            [*command, *arguments, *files],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
    code = 0 if done.returncode == NONE_SELECTED else done.returncode
    return Run(files, code, done.stdout.decode(errors="replace").rstrip(), time.monotonic() - begun)


def main(words: list[str]) -> int:
    """All runs; the worst exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.run", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--files", type=int, default=4, help="files of one run")
    parser.add_argument("--at-once", type=int, default=len(os.sched_getaffinity(0)), help="runs side by side")
    chosen, arguments = parser.parse_known_args(words)
    begun = time.monotonic()
    counts: Counter[str] = Counter()
    done: list[Run] = []
    with ThreadPoolExecutor(chosen.at_once) as pool:
        for one in pool.map(lambda files: run(files, arguments), groups(selected(arguments), chosen.files)):
            print(f"-- {', '.join(one.files)}\n{one.text}", flush=True)
            done.append(one)
            for number, word in COUNTED.findall(one.text.rpartition("\n")[2]):
                counts[word.rstrip("s") if word.startswith(("error", "warning")) else word] += int(number)
    print("\nthe slowest runs:")
    for one in sorted(done, key=lambda one: -one.seconds)[:SLOWEST]:
        print(f"{one.seconds:6.0f} s  {one.files[0]}{', ...' if len(one.files) > 1 else ''}")
    failed = counts["failed"] + counts["error"]
    print(f"\nin {len(done)} runs, {time.monotonic() - begun:.0f} s, {chosen.at_once} at a time:")
    print(f"{counts['passed']} passed, {failed} failed, {counts['skipped']} skipped")
    return max((abs(one.code) for one in done), default=0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
