"""compact: what could be given back of the space that only dropped check points take. It only says so."""

from __future__ import annotations

import time

from bakup.api.ask import Ask
from bakup.api.costs import LOOKS
from bakup.api.retention import CompactOptions, CompactReport
from bakup.api.watch import Watch
from bakup.archive.archive import Attached
from bakup.archive.home import Home
from bakup.archive.opening import attach
from bakup.catalog import live
from bakup.catalog.live import SectorUse
from bakup.errors import Usage
from bakup.layouts.sectors import cost
from bakup.layouts.sectors.layout import ENTRY_STORED
from bakup.layouts.sectors.settings import SECTOR
from bakup.retention.space import Use, plan

_SECOND_NS = 1_000_000_000
FULL = 0.999
"""From this share of needed bytes on a sector counts as full: framing is never told apart."""


def compact(home: Home, dst: str, options: CompactOptions, *, watch: Watch, ask: Ask) -> CompactReport:
    """What would be rewritten and deleted at `dst`. Raises Usage for the plain layout."""
    with attach(home, dst, options.target, watch, ask) as attached:
        if attached.layout.name != "sectors":
            raise Usage(f"{dst} has the plain layout, in which no two files share an object", code="layout")
        found = live.sectors_by_use(home.catalog, attached.row)
        uses = [_use(attached, one) for one in found]
        made = plan(uses, options.bounds)
        # Only a plan that does something has to list check points anew.
        anew, files = live.listed_anew(home.catalog, attached.row) if made.rewritten or made.deleted else (0, 0)
        written = made.copied + files * ENTRY_STORED
        put_sectors = -(-written // SECTOR)
        reads = cost.planned(made.copied, len(made.rewritten), made.copied)
        return CompactReport(
            plan=made,
            full=sum(one.live == one.size for one in uses),
            partly=sum(0 < one.live < one.size for one in uses),
            empty=sum(one.live == 0 for one in uses),
            listed_anew=anew,
            listing_bytes=files * ENTRY_STORED,
            gets=reads.rebuild_gets + reads.restore_gets + LOOKS * put_sectors,
            puts=cost.puts(written, SECTOR),
            put_sectors=put_sectors,
            rebuilt=attached.rebuilt,
        )


def _use(attached: Attached, one: SectorUse) -> Use:
    whole = one.needed + one.unneeded
    share = one.needed / whole if whole else 1.0
    live_bytes = one.size if share >= FULL or one.is_open else round(one.size * share)
    age_ns = time.time_ns() - one.newest_ns if one.newest_ns is not None else 0
    ours = attached.public is not None and one.signer == attached.public.signer_id
    return Use(one.uuid, one.size, live_bytes, max(0.0, age_ns / _SECOND_NS), fixed=one.is_open or not ours)
