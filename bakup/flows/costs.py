"""What users of a cloud pay for: requests by class, bytes up and down; and what getting all back would cost.

A look at one object (HEAD) is counted as a get, as stores charge it; a page of a listing is one list.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Literal, TypeAlias

from bakup.flows.watch import Watch
from bakup.format.constants import FIRST_READ, SEGMENT, TAG
from bakup.store.buckets import Asked

Role: TypeAlias = Literal["target", "source", "out"]
"""Whose requests: of DST, of a SRC or OUT at a URL."""

REQUESTS = "requests"
"""The event by which a flow tells them, once a store is done with."""

META_READ = 8 << 20
"""Bytes of metadata that one request fetches."""

BOX_HEADER = 32


@dataclass(frozen=True, slots=True)
class ToGetBack:
    """What a rebuild, and after it a restore of all that is stored, would ask of the target; sizes in bytes."""

    rebuild_gets: int = 0
    rebuild_bytes: int = 0
    restore_gets: int = 0
    restore_bytes: int = 0


def tell_asked(watch: Watch, role: Role, url: str, asked: Asked | None) -> None:
    """Tell what was asked of a SRC or OUT, if it is at a URL."""
    if asked is not None:
        counts = {"lists": asked.lists, "puts": asked.puts, "gets": asked.gets}
        tell(watch, role, url, **counts, up=asked.up_bytes, down=asked.down_bytes)


def tell(watch: Watch, role: Role, url: str, *, lists: int, puts: int, gets: int, up: int, down: int) -> None:
    """Tell what was asked of a store; sizes in bytes."""
    watch.event(REQUESTS, of=role, url=url, list=lists, put=puts, get=gets, up_bytes=up, down_bytes=down)


def to_get_back(connection: sqlite3.Connection, target: int) -> ToGetBack:
    """From the catalog alone. A restore of everything reads each pack once, so that is the most it can cost."""
    rows = connection.execute(
        "SELECT s.size, s.encrypted, count(p.id), coalesce(sum(p.length), 0) FROM sectors s LEFT JOIN packs p"
        " ON p.sector = s.id WHERE s.target = ? AND s.state = 'stored' GROUP BY s.id",
        [target],
    )
    found = [0, 0, 0, 0]
    for size, encrypted, packs, content in rows:
        data = content + packs * BOX_HEADER
        data += -(-data // SEGMENT) * TAG if encrypted else 0
        meta = max(0, size - data)  # with the header, and what pads the sector
        for index, more in enumerate((1 + max(1, -(-meta // META_READ)), FIRST_READ + meta, packs, data)):
            found[index] += more
    return ToGetBack(*found)
