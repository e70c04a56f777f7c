"""A run that stores in sectors: what its sources share."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from msgspec.structs import replace

from bakup.layouts.interface import Begun, Task
from bakup.layouts.sectors.populate import Filling, Stream
from bakup.layouts.sectors.settings import sector_size, zstd_level
from bakup.layouts.sectors.transfer import Claims, Transfer
from bakup.processes import workers
from bakup.sector.trust import Trust
from bakup.sector.writer import SectorWriter
from bakup.source.interface import Source
from bakup.store.target import Target


class SectorsStoring:
    """The sectors that all sources of a run share. See `bakup.layouts.interface.Storing`."""

    def __init__(self, target: Target, trust: Trust, task: Task) -> None:
        options, protection = task.options, task.protection
        self._task = task
        self._filling = Filling(
            target,
            task.target_row,
            task.connection,
            lambda: SectorWriter(
                task.spool,
                trust.account,
                place=task.spool_place,
                encrypt=protection.encrypt,
                sign=protection.sign,
                limit=min(sector_size(options), target.limits.largest),
                expected=task.estimated,
            ),
            replace(trust, accept_plain=True, accept_unsigned=True),
            signer=protection.signer,
            encrypted=protection.encrypt,
            signed=protection.sign,
            level=zstd_level(options),
            pad=options.pad,
            watch=task.watch,
            on_growing=task.on_growing,
            on_grown=task.on_grown,
            on_stored=task.on_visible,
            on_put=task.on_put,
        )
        self._claims = Claims(
            task.connection,
            task.target_row,
            signer=protection.signer,
            encrypted=protection.encrypt,
            signed=protection.sign,
            anew=options.standalone,
        )
        self._pool = ThreadPoolExecutor(workers(), thread_name_prefix="pack")

    def __enter__(self) -> SectorsStoring:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._filling.close()

    @property
    def stored_bytes(self) -> int:
        """Bytes of the sectors that are stored."""
        return self._filling.stored_bytes

    @property
    def stored_objects(self) -> int:
        """Sectors that are stored."""
        return self._filling.stored_sectors

    @property
    def checkpoint_objects(self) -> int:
        """None: check points stand in sectors with their files."""
        return 0

    def begin(self, begun: Begun, source: Source) -> Transfer:
        """Its header goes into each sector that holds boxes of it."""
        stream = Stream(begun.checkpoint, begun.header, begun.row, begun.source, begun.ordinal)
        self._filling.begin(stream)
        return Transfer(
            source,
            stream,
            self._filling,
            self._claims,
            self._pool,
            level=zstd_level(self._task.options),
            on_drained=self._task.on_progress,
        )

    def flush(self) -> None:
        """Close the open sector, and wait until it is stored."""
        self._filling.flush()
