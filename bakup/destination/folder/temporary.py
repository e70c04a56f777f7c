"""Where a restore writes: temporary names, their way to the final ones, and what happens to errors."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable

from bakup.destination.folder import names
from bakup.destination.folder.attributes import Applier
from bakup.destination.folder.descriptors import Folder, Folders, Refused
from bakup.destination.folder.unfinished import RestoreRun
from bakup.errors import Failed
from bakup.source.tree import paths

FATAL = {
    errno.ENOSPC,
    getattr(errno, "EDQUOT", errno.ENOSPC),
    errno.EROFS,
    errno.EIO,
    errno.ENODEV,
    errno.EMFILE,
    errno.ENFILE,
}
"""Errors that meet every path alike."""

ERRORS = (OSError, Refused, ValueError, OverflowError)
"""What making a path may raise; the last two where a value is none that the system can hold."""

_EFFECTIVE = os.access in os.supports_effective_ids
_AGAIN = "run the same command again when that is mended: it goes on where it stopped"


class Places:
    """The folders below a root, and what is common to all that is made in them.

    Args:
        root: absolute path.
        system: what names may be here.
        run: the restore that this is a part of.
        spared: whether a path is no leftover, whoever gave it its name.

    Raises:
        Failed: the root cannot be made or opened, or the system cannot open paths relative to a folder.
    """

    def __init__(
        self,
        root: bytes,
        system: names.System,
        run: RestoreRun,
        spared: Callable[[bytes], bool] = lambda _: False,
    ) -> None:
        if not paths.DESCRIPTORS:
            raise Failed("restoring into a folder is not possible on this system", code="no-descriptors")
        self.root = root
        self.run = run
        self.folders = Folders(root, system, run)
        self.begun = False
        self._spared = spared
        self._stood: dict[bytes, tuple[int, int]] = {}
        self.fresh = self.folders.fresh
        self.applier = Applier()
        self.problems: list[tuple[bytes, str]] = []
        self.umask = os.umask(0o077)
        os.umask(self.umask)

    def refuse(self, path: bytes, error: Exception) -> bool:
        """Note why a path was not brought back, and return False.

        Raises:
            Failed: the error would meet every path.
        """
        self.raise_fatal(path, error)
        self.problems.append((path, reason(error)))
        return False

    def raise_fatal(self, path: bytes, error: Exception) -> None:
        """Raise Failed for an error that would meet every path."""
        if isinstance(error, OSError) and error.errno in FATAL:
            shown = os.fsdecode(os.path.join(self.root, path))
            code = "no-space" if error.errno == errno.ENOSPC else "cannot-write"
            raise Failed(f"cannot write {shown}: {paths.reason(error)}", hints=(_AGAIN,), code=code) from error

    def settle(self, path: bytes, folder: Folder, temporary: bytes, name: bytes) -> None:
        """Give what is whole its own name, in place of what has it; raises OSError, or Another."""
        self.folders.expect_own(folder, path)
        at = folder.descriptor
        os.replace(temporary, name, src_dir_fd=at, dst_dir_fd=at)

    def drop(self, folder: Folder | None, temporary: bytes) -> None:
        """Remove what has a temporary name, if it is there."""
        if folder is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary, dir_fd=folder.descriptor)

    def resume(self, path: bytes, folder: Folder, *, filled: bool) -> None:
        """Make the folder at a path that was there before ready: without what a killed restore has left in it, and, if
        it is to be `filled`, open to us. What it was like then comes back with `put_back`, unless it is amended."""
        self.begun = True
        for name in map(os.fsencode, os.listdir(folder.descriptor)) if self.run.killed else ():
            if self.run.is_left_over(name) and not self._spared(os.path.join(path, name)):
                self.drop(folder, name)
        if self.folders.made(path) or not filled:
            return
        found = os.fstat(folder.descriptor)
        self._stood[path] = stat.S_IMODE(found.st_mode), found.st_mtime_ns
        if not os.access(b".", os.W_OK | os.X_OK, dir_fd=folder.descriptor, effective_ids=_EFFECTIVE):
            with contextlib.suppress(OSError):
                os.fchmod(folder.descriptor, stat.S_IMODE(found.st_mode) | 0o700)

    def amended(self, path: bytes) -> None:
        """What stood at a path is not to come back."""
        self._stood.pop(path, None)

    def put_back(self) -> None:
        """Give folders that were filled, and keep what they are like, the mode and the time that they had."""
        while self._stood:
            path, (mode, mtime_ns) = self._stood.popitem()
            with contextlib.suppress(*ERRORS):
                descriptor = self.folders.open(path, make=False).descriptor
                found = os.fstat(descriptor)
                if stat.S_IMODE(found.st_mode) != mode:
                    os.fchmod(descriptor, mode)
                if found.st_mtime_ns != mtime_ns:
                    os.utime(descriptor, ns=(found.st_atime_ns, mtime_ns))


def reason(error: Exception) -> str:
    """Why a path was not brought back, in lower case; of one of `ERRORS`."""
    if isinstance(error, Refused):
        return error.reason
    return paths.reason(error) if isinstance(error, OSError) else "has a value that this system cannot hold"
