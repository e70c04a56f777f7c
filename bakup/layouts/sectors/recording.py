"""What a sector says, written down in the catalog; and sifted, where what several say does not fit together."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from blake3 import blake3

from bakup.catalog import belief, ending, judging, lanes, listing, recording
from bakup.catalog.rows import Rows, rows_of, unclosed
from bakup.errors import BakupError, Beyond, Damaged
from bakup.format.constants import RecordType
from bakup.format.entries import expect_understood
from bakup.format.records import decode_forgotten, decode_revocation, decode_tagged
from bakup.format.regions import HeldCheckpoint, MetaBox
from bakup.format.structures import expect_known
from bakup.layouts.sectors.known import open_known
from bakup.model import Record
from bakup.sector.meta import MetaRegion
from bakup.sector.reader import OpenSector
from bakup.sector.trust import Trust
from bakup.store.target import Locator, Target


class Recorded(NamedTuple):
    """Whether a sector came too late for a check point that is applied; what of it could not be used."""

    late: bool
    faults: Sequence[str]


def record_sector(
    connection: sqlite3.Connection,
    target_row: int,
    locator: Locator,
    size: int,
    opened: OpenSector,
    meta: MetaRegion,
) -> Recorded:
    """Rows of one sector: packs, check points, boxes, entries (staged), ENDs.

    Entries of a check point that is applied already are passed over.
    """
    header = opened.header
    sector = recording.add_sector(
        connection,
        target_row,
        header.uuid,
        locator=locator,
        size=size,
        state="stored",
        header_digest=opened.header_digest,
        signer=opened.signer,
        encrypted=header.encrypted,
        signed=header.signed,
    )
    if opened.certificate is not None:
        recording.add_writer(connection, target_row, opened.signer, opened.certificate.writer)
    return _Sector(connection, target_row, sector, opened, meta).record()


class _Sector:
    """One sector while it is written down."""

    def __init__(
        self, connection: sqlite3.Connection, target_row: int, sector: int, opened: OpenSector, meta: MetaRegion
    ) -> None:
        self._connection = connection
        self._target_row = target_row
        self._sector = sector
        self._opened = opened
        self._meta = meta
        self._packs = self._add_packs()
        self._faults = [*meta.refused.values(), *meta.others]

    def record(self) -> Recorded:
        meta, connection, late = self._meta, self._connection, False
        checkpoints = {uuid: self._add_checkpoint(held) for uuid, held in meta.checkpoints.items()}
        for box in meta.boxes:
            checkpoint, source = checkpoints[box.checkpoint]
            known = connection.execute(
                "SELECT 1 FROM boxes WHERE checkpoint = ? AND offset = ? AND digest = ?",
                [checkpoint, box.offset, box.digest],
            ).fetchone()
            recording.add_box(connection, self._sector, checkpoint, box.offset, box.length, box.digest)
            if _applied(connection, checkpoint):
                late |= known is None
                self._add_chunks(box)
            else:
                self._stage(box, checkpoint, source, anew=known is None)
        for end in meta.ends:
            if not end.refused:
                content, value = meta.end(end)
                ending.add_part(connection, checkpoints[end.checkpoint][0], value.part, content)
        return Recorded(late, self._faults)

    def stage_again(self, box: MetaBox, checkpoint: int, source: int) -> None:
        """The entries of a box, once more."""
        self._stage(box, checkpoint, source, anew=True)

    def _add_packs(self) -> dict[bytes, dict[int, int]]:
        connection = self._connection
        packs: dict[bytes, dict[int, int]] = {}
        by_position: dict[int, int] = {}
        for identity, checkpoint, offset, position in connection.execute(
            "SELECT id, checkpoint, offset, position FROM packs WHERE sector = ?", [self._sector]
        ).fetchall():
            packs.setdefault(checkpoint, {})[offset] = identity
            by_position[position] = identity
        if by_position:
            return packs
        for row in self._meta.rows:
            if row.raw_length:
                identity = recording.add_pack(connection, self._sector, row)
                packs.setdefault(row.checkpoint, {})[row.offset] = identity
                by_position[row.position] = identity
        connection.executemany(
            "INSERT OR IGNORE INTO chunks (id, pack, offset, length) VALUES (?, ?, ?, ?)",
            ((chunk, by_position[row.position], offset, length) for row, chunk, length, offset in self._meta.chunks()),
        )
        return packs

    def _add_checkpoint(self, held: HeldCheckpoint) -> tuple[int, int]:
        connection, signer, digest = self._connection, self._opened.signer, blake3(held.content).digest()
        account = self._opened.header.signed and self._opened.certificate is None
        source = recording.source_id(connection, self._target_row, held.value, signer)
        checkpoint = recording.checkpoint_id(connection, source, held.value, digest, account=account)
        recording.add_box(connection, self._sector, checkpoint, lanes.HEADER, 0, digest)
        recording.add_header(connection, checkpoint, digest, held.content)
        try:
            expect_known(held.value.facts)
        except Beyond as error:
            recording.set_beyond(connection, self._sector, checkpoint, lanes.HEADER, digest, error.message)
        return checkpoint, source

    def _stage(self, box: MetaBox, checkpoint: int, source: int, *, anew: bool) -> None:
        """Stage a box's entries; not `anew`: another sector has them already, and this one may have places."""
        for found in self._rows(box, checkpoint):
            rows = found if anew else Rows(chunks=found.chunks)
            recording.add_entries(
                self._connection, rows, checkpoint=checkpoint, source=source, ordinal=None, place=box.offset
            )
            if rows.records and self._opened.header.signed:
                self._hear(rows.records, checkpoint)
            for passed in rows.to_come:
                path = passed.path.decode("utf-8", "backslashreplace")
                self._refuse(box, checkpoint, f"{path} is of a kind {passed.kind} that only a newer bakup knows")

    def _add_chunks(self, box: MetaBox) -> None:
        for rows in self._rows(box, None):
            recording.add_entries(
                self._connection, Rows(chunks=rows.chunks), checkpoint=0, source=0, ordinal=None, place=0
            )

    def _rows(self, box: MetaBox, checkpoint: int | None) -> Iterator[Rows]:
        if box.refused:
            self._refuse(box, checkpoint, box.refused)
            return
        packs = self._packs.get(box.checkpoint, {})
        for entries in self._meta.groups(box):
            if isinstance(entries, Damaged):
                self._refuse(box, checkpoint, entries.message)
                continue
            try:
                expect_understood(entries)
            except Beyond as error:
                if checkpoint is not None:
                    place = box.offset, box.digest
                    recording.set_beyond(self._connection, self._sector, checkpoint, *place, error.message)
            yield rows_of(entries, packs)

    def _refuse(self, box: MetaBox, checkpoint: int | None, why: str) -> None:
        self._faults.append(why)
        if checkpoint is not None:
            recording.refuse_box(self._connection, self._sector, checkpoint, box.offset, box.digest, why)
            self._connection.execute("UPDATE checkpoints SET entries_lost = 2 WHERE id = ?", [checkpoint])

    def _hear(self, records: Iterable[Record], checkpoint: int) -> None:
        account = self._opened.certificate is None
        for record in records:
            if record.record == RecordType.REVOKE and account:
                digest = blake3(record.content).digest()
                said = decode_revocation(record.content)
                recording.add_revocation(self._connection, self._target_row, checkpoint, digest, said)
            elif record.record == RecordType.FORGET:
                dropped = [
                    (signer.replace(belief.NONE, b""), uuid, digest)
                    for signer, uuid, digest in decode_forgotten(record.content)
                ]
                recording.add_forgotten(
                    self._connection,
                    self._target_row,
                    checkpoint,
                    tuple(dropped),
                    by=self._opened.signer,
                    account=account,
                )
            elif record.record == RecordType.TAGS:
                tagged = [(one[0].replace(belief.NONE, b""), *one[1:]) for one in decode_tagged(record.content)]
                recording.add_tagged(
                    self._connection, self._target_row, tuple(tagged), by=self._opened.signer, account=account
                )


