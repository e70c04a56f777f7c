"""R28 to R30, R40, R41, R51 to R53: actions, how they are packed, and chunks."""

import struct

import zstandard

from tests.vectors.forge import OUTSIDE, Action, Box
from tests.vectors.forge import entries as e
from tests.vectors.forge.refusals.headers import flip
from tests.vectors.forge.refusals.scene import ALL, NOTHING, B, refused
from tests.vectors.forge.sectors import CHECKPOINT, CHUNKS, END, GROUP, PACK, PAD


def group(s):
    """The action of the middle box."""
    s.whole()
    return s.boxes[1].actions[0]


def pack(s):
    """The action of the middle pack."""
    s.whole()
    return s.sector.data[1].actions[0]


def change(make, **changed):
    def done(s):
        action = make(s)
        for name, value in changed.items():
            setattr(action, name, value)

    return done


def beside(s, *actions):
    """More actions in the middle box."""
    s.whole().boxes[1].actions.extend(actions)


def own(s, *actions):
    """A box of the sector itself in the meta region, before END."""
    assert s.boxes
    s.sector.meta.append(Box(bytes(16), OUTSIDE, actions))
    s.whole()


# R28: in a box of entries, so that the others stay

for _name, _changed in {
    "content-length-beyond-the-box": {"length": 10_000},
    "content-length-of-64-bits": {"length": 2**64 - 1},
    "path-length-1": {"path": b"x"},
    "path-length-of-32-bits": {"path_length": 2**32 - 1},
    "codec-2": {"flags": 2},
    "flag-of-bit-8": {"flags": 0x100},
    "flag-of-bit-31": {"flags": 1 << 31},
}.items():
    refused("R28", _name)(change(group, **_changed))


@refused("R28", "an-action-cut-short")
def _(s):
    s.whole().boxes[1].content = b"".join(a.bytes() for a in s.boxes[1].actions) + bytes(17)


@refused("R28", "unknown-codec-of-a-type-to-be-skipped")
def _(s):
    beside(s, Action(0x0006, b"later"))
    s.boxes[1].actions[1].flags = 9


@refused("R28", "codec-of-a-check-point", NOTHING)
def _(s):
    s.whole().cp.header.actions[0].flags = 1


@refused("R28", "codec-of-an-end", NOTHING)
def _(s):
    s.whole().cp.ends[0].flags = 1


@refused("R28", "codec-of-a-pad", ALL, whole=True)
def _(s):
    own(s, Action(PAD, bytes(9)))
    s.sector.meta[-2].actions[0].flags = 1


# R29

for _name, _kind, _content in (
    ("unknown-type-with-bit-15", 0x8006, b"later"),
    ("a-pack-among-entries", PACK, b"data"),
    ("a-check-point-among-entries", CHECKPOINT, b"\x90"),
    ("an-end-among-entries", END, b"\x90"),
    ("chunks-among-entries", CHUNKS, b"\x90"),
    ("a-pad-among-entries", PAD, bytes(3)),
):

    @refused("R29", _name)
    def _(s, kind=_kind, content=_content):
        beside(s, Action(kind, content))


@refused("R29", "a-group-in-the-data-region", ALL, whole=True)
def _(s):
    change(pack, kind=GROUP)(s)
    s.sector.data[1].row[4] = len(B)


@refused("R29", "a-type-to-be-skipped-in-the-data-region")
def _(s):
    change(pack, kind=0x0006)(s)
    s.sector.data[1].row[4] = len(B)


@refused("R29", "a-pad-in-a-pack-s-place")
def _(s):
    change(pack, kind=PAD)(s)
    s.sector.data[1].row[4] = len(B)


@refused("R29", "two-actions-in-a-data-box")
def _(s):
    s.whole().sector.data[1].actions.append(Action(PACK, b"more"))


@refused("R29", "two-actions-in-a-check-point-s-box", NOTHING, refuses="check point here")
def _(s):
    s.whole().cp.header.actions.append(Action(GROUP, [e.file(b"d")]))


@refused("R29", "no-check-point-in-a-check-point-s-box", NOTHING, refuses="check point here")
def _(s):
    header = s.whole().cp.header.actions[0]
    header.kind = END


