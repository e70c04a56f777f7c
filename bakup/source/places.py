"""Where a restore writes: temporary names, their way to the final ones, and what happens to errors."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Container
from itertools import count

from bakup.errors import Failed
from bakup.source import names, paths
from bakup.source.applying import Applier
from bakup.source.folders import Folder, Folders, Refused

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

_OURS = re.compile(rb"\.bakup-([0-9a-f]+)-[0-9a-f]{12}\.part")
_numbers = count(int.from_bytes(os.urandom(5), "big"))
_AGAIN = "run the same command again when that is mended: it goes on where it stopped"


class Places:
    """The folders below a root, and what is common to all that is made in them.

    Args:
        root: absolute path.
        system: what names may be here.
        spared: paths that are no leftovers, whatever their names.

    Raises:
        Failed: the root cannot be made or opened, or the system cannot open paths relative to a folder.
    """

    def __init__(self, root: bytes, system: names.System, spared: Container[bytes] = ()) -> None:
        if not paths.DESCRIPTORS:
            raise Failed("restoring into a folder is not possible on this system", code="no-descriptors")
        self.root = root
        self.spared = spared
        self.folders = Folders(root, system)
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

    def settle(self, folder: Folder, temporary: bytes, name: bytes) -> None:
        """Give what is whole its own name, in place of what has it; raises OSError."""
        at = folder.descriptor
        os.replace(temporary, name, src_dir_fd=at, dst_dir_fd=at)

    def drop(self, folder: Folder | None, temporary: bytes) -> None:
        """Remove what has a temporary name, if it is there."""
        if folder is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary, dir_fd=folder.descriptor)

    def resume(self, path: bytes, folder: Folder) -> None:
        """Make the folder at a path that was there before ready: open to us, without what a killed restore has left
        in it.

        That is temporary files of processes that are gone, but for those that are `spared`.
        """
        if self.fresh:
            return
        mode = os.fstat(folder.descriptor).st_mode & 0o7777
        if mode & 0o700 != 0o700:
            with contextlib.suppress(OSError):
                os.fchmod(folder.descriptor, mode | 0o700)
        found = (_OURS.fullmatch(os.fsencode(name)) for name in os.listdir(folder.descriptor))
        for ours in found:
            if ours and not _alive(int(ours[1], 16)) and os.path.join(path, ours[0]) not in self.spared:
                self.drop(folder, ours[0])


def reason(error: Exception) -> str:
    """Why a path was not brought back, in lower case; of one of `ERRORS`."""
    if isinstance(error, Refused):
        return error.reason
    return paths.reason(error) if isinstance(error, OSError) else "has a value that this system cannot hold"


def is_temporary(path: bytes) -> bool:
    """Whether a path has a name as `temporary_name` gives them."""
    return _OURS.fullmatch(path.rpartition(b"/")[2]) is not None


def temporary_name() -> bytes:
    """A new name that no entry has: of this process, and the next of its numbers. What has it is not opened."""
    return b".bakup-%x-%012x.part" % (os.getpid(), next(_numbers))


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    return True
