"""What memory a `bakup` command takes. `ru_maxrss` would not do: a child's is never below what its parent had."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import runpy, sys
sys.argv = ["bakup", *sys.argv[1:]]
try:
    runpy.run_module("bakup", run_name="__main__")
except SystemExit as end:
    code = end.code
with open("/proc/self/status") as status:
    print("peak", next(line.split()[1] for line in status if line.startswith("VmHWM")), code)
"""


def peak_bytes(home: Path, *arguments: str) -> int:
    """The largest resident set of a command, which must end with 0."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        env={**os.environ, "BAKUP_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    last = done.stdout.splitlines()[-1].split() if done.stdout else []
    assert last[:1] == ["peak"], done.stderr
    assert last[2] in ("0", "None"), done.stdout + done.stderr
    return int(last[1]) * 1024
