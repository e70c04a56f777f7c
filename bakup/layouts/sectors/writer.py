"""A run that stores in sectors: what its sources share."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from msgspec.structs import replace

from bakup.catalog import shard
from bakup.layouts.interface import Begun, Making, Task
from bakup.layouts.sectors.dedup import Claims
from bakup.layouts.sectors.hosting import Host
from bakup.layouts.sectors.lanes import Bench, RemoteClaims, ShardLedger
from bakup.layouts.sectors.ledger import CatalogLedger, Ledger
from bakup.layouts.sectors.populate import Filling, Stream
from bakup.layouts.sectors.settings import sector_size, zstd_level
from bakup.layouts.sectors.transfer import Packing, Transfer
from bakup.processes import Line, workers
from bakup.sector.trust import Trust
from bakup.sector.writer import SectorWriter
from bakup.source.interface import Source
from bakup.store.target import Target


class SectorsStoring:
    """The sectors that all sources of a run share. See `bakup.layouts.interface.Storing`."""

    def __init__(self, target: Target, trust: Trust, task: Task) -> None:
        self._target = target
        self._task = task
        self._ledger = CatalogLedger(
            task.connection, task.target_row, task.protection, on_visible=task.on_visible, on_put=task.on_put
        )
        self._claims = Claims(task.connection, task.target_row, task.protection, anew=task.options.standalone)
        self._filling = _filling(target, trust, task, self._ledger, on_growing=task.on_growing, on_grown=task.on_grown)
        self._streams: dict[int, Stream] = {}
        self.host = Host(target, self._ledger, self._claims, self._streams, task.target_row)
        self._pool = ThreadPoolExecutor(workers(), thread_name_prefix="pack")
        self._packing = Packing(self._pool, self._pool, zstd_level(task.options))

    def __enter__(self) -> SectorsStoring:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._filling.close()

    @property
    def stored_bytes(self) -> int:
        """Bytes of the sectors that are stored."""
        return self._ledger.stored_bytes

    @property
    def stored_objects(self) -> int:
        """Sectors that are stored."""
        return self._ledger.stored_sectors

    @property
    def checkpoint_objects(self) -> int:
        """None: check points stand in sectors with their files."""
        return 0

    def begin(self, begun: Begun, source: Source) -> Transfer:
        """Its header goes into each sector that holds boxes of it."""
        stream = Stream(begun.checkpoint, begun.header, begun.row, begun.source, begun.ordinal)
        self._streams[begun.row] = stream
        self._filling.begin(stream)
        return Transfer(
            source,
            stream,
            self._filling,
            self._claims,
            self._packing,
            on_drained=self._task.on_progress,
        )

    def flush(self) -> None:
        """Close the open sector, and wait until it is stored."""
        self._filling.flush()


def bench(target: Target, trust: Trust, making: Making, line: Line, catalog: sqlite3.Connection) -> Bench:
    """What a worker stores with. It puts sectors, and nothing of them goes ahead in parts."""
    claims = RemoteClaims(line)
    ledger = ShardLedger(line, claims, shard.columns_of(catalog))
    return Bench(ledger, claims, _filling(target, trust, making, ledger), zstd_level(making.options))


def _filling(
    target: Target,
    trust: Trust,
    making: Making,
    ledger: Ledger,
    *,
    on_growing: Callable[[str], object] = lambda _: None,
    on_grown: Callable[[str], object] = lambda _: None,
) -> Filling:
    options, protection = making.options, making.protection
    return Filling(
        target,
        ledger,
        lambda: SectorWriter(
            making.spool,
            trust.account,
            place=making.spool_place,
            encrypt=protection.encrypt,
            sign=protection.sign,
            limit=min(sector_size(options), target.limits.largest),
            expected=making.estimated,
        ),
        replace(trust, accept_plain=True, accept_unsigned=True),
        level=zstd_level(options),
        pad=options.pad,
        watch=making.watch,
        on_growing=on_growing,
        on_grown=on_grown,
    )
