"""One check point in the plain layout: each file becomes one object, and the check point one more.

This thread reads, workers compress and encrypt into the spool. Objects are recorded as pending, put and recorded as
stored many at a time; the object of a check point is put last, and makes it visible.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from bakup.atbak.naming import path_in
from bakup.atbak.writer import PIECE, Written
from bakup.catalog import objects, recording
from bakup.catalog.database import transaction
from bakup.catalog.objects import ObjectRow
from bakup.catalog.rows import EMPTY_DIGEST
from bakup.errors import BakupError
from bakup.format.preamble import Facts
from bakup.layouts.atbak.atbu_info import put_info
from bakup.layouts.atbak.batch import Group, Making, Piece
from bakup.layouts.atbak.checkpoint import Told
from bakup.layouts.checkpoint_writer import ATTEMPTS, ReadingSink
from bakup.layouts.interface import Begun
from bakup.model import Attributes, Entry, Extent, File, Kind, SectorLine
from bakup.plan.marks import Facts as FileFacts
from bakup.source.interface import Found, Grown, Large, Source

if TYPE_CHECKING:
    from bakup.layouts.atbak.spool import AtbakSpool

BATCH_OBJECTS = 2048
BATCH_BYTES = 64 << 20
"""A batch is put when it has so many objects, or so many bytes of files."""
IN_FLIGHT = 32 << 20
"""Bytes of files in memory that wait for a worker."""
ENTRIES = 4096
_ZEROS = bytes(PIECE)


class AtbakSink(ReadingSink):
    """One check point in the making. See `bakup.layouts.interface.Sink`."""

    def __init__(self, storing: AtbakSpool, begun: Begun, source: Source) -> None:
        super().__init__(source, PIECE)
        self._storing = storing
        self._task = storing.task
        self._begun = begun
        self._pieces: deque[Piece] = deque()
        self._objects = self._waiting = self._batch_bytes = 0
        self._buffer = bytearray(PIECE)
        self._group = Group()
        self._told = Told(storing, begun)
        self._dedup = not self._task.options.standalone
        self._some: bool | None = None
        """Whether any file was stored before the first of this source."""

    def entry(self, entry: Entry) -> None:
        """An entry that is ready."""
        self._add(Piece(entry.path, entry))

    def known_file(self, path: bytes, attributes: Attributes, extents: Iterable[Extent]) -> None:
        """A file whose object is stored already."""
        held = tuple(extents)
        self.entry(File(path, attributes, sum(extent.length for extent in held), held))

    def finish(self) -> None:
        """Put what waits."""
        self._put_batch()

    def end(self, files: int, size: int) -> None:
        """Put the object of the check point, last."""
        stored = self._told.put(files, size)
        self._storing.checkpoint_objects += 1
        self._storing.count([stored])
        self._task.watch.event("objects-stored", objects=1, bytes=stored)
        put_info(self._storing, self._begun)

    def close(self) -> None:
        """Forget the entries."""
        self._told.close()

    def _small(self, found: Found) -> None:
        try:
            data, attributes, changing = self._source.read_small(found, PIECE)
        except Grown:
            self._large(found)
            return
        if changing:
            self.outcome.changing.append((found.path, len(data)))
        facts = self._facts(found.path, attributes)
        sha256 = hashlib.sha256(data).digest()
        self.facts = FileFacts(Kind.FILE, attributes, len(data), sha256 if data else EMPTY_DIGEST)
        if self._dedup and (line := self._stored(facts.path, sha256)) is not None:
            self._take_up(found.path, attributes, len(data), line)
            return
        name, spool = self._storing.new_object()
        group = self._group
        number = group.add(data, facts, spool)
        self._make(Piece(found.path, None, attributes, Making(name, spool, facts, len(data), group, number)))
        if group is self._group and group.full:
            self._hand_over()

    def _large(self, found: Found) -> None:
        last: bytes | None = None
        for attempt in range(1, ATTEMPTS + 1):
            name, spool = self._storing.new_object()
            try:
                with self._source.open_large(found) as large:
                    facts = self._facts(found.path, Attributes(mtime_ns=found.mtime_ns))
                    written = self._storing.write(self._buffers(large), facts, spool)
                    # What two reads in a row give is what is there, whatever the system tells meanwhile.
                    settled = large.consistent() or written.sha256 == last
                    last = written.sha256
                    if settled or attempt == ATTEMPTS:
                        attributes = large.attributes()
                        break
            except BakupError:
                _drop(spool)
                raise
            _drop(spool)
        if not settled:
            self.outcome.changing.append((found.path, written.size))
        self.facts = FileFacts(Kind.FILE, attributes, written.size, written.sha256 if written.size else EMPTY_DIGEST)
        if self._dedup and (line := self._stored(facts.path, written.sha256)) is not None:
            _drop(spool)
            self._take_up(found.path, attributes, written.size, line)
            return
        alone = Group()
        alone.done.set_result([written])
        self._make(Piece(found.path, None, attributes, Making(name, spool, facts, written.size, alone, 0)))

    def _hand_over(self) -> None:
        """A worker writes the group; the next one begins."""
        group, self._group = self._group, Group()
        if group.files:
            group.done = self._storing.pool.submit(self._write, group)

    def _write(self, group: Group) -> list[Written]:
        files, group.files = group.files, []
        return [self._storing.write([data] if data else [], facts, spool) for data, facts, spool in files]

    def _buffers(self, large: Large) -> Iterator[bytes | memoryview]:
        """The file's bytes; zeros for its holes, which the format cannot tell."""
        view = memoryview(self._buffer)
        for run in large.runs():
            left = run.length
            if not run.hole:
                large.seek(run.offset)
            while left:
                count = min(left, PIECE) if run.hole else large.readinto(view[: min(left, PIECE)])
                if not count:
                    return
                yield _ZEROS[:count] if run.hole else view[:count]
                left -= count
                self.done_bytes += count
                self._task.on_progress()

    def _facts(self, path: bytes, attributes: Attributes) -> Facts:
        told = path_in(self._begun.checkpoint.location, path)
        return Facts(told, attributes.mtime_ns, attributes.mtime_ns)

    def _stored(self, path: bytes, sha256: bytes) -> SectorLine | None:
        task = self._task
        if self._some is None:
            self._some = objects.has_files(task.connection, task.target_row)
        if not self._some:
            return None
        encrypted = self._storing.key is not None
        return objects.stored_object(task.connection, task.target_row, path, sha256, encrypted=encrypted)

    def _take_up(self, path: bytes, attributes: Attributes, size: int, line: SectorLine) -> None:
        """The object of this very path and content is there: from an earlier version, or a run that was cut off."""
        if objects.is_loose(self._task.connection, self._task.target_row, line.uuid):
            self._told.add_lines([line])
        sha256 = line.header_digest or b""
        self.entry(File(path, attributes, size, (Extent(size, sha256),) if size else ()))

    def _make(self, piece: Piece) -> None:
        assert piece.making is not None
        self._objects += 1
        self._waiting += piece.making.size if piece.making.size <= PIECE else 0
        self._batch_bytes += piece.making.size
        self._add(piece)
        if self._objects >= BATCH_OBJECTS or self._batch_bytes >= BATCH_BYTES:
            self._put_batch()
        elif self._waiting > IN_FLIGHT:
            self._hand_over()
            piece.making.written()
            self._waiting = 0

    def _add(self, piece: Piece) -> None:
        self._pieces.append(piece)
        if len(self._pieces) >= ENTRIES:
            self._put_batch()

    def _put_batch(self) -> None:
        """Record, put and record again what waits; its entries follow their objects."""
        self._hand_over()
        pieces, self._pieces = self._pieces, deque()
        self._objects = self._waiting = self._batch_bytes = 0
        made = [(piece.making, piece.making.written()) for piece in pieces if piece.making is not None]
        storing, encrypted = self._storing, self._storing.key is not None
        rows = [making.row(storing.locator(making.name), done, encrypted=encrypted) for making, done in made]
        sectors = self._record(rows)
        if rows:
            storing.target.put_all([(row.locator, making.spool) for row, (making, _) in zip(rows, made, strict=True)])
        results = (written for _, written in made)
        entries = [piece.ready(next(results) if piece.making is not None else None) for piece in pieces]
        with transaction(self._task.connection):
            self._tell(rows)
            for sector in sectors:
                recording.set_state(self._task.connection, sector, "stored")
            self._told.add_lines([objects.line_of(row.uuid, row.sha256, row.stored, row.path) for row in rows])
            self._told.add(entries)
        self.outcome.entries += len(entries)
        storing.count(row.stored for row in rows)
        self._task.on_progress()

    def _tell(self, rows: list[ObjectRow]) -> None:
        if rows:
            size = sum(row.stored for row in rows)
            self._task.watch.event("objects-stored", objects=len(rows), bytes=size)

    def _record(self, rows: list[ObjectRow]) -> list[int]:
        with transaction(self._task.connection):
            return objects.add_objects(
                self._task.connection,
                self._task.target_row,
                rows,
                state="pending",
                checkpoint=self._begun.checkpoint.uuid,
            )


def _drop(spool: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(spool)
