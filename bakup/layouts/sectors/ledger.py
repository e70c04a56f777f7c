"""Where it is written down what stands in the sectors of a run, and how far each of them is."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Protocol

from bakup.catalog import recording
from bakup.layouts.interface import Begun, Protection
from bakup.model import SectorLine
from bakup.sector.naming import object_name
from bakup.sector.writer import FinishedSector
from bakup.store.target import Locator


class Ledger(Protocol):
    """Written to by the thread that fills sectors."""

    lists: bool
    """Whether another process writes the END: then lines are for that one alone."""

    @property
    def rows(self) -> sqlite3.Connection:
        """Takes the rows of the sector that is being built, until `pending`."""

    def begin(self, sector: bytes) -> int:
        """A sector is begun, by its uuid. Gives its row id in `rows`."""

    def pending(self, row: int, finished: FinishedSector, lines: Sequence[tuple[Begun, SectorLine]]) -> None:
        """A sector is whole and verified, all its rows are there, and it is put when this returns.

        `lines`: what END is to say of it, for each check point that goes on in another sector.
        """

    def stored(self, row: int, finished: FinishedSector, locator: Locator, ends: Sequence[Begun]) -> None:
        """A sector is at the target, and so the check points `ends` are complete."""


class CatalogLedger:
    """The catalog itself: the process that owns it fills sectors too.

    Rows wait in one transaction while a sector grows; what else is committed meanwhile commits them too, and an
    opening of the target strikes the rows of sectors that are `building`.
    """

    lists = False

    def __init__(
        self,
        connection: sqlite3.Connection,
        target_row: int,
        protection: Protection,
        *,
        on_visible: Callable[[Begun], None],
        on_put: Callable[[int, int], object],
    ) -> None:
        self.rows = connection
        self._target_row = target_row
        self._protection = protection
        self._on_visible = on_visible
        self._on_put = on_put
        self._building: set[int] = set()
        self.stored_bytes = 0
        self.stored_sectors = 0

    def begin(self, sector: bytes) -> int:
        """See `Ledger`."""
        self._open()
        row = self.add(sector)
        self._building.add(row)
        return row

    def pending(self, row: int, finished: FinishedSector, lines: Sequence[tuple[Begun, SectorLine]]) -> None:
        """See `Ledger`. The lines stay with their streams."""
        recording.close_sector(self.rows, row, finished.size, finished.header_digest)
        self._building.discard(row)
        self.commit()

    def stored(self, row: int, finished: FinishedSector, locator: Locator, ends: Sequence[Begun]) -> None:
        """See `Ledger`."""
        self._open()
        recording.set_state(self.rows, row, "stored", locator)
        for begun in ends:
            self._on_visible(begun)
        self.commit()
        self.count(finished.size)

    def add(self, sector: bytes) -> int:
        """The row of a sector that is being built here or by a worker."""
        protection = self._protection
        return recording.add_sector(
            self.rows,
            self._target_row,
            sector,
            locator=object_name(sector),
            size=0,
            state="building",
            header_digest=None,
            signer=protection.signer,
            encrypted=protection.encrypt,
            signed=protection.sign,
        )

    def commit(self) -> None:
        """Let the catalog keep what was written."""
        self.pause()
        if self._building:
            self._open()

    def pause(self) -> None:
        """Let the catalog keep what was written, and be free for another transaction until `commit`."""
        if self.rows.in_transaction:
            self.rows.commit()

    def count(self, size: int) -> None:
        """A sector of `size` bytes is stored."""
        self.stored_bytes += size
        self.stored_sectors += 1
        self._on_put(self.stored_bytes, self.stored_sectors)

    def _open(self) -> None:
        if not self.rows.in_transaction:
            self.rows.execute("BEGIN IMMEDIATE")
