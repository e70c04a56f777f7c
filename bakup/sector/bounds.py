"""How long things can become at most, in bytes: what a sector must reserve before it takes them."""

from __future__ import annotations

from bakup.format.constants import CUT_PATH
from bakup.model import Attributes, Dir, Entry, File, Part, Special, Symlink
from bakup.sector.writer import SMALLEST_PAD

ENTRY_BYTES = 200
"""Bound of an entry's encoding without path, extents, names and xattrs."""
EXTENT_BYTES = 64
LINE_BYTES = 2 * CUT_PATH + 96
SLACK = 8192
"""Frames and box headers of the last groups and of an END."""
PAD_BYTES = 8 << 20


def entry_bound(entry: Entry) -> int:
    """Most bytes that the encoding of `entry` takes."""
    bound = ENTRY_BYTES + len(entry.path)
    if isinstance(entry, File | Part):
        bound += EXTENT_BYTES * len(entry.extents)
    if isinstance(entry, Part):
        return bound + (attributes_bound(entry.closing.attributes) if entry.closing else 0)
    if isinstance(entry, File | Dir | Symlink | Special):
        bound += attributes_bound(entry.attributes)
    return bound + len(getattr(entry, "target", b"")) + 4 * len(getattr(entry, "reason", ""))


def attributes_bound(attributes: Attributes) -> int:
    """Most bytes that names of owners, xattrs and facts add to an entry."""
    bound = 4 * (len(attributes.user or "") + len(attributes.group or ""))
    for name, value in attributes.xattrs:
        bound += len(name) + len(value) + 12
    for fact, known in attributes.facts:
        bound += 4 * len(fact) + len(known) + 12
    return bound


def padme(size: int) -> int:
    """The size to which `size` bytes are padded: at most 12 % more; leaks O(log log size) bits (Nikitin 2019)."""
    if size < 2:
        return size
    exponent = size.bit_length() - 1
    low = exponent - exponent.bit_length()
    mask = (1 << low) - 1
    return (size + mask) & ~mask


def pad_lengths(room: int) -> list[int]:
    """Lengths of the PAD boxes that fill `room` bytes of a data region; too small a room gets none."""
    lengths = []
    while room >= SMALLEST_PAD:
        length = room if room <= PAD_BYTES else min(PAD_BYTES, room - SMALLEST_PAD)
        lengths.append(length)
        room -= length
    return lengths
