"""R31 to R39: CHECKPOINT, END, and what a lane holds."""

from tests.vectors.forge import Action, Box, CheckPoint, Raw, Writer
from tests.vectors.forge import entries as e
from tests.vectors.forge.refusals.headers import OTHER
from tests.vectors.forge.refusals.scene import ALL, NOTHING, SOURCE, A, B, C, refused
from tests.vectors.forge.sectors import END, GROUP

END_LANE = 0xFFFFFE
LANES = 1 << 23
ELEMENTS = [
    "uuid", "flags", "time", "source", "host", "location", "name",
    "tags", "sequence", "previous", "based_on", "replaces", "chunker", "facts",
]  # fmt: skip
BEFORE = b"point before this"[:16]

# R31


def header(s, **changed):
    """Elements of CHECKPOINT by name, as they are encoded."""

    def edit(values):
        for name, value in changed.items():
            values[ELEMENTS.index(name)] = value

    s.whole().cp.header.actions[0].edit = edit


CHANGES = {
    "another-uuid-than-its-box": {"uuid": b"not-this-uuid..."},
    "uuid-of-15-bytes": {"uuid": bytes(15)},
    "flag-of-bit-1": {"flags": 2},
    "time-as-text": {"time": "now"},
    "time-of-64-bits": {"time": 2**63},
    "source-of-zeros": {"source": bytes(16)},
    "host-as-bytes": {"host": b"laptop"},
    "host-that-is-no-utf-8": {"host": Raw(b"\xa3\xff\xfe\xfd")},
    "location-as-text": {"location": "/home"},
    "tags-that-do-not-ascend": {"tags": ["b", "a"]},
    "a-tag-twice": {"tags": ["a", "a"]},
    "sequence-0": {"sequence": 0},
    "sequence-of-64-bits": {"sequence": 2**63},
    "sequence-below-0": {"sequence": -1},
    "sequence-not-in-its-shortest-form": {"sequence": Raw(b"\xcc\x01")},
    "flags-as-true": {"flags": False},
    "previous-of-one-element": {"previous": [BEFORE]},
    "previous-of-zeros": {"previous": [bytes(16), bytes(32)]},
    "digest-of-31-bytes-in-previous": {"previous": [BEFORE, bytes(31)]},
    "based-on-without-the-flag": {"previous": [BEFORE, bytes(32)], "based_on": BEFORE, "sequence": 2},
    "the-flag-without-based-on": {"flags": 1, "previous": [BEFORE, bytes(32)], "sequence": 2},
    "incremental-without-previous": {"flags": 1, "based_on": BEFORE, "sequence": 2},
    "based-on-another-than-previous": {"flags": 1, "previous": [BEFORE, bytes(32)], "based_on": SOURCE, "sequence": 2},
    "replaces-in-an-incremental-one": {
        "flags": 1, "previous": [BEFORE, bytes(32)], "based_on": BEFORE, "sequence": 2,
        "replaces": [bytes(32), SOURCE, bytes(32)],
    },
    "replaces-of-two-elements": {"replaces": [SOURCE, bytes(32)]},
    "replaces-a-uuid-of-zeros": {"replaces": [bytes(32), bytes(16), bytes(32)]},
    "chunker-of-four-elements": {"chunker": ["fastcdc-2020", 1, 2, 3]},
    "chunker-size-of-64-bits": {"chunker": ["fastcdc-2020", 2**63, 2, 3, 0]},
    "facts-that-do-not-ascend": {"facts": [["b", b""], ["a", b""]]},
    "a-fact-twice": {"facts": [["a", b""], ["a", b""]]},
    "a-fact-without-a-name": {"facts": [["", b""]]},
    "a-fact-of-text": {"facts": [["a", "text"]]},
    "facts-as-nil": {"facts": None},
}  # fmt: skip

for _name, _changed in CHANGES.items():

    @refused("R31", _name)
    def _(s, changed=_changed):
        header(s, **changed)


@refused("R31", "its-own-uuid-in-previous")
def _(s):
    header(s, previous=[s.cp.uuid, bytes(32)], sequence=2)


@refused("R31", "its-own-uuid-in-replaces")
def _(s):
    header(s, replaces=[bytes(32), s.cp.uuid, bytes(32)])


@refused("R31", "13-elements")
def _(s):
    s.whole().cp.header.actions[0].edit = lambda values: values.pop()


