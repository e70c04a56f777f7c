"""Reading files out of the plain layout: each is one object, whose sha256 is known good only at its end.

So a small file is verified in memory, a large one under a temporary name or in a temporary file, before anything of it
is given away.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from threading import Lock
from typing import NamedTuple

from bakup.api.watch import Mark, Progress, Watch
from bakup.atbak.reader import open_object
from bakup.catalog import objects
from bakup.catalog.objects import Place
from bakup.catalog.readers import Readers
from bakup.catalog.rows import decode_attributes
from bakup.destination.interface import Out
from bakup.errors import BakupError, Damaged, NoAnswer, Withheld
from bakup.layouts.restored import Brought
from bakup.model import Extent
from bakup.processes import workers
from bakup.store.faults import of_all
from bakup.store.target import Target

WHOLE = 4 << 20
"""Files of at most so many bytes are verified in memory."""
AHEAD = 16
"""Small files that are read while an earlier one is written."""
BATCH = 4096
KEPT = 16
"""Verified files that are kept for who reads parts of them."""
KEPT_BYTES = 1 << 30
_ZEROS = bytes(WHOLE)

REMOVED = "removed from the target"
"""Why a file cannot be had whose object the user took away."""


class Wanted(NamedTuple):
    """A file to bring back."""

    path: bytes
    size: int
    attributes: bytes
    sha256: bytes


def why_nowhere(connection: sqlite3.Connection, target: int, sha256: bytes) -> str:
    """Why no object gives a file."""
    return REMOVED if objects.was_removed(connection, target, sha256) else "its object is missing"


class AtbakBringing:
    """See `bakup.layouts.interface.Bringer`."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        target_row: int,
        target: Target,
        key: bytes | None,
        destination: Out,
        watch: Watch,
        marks: Mapping[bytes, Mark],
    ) -> None:
        self._marks = marks
        self.brought = Brought()
        self._connection = connection
        self._row = target_row
        self._target = target
        self._key = key
        self._destination = destination
        self._watch = watch
        self._total = [0, 0]
        connection.execute("DROP TABLE IF EXISTS temp.files")
        connection.execute(
            "CREATE TEMP TABLE files (id INTEGER PRIMARY KEY, path BLOB NOT NULL, size INTEGER NOT NULL,"
            " attributes BLOB NOT NULL, sha256 BLOB NOT NULL)"
        )

    def take_plain(self, source: int, ordinal: int) -> bool:
        """No: each is given."""
        return False

    def bring(
        self, files: Iterable[tuple[bytes, int, bytes, Iterable[Extent]]], meanwhile: Iterator[object]
    ) -> Brought:
        """Small files are read ahead, large ones one after the other."""
        for _ in meanwhile:
            pass
        self._plan(files)
        waiting: deque[tuple[Wanted, Future[tuple[bytes | str, list[Place]]]]] = deque()
        with ThreadPoolExecutor(2 * workers(), thread_name_prefix="read") as pool:
            for wanted in self._wanted():
                if wanted.size > WHOLE:
                    self._bring_large(wanted)
                    continue
                places = self._places(wanted)
                waiting.append((wanted, pool.submit(self._read_whole, wanted, places)))
                if len(waiting) > AHEAD:
                    self._write(*waiting.popleft())
            while waiting:
                self._write(*waiting.popleft())
        return self.brought

    def _plan(self, files: Iterable[tuple[bytes, int, bytes, Iterable[Extent]]]) -> None:
        """Spilled to a temporary table."""
        batch: list[Wanted] = []
        for path, size, attributes, extents in files:
            self._total[0] += 1
            self._total[1] += size
            chunks = [extent.chunk for extent in extents if extent.chunk is not None]
            batch.append(Wanted(path, size, attributes, chunks[0] if chunks else objects.EMPTY_SHA256))
            if len(batch) == BATCH:
                self._spill(batch)
                batch = []
        self._spill(batch)

    def _spill(self, batch: list[Wanted]) -> None:
        self._connection.executemany("INSERT INTO files (path, size, attributes, sha256) VALUES (?, ?, ?, ?)", batch)

    def _wanted(self) -> Iterator[Wanted]:
        rows = self._connection.execute("SELECT path, size, attributes, sha256 FROM files ORDER BY id")
        return map(Wanted._make, rows)

    def _places(self, wanted: Wanted) -> list[Place]:
        return objects.places_of(self._connection, self._row, wanted.sha256) if wanted.size else []

    def _read_whole(self, wanted: Wanted, places: list[Place]) -> tuple[bytes | str, list[Place]]:
        """In a worker: (the verified bytes, or the cause why not; places that are damaged)."""
        if not wanted.size:
            return b"", []
        cause = ""
        bad: list[Place] = []
        for place in places:
            try:
                return b"".join(map(bytes, self._stream(wanted, place))), bad
            except BakupError as error:
                if of_all(error):
                    raise
                cause = cause or error.message
                bad += [place] if isinstance(error, Damaged) else []
        return cause, bad

    def _stream(self, wanted: Wanted, place: Place) -> Iterator[memoryview]:
        opened = open_object(self._target, place.locator, place.stored, self._key)
        if (opened.preamble.sha256, opened.preamble.size) != (wanted.sha256, wanted.size):
            raise Damaged(f"{place.locator} is damaged: it holds another file than it did")
        return opened.stream()

    def _write(self, wanted: Wanted, future: Future[tuple[bytes | str, list[Place]]]) -> None:
        data, bad = future.result()
        self._find_damage(bad)
        if isinstance(data, str):
            self._lose(wanted, data)
            return
        attributes = decode_attributes(wanted.attributes)
        self._count(wanted, self._destination.write_whole(wanted.path, data, attributes))

    def _bring_large(self, wanted: Wanted) -> None:
        cause = ""
        for place in self._places(wanted):
            part = self._destination.begin_file(wanted.path, wanted.size)
            if part is None:
                return
            try:
                offset = 0
                for view in self._stream(wanted, place):
                    if view != _ZEROS[: len(view)]:
                        part.write_at(offset, view)
                    offset += len(view)
                    self._tell(wanted.path, offset)
            except NoAnswer:
                part.abandon()
                raise
            except BakupError as error:
                part.abandon()
                cause = cause or error.message
                if isinstance(error, Damaged):
                    self._find_damage([place])
                elif not isinstance(error, Withheld):
                    raise
                continue
            self._count(wanted, part.finish(decode_attributes(wanted.attributes)))
            return
        self._lose(wanted, cause)

    def _lose(self, wanted: Wanted, cause: str) -> None:
        cause = cause or why_nowhere(self._connection, self._row, wanted.sha256)
        self.brought.lose(cause, wanted.path, wanted.size, 0)

    def _find_damage(self, bad: list[Place]) -> None:
        for place in bad:
            self.brought.findings.setdefault(place.uuid, set()).add(0)

    def _count(self, wanted: Wanted, made: bool) -> None:
        if made:
            self.brought.files += 1
            self.brought.size += wanted.size
            self._watch.path(self._marks.get(wanted.path, "+"), wanted.path, wanted.size)
        self._tell(wanted.path, 0)

    def _tell(self, path: bytes, more: int) -> None:
        self._watch.progress(
            Progress(
                "restoring",
                done_files=self.brought.files - self._destination.unsettled,
                total_files=self._total[0],
                done_bytes=self.brought.size + more,
                total_bytes=self._total[1],
                path=path,
            )
        )


