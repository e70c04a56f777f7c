"""A meta region: fetched in few ranges, compared with its digest, then parsed. Its memory is bounded too."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence

from blake3 import blake3

from bakup.errors import Damaged, Truncated
from bakup.format.box import BOX
from bakup.format.regions import HeldCheckpoint, MetaBox, Read, end_of, groups, kept_of, parse_meta
from bakup.format.structures import Kept
from bakup.model import AnyEntry, End, TableRow
from bakup.sector.naming import named
from bakup.sector.region import Region

READ_MAX = 8_388_608
"""Most bytes of one read."""
HELD_MAX = 16_777_216
"""Longest region that is held in memory; of a longer one the stored bytes go to a temporary file."""

Fetch = Callable[[int, int], bytes]


class MetaRegion:
    """What a sector says it holds; all but the entries is parsed and checked.

    `checkpoints` by uuid; `boxes` of entries and `ends` in order; `rows` is the table of data boxes. `refused`: check
    points whose headers cannot be used, with the reason; `others`: what else is wrong.
    """

    def __init__(self, read: Read, region: Region, data_length: int, name: str) -> None:
        self._read = read
        self._name = name
        layout = parse_meta(read, region.plain, data_length, region.stored)
        self.checkpoints: dict[bytes, HeldCheckpoint] = layout.checkpoints
        self.refused: dict[bytes, str] = layout.refused
        self.others: Sequence[str] = layout.others
        self.boxes: Sequence[MetaBox] = layout.boxes
        self.ends: Sequence[MetaBox] = layout.ends
        self.kept: Sequence[MetaBox] = layout.kept
        self.rows: Sequence[TableRow] = layout.rows

    def keep_sources(self, sources: Sequence[bytes]) -> None:
        """Refuse check points of sources that are not among these (section 8, R32)."""
        for uuid in [uuid for uuid, held in self.checkpoints.items() if held.value.source not in sources]:
            del self.checkpoints[uuid]
            self.refused[uuid] = "it is of a source that its writer's certificate does not list"
            self.boxes = [box for box in self.boxes if box.checkpoint != uuid]
            self.ends = [box for box in self.ends if box.checkpoint != uuid]

    def content(self, box: MetaBox) -> memoryview:
        """A box's content as it stands, to be copied into another sector."""
        with named(self._name):
            return self._read(box.position + BOX.size, box.length)

    def groups(self, box: MetaBox) -> Iterator[tuple[AnyEntry, ...] | Damaged]:
        """A box's entries, a GROUP at a time, or what is wrong with it. Raises Damaged for all of it."""
        with named(self._name):
            yield from groups(self._read(box.position + BOX.size, box.length))

    def first_fault(self) -> str:
        """What is wrong with it though the sector itself can be used; looks at every entry."""
        said = [*self.refused.values(), *self.others, *(box.refused for box in self.boxes if box.refused)]
        if said:
            return said[0]
        groups = (group for box in self.boxes for group in self.groups(box))
        return next((group.message for group in groups if isinstance(group, Damaged)), "")

    def end(self, box: MetaBox) -> tuple[bytes, End]:
        """The content and meaning of one of `ends`. Raises Damaged."""
        return end_of(self.content(box))

    def chunks(self) -> Iterator[tuple[TableRow, bytes, int, int]]:
        """(row of its pack, chunk id, length, offset in the pack) of what the sector keeps for itself."""
        for box in self.kept:
            yield from self._places(kept_of(self.content(box)))

    def _places(self, kept: Kept) -> Iterator[tuple[TableRow, bytes, int, int]]:
        for number, chunks in kept:
            if number >= len(self.rows):
                continue
            row = self.rows[number]
            for chunk, length, offset in chunks:
                if offset + length <= row.raw_length:
                    yield row, chunk, length, offset


def fetch_meta(fetch: Fetch, region: Region, digest: bytes, padding: int) -> Read:
    """Read a meta region in ranges of at most `READ_MAX`, with `padding` bytes of zeros behind it.

    Gives the reader of its plaintext. Raises Truncated or, for another digest, Damaged.
    """
    if region.stored > HELD_MAX:
        spill = _Spill(region)
        spill.fill(fetch, digest, padding)
        return spill
    pieces = [fetch(offset, length) for offset, length in _ranges(region.start, region.stored + padding)]
    stored = pieces[0] if len(pieces) == 1 else b"".join(pieces)
    _check(blake3(memoryview(stored)[: region.stored]).digest(), digest, len(stored), region, padding)
    _check_zeros(stored[region.stored :])
    plain = region.open(stored[: region.stored] if padding else stored, region.span(0, region.plain))
    return lambda position, length: plain[position : position + length]


class _Spill:
    """The stored bytes of a long region in a temporary file; opens what is asked for."""

    def __init__(self, region: Region) -> None:
        self._region = region
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as this

    def __call__(self, position: int, length: int) -> memoryview:
        span = self._region.span(position, length)
        self._file.seek(span.offset - self._region.start)
        return self._region.open(self._file.read(span.length), span)[span.skip : span.skip + length]

    def __del__(self) -> None:
        self._file.close()

    def fill(self, fetch: Fetch, digest: bytes, padding: int) -> None:
        hasher = blake3()
        for offset, length in _ranges(self._region.start, self._region.stored):
            piece = fetch(offset, length)
            hasher.update(piece)
            self._file.write(piece)
        _check(hasher.digest(), digest, self._file.tell() + padding, self._region, padding)
        for offset, length in _ranges(self._region.start + self._region.stored, padding):
            _check_zeros(fetch(offset, length))


def _ranges(start: int, length: int) -> Iterator[tuple[int, int]]:
    for at in range(0, length, READ_MAX):
        yield start + at, min(READ_MAX, length - at)


def _check(found: bytes, digest: bytes, length: int, region: Region, padding: int) -> None:
    if length < region.stored + padding:
        raise Truncated(f"{length:,} of {region.stored + padding:,} bytes of metadata are there")
    if found != digest:
        raise Damaged("the metadata are not what the header says")


def _check_zeros(padding: bytes) -> None:
    if padding.count(0) != len(padding):
        raise Damaged("the padding is not zeros")
