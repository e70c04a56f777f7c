"""How many processors there are to work on, and whether other processes may."""

from __future__ import annotations

import os
import sys
import threading


def workers() -> int:
    """Threads or processes that work at a time: as many as there are processors for this process."""
    return max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def worth_forking() -> bool:
    """Whether other processes can be forked here safely, and have a processor to work on."""
    return workers() > 1 and sys.platform == "linux" and threading.active_count() == 1
