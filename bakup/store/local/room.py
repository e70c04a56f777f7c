"""How much room a folder has, also one that is not made yet."""

from __future__ import annotations

import os
import shutil
from typing import NamedTuple


class Room(NamedTuple):
    """Bytes that are free for this user, and files that may be made; None where a file system has no such limit."""

    free: int
    files: int | None


def room(folder: str) -> Room | None:
    """The room at a folder, or where it would be made; None where the system does not say."""
    at = os.path.abspath(folder)
    while not os.path.isdir(at) and at != os.path.dirname(at):
        at = os.path.dirname(at)
    try:
        if not hasattr(os, "statvfs"):
            return Room(shutil.disk_usage(at).free, None)
        found = os.statvfs(at)
    except OSError:
        return None
    return Room(found.f_bavail * found.f_frsize, found.f_favail if found.f_files else None)