@refused("R29", "two-actions-in-the-box-of-an-end", NOTHING)
def _(s):
    s.whole().sector.meta[-1].actions.append(Action(GROUP, [e.file(b"d")]))


@refused("R29", "a-group-in-the-lane-of-end", NOTHING)
def _(s):
    s.whole()
    s.sector.meta[-1].actions = [Action(GROUP, [e.file(b"d")])]


@refused("R29", "two-actions-in-a-box-of-the-sector", ALL, whole=True)
def _(s):
    own(s, Action(PAD, b"\0"), Action(PAD, b"\0"))


@refused("R29", "a-group-in-a-box-of-the-sector", ALL, whole=True)
def _(s):
    own(s, Action(GROUP, [e.file(b"d")]))


@refused("R29", "an-unknown-type-in-a-box-of-the-sector", ALL, whole=True)
def _(s):
    own(s, Action(0x8007, b"later"))


@refused("good", "an-action-to-be-skipped", ALL, whole=True)
def _(s):
    beside(s, Action(0x0006, b"later"))


# R30


@refused("R30", "a-one-in-a-pad", ALL, whole=True)
def _(s):
    own(s, Action(PAD, bytes(40) + b"\1"))


@refused("R30", "a-one-in-a-pad-of-the-data-region", ALL, whole=True)
def _(s):
    assert s.boxes
    s.sector.data.append(s.sector.own(Action(PAD, b"\1")))
    s.whole()


# R40

PLACE = [e.chunk_id(B), len(B), 0]

for _name, _rows in {
    "chunks-of-no-rows": [],
    "chunks-of-a-row-without-chunks": [[3, []]],
    "chunks-whose-rows-do-not-ascend": [[3, [PLACE]], [3, [PLACE]]],
    "chunks-that-overlap": [[3, [PLACE, PLACE]]],
    "chunks-of-length-0": [[3, [[PLACE[0], 0, 0]]]],
    "chunks-of-too-great-a-length": [[3, [[PLACE[0], (8 << 20) + 1, 0]]]],
    "chunks-with-an-id-of-31-bytes": [[3, [[PLACE[0][:31], len(B), 0]]]],
    "chunks-with-four-elements": [[3, [[*PLACE, 0]]]],
    "chunks-with-an-offset-of-64-bits": [[3, [[PLACE[0], len(B), 2**63]]]],
}.items():

    @refused("R40", _name, ALL, whole=True)
    def _(s, rows=_rows):
        assert s.boxes
        s.sector.keep([B])
        s.sector.chunks(rows)
        s.whole()


@refused("R40", "a-byte-after-chunks", ALL, whole=True)
def _(s):
    assert s.boxes
    s.sector.keep([B])
    s.sector.chunks([[3, [PLACE]]])
    s.sector.meta[-1].actions[0].encode = lambda plain: plain + b"\xc0"
    s.whole()


# R41


def framed(frame):
    """Of the middle group's content, as one zstd frame, what `frame` makes."""

    def done(s):
        action = group(s)
        action.flags, action.zstd, action.frame = 1, True, frame

    return done


def compress(data, **given):
    return zstandard.ZstdCompressor(level=3, **given).compress(data)


def streamed(data, **given):
    making = zstandard.ZstdCompressor(**given).compressobj()
    return making.compress(data) + making.flush()


def plain(frame):
    return zstandard.ZstdDecompressor().decompress(frame)


SKIPPABLE = struct.pack("<II", 0x184D2A50, 4) + b"skip"
FRAMES = {
    "two-frames": lambda f: compress(plain(f)[:5]) + compress(plain(f)[5:]),
    "a-byte-after-the-frame": lambda f: f + b"\0",
    "a-frame-cut-short": lambda f: f[:-1],
    "a-skippable-frame-before": lambda f: SKIPPABLE + f,
    "a-skippable-frame-after": lambda f: f + SKIPPABLE,
    "nothing-but-a-skippable-frame": lambda f: SKIPPABLE,
    "a-frame-without-its-size": lambda f: streamed(plain(f)),
    "a-frame-of-another-size": lambda f: compress(plain(f) + b"\xc0"),
    "a-window-of-256-mib": lambda f: _huge_window(plain(f)),
    "no-frame": plain,
    "an-empty-content": lambda f: b"",
    "a-dictionary": lambda f: f[:4] + bytes([f[4] | 1]) + b"\x01" + f[5:],
}


