"""CPU seconds and memory of each process of a first backup: `python -m bench.hands TREE 1 2 7` for so many workers.

Wall time on a machine with two processors tells little of one with eight; the seconds of the busiest process bound it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from glob import glob

EVERY_S = 0.02


def main(tree: str, counts: list[str]) -> None:
    """Print a row for each process that took over a tenth of a second."""
    for workers in counts:
        with tempfile.TemporaryDirectory(prefix="bakup-hands-", dir=os.environ.get("TMPDIR")) as folder:
            seconds, peak = _measured(tree, folder, workers)
        print(f"{workers} workers: peak {peak >> 10} MiB; CPU s: {', '.join(f'{one:.2f}' for one in seconds)}")


def _measured(tree: str, folder: str, workers: str) -> tuple[list[float], int]:
    """(CPU seconds by process, the main one first; most KiB of all together, as proportional set sizes)."""
    bakup = [sys.executable, "-m", "bakup"]
    run = {**os.environ, "BAKUP_HOME": f"{folder}/home"}
    subprocess.run([*bakup, "account", "new", "--words-file", f"{folder}/words"], env=run, check=True)
    process = subprocess.Popen([*bakup, "sync", "-q", tree, f"{folder}/target", "--workers", workers], env=run)
    peak, seen = 0, dict[str, float]()
    while process.poll() is None:
        pids = [str(process.pid), *_read(f"/proc/{process.pid}/task/{process.pid}/children").split()]
        peak = max(peak, sum(_pss(pid) for pid in pids))
        for place in [place for pid in pids for place in glob(f"/proc/{pid}/task/*/schedstat")]:
            seen[place] = float((_read(place).split() or ["0"])[0]) / 1e9 or seen.get(place, 0.0)
        time.sleep(EVERY_S)
    by_process = dict[str, float]()
    for place, seconds in seen.items():
        pid = place.split("/")[2]
        by_process[pid] = by_process.get(pid, 0.0) + seconds
    own = by_process.pop(str(process.pid))
    return [own, *sorted((one for one in by_process.values() if one > 0.1), reverse=True)], peak


def _pss(pid: str) -> int:
    lines = _read(f"/proc/{pid}/smaps_rollup").splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
