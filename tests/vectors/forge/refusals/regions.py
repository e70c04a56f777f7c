"""R23 to R27: the table, the boxes of the meta region, and how much they may unpack to."""

import struct

from tests.vectors.forge import OUTSIDE, Action, Box, CheckPoint
from tests.vectors.forge import entries as e
from tests.vectors.forge.refusals.scene import ALL, SOURCE, B, refused
from tests.vectors.forge.sectors import GROUP, PAD

LANES = 1 << 23
END_LANE = 0xFFFFFE


def row(s, number, **changed):
    """The row of the table of one of the three packs, changed."""
    s.whole().sector.data[number].row = [changed.get(name) for name in ("uuid", "offset", "length", "position", "raw")]


def box(s, uuid, offset, actions=None, at=None):
    """One more box in the meta region."""
    s.whole()
    made = Box(uuid, offset, actions or [Action(PAD, b"")])
    s.sector.meta.insert(len(s.sector.meta) if at is None else at, made)
    return made


# R23


@refused("R23", "table-length-47")
def _(s):
    s.whole().sector.hook("table", lambda v: v[:-8] + struct.pack("<Q", 47))


@refused("R23", "table-length-1")
def _(s):
    s.whole().sector.hook("table", lambda v: v[:-8] + struct.pack("<Q", 1))


@refused("R23", "table-longer-than-the-region")
def _(s):
    s.whole().sector.hook("table", lambda v: v[:-8] + struct.pack("<Q", 48 * 1000))


@refused("R23", "table-length-of-64-bits")
def _(s):
    s.whole().sector.hook("table", lambda v: v[:-8] + struct.pack("<Q", 2**64 - 16))


@refused("R23", "first-row-not-at-0")
def _(s):
    row(s, 0, position=1)


@refused("R23", "a-gap-between-rows")
def _(s):
    row(s, 1, position=200)


@refused("R23", "a-row-less-than-there-are-boxes")
def _(s):
    s.whole().sector.hook("rows", lambda rows: rows[:-1])


@refused("R23", "a-row-more-than-there-are-boxes")
def _(s):
    s.whole().sector.hook("rows", lambda rows: [*rows, [s.cp.uuid, 77, 1, rows[-1][3] + rows[-1][2] + 32, 1]])


@refused("R23", "rows-out-of-order")
def _(s):
    s.whole().sector.hook("rows", lambda rows: [rows[1], rows[0], rows[2]])


@refused("R23", "content-length-0-in-a-row")
def _(s):
    row(s, 2, length=0)


@refused("R23", "content-length-above-its-limit-in-a-row")
def _(s):
    row(s, 2, length=(16 << 20) + 1)


@refused("R23", "content-length-of-64-bits-in-a-row")
def _(s):
    row(s, 2, length=2**64 - 1)


@refused("R23", "raw-length-above-its-limit-in-a-row")
def _(s):
    row(s, 1, raw=(16 << 20) + 1)


@refused("R23", "raw-length-of-63-bits-in-a-row")
def _(s):
    row(s, 1, raw=2**63)


# R24


@refused("R24", "a-row-in-the-lane-of-end")
def _(s):
    row(s, 1, offset=END_LANE << 40)


@refused("R24", "a-row-above-all-lanes")
def _(s):
    row(s, 1, offset=LANES << 40)


@refused("R24", "a-row-outside")
def _(s):
    row(s, 1, offset=OUTSIDE)


@refused("R24", "a-row-of-the-sector-in-a-lane")
def _(s):
    row(s, 1, uuid=bytes(16))


@refused("R24", "raw-length-0-of-a-check-point")
def _(s):
    row(s, 1, raw=0)


@refused("R24", "two-rows-of-one-offset")
def _(s):
    row(s, 1, offset=0)


# R25


@refused("R25", "a-box-cut-short")
def _(s):
    s.whole().sector.hook("meta", lambda v: v[:-152] + bytes(20) + v[-152:])


@refused("R25", "the-last-box-reaches-into-the-table")
def _(s):
    box(s, bytes(16), OUTSIDE).length = 100


@refused("R25", "a-box-longer-than-the-region")
def _(s):
    box(s, bytes(16), OUTSIDE).length = 2**63


@refused("R25", "content-length-0")
def _(s):
    box(s, bytes(16), OUTSIDE, [Action(PAD, b"")]).content = b""


@refused("R25", "a-box-above-all-lanes")
def _(s):
    box(s, s.cp.uuid, LANES << 40, [Action(GROUP, [e.file(b"d")])])


@refused("R25", "a-box-beside-outside")
def _(s):
    box(s, s.cp.uuid, OUTSIDE - 1, [Action(GROUP, [e.file(b"d")])])


@refused("R25", "a-box-of-the-sector-in-a-lane")
def _(s):
    box(s, bytes(16), 0)


@refused("R25", "a-box-of-the-sector-in-the-lane-of-end")
def _(s):
    box(s, bytes(16), END_LANE << 40)


@refused("R25", "a-box-that-ends-beyond-its-lane")
def _(s):
    box(s, s.cp.uuid, (1 << 40) - 10, [Action(GROUP, [e.file(b"d")])])


@refused("R25", "1025-check-points")
def _(s):
    s.whole()
    for number in range(1024):
        s.sector.open(CheckPoint(s.signer, SOURCE, time=number))


# R26


@refused("R26", "entries-before-their-check-point")
def _(s):
    meta = s.whole().sector.meta
    meta.insert(0, meta.pop(1))


@refused("R26", "end-before-its-check-point")
def _(s):
    meta = s.whole().sector.meta
    meta.insert(0, meta.pop())


@refused("R26", "entries-of-a-check-point-that-is-not-here")
def _(s):
    box(s, b"nobody's point..", 0, [Action(GROUP, [e.file(b"d")])])


@refused("R26", "the-check-point-twice")
def _(s):
    s.whole().sector.meta.append(s.cp.header)


@refused("R26", "two-different-check-points-of-one-uuid")
def _(s):
    s.whole().sector.meta.append(CheckPoint(s.signer, SOURCE, uuid=s.cp.uuid, host="other").header)


# R27


@refused("R27", "groups-that-unpack-to-more-than-they-may")
def _(s):
    s.whole()
    for number in range(18):
        bomb = Action(GROUP, [e.delete(b"%05d" % n + b"x" * 240) for n in range(3)], zstd=True)
        bomb.encode = lambda plain: plain + bytes((4 << 20) - len(plain))
        box(s, s.cp.uuid, (number + 1) << 40, [bomb])


# what looks like a fault and is none


@refused("good", "boxes-of-the-sector-itself", ALL, whole=True)
def _(s):
    assert s.boxes
    s.sector.pad(100)
    number = s.sector.keep([B])
    s.sector.chunks([[number, [[e.chunk_id(B), len(B), 0]]]])
    s.sector.pad_meta(50)
    s.cp.end(s.sector)
