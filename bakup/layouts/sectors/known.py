"""Opening a sector that the catalog knows: by its header's digest, since no name at a target is to be trusted."""

from __future__ import annotations

from collections.abc import Iterable

from bakup.catalog.listing import SectorRow
from bakup.errors import BakupError, Damaged, NoAnswer, Withheld
from bakup.sector.naming import sector_name
from bakup.sector.reader import OpenSector, read_header
from bakup.sector.trust import Trust
from bakup.store.target import Target


def open_known(target: Target, row: SectorRow, rows: Iterable[SectorRow], trust: Trust) -> OpenSector:
    """The sector of `row`; if another stands in its place, it is looked for among those of the same size.

    Two objects of one size that exchanged their names are not seen by a listing. Raises what `read_header` raises.
    """
    try:
        found = read_header(target, row.locator, row.size, trust)
    except Withheld as error:
        raise Withheld(sector_name(row.uuid), error.why, code=error.code) from error
    if found is not None and found.header_digest == row.header_digest:
        return found
    for other in rows:
        if other.size == row.size and other.id != row.id and other.state != "missing":
            try:
                found = read_header(target, other.locator, other.size, trust)
            except NoAnswer:
                raise
            except BakupError:
                continue
            if found is not None and found.header_digest == row.header_digest:
                return found
    raise Damaged(f"{sector_name(row.uuid)} is damaged: it has another header than it had")
