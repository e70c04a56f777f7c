"""How this process keeps memory: what was used once is used again, and not given back in between.

Large buffers come and go by the hundred in a backup. As it comes, the C library takes each from the system and gives it
back, which costs a page fault for every 4 KiB; and Python looks for cycles after every 700 new tuples.
"""

from __future__ import annotations

import gc
import sys

TRIM_THRESHOLD, MMAP_THRESHOLD, ARENA_MAX = -1, -3, -8
"""Parameters of mallopt(3) in glibc's malloc.h."""

MMAP_BYTES = 32 << 20
"""The most that glibc takes."""

OBJECTS = 100_000
"""New objects after which young ones are looked through for cycles."""


def keep() -> None:
    """Set this, once; does nothing to the C library where it is not glibc."""
    gc.set_threshold(OBJECTS, 20, 100)
    if sys.platform != "linux":
        return
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(MMAP_THRESHOLD, MMAP_BYTES)
        mallopt(TRIM_THRESHOLD, (1 << 31) - 1)
        mallopt(ARENA_MAX, 1)
