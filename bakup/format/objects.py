"""What objects at a target are called, and how they begin: other files are told from them by both."""

from __future__ import annotations

import re

from bakup.format.constants import MAGIC

SECTOR_SUFFIX = ".bakup"
START = max(len(MAGIC), 2)
"""Bytes of an object that tell whether it is what its name says."""

_OBJECT = re.compile(r"(?:([0-9a-f]{2})/)?([0-9a-f]{64})\.atbake?")


def is_object(locator: str) -> bool:
    """Whether this is called as the object of a file is, by ATBU or us. Only its first bytes tell whether it is."""
    found = _OBJECT.fullmatch(locator)
    return found is not None and found[1] in (None, found[2][:2])


def is_atbak(start: bytes) -> bool:
    """Whether the first two bytes may begin an object of the plain layout."""
    return start[:2] in (b"\x01\x00", b"\x01\x01")
