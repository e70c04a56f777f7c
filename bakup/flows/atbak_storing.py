"""A run that stores in the plain layout: each file becomes one object, each check point one more.

This thread reads, workers compress and encrypt into the spool. Objects are recorded as pending, put and recorded as
stored many at a time; the object of a check point is put last, and makes it visible.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

from blake3 import blake3

from bakup.atbak import checkpoints
from bakup.atbak.naming import locator_of, new_name, path_in, uuid_of
from bakup.atbak.writer import PIECE, Written, write_object
from bakup.catalog import objects, recording
from bakup.catalog.database import transaction
from bakup.catalog.objects import ObjectRow
from bakup.catalog.rows import rows_of
from bakup.errors import BakupError
from bakup.flows.atbak_info import put_info
from bakup.flows.atbak_loose import make_loose
from bakup.flows.layouts import Begun, Task
from bakup.flows.transfer import ATTEMPTS, Outcome, workers
from bakup.format.constants import CUT_PATH
from bakup.format.entries import decode_entries, encode_entries
from bakup.format.preamble import Facts
from bakup.format.structures import encode_end
from bakup.model import Attributes, Delete, End, Entry, Extent, File, SectorLine, Unread
from bakup.plan.spool import Spool
from bakup.source.interface import Found, Grown, Large, Source, Unreadable, Vanished
from bakup.store.faults import faults
from bakup.store.target import Target

BATCH_OBJECTS = 512
BATCH_BYTES = 64 << 20
"""A batch is put when it has so many objects, or so many bytes of files."""
IN_FLIGHT = 32 << 20
"""Bytes of files in memory that wait for a worker."""
ENTRIES = 2048
_ZEROS = bytes(PIECE)


@dataclass(slots=True)
class Making:
    """An object in the spool, or on its way there."""

    name: str
    spool: str
    facts: Facts
    size: int
    done: Future[Written]


@dataclass(slots=True)
class Piece:
    """An entry, in key order, and the object that it waits for."""

    path: bytes
    entry: Entry | None = None
    attributes: Attributes = field(default_factory=Attributes)
    making: Making | None = None


class AtbakStoring:
    """See `bakup.flows.layouts.Storing`. `folders`: objects go below folders of two characters."""

    def __init__(self, target: Target, key: bytes | None, task: Task, *, folders: bool, level: int | None) -> None:
        self.target = target
        self.key = key
        self.task = task
        self.level = level
        self.pool = ThreadPoolExecutor(workers(), thread_name_prefix="pack")
        self.stored_bytes = 0
        self.stored_objects = 0
        self.checkpoint_objects = 0
        self._folders = folders
        self._spool = tempfile.TemporaryDirectory(prefix="atbak-", dir=task.spool)
        self._sinks: list[AtbakSink] = []

    def __enter__(self) -> AtbakStoring:
        return self

    def __exit__(self, *error: object) -> None:
        self.pool.shutdown(wait=True, cancel_futures=True)
        for sink in self._sinks:
            sink.close()
        self._spool.cleanup()

    def begin(self, begun: Begun, source: Source) -> AtbakSink:
        """Its object is put when it ends."""
        sink = AtbakSink(self, begun, source)
        self._sinks.append(sink)
        return sink

    def flush(self) -> None:
        """Nothing waits any more. Objects that no check point named until now may be named."""
        with transaction(self.task.connection):
            make_loose(self.task.connection, self.task.target_row)

    def new_object(self) -> tuple[str, str]:
        """(name of a new object, file in the spool for it)."""
        name = new_name(encrypted=self.key is not None)
        return name, self.spool(name)

    def spool(self, name: str) -> str:
        """A file in the spool, whose folder goes with the run."""
        return os.path.join(self._spool.name, name)

    def write(self, pieces: Iterable[bytes | memoryview], facts: Facts, spool: str) -> Written:
        """Write one object into the spool."""
        with faults(self.task.spool, folder=self.task.spool):
            return write_object(pieces, facts, spool, key=self.key, level=self.level)

    def locator(self, name: str) -> str:
        """Where an object goes."""
        return locator_of(name, folders=self._folders)

    def count(self, sizes: Iterable[int]) -> None:
        """Objects of so many bytes are stored."""
        for size in sizes:
            self.stored_bytes += size
            self.stored_objects += 1
        self.task.on_put(self.stored_bytes, self.stored_objects)


class AtbakSink:
    """One check point in the making. See `bakup.flows.layouts.Sink`."""

    def __init__(self, storing: AtbakStoring, begun: Begun, source: Source) -> None:
        self.outcome = Outcome()
        self.done_bytes = 0
        self.path = b""
        self._storing = storing
        self._task = storing.task
        self._begun = begun
        self._source = source
        self._pieces: deque[Piece] = deque()
        self._objects = self._waiting = self._batch_bytes = 0
        self._buffer = bytearray(PIECE)
        self._lines = self._count = 0
        self._first: bytes | None = None
        self._last = b""
        self._entries: Spool[Entry] = Spool(tempfile.gettempdir(), lambda one: (encode_entries([one]),), _entry)
        self._dedup = not self._task.options.standalone

    def entry(self, entry: Entry) -> None:
        """An entry that is ready."""
        self._add(Piece(entry.path, entry))

    def deleted(self, path: bytes) -> None:
        """The path and all below it are gone."""
        self.entry(Delete(path))

    def unread(self, path: bytes, reason: str, size: int = 0) -> None:
        """The path could not be read."""
        self.outcome.unreadable.append((path, reason, size))
        self.entry(Unread(path, reason))

    def other(self, found: Found) -> bool:
        """A directory, link or special file. Whether it got an entry."""
        try:
            self.entry(self._source.entry(found))
        except Vanished:
            self.outcome.vanished.append((found.path, 0))
            return False
        except Unreadable as problem:
            self.unread(found.path, problem.reason)
            return False
        return True

    def known_file(self, path: bytes, attributes: Attributes, extents: Iterable[Extent]) -> None:
        """A file whose object is stored already."""
        held = tuple(extents)
        self.entry(File(path, attributes, sum(extent.length for extent in held), held))

    def file(self, found: Found) -> bool:
        """A file. Whether it came to its end."""
        self.path = found.path
        before = self.done_bytes
        try:
            if found.size <= PIECE:
                self._small(found)
            else:
                self._large(found)
        except Vanished:
            self.outcome.vanished.append((found.path, found.size))
            return False
        except Unreadable as problem:
            self.unread(found.path, problem.reason, found.size)
            return False
        self.done_bytes = before + found.size
        return True

    def finish(self) -> None:
        """Put what waits."""
        self._put_batch()

    def end(self, files: int, size: int) -> None:
        """Put the object of the check point, last."""
        storing, begun, uuid = self._storing, self._begun, self._begun.checkpoint.uuid
        connection = self._task.connection
        name, spool = storing.new_object()
        digest = blake3()
        with transaction(connection):
            own = SectorLine(
                uuid_of(name), None, self._count, 0, (self._first or b"")[:CUT_PATH], self._last[:CUT_PATH]
            )
            objects.add_lines(connection, begun.row, self._lines, [own])
            facts = Facts(checkpoints.path_of(uuid), begun.checkpoint.time_ns, begun.checkpoint.time_ns)
            ends = _hashed(objects.ends_of(connection, begun.row, uuid, files, size), digest)
            stream = checkpoints.encode(begun.checkpoint, self._entries, ends)
            written = storing.write(gathered(stream), facts, spool)
            objects.close_checkpoint(connection, begun.row, digest.digest(), files, size)
            row = recording.add_sector(
                connection,
                self._task.target_row,
                uuid_of(name),
                locator=storing.locator(name),
                size=written.stored,
                state="pending",
                header_digest=written.sha256,
                signer=b"",
                encrypted=storing.key is not None,
                signed=False,
            )
            recording.add_box(connection, row, begun.row, 0, written.size)
        locator = storing.target.put_new(storing.locator(name), spool)
        with transaction(connection):
            recording.set_state(connection, row, "stored", locator)
            self._task.on_visible(begun)
        storing.checkpoint_objects += 1
        storing.count([written.stored])
        self._task.watch.event("objects-stored", objects=1, bytes=written.stored)
        put_info(storing, begun)

    def close(self) -> None:
        """Forget the entries."""
        self._entries.close()

    def _small(self, found: Found) -> None:
        try:
            data, attributes, changing = self._source.read_small(found, PIECE)
        except Grown:
            self._large(found)
            return
        if changing:
            self.outcome.changing.append((found.path, len(data)))
        facts = self._facts(found.path, attributes)
        if self._dedup and (line := self._stored(facts.path, hashlib.sha256(data).digest())) is not None:
            self._take_up(found.path, attributes, len(data), line)
            return
        name, spool = self._storing.new_object()
        done = self._storing.pool.submit(self._storing.write, [data] if data else [], facts, spool)
        self._make(Piece(found.path, None, attributes, Making(name, spool, facts, len(data), done)))

    def _large(self, found: Found) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            name, spool = self._storing.new_object()
            try:
                with self._source.open_large(found) as large:
                    facts = self._facts(found.path, Attributes(mtime_ns=found.mtime_ns))
                    written = self._storing.write(self._buffers(large), facts, spool)
                    settled = large.consistent()
                    attributes = large.attributes()
            except BakupError:
                _drop(spool)
                raise
            if settled or attempt == ATTEMPTS:
                break
            _drop(spool)
        if not settled:
            self.outcome.changing.append((found.path, written.size))
        if self._dedup and (line := self._stored(facts.path, written.sha256)) is not None:
            _drop(spool)
            self._take_up(found.path, attributes, written.size, line)
            return
        done: Future[Written] = Future()
        done.set_result(written)
        self._make(Piece(found.path, None, attributes, Making(name, spool, facts, written.size, done)))

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
                self._task.on_progress(self)

    def _facts(self, path: bytes, attributes: Attributes) -> Facts:
        told = path_in(self._begun.checkpoint.location, path)
        return Facts(told, attributes.mtime_ns, attributes.mtime_ns)

    def _stored(self, path: bytes, sha256: bytes) -> SectorLine | None:
        task = self._task
        encrypted = self._storing.key is not None
        return objects.stored_object(task.connection, task.target_row, path, sha256, encrypted=encrypted)

    def _take_up(self, path: bytes, attributes: Attributes, size: int, line: SectorLine) -> None:
        """The object of this very path and content is there: from an earlier version, or a run that was cut off."""
        if objects.is_loose(self._task.connection, self._task.target_row, line.uuid):
            objects.add_lines(self._task.connection, self._begun.row, self._lines, [line])
            self._lines += 1
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
            piece.making.done.result()
            self._waiting = 0

    def _add(self, piece: Piece) -> None:
        self._pieces.append(piece)
        if len(self._pieces) >= ENTRIES:
            self._put_batch()

    def _put_batch(self) -> None:
        """Record, put and record again what waits; its entries follow their objects."""
        pieces, self._pieces = self._pieces, deque()
        self._objects = self._waiting = self._batch_bytes = 0
        made = [(piece.making, piece.making.done.result()) for piece in pieces if piece.making is not None]
        rows = [self._row(making, written) for making, written in made]
        connection = self._task.connection
        sectors = self._record(rows)
        if rows:
            self._storing.target.put_all([(self._storing.locator(m.name), m.spool) for m, _ in made])
        done = iter(made)
        entries = [piece.entry or _file(piece, next(done)[1]) for piece in pieces]
        with transaction(connection):
            self._tell(rows)
            for sector in sectors:
                recording.set_state(connection, sector, "stored")
            lines = [objects.line_of(row.uuid, row.sha256, row.stored, row.path) for row in rows]
            objects.add_lines(connection, self._begun.row, self._lines, lines)
            self._lines += len(lines)
            self._record_entries(entries)
        self._storing.count(row.stored for row in rows)
        self._task.on_progress(self)

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

    def _record_entries(self, entries: list[Entry]) -> None:
        if not entries:
            return
        begun = self._begun
        recording.add_entries(
            self._task.connection,
            rows_of(entries, {}),
            checkpoint=begun.row,
            source=begun.source,
            ordinal=begun.ordinal,
        )
        self._entries.fill(entries)
        self.outcome.entries += len(entries)
        self._count += len(entries)
        self._first = entries[0].path if self._first is None else self._first
        self._last = entries[-1].path

    def _row(self, making: Making, written: Written) -> ObjectRow:
        facts = making.facts
        return ObjectRow(
            uuid_of(making.name),
            self._storing.locator(making.name),
            written.stored,
            written.size,
            written.sha256,
            facts.path,
            facts.modified_ns,
            self._storing.key is not None,
            None if written.iv is None else written.iv + (written.body_sha256 or b""),
        )


def _file(piece: Piece, written: Written) -> File:
    extents = (Extent(written.size, written.sha256),) if written.size else ()
    return File(piece.path, piece.attributes, written.size, extents)


def _entry(fields: list[bytes]) -> Entry:
    return decode_entries(fields[0], chunk_max=1 << 62)[0]


def _hashed(ends: Iterator[End], digest: blake3) -> Iterator[End]:
    for end in ends:
        digest.update(encode_end(end))
        yield end


def gathered(stream: Iterator[bytes]) -> Iterator[bytes]:
    """Runs of about PIECE: what is shorter is written by one call."""
    held: list[bytes] = []
    size = 0
    for piece in stream:
        held.append(piece)
        size += len(piece)
        if size >= PIECE:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)


def _drop(spool: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(spool)
