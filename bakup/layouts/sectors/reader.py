"""Reading files of sectors: packs are kept and read ahead, each chunk is verified before a byte of it is given away."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import TypeAlias

from blake3 import blake3

from bakup.catalog import places
from bakup.catalog.places import Place
from bakup.catalog.readers import Readers
from bakup.errors import Damaged, Untrusted, Withheld
from bakup.model import Extent, TableRow
from bakup.sector.naming import sector_name
from bakup.sector.reader import OpenSector

MEMORY = 64 << 20
"""Raw bytes of packs that are kept, unless another bound is asked for."""
AHEAD = 6
"""Extents, or packs of a sector, that are read while an earlier one is given away."""
WALKS = 64
"""Sectors of which it is remembered where they were read last."""
WORKERS = 2
SOMEWHERE = "a sector that held a part of it is missing"
"""Why a part of a file cannot be had whose very chunks are not known."""
_ZEROS = memoryview(bytes(1 << 20))

Piece = memoryview | bytes
Key: TypeAlias = tuple[bytes, int]
"""The digest of a sector's header, and the position of a pack in it."""


class Reading:
    """See `bakup.layouts.interface.Reader`.

    Args:
        open_sector: gives the open sector of a header's digest, to any thread.
        memory: raw bytes of packs that are kept.
    """

    def __init__(
        self, readers: Readers, target: int, open_sector: Callable[[bytes], OpenSector], memory: int = MEMORY
    ) -> None:
        self.findings: dict[bytes, set[int]] = {}
        self._readers = readers
        self._target = target
        self._open_sector = open_sector
        self._packs = Packs(memory)
        self._walks: OrderedDict[bytes, tuple[int, int]] = OrderedDict()
        self._walking = Lock()

    def close(self) -> None:
        """End what is read ahead."""
        self._packs.close()

    def read(self, extent: Extent, start: int, stop: int) -> Piece:
        """A part of an extent that is no hole; all of it is verified."""
        assert extent.chunk is not None
        return self._verified(extent, extent.chunk, self._places(extent))[start:stop]

    def expect(self, extents: Iterable[Extent]) -> None:
        """Begin to read the packs of these."""
        for extent in extents:
            self._begin(extent)

    def pieces(self, extents: Iterable[Extent]) -> Iterator[tuple[Piece, bool]]:
        """The bytes in order; packs of the next extents are read meanwhile."""
        waiting: deque[tuple[Extent, list[Place]]] = deque()
        for extent in extents:
            waiting.append((extent, self._begin(extent)))
            if len(waiting) > AHEAD:
                yield from self._end(*waiting.popleft())
        while waiting:
            yield from self._end(*waiting.popleft())

    def _begin(self, extent: Extent) -> list[Place]:
        found = self._places(extent)
        if found:
            self._packs.expect(_key(found[0]), lambda: self._fetch(found[0]))
        return found

    def _end(self, extent: Extent, found: list[Place]) -> Iterator[tuple[Piece, bool]]:
        if extent.chunk is None:
            for start in range(0, extent.length, len(_ZEROS)):
                yield _ZEROS[: min(len(_ZEROS), extent.length - start)], True
        else:
            yield self._verified(extent, extent.chunk, found), False

    def _places(self, extent: Extent) -> list[Place]:
        if extent.chunk is None:
            return []
        with self._readers.one() as connection:
            found = places.places_of(connection, self._target, extent.chunk)
        return [place for place in found if place.chunk_length == extent.length]

    def _verified(self, extent: Extent, chunk: bytes, found: list[Place]) -> Piece:
        cause = ""
        for place in found:
            try:
                pack = self._packs.get(_key(place), lambda place=place: self._fetch(place))  # type: ignore[misc]
            except Withheld as error:
                cause = cause or error.message
                continue
            except (Damaged, Untrusted) as error:
                cause = cause or error.message
                self._find_damage(place)
                continue
            self._walk(place)
            data = pack.chunk(place.offset, extent.length, chunk)
            if data is not None:
                return data
            cause = cause or f"{sector_name(place.uuid)} is damaged at {place.position:,}"
            self._find_damage(place)
        raise Damaged(cause or self._why_nowhere(chunk) or SOMEWHERE)

    def _fetch(self, place: Place) -> Piece:
        row = TableRow(place.checkpoint, place.box_offset, place.length, place.position, place.raw_length)
        return self._open_sector(place.header).data_box(row)

    def _walk(self, place: Place) -> None:
        """Who reads packs of a sector in their order gets the next ones ahead: small files stand there as they came."""
        last, behind = self._walks.get(place.header, (-1, -1))
        if place.position == last:
            return
        with self._readers.one() as connection:
            following = places.packs_behind(connection, place, AHEAD // 2)
        with self._walking:
            self._walks[place.header] = place.position, following[0].position if following else -1
            self._walks.move_to_end(place.header)
            if len(self._walks) > WALKS:
                self._walks.popitem(last=False)
        if place.position == behind:
            for one in following:
                self._packs.expect(_key(one), lambda one=one: self._fetch(one))  # type: ignore[misc]

    def _find_damage(self, place: Place) -> None:
        self.findings.setdefault(place.uuid, set()).add(place.position)

    def _why_nowhere(self, chunk: bytes) -> str | None:
        with self._readers.one() as connection:
            row = connection.execute(
                "SELECT s.uuid FROM chunks c JOIN packs p ON p.id = c.pack JOIN sectors s ON s.id = p.sector"
                " WHERE c.id = ? AND s.target = ? LIMIT 1",
                [chunk, self._target],
            ).fetchone()
        return None if row is None else f"{sector_name(bytes(row[0]))} is missing"


class Pack:
    """The chunks of a pack, unpacked; which of them are good is looked up once."""

    def __init__(self, raw: Piece) -> None:
        self._raw = memoryview(raw)
        self._good: set[tuple[int, bytes]] = set()

    def __len__(self) -> int:
        return len(self._raw)

    def chunk(self, offset: int, length: int, chunk: bytes) -> memoryview | None:
        """The chunk there if it is the one with this id."""
        data = self._raw[offset : offset + length]
        if (offset, chunk) not in self._good:
            if len(data) != length or blake3(data).digest() != chunk:
                return None
            self._good.add((offset, chunk))
        return data


class Packs:
    """Packs that were read last, as many as fit; each is read once however many threads want it."""

    def __init__(self, memory: int) -> None:
        self._memory = memory
        self._size = 0
        self._kept: OrderedDict[Key, Future[Pack]] = OrderedDict()
        self._guard = Lock()
        self._pool: ThreadPoolExecutor | None = None

    def get(self, key: Key, fetch: Callable[[], Piece]) -> Pack:
        """The pack; raises what `fetch` raises, each time it is asked for."""
        future, new = self._future(key)
        if new:
            self._fill(key, future, fetch)
        return future.result()

    def expect(self, key: Key, fetch: Callable[[], Piece]) -> None:
        """Begin to fetch it, if it is not there."""
        future, new = self._future(key)
        if new:
            with self._guard:
                self._pool = self._pool or ThreadPoolExecutor(WORKERS, thread_name_prefix="read")
            self._pool.submit(self._fill, key, future, fetch)

    def close(self) -> None:
        """Fetch nothing more."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def _future(self, key: Key) -> tuple[Future[Pack], bool]:
        with self._guard:
            future = self._kept.get(key)
            if future is not None:
                self._kept.move_to_end(key)
                return future, False
            future = self._kept[key] = Future()
            return future, True

    def _fill(self, key: Key, future: Future[Pack], fetch: Callable[[], Piece]) -> None:
        try:
            pack = Pack(fetch())
        except BaseException as error:
            with self._guard:
                self._kept.pop(key, None)
            future.set_exception(error)
            return
        future.set_result(pack)
        with self._guard:
            self._size += len(pack)
            for oldest in [one for one, kept in self._kept.items() if kept.done() and one != key]:
                if self._size <= self._memory:
                    break
                self._size -= len(self._kept.pop(oldest).result())


def _key(place: Place) -> Key:
    return place.header, place.position
