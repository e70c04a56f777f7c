"""The object of a check point: what its entries say, put when all their objects are stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from blake3 import blake3

from bakup.atbak import checkpoints
from bakup.atbak.naming import uuid_of
from bakup.atbak.writer import PIECE, Written
from bakup.catalog import objects, recording
from bakup.catalog.database import transaction
from bakup.catalog.rows import rows_of
from bakup.format.constants import CUT_PATH
from bakup.format.preamble import Facts
from bakup.format.structures import encode_end
from bakup.layouts.interface import Begun
from bakup.model import End, Entry, SectorLine
from bakup.plan.spool import Spool

if TYPE_CHECKING:
    from bakup.layouts.atbak.spool import AtbakSpool


class Told:
    """The entries of a check point so far, in key order, and the lines of the objects that it brought."""

    def __init__(self, storing: AtbakSpool, begun: Begun) -> None:
        self.count = 0
        self._storing = storing
        self._connection = storing.task.connection
        self._begun = begun
        self._lines = 0
        self._first: bytes | None = None
        self._last = b""
        self._entries: Spool[Entry] = Spool(storing.task.spool, Entry)

    def add(self, entries: list[Entry]) -> None:
        """Record entries. Runs in the caller's transaction."""
        if not entries:
            return
        begun = self._begun
        recording.add_entries(
            self._connection, rows_of(entries, {}), checkpoint=begun.row, source=begun.source, ordinal=begun.ordinal
        )
        self._entries.fill(entries)
        self.count += len(entries)
        self._first = entries[0].path if self._first is None else self._first
        self._last = entries[-1].path

    def add_lines(self, lines: list[SectorLine]) -> None:
        """Record lines. Runs in the caller's transaction."""
        recording.add_lines(self._connection, self._begun.row, self._lines, lines)
        self._lines += len(lines)

    def put(self, files: int, size: int) -> int:
        """Put the object, which makes the check point visible; `files` and `size` (bytes) count the whole source.

        Gives the object's size in bytes.
        """
        storing, connection = self._storing, self._connection
        name, spool = storing.new_object()
        with transaction(connection):
            cut = (self._first or b"")[:CUT_PATH], self._last[:CUT_PATH]
            self.add_lines([SectorLine(uuid_of(name), None, self.count, 0, *cut)])
            written = self._write(spool, files, size)
            row = self._record(name, written)
        locator = storing.target.put_new(storing.locator(name), spool)
        with transaction(connection):
            recording.set_state(connection, row, "stored", locator)
            storing.task.on_visible(self._begun)
        return written.stored

    def close(self) -> None:
        """Forget the entries."""
        self._entries.close()

    def _write(self, spool: str, files: int, size: int) -> Written:
        checkpoint, digest = self._begun.checkpoint, blake3()
        facts = Facts(checkpoints.path_of(checkpoint.uuid), checkpoint.time_ns, checkpoint.time_ns)
        ends = objects.ends_of(self._connection, self._begun.row, checkpoint.uuid, files, size)
        stream = checkpoints.encode(checkpoint, self._entries, _hashed(ends, digest))
        written = self._storing.write(_gathered(stream), facts, spool)
        recording.close_checkpoint(self._connection, self._begun.row, digest.digest(), files, size)
        return written

    def _record(self, name: str, written: Written) -> int:
        row = recording.add_sector(
            self._connection,
            self._storing.task.target_row,
            uuid_of(name),
            locator=self._storing.locator(name),
            size=written.stored,
            state="pending",
            header_digest=written.sha256,
            signer=b"",
            encrypted=self._storing.key is not None,
            signed=False,
        )
        recording.add_box(self._connection, row, self._begun.row, 0, written.size, written.sha256)
        return row


def _hashed(ends: Iterator[End], digest: blake3) -> Iterator[End]:
    for end in ends:
        digest.update(blake3(encode_end(end)).digest())
        yield end


def _gathered(stream: Iterator[bytes]) -> Iterator[bytes]:
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
