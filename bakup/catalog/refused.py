"""Objects at a target that say they are sectors of the account, and are not believed."""

from __future__ import annotations

import re
import sqlite3
from typing import Literal
from uuid import UUID

from msgspec import Struct

from bakup.catalog.damage import missing_lines
from bakup.format.objects import SECTOR_SUFFIX

REFUSED = ("untrusted", "forged", "damaged")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Refused(Struct, frozen=True):
    """An object that is not believed; `detail` goes on after its name. `sector`: the uuid that it claims, if any.

    `serves`: what else is known of that sector: it stands whole beside it, its loss is known anyway, or nothing.
    """

    locator: str
    size: int
    reason: Literal["untrusted", "forged", "damaged"]
    detail: str
    sector: bytes | None
    serves: Literal["whole", "lost", "unknown"]

    @property
    def unfinished(self) -> bool:
        """Whether its name is none that a sector keeps: another tool has not come to its end with it."""
        hidden = any(part.startswith(".") for part in self.locator.split("/"))
        return self.reason == "damaged" and (hidden or not self.locator.endswith(SECTOR_SUFFIX))

    @property
    def cut_short(self) -> bool:
        """Whether nothing else is wrong with it than that there is more to come."""
        return self.reason == "damaged" and self.detail.startswith("is cut short")

    @property
    def harmless(self) -> bool:
        """Whether it is nothing but a copy, still to be finished, of a sector that is there."""
        return self.serves == "whole" and (self.unfinished or self.cut_short)

    @property
    def doubted(self) -> bool:
        """Whether the latest check point may be in it: one that was cut short is still being copied."""
        return self.matters and not self.cut_short

    @property
    def matters(self) -> bool:
        """Whether it may have held more of the newest state than is known."""
        return self.reason != "untrusted" and self.serves == "unknown" and not self.unfinished


def refused(connection: sqlite3.Connection, target: int) -> list[Refused]:
    """All of them, by name."""
    rows = connection.execute(
        "SELECT locator, size, reason, detail, uuid FROM others WHERE target = ? AND reason IN (?, ?, ?)"
        " ORDER BY locator",
        [target, *REFUSED],
    ).fetchall()
    if not rows:
        return []
    lost, listed = {line.sector for line in missing_lines(connection, target)}, _listed(connection, target)
    found = []
    for locator, size, reason, detail, uuid in rows:
        claims = {one for one in (uuid, _named(locator)) if one is not None}
        serves = _serves(connection, target, locator, claims, lost | listed)
        sector = min(claims & lost, default=uuid or _named(locator))
        found.append(Refused(locator, size, reason, detail, sector, serves))
    return found


def _listed(connection: sqlite3.Connection, target: int) -> set[bytes]:
    """Uuids of the sectors that ENDs name: what they held is known, also where copies of their boxes serve instead."""
    rows = connection.execute(
        "SELECT DISTINCT l.sector FROM lines l JOIN checkpoints c ON c.id = l.checkpoint JOIN sources s"
        " ON s.id = c.source WHERE s.target = ? AND c.complete AND l.header_digest IS NOT NULL",
        [target],
    )
    return {sector for (sector,) in rows}


def _serves(
    connection: sqlite3.Connection, target: int, locator: str, claims: set[bytes], known: set[bytes]
) -> Literal["whole", "lost", "unknown"]:
    states = {
        state
        for claim in claims
        for (state,) in connection.execute("SELECT state FROM sectors WHERE target = ? AND uuid = ?", [target, claim])
    }
    if "stored" in states:
        return "whole"
    at_home = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM sectors WHERE target = ? AND locator = ?)", [target, locator]
    ).fetchone()[0]
    return "lost" if states or claims & known or at_home else "unknown"


def _named(locator: str) -> bytes | None:
    found = _UUID.search(locator)
    return UUID(found.group()).bytes if found else None