@refused("R31", "15-elements")
def _(s):
    s.whole().cp.header.actions[0].edit = lambda values: values.append(None)


@refused("R31", "a-byte-after-it")
def _(s):
    s.whole().cp.header.actions[0].encode = lambda plain: plain + b"\xc0"


@refused("R31", "one-byte-short")
def _(s):
    s.whole().cp.header.actions[0].encode = lambda plain: plain[:-1]


@refused("R31", "longer-than-65536-bytes")
def _(s):
    header(s, location=b"/" + b"x" * 65536)


@refused("R31", "a-map")
def _(s):
    s.whole().cp.header.actions[0].encode = lambda plain: b"\x80"


# R32


def as_writer(s, sources, **given):
    writer = Writer(s.account, sources, **given)
    s.sector, s.cp = s.new(writer), CheckPoint(writer, SOURCE)
    return s.whole()


@refused("R32", "a-source-that-the-certificate-does-not-list", sealed=True)
def _(s):
    as_writer(s, [b"another source.."])


@refused("good", "a-certified-writer", ALL, whole=True, sealed=True)
def _(s):
    as_writer(s, [SOURCE])


@refused("good", "a-certified-writer-of-ed25519", ALL, whole=True, sealed=True)
def _(s):
    as_writer(s, [SOURCE], signature_id=1)


@refused("good", "a-second-recipient", ALL, whole=True, sealed=True)
def _(s):
    s.whole().sector.recipients = [OTHER, s.account]


# R33


@refused("R33", "two-check-points-and-no-end")
def _(s):
    twin = CheckPoint(s.signer, SOURCE, uuid=s.cp.uuid, host="other")
    other = s.new()
    twin.group(other, [e.file(b"d.txt", twin.pack(other, [B]))], lane=1)
    assert s.boxes
    s.put("twin.bakup", other)


@refused("good", "of-two-check-points-the-digest-decides", ALL, whole=True)
def _(s):
    twin = CheckPoint(s.signer, SOURCE, uuid=s.cp.uuid, host="other")
    other = s.new()
    other.open(twin)
    s.put("twin.bakup", other)
    s.whole()


# R34


@refused("R34", "a-fact-that-must-be-known-in-a-check-point")
def _(s):
    header(s, facts=[["!later", b""]])


@refused("R34", "a-fact-that-must-be-known-in-an-end")
def _(s):
    assert s.boxes
    s.cp.end(s.sector, facts=[["!later", b""]])


@refused("R34", "a-fact-that-must-be-known-in-a-file")
def _(s):
    s.whole().middle[0][2][12] = [["!later", b""]]


@refused("R34", "an-unknown-record-with-bit-15")
def _(s):
    s.whole().boxes[0].actions[0].source.insert(1, e.record(0x8003, b"later"))


@refused("good", "facts-and-records-to-come", ALL, whole=True)
def _(s):
    header(s, facts=[["later", b"x"]])
    s.middle[0][2][12] = [["later", b"x"]]
    s.boxes[0].actions[0].source.insert(1, e.record(0x0003, b"later"))


# R35


def end(s, change):
    """The END, changed as a list of its elements."""
    s.whole().end.edit = change


def put(at, value):
    return lambda values: values.__setitem__(at, value)


LINE = [b"another sector..", bytes(32), 0, 300, b"", b""]

for _name, _change in {
    "another-uuid-than-its-box": put(0, b"not-this-uuid..."),
    "another-part-than-its-box": put(1, 1),
    "last-as-a-number": put(2, 1),
    "seven-elements": lambda values: values.pop(),
    "nine-elements": lambda values: values.append([]),
    "files-of-64-bits": put(4, 2**63),
    "bytes-below-0": put(5, -1),
    "lanes-that-do-not-ascend": lambda values: values[6].insert(0, [5, 0, bytes(32)]),
    "a-lane-twice": lambda values: values[6].append(values[6][0]),
    "a-lane-above-all": lambda values: values[6].append([LANES, 0, bytes(32)]),
    "a-lane-longer-than-its-place": lambda values: values[6].append([7, (1 << 40) + 1, bytes(32)]),
    "a-lane-with-a-digest-of-31-bytes": lambda values: values[6].append([7, 0, bytes(31)]),
    "a-line-of-zeros": lambda values: values[3].append([bytes(16), *LINE[1:]]),
    "two-lines-without-digest": lambda values: values[3].append([LINE[0], None, 0, 0, b"", b""]),
    "bytes-without-a-digest": lambda values: values[3][0].__setitem__(3, 100),
    "a-path-of-257-bytes": lambda values: values[3].append([*LINE[:5], b"x" * 257]),
    "a-line-of-five-elements": lambda values: values[3].append(LINE[:5]),
    "entries-of-64-bits": lambda values: values[3].append([*LINE[:2], 2**63, *LINE[3:]]),
    "4097-lines": lambda values: values[3].extend([LINE[0], n.to_bytes(32, "big"), *LINE[2:]] for n in range(4096)),
    "4097-lanes": lambda values: values[6].extend([n, 0, bytes(32)] for n in range(1, 4097)),
    "facts-that-do-not-ascend": put(7, [["b", b""], ["a", b""]]),
}.items():

    @refused("R35", _name, NOTHING)
    def _(s, change=_change):
        end(s, change)


