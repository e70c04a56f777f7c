"""File systems that are small, read-only, or lose their power."""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

FS_IOC_SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = 2
"""What is not on the disk yet is lost, the journal included: as when the power goes."""


def command(*arguments: str | Path) -> None:
    """Run a program as root; a test that cannot mount must not look like one that passed."""
    done = subprocess.run([*map(str, arguments)], check=False, capture_output=True, text=True)
    if done.returncode:
        said = done.stderr.strip() or f"exit {done.returncode}"
        pytest.fail(f"these tests mount file systems, so they need root and a system that lets it: {arguments}: {said}")


class Disk:
    """A tmpfs of so many KiB at `path`."""

    def __init__(self, path: Path, size_kib: int) -> None:
        self.path = path
        path.mkdir()
        command("mount", "-t", "tmpfs", "-o", f"size={size_kib}k,mode=700", "tmpfs", path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        command("umount", "-l", self.path)

    def resize(self, size_kib: int) -> None:
        """Make room, or take it."""
        command("mount", "-o", f"remount,size={size_kib}k", self.path)

    def lock(self, *, read_only: bool) -> None:
        """Nothing can be written any more, or again."""
        command("mount", "-o", f"remount,{'ro' if read_only else 'rw'}", self.path)


Mounts = Callable[[int], Disk]


class LoopDisk:
    """A file system of `kind` (ext4, xfs) in a file, mounted at `path`."""

    def __init__(
        self,
        folder: Path,
        kind: str,
        size_mib: int = 400,
        *,
        options: tuple[str, ...] = (),
        mounting: tuple[str, ...] = (),
    ) -> None:
        self.path = folder / "mounted"
        self._mounting = mounting
        self._image = folder / f"{kind}.img"
        self.path.mkdir()
        if shutil.which(f"mkfs.{kind}") is None:
            pytest.fail(f"there is no mkfs.{kind}: tests/install.sh installs it")
        with open(self._image, "wb") as file:
            file.truncate(size_mib << 20)
        command(f"mkfs.{kind}", "-q", *options, self._image)
        self.mount()

    def mount(self) -> None:
        """Mount it; the journal is gone through."""
        command("mount", *self._mounting, "-o", "loop", self._image, self.path)

    def unmount(self) -> None:
        """Unmount it, at once or when nobody uses it any more."""
        command("umount", self.path)

    def used(self) -> int:
        """Bytes in use, those on their way to the disk with them."""
        stat = os.statvfs(self.path)
        return (stat.f_blocks - stat.f_bfree) * stat.f_frsize

    def cut_power(self) -> None:
        """From now on nothing reaches the disk, and every call fails."""
        handle = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(handle, FS_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(handle)
