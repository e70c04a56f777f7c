"""Numbers of the system as they are recorded and compared: what needs more than 63 bits is cut to them."""

from __future__ import annotations

from typing import Final

MOST: Final = 2**63 - 1
"""Nanoseconds since 1970 of 2262-04-11; the least is as far before, in 1677."""


def time_ns(found: int) -> int:
    """A time in ns; the nearest that is recorded, where that one is beyond."""
    return found if -MOST <= found <= MOST else MOST if found > 0 else -MOST


def inode(found: int) -> int:
    """An inode's number in 63 bits: some network and union file systems use the last bit."""
    return found & MOST