@refused("R35", "a-byte-after-it", NOTHING)
def _(s):
    s.whole().end.encode = lambda plain: plain + b"\xc0"


@refused("R35", "part-8192", NOTHING)
def _(s):
    assert s.boxes
    s.cp.end(s.sector, part=8192)


@refused("R35", "files-in-a-part-that-is-not-the-last", NOTHING)
def _(s):
    assert s.boxes
    s.cp.end(s.sector, last=False, files=3)
    s.cp.end(s.sector)


@refused("R35", "facts-in-a-part-that-is-not-the-last", NOTHING)
def _(s):
    assert s.boxes
    s.cp.end(s.sector, last=False, facts=[["a", b""]])
    s.cp.end(s.sector)


# R36 and R37


@refused("R36", "two-ends-of-one-check-point")
def _(s):
    s.whole()
    other = s.new()
    other.open(s.cp)
    twin = [s.cp.uuid, 0, True, [[other.uuid, None, 0, 0, b"", b""]], 0, 0, [[0, 0, s.cp.lane_digest(9)]], []]
    other.meta.append(Box(s.cp.uuid, END_LANE << 40, [Action(END, twin)]))
    s.put("twin.bakup", other)


def parts(s, *given):
    """END parts instead of one."""
    assert s.boxes
    for one in given:
        s.cp.end(s.sector, **one)


@refused("R37", "part-0-is-missing", NOTHING)
def _(s):
    parts(s, {"part": 1})


@refused("R37", "part-1-of-3-is-missing", NOTHING)
def _(s):
    parts(s, {"last": False}, {"part": 2})


@refused("R37", "no-part-is-the-last", NOTHING)
def _(s):
    parts(s, {"last": False})


@refused("R37", "a-part-after-the-last", NOTHING)
def _(s):
    parts(s, {}, {})


@refused("R37", "a-lane-in-two-parts", NOTHING)
def _(s):
    parts(s, {"last": False, "lanes": [0]}, {"lanes": [0]})


@refused("R37", "lanes-that-do-not-ascend-over-the-parts", NOTHING)
def _(s):
    assert s.boxes
    s.cp.group(s.sector, [e.file(b"d.txt", s.cp.pack(s.sector, [B]))], lane=1)
    s.cp.group(s.sector, [e.file(b"e.txt", s.cp.pack(s.sector, [B]))], lane=2)
    parts(s, {"last": False, "lanes": [0, 2]}, {"lanes": [1]})


@refused("R37", "lanes-that-begin-with-lane-1", NOTHING)
def _(s):
    assert s.boxes
    s.cp.group(s.sector, [e.file(b"d.txt", s.cp.pack(s.sector, [B]))], lane=1)
    parts(s, {"last": False, "lanes": [1]}, {"lanes": [0]})


@refused("good", "a-sector-in-two-parts", ALL, whole=True)
def _(s):
    other = s.new()
    other.open(s.cp)
    parts(s, {"last": False, "sectors": [other], "lanes": [0]}, {"sectors": [other], "lanes": []})
    s.put("other.bakup", other)


@refused("R37", "no-lane-0", NOTHING)
def _(s):
    parts(s, {"lanes": []})


@refused("R37", "another-digest-than-the-next-one-names", ALL)
def _(s):
    s.whole()
    after, other = CheckPoint(s.signer, SOURCE, previous=s.cp), s.new()
    after.values["previous"] = [s.cp.uuid, b"\7" * 32]
    after.group(other, [e.directory(b"")])
    s.put("after.bakup", other)


