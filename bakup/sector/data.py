"""Reads boxes of a data region: by ranges for restore, or all of it in order to find what is damaged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from blake3 import blake3
from msgspec import Struct

from bakup.account.stream import SEGMENT, TAG
from bakup.errors import Damaged, Truncated
from bakup.format.action import longest_action, unpack_data_box
from bakup.format.box import BOX, OWN, BoxHeader
from bakup.format.constants import OUTSIDE
from bakup.model import TableRow
from bakup.sector.region import BATCH, Region, Span

RANGE_MAX = 16_777_216
"""Most stored bytes of one read, unless a single box needs more."""
GAP_MAX = SEGMENT
"""Plaintext between two boxes that is read along rather than asked for around."""
PIECE = 128 * (SEGMENT + TAG)
"""Stored bytes read at once when all of a region is read."""
_STORED_SEGMENT = SEGMENT + TAG
_STORED_BATCH = 15 * _STORED_SEGMENT

Fetch = Callable[[int, int], bytes]
"""Gives (offset, length) of the object; fewer bytes where it ends."""


class BoxContent(Struct, frozen=True):
    """A data box as read: its raw chunks, or why not all of them can be had.

    With `damage`, `raw` is empty, or what is left: some of its bytes are wrong, which chunks tell by their ids.
    `framed`: the pack says itself how its chunks are to be had; without, a reader that trusts no table alone has none.
    """

    row: TableRow
    raw: memoryview | bytes = b""
    damage: Damaged | None = None
    framed: bool = True


class DataState(Struct, frozen=True):
    """A data region read to its end. `damaged_at`: positions in its plaintext that are wrong, ascending."""

    digest_good: bool
    damaged_at: tuple[int, ...] = ()

    @property
    def good(self) -> bool:
        """Whether every byte is what was signed."""
        return self.digest_good and not self.damaged_at


def read_boxes(fetch: Fetch, region: Region, rows: Iterable[TableRow]) -> Iterator[BoxContent]:
    """Boxes of `rows`, in that order; neighbours are read at once."""
    for batch in _neighbours(region, rows):
        span = _cover(region, batch)
        stored = fetch(span.offset, span.length)
        try:
            plain = region.open(stored, span)
        except Damaged:
            yield from (_open_alone(region, row, stored, span) for row in batch)
            continue
        start = batch[0].position - span.skip
        yield from (_box(row, plain[row.position - start :]) for row in batch)


def verify_region(
    fetch: Fetch,
    region: Region,
    digest: bytes,
    rows: Sequence[TableRow],
    on_box: Callable[[BoxContent], None] | None,
) -> DataState:
    """Read all of a data region in order, in constant memory; goes on after what is damaged.

    `on_box` is told of every box of `rows`, unpacked; without it boxes are opened and their headers compared,
    no more. A region that cannot be opened here is compared with its digest only.
    """
    walk = _Walk(region, rows, on_box)
    hasher = blake3()
    for offset in range(0, region.stored, PIECE):
        length = min(PIECE, region.stored - offset)
        stored = fetch(region.start + offset, length)
        hasher.update(stored)
        if region.readable:
            walk.take(memoryview(stored), offset, length)
    return DataState(hasher.digest() == digest, tuple(sorted(walk.damaged)))


class _Walk:
    """Opens batches in order and cuts boxes out of a window over the plaintext."""

    def __init__(self, region: Region, rows: Sequence[TableRow], on_box: Callable[[BoxContent], None] | None) -> None:
        self.damaged: set[int] = set()
        self._region = region
        self._rows = iter(rows)
        self._row = next(self._rows, None)
        self._on_box = on_box
        self._window = bytearray()
        self._start = 0
        self._bad: list[tuple[int, int, Damaged]] = []
        self._buffer = memoryview(bytearray(BATCH))

    def take(self, stored: memoryview, offset: int, length: int) -> None:
        """The piece of the region from `offset` on, which should have `length` stored bytes."""
        for at in range(0, length, _STORED_BATCH):
            span = self._span(offset + at, min(_STORED_BATCH, length - at))
            found = stored[at : at + span.length]
            try:
                self._add(self._region.open(found, span, self._buffer))
            except Damaged:
                self._take_each(found, offset + at, span.length)

    def _take_each(self, stored: memoryview, offset: int, length: int) -> None:
        for at in range(0, length, _STORED_SEGMENT):
            span = self._span(offset + at, min(_STORED_SEGMENT, length - at))
            try:
                self._add(self._region.open(stored[at : at + span.length], span, self._buffer))
            except Damaged as error:
                position = self._start + len(self._window)
                gone = self._region.plain_of(span)
                self._bad.append((position, position + gone, error))
                self.damaged.add(position)
                self._add(memoryview(bytes(gone)))

    def _span(self, offset: int, length: int) -> Span:
        return Span(self._region.start + offset, length, offset // _STORED_SEGMENT, 0)

    def _add(self, plain: memoryview) -> None:
        if not self._window and (self._row is None or self._row.position >= self._start + len(plain)):
            self._start += len(plain)
            return
        self._window += plain
        self._cut()

    def _cut(self) -> None:
        row = self._row
        while row is not None and row.position + self._wanted(row) <= self._start + len(self._window):
            at = row.position - self._start
            self._tell(row, bytes(memoryview(self._window)[at : at + self._wanted(row)]))
            row = self._row = next(self._rows, None)
        done = len(self._window) if row is None else min(len(self._window), row.position - self._start)
        del self._window[:done]
        self._start += done

    def _wanted(self, row: TableRow) -> int:
        return BOX.size + (row.length if self._on_box is not None else 0)

    def _tell(self, row: TableRow, box: bytes) -> None:
        self._bad = [bad for bad in self._bad if bad[1] > row.position]
        content = self._read(row, memoryview(box))
        if content.damage is not None and not self._bad:
            self.damaged.add(row.position)
        if self._on_box is not None:
            self._on_box(content)

    def _read(self, row: TableRow, box: memoryview) -> BoxContent:
        for start, _, error in self._bad:
            if start < row.position + len(box):
                damage = _at(max(start, row.position), error)
                return BoxContent(row, damage=damage) if self._on_box is None else _left(row, box, damage)
        return _checked(row, box) if self._on_box is None else _box(row, box)


def _neighbours(region: Region, rows: Iterable[TableRow]) -> Iterator[list[TableRow]]:
    batch: list[TableRow] = []
    for row in rows:
        if batch and not (
            0 <= row.position - _end(batch[-1]) <= GAP_MAX and _cover(region, [batch[0], row]).length <= RANGE_MAX
        ):
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _cover(region: Region, batch: Sequence[TableRow]) -> Span:
    return region.span(batch[0].position, _end(batch[-1]) - batch[0].position)


def _open_alone(region: Region, row: TableRow, stored: bytes, around: Span) -> BoxContent:
    span = _cover(region, [row])
    at = span.offset - around.offset
    part = memoryview(stored)[at : at + span.length]
    try:
        plain = region.open(part, span)
    except Truncated as error:
        return BoxContent(row, damage=_at(row.position, error))
    except Damaged as error:
        return _left(row, memoryview(_patched(region, part, span))[span.skip :], _at(row.position, error))
    return _box(row, plain[span.skip :])


def _patched(region: Region, stored: memoryview, span: Span) -> bytearray:
    """The plaintext with zeros for each segment that does not open."""
    plain = bytearray()
    for number, at in enumerate(range(0, span.length, _STORED_SEGMENT)):
        one = Span(span.offset + at, min(_STORED_SEGMENT, span.length - at), span.first + number, 0)
        try:
            plain += region.open(stored[at : at + one.length], one)
        except Damaged:
            plain += bytes(region.plain_of(one))
    return plain


def _box(row: TableRow, plain: memoryview) -> BoxContent:
    checked = _checked(row, plain)
    if checked.damage is not None:
        return _left(row, plain, checked.damage)
    try:
        return BoxContent(row, unpack_data_box(_content(row, plain), row.raw_length))
    except Damaged as error:
        return _left(row, plain, _at(row.position, error))


def _left(row: TableRow, plain: memoryview, damage: Damaged) -> BoxContent:
    """What is left of a damaged box. The table is signed, so the box's own header is not needed."""
    content = _content(row, plain)
    try:
        return BoxContent(row, unpack_data_box(content, row.raw_length), damage)
    except Damaged:
        # Compression never adds: a pack of this length is not compressed, and damage stays where it is.
        as_is = row.raw_length and row.length == longest_action(row.raw_length)
        return BoxContent(row, content[-row.raw_length :] if as_is else b"", damage, framed=False)


def _content(row: TableRow, plain: memoryview) -> memoryview:
    return plain[BOX.size : BOX.size + row.length]


def _checked(row: TableRow, plain: memoryview) -> BoxContent:
    try:
        header = BoxHeader.from_bytes(plain[: BOX.size])
    except Damaged as error:
        return BoxContent(row, damage=_at(row.position, error))
    if header != BoxHeader(row.checkpoint, OUTSIDE if row.checkpoint == OWN else row.offset, row.length):
        return BoxContent(row, damage=_at(row.position, Damaged("the box is not the table's")))
    return BoxContent(row)


def _end(row: TableRow) -> int:
    return row.position + BOX.size + row.length


def _at(position: int, error: Damaged) -> Damaged:
    return type(error)(f"at {position:,}: {error.message}", code=error.code)
