"""The layout of sectors: many files share one object (docs/format/sector.md)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING

from blake3 import blake3

from bakup.api.costs import LOOKS, ToGetBack
from bakup.api.reports import SyncOptions
from bakup.api.watch import Mark, Watch
from bakup.catalog import history, listing, places
from bakup.catalog.history import SourceRow
from bakup.catalog.readers import Readers
from bakup.catalog.rows import Version
from bakup.catalog.state_db import Remembered
from bakup.errors import BakupError, Damaged, NoTarget, Untrusted, Withheld, WrongAccount
from bakup.layouts.ingested import Ingested
from bakup.layouts.interface import (
    Bringer,
    Estimate,
    Estimated,
    Held,
    MakeBench,
    Protection,
    Reader,
    Seen,
    Storing,
    Task,
)
from bakup.layouts.sectors import cost
from bakup.layouts.sectors.ingest import AHEAD_MAX, ingest
from bakup.layouts.sectors.known import open_known
from bakup.layouts.sectors.settings import sector_size, zstd_level
from bakup.model import TableRow
from bakup.sector.data import BoxContent
from bakup.sector.reader import OpenSector
from bakup.sector.region import Region
from bakup.sector.trust import Trust
from bakup.store.faults import of_all
from bakup.store.target import Target

if TYPE_CHECKING:
    import sqlite3

    from bakup.destination.interface import Out

ENTRY_STORED = 160
"""Bytes that an entry takes at the target, about."""


class SectorsLayout:
    """See `bakup.layouts.interface.Layout`."""

    name = "sectors"
    unit = "sector"
    inspector = "sector"

    def __init__(self, target: Target, trust: Trust) -> None:
        self._target = target
        self._trust = trust
        self._long = threading.Lock()

    def protection(self, options: SyncOptions, known: Remembered | None) -> Protection:
        """Encrypted and signed, unless the target was made without."""
        encrypt = options.encrypt and (known is None or known.encrypted)
        sign = options.sign and (known is None or known.signed)
        public = self._trust.keys
        return Protection(encrypt, sign, public.signer_id if public and sign else b"")

    def needs_account(self, protection: Protection) -> bool:
        """Always: it is what sources are known by."""
        return True

    def caveat(self, *, encrypted: bool) -> str:
        """None."""
        return ""

    def expect_trusted(self, connection: sqlite3.Connection, target_row: int, place: str) -> None:
        """What the catalog took in when it was accepted is not believed when it is not: the user must say so again."""
        plain, unsigned = connection.execute(
            "SELECT coalesce(sum(encrypted = 0), 0), coalesce(sum(signed = 0), 0) FROM sectors WHERE target = ?"
            " AND state = 'stored'",
            [target_row],
        ).fetchone()
        options = []
        if plain and not self._trust.accept_plain:
            options.append("--accept-plain")
        if unsigned and not self._trust.accept_unsigned:
            options.append("--accept-unsigned")
        if options:
            what = "encrypted" if plain else "signed"
            raise Untrusted(
                f"{place} holds {max(plain, unsigned):,} sectors that are not {what}",
                hints=(f"if you made them so: {' '.join(options)}",),
                code="untrusted",
            )

    def not_ours(self, place: str, accounts: Sequence[tuple[str, int]], *, writing: bool) -> BakupError:
        """The account of most of the sectors is named."""
        public = self._trust.keys
        theirs, count = accounts[0]
        if public is None:
            return WrongAccount(
                f"{place} belongs to account {theirs}; this computer has none",
                hints=("with your 24 words: bakup account recover",),
                code="no-account",
            )
        untouched = "; nothing was written" if writing else ""
        hints = [f"with the words of {theirs}: BAKUP_HOME=DIR bakup account recover"]
        if writing:
            hints.append("to keep two accounts on one target, add --new-target")
        return WrongAccount(
            f"{place} belongs to account {theirs}; here is {public.account_id}\n"
            f"{count:,} sectors there, none of them for this account{untouched}",
            hints=tuple(hints),
            code="wrong-account",
        )

    def estimate(self, options: SyncOptions, work: Estimated) -> Estimate:
        """What packs and metadata take, in sectors of the size that was asked for."""
        share = _ratio(work.sample(), zstd_level(options)) if work.size else 1.0
        size = round(work.size * share) + ENTRY_STORED * work.entries
        sectors = -(-size // sector_size(options))
        puts = cost.puts(size, sector_size(options))
        return Estimate(size, sectors, puts, LOOKS * sectors, cost.planned(size, sectors, work.size))

    def to_get_back(self, connection: sqlite3.Connection, target_row: int) -> ToGetBack:
        """Metadata of each sector, then each pack once."""
        return cost.to_get_back(connection, target_row)

    def ingest(
        self,
        connection: sqlite3.Connection,
        target_row: int,
        objects: listing.NewObjects,
        watch: Watch,
        *,
        announce: str = "",
    ) -> Ingested:
        """Two reads a sector."""
        return ingest(connection, self._target, target_row, objects, self._trust, watch, announce=announce)

    def settle(self, connection: sqlite3.Connection, target_row: int, comparison: listing.Comparison) -> None:
        """A sector that is not there is missing."""
        listing.settle(connection, comparison)

    def removed(self, connection: sqlite3.Connection, target_row: int) -> list[tuple[str, bytes, int]]:
        """Nobody removes sectors by hand."""
        return []

    def locators(
        self, connection: sqlite3.Connection, target_row: int, source: SourceRow, version: Version
    ) -> list[str]:
        """One place of each chunk, each sector once."""
        found: dict[str, None] = {}
        sectors = {row.id: row.locator for row in listing.sectors(connection, target_row)}
        for extent in history.extents_of(connection, version):
            if extent.chunk is not None and (there := places.places_of(connection, target_row, extent.chunk)):
                found[sectors[there[0].sector]] = None
        return list(found)

    def storing(self, task: Task) -> Storing:
        """Sources of a run share its sectors."""
        from bakup.layouts.sectors.writer import SectorsStoring

        return SectorsStoring(self._target, self._trust, task)

    @property
    def bench(self) -> MakeBench | None:
        """Lanes in whole sectors, where the target can be used by forked processes."""
        from bakup.layouts.sectors.writer import bench

        return partial(bench, self._target, self._trust) if self._target.at_once.processes else None

    def bringing(
        self,
        connection: sqlite3.Connection,
        target_row: int,
        destination: Out,
        watch: Watch,
        *,
        partial: bool,
        marks: Mapping[bytes, Mark],
    ) -> Bringer:
        """Pack by pack."""
        from bakup.layouts.sectors.restorer import Bringing

        opener = self._opener(connection, target_row)
        at_once = self._target.at_once
        return Bringing(
            connection,
            target_row,
            opener,
            destination,
            watch,
            partial=partial,
            at_once=at_once,
            marks=marks,
        )

    def reading(self, readers: Readers, target_row: int) -> Reader:
        """Chunk by chunk."""
        from bakup.layouts.sectors.known import OpenSectors
        from bakup.layouts.sectors.reader import Reading

        return Reading(readers, target_row, OpenSectors(self._target, self._trust, readers, target_row).open)

    def verify(self, row: listing.SectorRow, rows: Sequence[listing.SectorRow], held: Held | None) -> Seen:
        """Header, signature and metadata; with `held` every byte."""
        seen = Seen(row)
        try:
            opened = open_known(self._target, row, rows, self._trust)
            table, fault = self._looked_through(opened)
            if fault:
                seen.reason = f"{opened.name} is damaged: {fault}"
            if held is not None:
                packs: list[int] = []
                state = opened.verify_data(table, lambda found: judge(seen, packs, found, held))
                # Damage that no chunk suffers from counts too: padding, or a box header.
                first = () if state.good else (0,)
                seen.damage = [_place(opened.data_region, at) for at in state.damaged_at or packs or first]
        except Withheld as error:
            seen.withhold(error)
        except (Damaged, NoTarget) as error:
            if of_all(error):
                raise
            seen.reason = error.message
        except BakupError as error:
            seen.reason, seen.state = error.message, "untrusted"
        return seen

    def _looked_through(self, opened: OpenSector) -> tuple[Sequence[TableRow], str]:
        """The table of a sector, and the first fault of its metadata; of long ones one at a time is in memory."""
        with self._long if opened.header.meta_length > AHEAD_MAX else nullcontext():
            meta = opened.meta()
            return meta.rows, meta.first_fault()

    def _opener(self, connection: sqlite3.Connection, target_row: int) -> Callable[[int], OpenSector]:
        """Open sectors by row id, each once. The rows are read here: workers must not touch the connection."""
        rows = {row.id: row for row in listing.sectors(connection, target_row)}
        opened: dict[int, OpenSector] = {}

        def open_sector(sector: int) -> OpenSector:
            if sector not in opened:
                opened[sector] = open_known(self._target, rows[sector], rows.values(), self._trust)
            return opened[sector]

        return open_sector


def _place(region: Region, position: int) -> int:
    """Where in a sector a position in its data stands."""
    if not region.plain:
        return region.start
    span = region.span(min(position, region.plain - 1), 1)
    return span.offset + span.skip


def judge(seen: Seen, packs: list[int], found: BoxContent, held: Held) -> None:
    """Compare the chunks of a pack with their ids; of a damaged one, too, as far as it can be unpacked.

    `packs` gets the position of each that is not as it was.
    """
    position = found.row.position
    chunks = held.get(position, [])
    raw = memoryview(found.raw)
    bad = [offset for offset, length, chunk in chunks if blake3(raw[offset : offset + length]).digest() != chunk]
    seen.chunks += len(chunks)
    seen.damaged_chunks += len(bad)
    if found.damage is not None or bad:
        packs.append(position)
    if bad and len(bad) == len(chunks):
        seen.positions.append(position)
        return
    if found.damage is not None:
        seen.doubtful.append(position)
    seen.bad_chunks += [(position, offset) for offset in bad]


def _ratio(sample: bytes, level: int | None) -> float:
    """How much of the raw bytes is left after compression, guessed from a sample."""
    if level is None or not sample:
        return 1.0
    import zstandard

    return min(1.0, len(zstandard.ZstdCompressor(level=level).compress(sample)) / len(sample))