@refused("good", "two-parts", ALL, whole=True)
def _(s):
    parts(s, {"last": False, "sectors": [], "lanes": [0]}, {})


@refused("good", "of-two-ends-the-named-one-counts", {"c.txt": C}, whole=True)
def _(s):
    s.whole()
    other = s.new()
    other.open(s.cp)
    twin = [s.cp.uuid, 0, True, [[other.uuid, None, 0, 0, b"", b""]], 0, 0, [[0, 0, s.cp.lane_digest(9)]], []]
    other.meta.append(Box(s.cp.uuid, END_LANE << 40, [Action(END, twin)]))
    after, third = CheckPoint(s.signer, SOURCE, previous=s.cp, incremental=True), s.new()
    after.group(third, [e.delete(b"a.txt"), e.delete(b"b.txt")])
    after.end(third)
    s.put("twin.bakup", other)
    s.put("after.bakup", third)


# R38 and R39


@refused("R38", "the-digest-is-another", NOTHING)
def _(s):
    end(s, lambda values: values[6][0].__setitem__(2, bytes(32)))


@refused("R39", "the-last-box-reaches-beyond-the-length", {"a.txt": A, "b.txt": B})
def _(s):
    end(s, lambda values: values[6][0].__setitem__(1, values[6][0][1] - 1))


@refused("R38", "two-boxes-and-neither-gives-the-digest", {"a.txt": A})
def _(s):
    twice(s)
    s.end.edit = lambda values: values[6][0].__setitem__(2, bytes(32))


def twice(s):
    """A second sector has another middle box, of one length with the right one."""
    s.whole()
    other = s.new()
    other.open(s.cp)
    wrong = Action(GROUP, [e.file(b"b.bad", [e.known(B)])])
    right = s.boxes[1]
    other.meta.append(Box(s.cp.uuid, right.offset, [wrong]))
    s.put("other.bakup", other)
    return other


@refused("good", "of-two-boxes-the-named-one-counts", ALL, whole=True)
def _(s):
    twice(s)


@refused("good", "of-two-unnamed-boxes-the-digest-decides", ALL, whole=True)
def _(s):
    twice(s)
    copy = s.new()
    copy.data, copy.meta, copy.points = s.sector.data, s.sector.meta, s.sector.points
    s.objects["sector.bakup"] = None
    s.put("copy.bakup", copy)


@refused("good", "boxes-of-a-lane-that-end-does-not-list-are-passed-over", ALL, whole=True)
def _(s):
    s.whole()
    s.sector.meta.append(Box(s.cp.uuid, 9 << 40, [Action(GROUP, [e.file(b"d.txt")])]))


def spread(s, lanes=(0, 0, 0)):
    """The three files in three sectors, END in the third; the sectors."""
    sectors = [s.sector, s.new(), s.new()]
    for number, (name, data, sector) in enumerate(zip(sorted(ALL), (A, B, C), sectors, strict=True)):
        listed = [e.file(name.encode(), s.cp.pack(sector, [data]))]
        s.cp.group(sector, [e.directory(b""), *listed] if number == 0 else listed, lane=lanes[number])
    s.cp.end(sectors[2])
    s.put("second.bakup", sectors[1])
    s.put("third.bakup", sectors[2])
    return sectors


@refused("R39", "the-middle-sector-is-gone", {"a.txt": A, "c.txt": C})
def _(s):
    spread(s)
    s.objects["second.bakup"] = None


@refused("R39", "the-first-sector-is-gone", {"b.txt": B, "c.txt": C})
def _(s):
    spread(s)
    s.objects["sector.bakup"] = None


@refused("R39", "a-lane-is-gone", {"a.txt": A, "c.txt": C})
def _(s):
    spread(s, lanes=(0, 1, 2))
    s.objects["second.bakup"] = None


@refused("R39", "the-sector-with-end-is-gone", NOTHING)
def _(s):
    spread(s)
    s.objects["third.bakup"] = None


@refused("good", "three-lanes-in-three-sectors", ALL, whole=True)
def _(s):
    spread(s, lanes=(0, 1, 2))


@refused("good", "verbatim-copies-with-the-originals-gone", ALL, whole=True)
def _(s):
    for name, sector in zip(("sector.bakup", "second.bakup", "third.bakup"), spread(s), strict=True):
        copy = s.new()
        copy.data, copy.meta, copy.points = sector.data, sector.meta, sector.points
        s.objects[name] = None
        s.put("copy-" + name, copy)
