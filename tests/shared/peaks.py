"""What memory a `bakup` command takes. `ru_maxrss` would not do: a child's is never below what its parent had."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import runpy, sys
what = sys.argv[1]
sys.argv = sys.argv[1:]
try:
    runpy.run_path(what, run_name="__main__") if what.endswith(".py") else runpy.run_module(what, run_name="__main__")
except SystemExit as end:
    code = end.code
with open("/proc/self/status") as status:
    print("peak", next(line.split()[1] for line in status if line.startswith("VmHWM")), code)
"""


def peak_bytes(home: Path, *arguments: str, program: str = "bakup", codes: tuple[int, ...] = (0,)) -> int:
    """The largest resident set of a command, or of a script, which must end with one of `codes`."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, program, *arguments],
        env={**os.environ, "BAKUP_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    last = done.stdout.splitlines()[-1].split() if done.stdout else []
    assert last[:1] == ["peak"], done.stderr
    assert {"None": 0}.get(last[2], last[2]) in (*codes, *map(str, codes)), done.stdout + done.stderr
    return int(last[1]) * 1024