class AtbakReading:
    """See `layouts.interface.Reader`: a file is verified in a temporary file before a byte of it is given away."""

    def __init__(self, readers: Readers, target_row: int, target: Target, key: bytes | None) -> None:
        self.findings: dict[bytes, set[int]] = {}
        self._readers = readers
        self._row = target_row
        self._target = target
        self._key = key
        self._kept: OrderedDict[bytes, Verified] = OrderedDict()
        self._guard = Lock()

    def close(self) -> None:
        """Remove the temporary files."""
        while self._kept:
            self._kept.popitem()[1].close()

    def read(self, extent: Extent, start: int, stop: int) -> bytes:
        """A part of a file, which is read whole for it, unless it was read lately."""
        assert extent.chunk is not None
        with self._guard:
            held = self._kept.get(extent.chunk)
            if held is None:
                held = self._kept[extent.chunk] = self._verified(extent.chunk)
            self._kept.move_to_end(extent.chunk)
            while len(self._kept) > KEPT or (len(self._kept) > 1 and self._size() > KEPT_BYTES):
                self._kept.popitem(last=False)[1].close()
            return held.read(start, stop - start)

    def expect(self, extents: Iterable[Extent]) -> None:
        """Whole files are read one after the other."""

    def pieces(self, extents: Iterable[Extent]) -> Iterator[tuple[memoryview | bytes, bool]]:
        """A file has one extent, or none."""
        for extent in extents:
            if extent.chunk is not None:
                with closing(self._verified(extent.chunk)) as held:
                    for start in range(0, held.size, WHOLE):
                        yield held.read(start, WHOLE), False

    def _size(self) -> int:
        return sum(held.size for held in self._kept.values())

    def _verified(self, sha256: bytes) -> Verified:
        cause = ""
        with self._readers.one() as connection:
            there = objects.places_of(connection, self._row, sha256)
        for place in there:
            held = Verified()
            try:
                self._hold(place, sha256, held)
            except BaseException as error:
                held.close()
                if not isinstance(error, Withheld | Damaged):
                    raise
                cause = cause or error.message
                if isinstance(error, Damaged):
                    self.findings.setdefault(place.uuid, set()).add(0)
                continue
            return held
        with self._readers.one() as connection:
            raise Damaged(cause or why_nowhere(connection, self._row, sha256))

    def _hold(self, place: Place, sha256: bytes, held: Verified) -> None:
        opened = open_object(self._target, place.locator, place.stored, self._key)
        if opened.preamble.sha256 != sha256:
            raise Damaged(f"{place.locator} is damaged: it holds another file than it did")
        for view in opened.stream():
            held.add(view)


class Verified:
    """The bytes of a file, in memory if they are few, else in a temporary file."""

    def __init__(self) -> None:
        self.size = 0
        self._file = tempfile.SpooledTemporaryFile(max_size=WHOLE)  # noqa: SIM115 - until `close`

    def add(self, view: memoryview) -> None:
        """The next bytes."""
        self._file.write(view)
        self.size += len(view)

    def read(self, offset: int, length: int) -> bytes:
        """Bytes from `offset`, fewer only at the end."""
        self._file.seek(offset)
        return self._file.read(length)

    def close(self) -> None:
        """Forget them."""
        self._file.close()