def sift(
    connection: sqlite3.Connection, target_row: int, checkpoint: int, silent: set[int], target: Target, trust: Trust
) -> None:
    """Of a complete check point that is not applied yet, keep staged what its END commits to."""
    boxes, headers = lanes.boxes_of(connection, checkpoint)
    held = judging.held(connection, target_row, checkpoint, silent)
    counting = {(box.offset, box.digest) for box in held.boxes}
    if not counting >= {(box.offset, box.digest) for box in (*boxes, *headers)}:
        for table in ("staged", "parts", "removals", "unread"):
            connection.execute(f"DELETE FROM {table} WHERE checkpoint = ?", [checkpoint])
        # What was refused in a box that does not count is no loss.
        connection.execute("UPDATE checkpoints SET entries_lost = 0 WHERE id = ? AND entries_lost = 2", [checkpoint])
        _stage_again(connection, target_row, checkpoint, counting, target, trust)
    if held.damaged or (held.gaps and not lanes.sectors_missing(connection, checkpoint)):
        connection.execute("UPDATE checkpoints SET entries_lost = 2 WHERE id = ?", [checkpoint])
    lost = connection.execute("SELECT entries_lost FROM checkpoints WHERE id = ?", [checkpoint]).fetchone()[0]
    if held.gaps or lost:
        _open_files(connection, checkpoint)


def _open_files(connection: sqlite3.Connection, checkpoint: int) -> None:
    """Large files whose closing part is lost: what there is of them can be had in part."""
    there = "SELECT 1 FROM staged s WHERE s.checkpoint = p.checkpoint AND s.key = p.key AND s.kind = 1"
    rows = unclosed(connection, checkpoint, there)
    recording.add_entries(connection, rows, checkpoint=checkpoint, source=0, ordinal=None)


def _stage_again(
    connection: sqlite3.Connection,
    target_row: int,
    checkpoint: int,
    counting: set[tuple[int, bytes]],
    target: Target,
    trust: Trust,
) -> None:
    (source,) = connection.execute("SELECT source FROM checkpoints WHERE id = ?", [checkpoint]).fetchone()
    (uuid,) = connection.execute("SELECT uuid FROM checkpoints WHERE id = ?", [checkpoint]).fetchone()
    every = listing.sectors(connection, target_row)
    left = set(counting)
    for row in listing.holding(connection, target_row, [checkpoint]):
        try:
            opened = open_known(target, row, every, trust)
            meta = opened.meta()
        except BakupError:
            continue
        sector = _Sector(connection, target_row, row.id, opened, meta)
        for box in meta.boxes:
            if box.checkpoint == uuid and (box.offset, box.digest) in left:
                left.discard((box.offset, box.digest))
                sector.stage_again(box, checkpoint, source)


def _applied(connection: sqlite3.Connection, checkpoint: int) -> bool:
    row = connection.execute("SELECT complete FROM checkpoints WHERE id = ?", [checkpoint]).fetchone()
    return bool(row and row[0])
