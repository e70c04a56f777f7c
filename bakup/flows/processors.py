"""How many processors there are to work on."""

from __future__ import annotations

import os


def workers() -> int:
    """Threads or processes that work at a time: as many as there are processors for this process."""
    return max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
