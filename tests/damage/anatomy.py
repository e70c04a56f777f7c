"""Where each structure of a sector stands in its object, and what it holds: from the whole sector's own metadata."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from blake3 import blake3

from bakup.account.keys import Account
from bakup.format.action import ACTION, RAW_LENGTH
from bakup.format.box import BOX, ROW, TABLE_LENGTH
from bakup.format.constants import SEGMENT, TAG
from bakup.format.header import FIELD, FIXED
from bakup.model import End, Entry, TableRow
from bakup.sector.meta import MetaRegion
from bakup.sector.reader import OpenSector, read_header
from bakup.sector.region import Region
from bakup.sector.trust import Trust
from bakup.store.local.folder import FolderTarget

Span = tuple[int, int]
"""Begin and end in the object, in bytes."""

FIXED_PART: dict[str, Span] = {
    "magic": (0, 4),
    "version": (4, 6),
    "flags": (6, 10),
    "header length": (10, 14),
    "uuid": (14, 30),
    "data length": (30, 38),
    "data digest": (38, 70),
    "meta length": (70, 78),
    "meta digest": (78, 110),
}
TAGS = {0x8001: "public key", 0x8002: "encrypted key", 0x8004: "key check", 0xFFFF: "signature"}


@dataclass(frozen=True)
class Chunk:
    """A place of a chunk: its bytes lie in `pack`, from `offset` of the raw pack on."""

    id: bytes
    pack: TableRow
    offset: int
    length: int


class Anatomy:
    """A whole sector, opened with its account's key."""

    def __init__(self, path: Path, account: Account) -> None:
        self.name = path.name
        self.content = path.read_bytes()
        trust = Trust(account, account.public, accept_plain=True, accept_unsigned=True)
        opened = read_header(FolderTarget(str(path.parent)), path.name, len(self.content), trust)
        assert opened is not None
        self._sector: OpenSector = opened
        self.meta: MetaRegion = opened.meta()
        self.header = opened.header
        self.rows = self.meta.rows

    @cached_property
    def spans(self) -> dict[str, Span]:
        """Every structure, by name."""
        header, end = self.header, self.header.sector_length
        middle = self.rows[len(self.rows) // 2]
        meta = self._sector.meta_region
        table = meta.plain - TABLE_LENGTH.size - ROW.size * len(self.rows)
        return {
            **FIXED_PART,
            **self._fields(),
            "first data segment": self._segment(0),
            "middle data segment": self._segment(self._sector.data_region.segments // 2),
            "last data segment": self._segment(self._sector.data_region.segments - 1),
            "box header": self.stored(middle.position, BOX.size),
            "pack": self.stored(middle.position + BOX.size, middle.length),
            "meta region": (header.meta_start, end),
            "table": (_stored_at(meta, table), end),
            "padding": (end, len(self.content)),
            "object": (0, len(self.content)),
        }

    @cached_property
    def chunks(self) -> list[Chunk]:
        """The chunks that its entries introduce."""
        packs = {(row.checkpoint, row.offset): row for row in self.rows if row.raw_length}
        return [
            Chunk(extent.chunk, packs[box.checkpoint, extent.box], extent.offset or 0, extent.length)
            for box, entry in self.entries
            for extent in getattr(entry, "extents", ())
            if extent.chunk is not None and extent.box is not None
        ]

    @cached_property
    def entries(self) -> list[tuple[MetaBoxOf, Entry]]:
        """Each entry with the check point and stream offset of its box."""
        return [
            (MetaBoxOf(box.checkpoint, box.offset), entry)
            for box in self.meta.boxes
            for group in self.meta.groups(box)
            for entry in group
        ]

    @cached_property
    def ends(self) -> list[End]:
        """The parts of END that stand in it."""
        return [self.meta.end(box)[1] for box in self.meta.ends]

    def raw(self, row: TableRow) -> bytes:
        """The chunks of a pack."""
        return bytes(self._sector.data_box(row))

    def stored(self, position: int, length: int) -> Span:
        """Where plaintext of the data region stands in the object."""
        region = self._sector.data_region
        return _stored_at(region, position), _stored_at(region, position + length - 1) + 1

    def needed(self, chunk: Chunk) -> Span:
        """What must be as it was for a chunk to be had: a compressed pack as a whole, else the chunk's own bytes."""
        row = chunk.pack
        frame = BOX.size + ACTION.size + RAW_LENGTH.size
        if BOX.size + row.length < frame + row.raw_length:
            begin, length = row.position + BOX.size, row.length
        else:
            begin, length = row.position + frame + chunk.offset, chunk.length
        return self._covering(begin, length)

    def _covering(self, position: int, length: int) -> Span:
        if not self.header.encrypted:
            return self.stored(position, length)
        return self._segment(position // SEGMENT)[0], self._segment((position + length - 1) // SEGMENT)[1]

    def _segment(self, number: int) -> Span:
        step = SEGMENT + TAG if self.header.encrypted else SEGMENT
        start, end = self.header.data_start, self.header.meta_start
        return start + number * step, min(start + (number + 1) * step, end)

    def _fields(self) -> dict[str, Span]:
        found: dict[str, Span] = {}
        at = FIXED.size
        while at < self.header.length:
            tag, length = FIELD.unpack_from(self.content, at)
            found[TAGS[tag]] = (at, at + FIELD.size + length)
            at += FIELD.size + length
        return found


@dataclass(frozen=True)
class MetaBoxOf:
    """Which check point's box, and where in its stream."""

    checkpoint: bytes
    offset: int


def _stored_at(region: Region, position: int) -> int:
    if not region.encrypted:
        return region.start + position
    segment, rest = divmod(position, SEGMENT)
    return region.start + segment * (SEGMENT + TAG) + rest


def digest_of(pieces: list[bytes]) -> bytes:
    """BLAKE3 of bytes that come in pieces."""
    hasher = blake3()
    for piece in pieces:
        hasher.update(piece)
    return hasher.digest()
