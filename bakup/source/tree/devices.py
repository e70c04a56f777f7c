"""File systems below a source whose insides are no part of it: others, if the user wants one, and the kernel's own."""

from __future__ import annotations

import os

BY_DEVICE = "--one-file-system"
BY_KERNEL = "made by the kernel"

MOUNTS = "/proc/self/mountinfo"
"""All that is mounted (proc_pid_mountinfo(5))."""

KERNELS = frozenset(
    b"autofs binfmt_misc bpf cgroup cgroup2 configfs debugfs devpts efivarfs fusectl hugetlbfs mqueue nfsd proc pstore"
    b" rpc_pipefs securityfs selinuxfs smackfs sysfs tracefs".split()
)
"""Types of file systems whose files are made by the kernel when they are looked at: they are on no disk."""


class Devices:
    """Which folders below a root are kept empty.

    Args:
        root: device of the source's root; what is on it is kept, whatever it is.
        one: keep to that device.
    """

    def __init__(self, root: int, *, one: bool) -> None:
        self._root = root
        self._one = one
        self._kernels = frozenset() if one else _kernels()

    def barred(self, device: int) -> str | None:
        """The rule by which what is in a folder of this device is left out; None if it is kept."""
        if device == self._root:
            return None
        if self._one:
            return BY_DEVICE
        return BY_KERNEL if device in self._kernels else None


def _kernels() -> frozenset[int]:
    try:
        with open(MOUNTS, "rb") as file:
            return frozenset(device for line in file if (device := _kernel(line)) is not None)
    except OSError:
        return frozenset()


def _kernel(line: bytes) -> int | None:
    """The device of a line of `MOUNTS` if it is one of `KERNELS`."""
    before, _, after = line.partition(b" - ")
    if after.split(b" ", 1)[0] not in KERNELS:
        return None
    major, _, minor = before.split()[2].partition(b":")
    return os.makedev(int(major), int(minor))
