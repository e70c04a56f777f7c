"""A bucket of 1,000,000 objects is listed, and held against the catalog, in the memory that 20,000 take."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.servers import endless

MIB = 1 << 20
LISTS = """
import json, sys
from bakup.catalog import database, listing, recording
from bakup.store.opening import open_target

folder, url, options = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
connection = database.open_catalog(folder)
target = open_target(url, options=options)
found = listing.compare(connection, recording.target_id(connection, url), target.list())
seen = sum(size for _, size in found.new)
# ru_maxrss would not be below what the parent had.
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM:")).split()[1]
print(json.dumps([len(found.new), seen, target.counts.lists, int(peak)]))
target.close()
"""


def listed(folder: Path, count: int) -> tuple[int, float]:
    """Peak memory in bytes and seconds of a process that lists so many objects."""
    folder.mkdir()
    with endless.serve(count) as served:
        words = [LISTS, str(folder), f"{served.url}/many", json.dumps(dict(served.options))]
        begun = time.monotonic()
        done = subprocess.run([sys.executable, "-c", *words], check=True, capture_output=True, text=True, timeout=300)
        took = time.monotonic() - begun
    new, size, lists, peak = json.loads(done.stdout)
    assert (new, size, lists) == (count, count * endless.SIZE, -(-count // endless.PAGE))
    return peak * 1024, took


@pytest.mark.peer
def test_memory_does_not_grow_with_the_number_of_objects(tmp_path: Path) -> None:
    small, little = listed(tmp_path / "small", 20_000)
    large, took = listed(tmp_path / "large", 1_000_000)
    print(f"20,000 objects: {small / MIB:.0f} MiB; 1,000,000: {large / MIB:.0f} MiB, {took:.0f} s")
    assert large <= 1.2 * small
    assert took < 100 * little, "fifty times as many take more than in proportion"
