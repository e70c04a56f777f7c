"""Opening a sector that the catalog knows: by its header's digest, since no name at a target is to be trusted."""

from __future__ import annotations

from collections.abc import Iterable
from threading import Lock

from bakup.catalog import listing
from bakup.catalog.listing import SectorRow
from bakup.catalog.readers import Readers
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


class OpenSectors:
    """Sectors of a target, each opened once, for any thread. Those that come to the catalog meanwhile are found too."""

    def __init__(self, target: Target, trust: Trust, readers: Readers, target_row: int) -> None:
        self._target = target
        self._trust = trust
        self._readers = readers
        self._row = target_row
        self._opened: dict[bytes, OpenSector] = {}
        self._guard = Lock()

    def open(self, header_digest: bytes) -> OpenSector:
        """The sector with this header. Raises what `read_header` raises."""
        found = self._opened.get(header_digest)
        if found is None:
            with self._guard:
                found = self._opened.get(header_digest) or self._open(header_digest)
                self._opened[header_digest] = found
        return found

    def _open(self, header_digest: bytes) -> OpenSector:
        with self._readers.one() as connection:
            rows = listing.sectors(connection, self._row)
        row = next((row for row in rows if row.header_digest == header_digest), None)
        if row is None:
            raise Damaged("the sector is not in the catalog any more")
        return open_known(self._target, row, rows, self._trust)
