"""A worker's part of a run: whole sectors of its own, filled lane by lane.

Each worker fills lanes of check points that the main process began. It asks the main process which chunks are new, one
batch ahead, hands over its catalog rows as shards, and puts a sector when the main process has recorded it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

from bakup.catalog import shard
from bakup.layouts.interface import Begun
from bakup.layouts.sectors.dedup import Answer
from bakup.layouts.sectors.populate import Filling, Lane, Stream
from bakup.layouts.sectors.transfer import Packing, Transfer
from bakup.model import LaneLine, SectorLine
from bakup.processes import Line, workers
from bakup.sector.writer import FinishedSector
from bakup.source.interface import Source
from bakup.store.target import Locator

SHARD_LANES = 8
"""Lanes after which rows go to the catalog, though their sector still grows: so its memory of claims stays small."""

IN_FLIGHT = 1
"""As `transfer.IN_FLIGHT`, which is memory, for each of many."""


class RemoteClaims:
    """Asks the main process. See `bakup.layouts.sectors.dedup.Asked`."""

    ahead = 1

    def __init__(self, line: Line) -> None:
        self._line = line
        self._drained = 0

    def ask(self, chunks: Sequence[bytes]) -> Answer:
        """One bool for each chunk comes back."""
        answer = self._line.ask("claim", b"".join(chunks))
        return lambda: [chunk for chunk, new in zip(chunks, answer(), strict=True) if new]

    def drained(self) -> None:
        """Its rows go with the next shard."""
        self._drained += 1

    def taken(self) -> int:
        """How many were drained since the last call."""
        count, self._drained = self._drained, 0
        return count


class ShardLedger:
    """Writes into shards. See `bakup.layouts.sectors.ledger.Ledger`."""

    lists = True

    def __init__(self, line: Line, claims: RemoteClaims, columns: shard.Columns) -> None:
        self._line = line
        self._claims = claims
        self._columns = columns
        self._building = b""
        self.rows: sqlite3.Connection = shard.new_shard(columns)

    def begin(self, sector: bytes) -> int:
        """The sector before it has all its rows."""
        self.hand_over()
        self._building = sector
        return shard.SECTOR

    def pending(self, row: int, finished: FinishedSector, lines: Sequence[tuple[Begun, SectorLine]]) -> None:
        """Waits until the main process has recorded it."""
        if self._building == finished.uuid:
            self.hand_over()
            self._building = b""
        told = [(stream.row, line) for stream, line in lines]
        self._line.ask("pending", finished.uuid, finished.size, finished.header_digest, told)()

    def stored(self, row: int, finished: FinishedSector, locator: Locator, ends: Sequence[Begun]) -> None:
        """No check point ends in a worker's sector."""
        self._line.tell("stored", finished.uuid, locator)

    def hand_over(self) -> None:
        """Give what was written to the catalog. No entry may wait whose pack's row is given."""
        if not self._building:
            return
        data = shard.pack_shard(self.rows)
        self.rows = shard.new_shard(self._columns)
        self._line.tell("shard", self._building, data, self._claims.taken())


class Inline(Executor):
    """Does at once, in the caller's thread, what it is given."""

    def submit(self, call: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        """What `call` returned or raised."""
        future: Future[Any] = Future()
        try:
            future.set_result(call(*args, **options))
        except BaseException as error:
            future.set_exception(error)
        return future


class Bench:
    """What a worker stores with. Call from one thread."""

    def __init__(self, ledger: ShardLedger, claims: RemoteClaims, filling: Filling, level: int | None) -> None:
        self._ledger = ledger
        self._claims = claims
        self._filling = filling
        # For large files: the other workers may have come to their end long before this one.
        pool = ThreadPoolExecutor(workers(), thread_name_prefix="pack")
        self._packing = Packing(pool, Inline(), level, IN_FLIGHT)
        self._stream: Stream | None = None
        self._transfer: Transfer | None = None
        self._lanes = 0

    @property
    def rows(self) -> sqlite3.Connection:
        """Takes rows of the lane that is open."""
        return self._ledger.rows

    def begin(self, begun: Begun, source: Source, lane: int, on_progress: Callable[[], None]) -> Transfer:
        """The next lane, of this check point or another."""
        if self._stream is not None and self._stream.row != begun.row:
            self.flush()
        if self._stream is None:
            self._stream = Stream(
                begun.checkpoint, begun.header, begun.row, begun.source, begun.ordinal, lane=Lane(lane)
            )
            self._filling.begin(self._stream)
        else:
            self._stream.lane = Lane(lane)
        self._transfer = Transfer(
            source,
            self._stream,
            self._filling,
            self._claims,
            self._packing,
            on_drained=on_progress,
        )
        return self._transfer

    def end(self) -> tuple[LaneLine | None, frozenset[bytes]]:
        """All changes of the lane were given. What END says of it, None if it is empty; uuids of its sectors."""
        assert self._transfer is not None
        lane = self._transfer.end_lane()
        self._lanes += 1
        if self._lanes % SHARD_LANES == 0:
            self._ledger.hand_over()
        return lane.line() if lane.length else None, frozenset(lane.sectors)

    def flush(self) -> None:
        """Close the open sector, and wait until all are stored."""
        if self._stream is not None:
            self._filling.leave(self._stream)
            self._stream = None
