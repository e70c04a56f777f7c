"""Bringing files back: packs are read in order, and every chunk is verified before it is written.

A pack is opened once; twice if workers were given it before all files were planned, and later ones want more of it.

What a damaged place does not give, another place of the chunk may. What none gives is counted as lost, by cause.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from typing import TypeAlias

from blake3 import blake3

from bakup.api.watch import Mark, Progress, Watch
from bakup.catalog import damage, places
from bakup.catalog.reads import PackRead, ReadPlan, Want
from bakup.catalog.rows import decode_attributes
from bakup.destination.interface import Out
from bakup.destination.skipped import Skipped
from bakup.errors import BakupError, Damaged, Untrusted
from bakup.layouts.restored import Brought, Growing, merged
from bakup.layouts.sectors.workers import Writers
from bakup.model import Extent, TableRow
from bakup.processes import workers, worth_forking
from bakup.sector.naming import sector_name
from bakup.sector.reader import OpenSector
from bakup.store.faults import of_all
from bakup.store.target import AtOnce

AHEAD = 2
"""Packs that wait, read and unpacked, beyond those that are being read."""
BATCH = 2048
HEAD = 4 * BATCH
"""Files that are planned before the first is written."""
APART = 64 << 20
"""Bytes from which on a restore of fewer files than HEAD is worth other processes."""

Written: TypeAlias = tuple[set[int], list[tuple[bytes, str]], Skipped]
"""What a worker tells of a pack: indices of the wants whose chunk is not good, problems, attributes not set."""


_NO_MARKS: Mapping[bytes, Mark] = {}


class Bringing:
    """One restore: `bring` files, once.

    Args:
        open_sector: gives the open sector of a row id; raises BakupError when it cannot be read.
        partial: keep what there is of files that are not whole.
        at_once: how the target likes to be read.
        marks: what `-v` shows of files that stand there and are replaced; of others it shows `+`.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        target: int,
        open_sector: Callable[[int], OpenSector],
        destination: Out,
        watch: Watch,
        *,
        partial: bool,
        at_once: AtOnce,
        marks: Mapping[bytes, Mark] = _NO_MARKS,
    ) -> None:
        self._connection = connection
        self._target = target
        self._open_sector = open_sector
        self._destination = destination
        self._watch = watch
        self._partial = partial
        self._marks = marks
        self._at_once = at_once
        self._plan = ReadPlan(connection, target)
        self._plain: tuple[int, int] | None = None
        self._growing: dict[int, Growing] = {}
        self._ended: list[Growing] = []
        self._total: tuple[int, int] | tuple[None, None] = (None, None)
        self._done_bytes = 0
        self.brought = Brought()

    def take_plain(self, source: int, ordinal: int) -> bool:
        """See `bakup.layouts.interface.Bringer`."""
        self._plain = source, ordinal
        return True

    def bring(
        self, files: Iterable[tuple[bytes, int, bytes, Iterable[Extent]]], meanwhile: Iterator[object]
    ) -> Brought:
        """See `bakup.layouts.interface.Bringer`."""
        try:
            planned = self._planned(files)
            forks = self._destination.forks and self._at_once.processes and worth_forking()
            many = any(forks and number >= HEAD for number in planned)
            if many or (forks and self._plan.totals()[1] >= APART):
                if again := self._bring_apart(planned, meanwhile):
                    self._plan.keep(again)
                    self._write_here()
            else:
                for _ in meanwhile:
                    pass
                self._begin_writing()
                self._write_here()
            self._end_incomplete()
        finally:
            for growing in self._growing.values():
                if growing.part is not None:
                    growing.part.abandon()
        return self.brought

    def _planned(self, files: Iterable[tuple[bytes, int, bytes, Iterable[Extent]]]) -> Iterator[int]:
        """Add the files to the plan; how many so far, after each batch."""
        if self._plain is not None:
            yield from self._plan.add_plain(*self._plain)
        rows: list[tuple[int, bytes, int, bytes, int, int, bytes | None]] = []
        pieces: list[tuple[int, int, bytes, int]] = []
        first_number = self._plan.added + 1
        number = self._plan.added
        for number, (path, size, attributes, extents) in enumerate(files, first_number):
            several = iter(extents)
            first, second = next(several, None), next(several, None)
            if first is not None and second is None and first.length == size and first.chunk is not None:
                rows.append((number, path, size, attributes, 1, size, first.chunk))
            else:
                position = chunks = 0
                begun = (extent for extent in (first, second) if extent is not None)
                for extent in chain(begun, several):
                    if extent.chunk is not None:
                        pieces.append((number, position, extent.chunk, extent.length))
                        chunks += 1
                    position += extent.length
                    if len(pieces) >= BATCH:
                        self._plan.add((), pieces)
                        pieces = []
                rows.append((number, path, size, attributes, chunks, position, None))
            if len(rows) >= BATCH:
                self._plan.add(rows, pieces)
                rows, pieces = [], []
                yield number
        self._plan.add(rows, pieces)
        yield number

    def _begin_writing(self) -> None:
        """All files are in the plan: what of them needs no pack."""
        self._total = self._plan.totals()
        self._account_missing()
        self._make_empty()

    def _write_here(self) -> None:
        with ThreadPoolExecutor(self._at_once.packs, thread_name_prefix="read") as pool:
            for whole in (True, False):
                for _ in self._steps(pool, whole=whole):
                    pass

    def _bring_apart(self, planned: Iterator[int], meanwhile: Iterator[object]) -> list[int]:
        """Packs of whole files go to worker processes, the others are written here meanwhile.

        The workers begin with the files that are planned, while the others still are being planned. Gives the files
        that a worker could not read.
        """
        again: list[int] = []
        with Writers(workers() + 1, self._write_whole_files) as writers:
            head = self._plan.head()
            self._take(writers.feed(head), again)
            for _ in planned:
                self._take(writers.feed(head), again)
            self._begin_writing()
            jobs = chain(head, self._plan.packs(whole=True))
            with ThreadPoolExecutor(2, thread_name_prefix="read") as pool:
                self._take(writers.run(jobs, chain(meanwhile, self._steps(pool, whole=False))), again)
        return again

    def _take(self, done: Iterator[tuple[PackRead, Written]], again: list[int]) -> None:
        """Count what workers have written."""
        for read, (bad, problems, skipped) in done:
            self._destination.problems.extend(problems)
            self._destination.skipped.merge(skipped)
            refused = {path for path, _ in problems}
            path = b""
            for index, (file, _, _, size, _, path, _, _, _) in enumerate(read.wants):
                if index in bad:
                    again.append(file)
                else:
                    self._count(path not in refused, path, size)
            self._tell(path)

    def _account_missing(self) -> None:
        """Files with a chunk that is nowhere: they are begun only if a part of them is wanted."""
        current: int | None = None
        for want in list(self._plan.missing()):
            if want.file != current:
                current = want.file
                self._growing[want.file] = self._begin(want, wanted=self._partial)
            growing = self._growing[want.file]
            growing.left -= 1
            growing.available -= want.length
            growing.lost.add(self._cause(want.chunk))
        if not self._partial:
            self._plan.drop(self._growing)
            for growing in self._growing.values():
                self._lose(growing)
            self._growing.clear()
        for file in [file for file, growing in self._growing.items() if growing.left == 0]:
            self._ended.append(self._growing.pop(file))

    def _make_empty(self) -> None:
        for _, path, size, encoded, covered in self._plan.empty():
            attributes = decode_attributes(encoded)
            if covered != size:
                self.brought.lose(_UNKNOWN, path, size, 0)
            elif size == 0:
                self._count(self._destination.write_whole(path, b"", attributes), path, 0)
            else:
                part = self._destination.begin_file(path, size)
                self._count(part is not None and part.finish(attributes), path, size)

    def _write_whole_files(self, read: PackRead) -> Written:
        """In a worker: write the files of one pack."""
        destination = self._destination
        destination.problems.clear()
        destination.skipped.clear()
        raw = self._fetch(read.sector, read.row)
        if isinstance(raw, BakupError):
            return set(range(len(read.wants))), [], destination.skipped
        bad = set()
        view = memoryview(raw)
        for index, (_, _, chunk, length, offset, path, _, attributes, _) in enumerate(read.wants):
            data = view[offset : offset + length]
            if len(data) != length or blake3(data).digest() != chunk:
                bad.add(index)
                continue
            destination.write_whole(path, data, decode_attributes(attributes))
        return bad, list(destination.problems), destination.skipped

    def _steps(self, pool: ThreadPoolExecutor, *, whole: bool) -> Iterator[None]:
        """Write what comes from packs of whole files only, or from the others, a pack a step."""
        for read, raw in self._ahead(pool, whole=whole):
            self._write(read, raw)
            yield

    def _ahead(
        self, pool: ThreadPoolExecutor, *, whole: bool
    ) -> Iterator[tuple[PackRead, memoryview | bytes | BakupError]]:
        waiting: deque[tuple[PackRead, Future[memoryview | bytes | BakupError]]] = deque()
        for read in self._plan.packs(whole=whole):
            waiting.append((read, pool.submit(self._fetch, read.sector, read.row)))
            if len(waiting) > self._at_once.packs + AHEAD:
                first, future = waiting.popleft()
                yield first, future.result()
        while waiting:
            first, future = waiting.popleft()
            yield first, future.result()

    def _fetch(self, sector: int, row: TableRow) -> memoryview | bytes | BakupError:
        try:
            return self._open_sector(sector).data_box(row)
        except BakupError as error:
            if of_all(error):
                raise
            return error

    def _write(self, read: PackRead, raw: memoryview | bytes | BakupError) -> None:
        path = b""
        for want in map(Want._make, read.wants):
            data = self._chunk(read, raw, want)
            path = want.path
            if want.chunks == 1 and want.length == want.size:
                self._write_whole(want, data)
            else:
                self._write_piece(want, data)
        self._tell(path)

    def _tell(self, path: bytes) -> None:
        self._watch.progress(
            Progress(
                "restoring",
                done_files=self.brought.files - self._destination.unsettled,
                total_files=self._total[0],
                done_bytes=self._done_bytes,
                total_bytes=self._total[1],
                path=path,
            )
        )

    def _chunk(self, read: PackRead, raw: memoryview | bytes | BakupError, want: Want) -> memoryview | bytes | str:
        """The verified bytes of a chunk, from here or another place; else the cause why not."""
        if not isinstance(raw, BakupError):
            data = memoryview(raw)[want.offset : want.offset + want.length]
            if len(data) == want.length and blake3(data).digest() == want.chunk:
                return data
        if not isinstance(raw, BakupError) or isinstance(raw, Damaged | Untrusted):
            self._find_damage(read)
        for place in places.places_of(self._connection, self._target, want.chunk):
            tried = (place.sector, place.position, place.offset) == (read.sector, read.row.position, want.offset)
            if tried or place.chunk_length != want.length:
                continue
            row = TableRow(place.checkpoint, place.box_offset, place.length, place.position, place.raw_length)
            other = self._fetch(place.sector, row)
            if isinstance(other, BakupError):
                continue
            data = memoryview(other)[place.offset : place.offset + want.length]
            if len(data) == want.length and blake3(data).digest() == want.chunk:
                return data
        return raw.message if isinstance(raw, BakupError) else f"{self._name(read.sector)} is damaged"

    def _find_damage(self, read: PackRead) -> None:
        uuid = self._connection.execute("SELECT uuid FROM sectors WHERE id = ?", [read.sector]).fetchone()[0]
        self.brought.findings.setdefault(bytes(uuid), set()).add(read.row.position)

    def _write_whole(self, want: Want, data: memoryview | bytes | str) -> None:
        if isinstance(data, str):
            self.brought.lose(data, want.path, want.size, 0)
            return
        attributes = decode_attributes(want.attributes)
        self._count(self._destination.write_whole(want.path, data, attributes), want.path, want.size)

    def _write_piece(self, want: Want, data: memoryview | bytes | str) -> None:
        growing = self._growing.get(want.file)
        if growing is None:
            growing = self._growing[want.file] = self._begin(want, wanted=True)
        growing.left -= 1
        if isinstance(data, str):
            growing.lost.add(data)
            growing.available -= want.length
        elif growing.part is not None:
            growing.part.write_at(want.position, data)
            growing.ranges.append((want.position, want.length))
            self._done_bytes += want.length
        if growing.left == 0:
            del self._growing[want.file]
            self._end(growing)

    def _begin(self, want: Want, *, wanted: bool) -> Growing:
        part = self._destination.begin_file(want.path, want.size) if wanted else None
        return Growing(part, want.chunks, want.size, decode_attributes(want.attributes), want.path, available=want.size)

    def _end(self, growing: Growing) -> None:
        if growing.lost:
            self._ended.append(growing)
            return
        whole = growing.part is not None and growing.part.finish(growing.attributes)
        self._done_bytes -= growing.size
        self._count(whole, growing.path, growing.size)

    def _end_incomplete(self) -> None:
        # Last, since an entry may be called NAME.part too.
        for growing in self._ended:
            self._lose(growing)
            if growing.part is None:
                continue
            if self._partial and growing.ranges:
                growing.part.keep_partial(merged(growing.ranges))
                self.brought.partial += 1
            else:
                growing.part.abandon()

    def _lose(self, growing: Growing) -> None:
        for cause in sorted(growing.lost)[:1]:
            self.brought.lose(cause, growing.path, growing.size, max(0, growing.available))

    def _count(self, made: bool, path: bytes, size: int) -> None:
        self._done_bytes += size
        if made:
            self.brought.files += 1
            self.brought.size += size
            self._watch.path(self._marks.get(path, "+"), path, size)

    def _cause(self, chunk: bytes) -> str:
        row = self._connection.execute(
            "SELECT s.id, s.state FROM chunks c JOIN packs p ON p.id = c.pack JOIN sectors s ON s.id = p.sector"
            " WHERE c.id = ? AND s.target = ? LIMIT 1",
            [chunk, self._target],
        ).fetchone()
        if row is not None:
            return f"{self._name(row[0])} is {'missing' if row[1] == 'missing' else 'damaged'}"
        gone = {line.sector: line.told for line in damage.missing_lines(self._connection, self._target)}
        if len(gone) == 1:
            return gone.popitem()[1]
        return _UNKNOWN

    def _name(self, sector: int) -> str:
        return sector_name(
            bytes(self._connection.execute("SELECT uuid FROM sectors WHERE id = ?", [sector]).fetchone()[0])
        )


_UNKNOWN = "a sector that held them is missing"
