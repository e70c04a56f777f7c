"""Serving a mount: libfuse through mfusepy, with what that leaves out for speed."""

from __future__ import annotations

import ctypes.util
import os
import sys
from typing import TYPE_CHECKING, Any

from bakup.errors import Failed, install
from bakup.mount.loop import Loop
from bakup.mount.operations import Operations

if TYPE_CHECKING:
    from types import ModuleType

DAY_S = 86_400
_INSTALL = "of Debian: apt install fuse3"


def library() -> ModuleType:
    """mfusepy, with libfuse 3 where there is one. Raises Failed with what is to be installed."""
    if sys.platform == "linux" and ctypes.util.find_library("fuse3"):
        os.environ.setdefault("FUSE_LIBRARY_NAME", "fuse3")
    try:
        import mfusepy
    except ImportError:
        raise Failed("mfusepy is not installed", hints=(install("'bakup[mount]'"),), code="not-installed") from None
    except OSError as error:
        message = f"there is no libfuse here: {error}".lower()
        raise Failed(message, hints=(_INSTALL,), code="not-installed") from None
    return mfusepy  # type: ignore[no-any-return]


def serve(operations: Operations, folder: str, source: str, *, allow_other: bool) -> None:
    """Mount, and answer until it is unmounted. SIGTERM and SIGINT unmount: libfuse takes them if nobody else does.

    What a name in a check point stands for never changes, so the kernel may keep what it was told for a day. Names
    that are not there are asked for again each time, and folders outside of check points are listed anew.

    Raises Failed when it cannot be mounted.
    """
    fuse = library()

    class Session(fuse.FUSE):  # type: ignore[misc,name-defined]
        """Lets the kernel keep listings of folders that never change."""

        def opendir(self, path: bytes, fip: Any) -> int:
            kept = operations.is_kept(path)
            fip.contents.keep_cache = fip.contents.cache_readdir = kept
            return 0

    options: dict[str, Any] = {"ro": True, "nosuid": True, "nodev": True, "use_ino": True, "subtype": "bakup"}
    if fuse.fuse_version_major == 3:
        vars(fuse)["fuse_main_real"] = Loop(fuse._libfuse)
    if allow_other:
        options |= {"allow_other": True, "default_permissions": True}
    kept = {"attr_timeout": DAY_S, "entry_timeout": DAY_S, "negative_timeout": 0}
    name = source.replace(",", "\\,")
    try:
        Session(operations, folder, foreground=True, fsname=name, **options, **kept)
    except RuntimeError as error:
        if operations.begun:  # a signal ended it
            return
        raise Failed(f"cannot mount {folder}: libfuse said so above", code="mount") from error
