"""Run the tests in several small processes, as many at a time as there are processors.

    python -m tests.run [PYTEST ARGUMENTS...]

A sync forks workers, and what a fork costs grows with the process that forks: one process for all tests spends most of
its time there. So each run of pytest gets a few files of one folder. What it printed is shown when it has ended, the
sum of all stands last, and the exit code is the worst.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

FILES = 4
"""Files of one run."""
SLOW_FIRST = ("vectors", "flows", "flows_looking", "damage", "transcripts", "cli", "store")
"""Folders that take longest: begun first, so that no processor is idle at the end."""
NONE_SELECTED = 5
"""pytest's exit code where the arguments select nothing."""
COUNTED = re.compile(r"(\d+) (passed|failed|errors?|skipped|xfailed|xpassed|deselected|warnings?)")


def runs(root: Path) -> list[list[str]]:
    """The test files in groups, the slow ones first."""
    folders: dict[Path, list[str]] = {}
    for file in sorted(root.rglob("test_*.py")):
        folders.setdefault(file.parent, []).append(str(file))
    order = sorted(folders, key=lambda folder: (_rank(folder.relative_to(root)), folder))
    return [folders[folder][at : at + FILES] for folder in order for at in range(0, len(folders[folder]), FILES)]


def _rank(folder: Path) -> int:
    return SLOW_FIRST.index(folder.parts[0]) if folder.parts and folder.parts[0] in SLOW_FIRST else len(SLOW_FIRST)


def run(files: list[str], arguments: list[str]) -> tuple[int, str]:
    """One run of pytest: its exit code and what it printed."""
    with tempfile.TemporaryDirectory(prefix="bakup-tests-") as folder:
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            f"--basetemp={folder}/t",
            *arguments,
            *files,
        ]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
    return (0 if done.returncode == NONE_SELECTED else done.returncode), done.stdout.decode(errors="replace")


def main(arguments: list[str]) -> int:
    """All runs; the worst exit code."""
    begun = time.monotonic()
    counts: Counter[str] = Counter()
    worst = 0
    root = Path(__file__).parent
    groups = runs(root)
    workers = len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(workers) as pool:
        for files, (code, text) in zip(groups, pool.map(lambda files: run(files, arguments), groups), strict=True):
            names = ", ".join(str(Path(file).relative_to(root)) for file in files)
            print(f"-- {names}\n{text.rstrip()}", flush=True)
            worst = max(worst, code)
            last = text.rstrip().rpartition("\n")[2]
            for number, word in COUNTED.findall(last):
                counts[word.rstrip("s") if word.startswith(("error", "warning")) else word] += int(number)
    failed = counts["failed"] + counts["error"]
    print(f"\nin {len(groups)} runs, {time.monotonic() - begun:.0f} s, {workers} at a time:")
    print(f"{counts['passed']} passed, {failed} failed, {counts['skipped']} skipped")
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
