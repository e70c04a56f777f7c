"""A finished sector is parsed back and opened again before it is put (design section 6, step 1)."""

from __future__ import annotations

import os

from bakup.errors import Damaged
from bakup.sector.naming import sector_name
from bakup.sector.reader import OpenSector, read_header
from bakup.sector.trust import Trust
from bakup.sector.writer import FinishedSector
from bakup.store.faults import faults
from bakup.store.local.folder import FolderTarget


def verify_finished(finished: FinishedSector, trust: Trust, *, entries: bool = True) -> None:
    """Read a finished sector from its spool file as any reader would: header, metadata, every segment.

    `trust` accepts what the sector was made without. With `entries` all of them are decoded too.
    Raises Damaged, and then the sector must not be put; Untrusted or Foreign if `trust` does not fit it; NoTarget.
    """
    folder, locator = os.path.split(finished.path)
    with faults(folder):
        size = os.path.getsize(finished.path)
    sector = read_header(FolderTarget(folder), locator, size, trust)
    if sector is None or sector.header_digest != finished.header_digest:
        raise Damaged(f"{sector_name(finished.uuid)} does not read back: its header is another")
    _verify_meta(sector, finished, entries)
    if not sector.verify_data(finished.rows).good:
        raise Damaged(f"{sector.name} does not read back: its data are not what was written")


def _verify_meta(sector: OpenSector, finished: FinishedSector, entries: bool) -> None:
    meta = sector.meta()
    if meta.rows != finished.rows:
        raise Damaged(f"{sector.name} does not read back: its table is another")
    if entries and (fault := meta.first_fault()):
        raise Damaged(f"{sector.name} does not read back: {fault}")
