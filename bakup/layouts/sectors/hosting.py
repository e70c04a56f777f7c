"""The main process's part of a run with workers: it owns the catalog, the claims and the END.

What a worker sends comes in the order in which it happened there. A sector of a worker is `building` while shards of it
come, `pending` when all its rows are here and it may be put, `stored` when it was. No END is written before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from msgspec import Struct, field

from bakup.catalog import listing, places, recording, shard
from bakup.layouts.interface import Begun
from bakup.layouts.sectors.dedup import Claims
from bakup.layouts.sectors.ledger import CatalogLedger
from bakup.layouts.sectors.populate import Stream
from bakup.model import LaneLine, SectorLine
from bakup.sector.naming import object_name
from bakup.store.target import Target

CHUNK = 32
"""Bytes of a chunk's id."""


class HeldSector(Struct):
    """A worker's sector: its row, and its size in bytes once it is pending."""

    row: int
    size: int | None = None
    lines: list[tuple[int, SectorLine]] = field(default_factory=list)


class Worker(Struct):
    """What is known of one: its sectors that are not stored, by uuid, and its claims that have no place yet."""

    sectors: dict[bytes, HeldSector] = field(default_factory=dict)
    claimed: deque[list[bytes]] = field(default_factory=deque)


class Host:
    """Serves workers. See `bakup.layouts.interface.Host`."""

    def __init__(
        self,
        target: Target,
        ledger: CatalogLedger,
        claims: Claims,
        streams: dict[int, Stream],
        target_row: int,
    ) -> None:
        self._target = target
        self._ledger = ledger
        self._claims = claims
        self._streams = streams
        self._target_row = target_row
        self._columns = shard.columns_of(ledger.rows)
        self._taker: shard.Taker | None = None
        self._workers: dict[int, Worker] = {}
        self.stored: set[bytes] = set()

    def serve(self, worker: int, message: tuple[object, ...]) -> object:
        """What a worker's bench told or asked, and what it is answered; None for what it told."""
        name, *facts = message
        known = self._workers.setdefault(worker, Worker())
        return getattr(self, f"_{name}")(known, *facts)

    def lost(self, worker: int) -> None:
        """See `bakup.layouts.interface.Host`. What a worker claimed for sectors that are not there is nobody's."""
        known = self._workers.pop(worker, Worker())
        for uuid, sector in list(known.sectors.items()):
            locator = object_name(uuid)
            if sector.size is not None and self._target.size(locator) == sector.size:
                self._stored(known, uuid, locator)
            else:
                listing.strike(self._ledger.rows, [sector.row])
        self._ledger.commit()
        for chunks in known.claimed:
            self._claims.let_go(chunks)

    def orphans(self, begun: Begun) -> set[bytes]:
        """See `bakup.layouts.interface.Host`."""
        rows, ordinal = self._ledger.rows, begun.ordinal
        place = self._claims.place
        return places.lost_keys(rows, self._target_row, begun.source, ordinal, since=ordinal, place=place)

    def list_lanes(self, begun: Begun, lanes: Iterable[LaneLine]) -> None:
        """See `bakup.layouts.interface.Host`."""
        self._streams[begun.row].others.extend(lanes)

    def _claim(self, worker: Worker, ids: bytes) -> list[bool]:
        chunks = [ids[at : at + CHUNK] for at in range(0, len(ids), CHUNK)]
        new = self._claims.hold(chunks)
        worker.claimed.append(new)
        held = set(new)
        return [chunk in held for chunk in chunks]

    def _shard(self, worker: Worker, uuid: bytes, data: bytes, claims: int) -> None:
        sector = worker.sectors.get(uuid)
        if sector is None:
            sector = worker.sectors[uuid] = HeldSector(self._ledger.add(uuid))
        self._ledger.pause()
        if self._taker is None:
            self._taker = shard.Taker(self._ledger.rows, self._columns)
        self._taker.take(data, sector.row)
        self._ledger.commit()
        for _ in range(claims):
            self._claims.let_go(worker.claimed.popleft())

    def _pending(
        self, worker: Worker, uuid: bytes, size: int, digest: bytes, lines: list[tuple[int, SectorLine]]
    ) -> bool:
        sector = worker.sectors[uuid]
        sector.size, sector.lines = size, lines
        recording.close_sector(self._ledger.rows, sector.row, size, digest)
        self._ledger.commit()
        return True

    def _stored(self, worker: Worker, uuid: bytes, locator: str) -> None:
        sector = worker.sectors.pop(uuid)
        recording.set_state(self._ledger.rows, sector.row, "stored", locator)
        self._ledger.commit()
        self.stored.add(uuid)
        for row, line in sector.lines:
            self._streams[row].lines.append(line)
        self._ledger.count(sector.size or 0)
