"""Boxes (section 5.1) and the table of data boxes (section 5.3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from struct import Struct

from bakup.errors import Damaged
from bakup.format.codec import Buffer
from bakup.format.constants import (
    BOX_MAX,
    END_LANE,
    LANE_LENGTH,
    LANE_SHIFT,
    LANES,
    OUTSIDE,
    RAW_MAX,
    ROWS_MAX,
    UUID,
)
from bakup.model import TableRow

BOX = Struct("<16sQQ")
ROW = Struct("<16sQQQQ")
TABLE_LENGTH = Struct("<Q")
OWN = bytes(UUID)
"""Stands for a check point in boxes of the sector itself."""
LANES_END = LANES << LANE_SHIFT
"""Above every offset of a lane."""


@dataclass(frozen=True, slots=True)
class BoxHeader:
    """What precedes a box's content; `length` is the content's, in bytes."""

    checkpoint: bytes
    offset: int
    length: int

    def to_bytes(self) -> bytes:
        """The 32 bytes before the content."""
        return BOX.pack(self.checkpoint, self.offset, self.length)

    @classmethod
    def from_bytes(cls, data: Buffer) -> BoxHeader:
        """Parse the 32 bytes before a content. Raises Damaged if cut short or the length is out of range."""
        if len(data) < BOX.size:
            raise Damaged("a box header is cut short")
        header = cls(*BOX.unpack_from(data))
        if not 1 <= header.length <= BOX_MAX:
            raise Damaged(f"a box of {header.length:,} bytes is out of range")
        return header

    @property
    def lane(self) -> int:
        """The upper bits of the offset."""
        return self.offset >> LANE_SHIFT

    def check_meta(self) -> None:
        """Refuse an offset or uuid that no box of a meta region has (section 5.1). Raises Damaged."""
        if self.offset == OUTSIDE:
            return
        if self.checkpoint == OWN or not (self.offset < LANES_END or self.lane == END_LANE):
            raise Damaged(f"a box's offset {self.offset:#x} is out of range")
        if self.lane != END_LANE and self.offset % LANE_LENGTH + self.length > LANE_LENGTH:
            raise Damaged(f"a box at {self.offset:#x} ends beyond its lane")


def pack_table(rows: Iterable[TableRow]) -> bytes:
    """The table and its length: the end of a meta region."""
    pack = ROW.pack
    table = b"".join([pack(row.checkpoint, row.offset, row.length, row.position, row.raw_length) for row in rows])
    return table + TABLE_LENGTH.pack(len(table))


def table_span(table_length: Buffer, meta_length: int) -> tuple[int, int]:
    """Where the table is in a meta region of `meta_length` bytes of plaintext: (position, length).

    `table_length` is the region's last 8 bytes. Raises Damaged if the table is no
    whole number of rows or does not fit.
    """
    (length,) = TABLE_LENGTH.unpack(table_length)
    position = meta_length - TABLE_LENGTH.size - length
    if length % ROW.size or position < 0 or length > ROWS_MAX * ROW.size:
        raise Damaged(f"a table of {length:,} bytes does not fit its region")
    return position, length


def unpack_table(table: Buffer, data_length: int) -> tuple[TableRow, ...]:
    """Parse a table. Raises Damaged unless its rows tile a data region of `data_length` plaintext bytes."""
    rows = tuple([TableRow(*fields) for fields in ROW.iter_unpack(table)])
    _check_tiling(rows, data_length)
    return rows


def _check_tiling(rows: Sequence[TableRow], data_length: int) -> None:
    position = 0
    for row in rows:
        if row.position != position or not 1 <= row.length <= BOX_MAX:
            raise Damaged(f"the table does not tile the data region at {position:,}")
        own = row.offset == OUTSIDE and row.checkpoint == OWN
        if row.raw_length > RAW_MAX or (row.raw_length == 0 and not own):
            raise Damaged(f"the table's raw length at {position:,} is out of range")
        if not own and (row.offset >= LANES_END or row.checkpoint == OWN):
            raise Damaged(f"the table's offset at {position:,} is out of range")
        position += BOX.size + row.length
    named = [(row.checkpoint, row.offset) for row in rows if row.offset != OUTSIDE]
    if len(set(named)) != len(named):
        raise Damaged("the table names two boxes alike")
    if position != data_length:
        raise Damaged(f"the table ends at {position:,}, the data region at {data_length:,}")
