"""What sectors cost at a store that asks money for requests."""

from __future__ import annotations

import sqlite3

from bakup.api.costs import ToGetBack
from bakup.format.constants import FIRST_READ, PACK_TARGET, SEGMENT, TAG
from bakup.store.backend import PART

META_READ = 8 << 20
"""Bytes of metadata that one request fetches."""
BOX_HEADER = 32


def puts(size: int, sector_size: int) -> int:
    """About how many requests put so many bytes: a sector in one, or in parts that are begun and ended."""
    whole, rest = divmod(size, sector_size)
    return whole * _sector_puts(sector_size) + (_sector_puts(rest) if rest else 0)


def planned(size: int, sectors: int, raw: int) -> ToGetBack:
    """What getting `size` bytes back would cost that hold `raw` bytes of files."""
    packs = -(-raw // PACK_TARGET)
    headers = FIRST_READ * sectors
    return ToGetBack(2 * sectors, headers, packs + sectors, size + packs * SEGMENT + headers)


def to_get_back(connection: sqlite3.Connection, target: int) -> ToGetBack:
    """From the catalog alone.

    A restore of everything reads each sector's header and each pack once, with all segments that the pack touches: that
    is the most it can cost.
    """
    rows = connection.execute(
        "SELECT s.size, s.encrypted, count(p.id), coalesce(sum(p.length), 0),"
        " coalesce(sum((p.position + :box + p.length - 1) / :segment - p.position / :segment + 1), 0)"
        " FROM sectors s LEFT JOIN packs p ON p.sector = s.id"
        " WHERE s.target = :target AND s.state = 'stored' GROUP BY s.id",
        {"box": BOX_HEADER, "segment": SEGMENT, "target": target},
    )
    found = [0, 0, 0, 0]
    for size, encrypted, packs, content, touched in rows:
        data = content + packs * BOX_HEADER
        data += -(-data // SEGMENT) * TAG if encrypted else 0
        meta = max(0, size - data)  # with the header, and what pads the sector
        read = touched * (SEGMENT + TAG) if encrypted else data
        rebuild = (1 + max(1, -(-meta // META_READ)), FIRST_READ + meta)
        restore = (packs + 1, read + FIRST_READ) if packs else (0, 0)
        for index, more in enumerate((*rebuild, *restore)):
            found[index] += more
    return ToGetBack(*found)


def _sector_puts(size: int) -> int:
    return 1 if size <= PART else -(-size // PART) + 2