def _huge_window(data):
    """A frame with window descriptor (28 bits) and declared size, one raw block (RFC 8878, 3.1.1)."""
    head = 0xFD2FB528.to_bytes(4, "little") + bytes([0b10000000, (28 - 10) << 3]) + struct.pack("<I", len(data))
    return head + ((len(data) << 3) | 1).to_bytes(3, "little") + data


for _name, _frame in FRAMES.items():
    refused("R41", _name)(framed(_frame))


@refused("R41", "raw-length-0")
def _(s):
    change(group, raw=0)(s)


@refused("R41", "raw-length-one-more")
def _(s):
    change(group, raw=1 + len(group(s).plain))(s)


@refused("R41", "raw-length-above-its-limit")
def _(s):
    change(group, raw=(4 << 20) + 1)(s)


@refused("R41", "raw-length-of-64-bits")
def _(s):
    change(group, raw=2**64 - 1)(s)


@refused("R41", "a-group-of-seven-bytes")
def _(s):
    change(group, body=bytes(7))(s)


# R51


def packed_wrongly(frame):
    def done(s):
        action = pack(s)
        action.flags, action.zstd, action.frame = 1, True, frame

    return done


for _name, _frame in FRAMES.items():
    if _name != "no-frame":
        refused("R51", f"pack-with-{_name}")(packed_wrongly(_frame))
# What has the length of a pack that is not compressed is one: its chunks are known by their ids (section 5.3).
refused("R51", "pack-with-no-frame", ALL, whole=True)(packed_wrongly(FRAMES["no-frame"]))


@refused("R51", "raw-length-of-a-pack-is-not-the-row-s", ALL, whole=True)
def _(s):
    change(pack, raw=6)(s)


@refused("R51", "a-pack-longer-than-its-raw-length")
def _(s):
    change(pack, body=struct.pack("<Q", len(B)) + B + b"more")(s)


@refused("R51", "a-segment-of-data-that-does-not-open", NOTHING, sealed=True)
def _(s):
    s.whole()
    s.replace(lambda data: flip(data, len(s.sector.header) + 40))


@refused("R51", "a-pack-s-action-is-cut-short", ALL, whole=True)
def _(s):
    change(pack, length=5000)(s)


# R52 and R53


def extent(s, **changed):
    """The extent of b.txt, changed."""
    s.whole()
    names = ["length", "id", "box", "offset"]
    for name, value in changed.items():
        s.middle[0][4][0][names.index(name)] = value


@refused("R52", "an-offset-at-the-pack-s-end")
def _(s):
    extent(s, offset=len(B))


@refused("R52", "an-offset-one-too-far")
def _(s):
    extent(s, offset=1)


@refused("R52", "an-offset-of-62-bits")
def _(s):
    extent(s, offset=2**62)


@refused("R52", "a-box-that-is-not-in-the-sector")
def _(s):
    extent(s, box=99)


@refused("R52", "a-box-of-another-lane")
def _(s):
    extent(s, box=1 << 40)


@refused("R52", "chunks-in-a-row-that-is-not-there", ALL, whole=True)
def _(s):
    assert s.boxes
    s.sector.chunks([[3, [PLACE]]])
    s.whole()


@refused("R52", "chunks-in-a-pad", ALL, whole=True)
def _(s):
    assert s.boxes
    s.sector.pad(100)
    s.sector.chunks([[3, [PLACE]]])
    s.whole()


@refused("R52", "chunks-beyond-their-pack", ALL, whole=True)
def _(s):
    assert s.boxes
    s.sector.keep([B])
    s.sector.chunks([[3, [[PLACE[0], len(B), 1]]]])
    s.whole()


@refused("R53", "a-chunk-of-other-bytes")
def _(s):
    extent(s, id=e.chunk_id(b"other"))


@refused("R53", "other-bytes-in-a-pack")
def _(s):
    change(pack, source=b"MIDDLE\n")(s)


@refused("R53", "another-place-of-it-serves", ALL, whole=True)
def _(s):
    assert s.boxes
    number = s.sector.keep([B])
    s.sector.chunks([[number, [PLACE]]])
    change(pack, source=b"MIDDLE\n")(s)
