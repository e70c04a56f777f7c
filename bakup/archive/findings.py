"""Damage that a reader met, kept so that the next sync stores it again."""

from __future__ import annotations

from collections.abc import Mapping, Set

from bakup.archive.archive import Attached
from bakup.archive.home import Home
from bakup.catalog import places, state_db
from bakup.catalog.database import transaction


def remember_findings(home: Home, attached: Attached, findings: Mapping[bytes, Set[int]], how: str) -> None:
    """Write down damaged packs, as uuid of the sector -> positions; only where this run may write."""
    if not findings or not home.locked:
        return
    with transaction(home.state), transaction(home.catalog):
        for sector, positions in list(findings.items()):
            found = set(positions)
            state_db.add_findings(home.state, attached.url, sector, found, how)
            places.mark_damaged(home.catalog, attached.row, sector, found)
