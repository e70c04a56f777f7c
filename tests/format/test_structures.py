from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakup.errors import Beyond, Damaged
from bakup.format.codec import encode
from bakup.format.constants import EXTENTS_MAX, LANES, PATH_MAX
from bakup.format.entries import decode_entries, encode_entries, entry_problem, expect_understood
from bakup.format.records import decode_forgotten, decode_revocation, encode_forgotten, encode_revocation
from bakup.format.structures import (
    decode_checkpoint,
    decode_end,
    decode_kept,
    encode_checkpoint,
    encode_end,
    encode_kept,
    expect_known,
)
from bakup.model import (
    Attributes,
    Checkpoint,
    CheckpointRef,
    Chunker,
    Closing,
    Delete,
    Dir,
    End,
    Entry,
    Extent,
    File,
    LaneLine,
    Part,
    Record,
    Replaced,
    SectorLine,
    Special,
    Symlink,
    ToCome,
    Unread,
    path_key,
)

u32 = st.integers(0, 2**32 - 1)
u64 = st.integers(0, 2**64 - 1)
u63 = st.integers(0, 2**63 - 1)
i64 = st.integers(-(2**63), 2**63 - 1)
uuids = st.binary(min_size=16, max_size=16).filter(any)
digests = st.binary(min_size=32, max_size=32)
texts = st.text(max_size=8)
names = st.binary(min_size=1, max_size=4).filter(lambda n: n not in (b".", b"..") and not {0, 47} & set(n))
paths = st.lists(names, min_size=1, max_size=3).map(b"/".join)


def pairs(item: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.dictionaries(item, item, max_size=3).map(lambda found: tuple(sorted(found.items())))


known = st.dictionaries(st.text(min_size=1, max_size=8), st.binary(max_size=5), max_size=3).map(
    lambda found: tuple(sorted(found.items(), key=lambda fact: fact[0].encode()))
)
attributes = st.builds(
    Attributes,
    st.integers(0, 0o7777),
    st.none() | u32,
    st.none() | u32,
    st.none() | texts,
    st.none() | texts,
    i64,
    st.none() | i64,
    st.none() | u64,
    st.none() | i64,
    st.none() | u64,
    st.none() | u32,
    pairs(st.binary(max_size=5)),
    known,
)
chunk_lengths = st.integers(1, 8_388_608)
extents = st.one_of(
    st.builds(Extent, chunk_lengths, digests, u63, u63),
    st.builds(Extent, chunk_lengths, digests),
    st.builds(Extent, st.integers(1, 2**40)),
)


@st.composite
def files(draw: st.DrawFn) -> File:
    found = tuple(draw(st.lists(extents, max_size=3)))
    follows = not found or (len(found) == 1 and found[0].chunk is not None)
    size = sum(extent.length for extent in found)
    return File(draw(paths), draw(attributes), size, found, None if follows else draw(digests))


closings = st.builds(Closing, attributes, u63, digests)
parts = st.builds(
    lambda path, number, offset, found, closing: Part(
        path, number, offset, sum(e.length for e in found), found, closing
    ),
    paths,
    u63,
    st.integers(0, 2**50),
    st.lists(extents, min_size=1, max_size=3).map(tuple),
    st.none() | closings,
)
specials = st.builds(Special, paths, attributes, st.integers(1, 2), st.just(0)) | st.builds(
    Special, paths, attributes, st.integers(3, 4), u64
)
entries = st.one_of(
    files(),
    parts,
    st.builds(Dir, st.just(b"") | paths, attributes),
    st.builds(Symlink, paths, attributes, st.binary(max_size=9)),
    specials,
    st.builds(Delete, paths),
    st.builds(Unread, paths, texts),
    st.builds(Record, st.just(b""), st.integers(3, 0x7FFF), st.binary(max_size=9)),
)


def in_order(found: list[Entry]) -> tuple[Entry, ...]:
    return tuple(sorted({entry.path: entry for entry in found}.values(), key=lambda entry: path_key(entry.path)))


groups = st.lists(entries, min_size=1, max_size=6).map(in_order)
OWN = b"\x00" * 15 + b"\x7f"
"""The greatest uuid of a check point here, so that it names none that is itself."""
refs = st.builds(CheckpointRef, uuids, digests)
tags = st.sets(texts, max_size=3).map(lambda found: tuple(sorted(found)))
checkpoints = st.builds(
    lambda incremental, *rest: Checkpoint(
        rest[0],
        int(incremental and rest[8] is not None),
        *rest[1:9],
        rest[8].uuid if incremental and rest[8] is not None else None,
        None if incremental else rest[9],
        *rest[10:],
    ),
    st.booleans(),
    uuids.map(lambda uuid: min(uuid, OWN)),
    i64,
    uuids,
    texts,
    st.binary(max_size=9),
    texts,
    tags,
    st.integers(1, 2**63 - 1),
    st.none() | refs.filter(lambda ref: ref.uuid > OWN),
    st.none() | st.builds(Replaced, digests, uuids.filter(lambda uuid: uuid > OWN), digests),
    st.builds(Chunker, texts, u63, u63, u63, u64),
    known,
)
short = st.binary(max_size=256)
lines = st.builds(SectorLine, uuids, digests, u63, u63, short, short)
own_line = st.builds(SectorLine, uuids, st.none(), u63, st.just(0), short, short)
lanes = st.dictionaries(st.integers(0, LANES - 1), st.tuples(st.integers(0, 2**40), digests), max_size=3).map(
    lambda found: tuple(LaneLine(lane, *found[lane]) for lane in sorted(found))
)
ends = st.builds(
    lambda uuid, part, last, found, own, files, size, lanes, facts: End(
        uuid, part, last, (*found, *own), last * files, last * size, lanes, facts if last else ()
    ),
    uuids,
    st.integers(0, 8191),
    st.booleans(),
    st.lists(lines, max_size=3),
    st.lists(own_line, max_size=1),
    u63,
    u63,
    lanes,
    known,
)
revocations = st.tuples(uuids | digests, st.sets(st.tuples(uuids, digests), max_size=3).map(lambda s: tuple(sorted(s))))
forgotten = st.sets(st.tuples(digests, uuids, digests), max_size=3).map(lambda found: tuple(sorted(found)))
kept = st.dictionaries(
    st.integers(0, 2**32 - 1),
    st.lists(st.tuples(digests, chunk_lengths), min_size=1, max_size=3),
    min_size=1,
    max_size=3,
).map(
    lambda found: tuple(
        (row, tuple((chunk, length, place * 8_388_608) for place, (chunk, length) in enumerate(found[row])))
        for row in sorted(found)
    )
)

CODECS = [
    (groups, encode_entries, decode_entries),
    (checkpoints, encode_checkpoint, decode_checkpoint),
    (ends, encode_end, decode_end),
    (revocations, encode_revocation, decode_revocation),
    (forgotten, encode_forgotten, decode_forgotten),
    (kept, encode_kept, decode_kept),
]


@pytest.mark.parametrize(("values", "to_bytes", "from_bytes"), CODECS)
def test_value_to_bytes_to_value(values: Any, to_bytes: Callable[..., bytes], from_bytes: Callable[..., Any]) -> None:
    @settings(deadline=None)
    @given(values)
    def holds(value: Any) -> None:
        data = to_bytes(value)
        assert from_bytes(data) == value
        assert from_bytes(memoryview(data)) == value
        with pytest.raises(Damaged):
            from_bytes(data + b"\0")
        with pytest.raises(Damaged):
            from_bytes(data[:-1])

    holds()


@pytest.mark.parametrize(("values", "to_bytes", "from_bytes"), CODECS)
def test_accepted_bytes_serialise_to_themselves(
    values: Any, to_bytes: Callable[..., bytes], from_bytes: Callable[..., Any]
) -> None:
    @settings(deadline=None)
    @given(values, st.data())
    def holds(value: Any, data: st.DataObject) -> None:
        changed = bytearray(to_bytes(value))
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
        try:
            accepted = from_bytes(bytes(changed))
        except Damaged:
            return
        if not (isinstance(accepted, tuple) and any(isinstance(entry, ToCome) for entry in accepted)):
            assert to_bytes(accepted) == changed

    holds()


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_refused_or_serialise_to_themselves(data: bytes) -> None:
    for _, to_bytes, from_bytes in CODECS:
        try:
            assert to_bytes(from_bytes(data)) == data
        except Damaged:
            continue


A = Attributes()
CHUNK = b"c" * 32


def file(path: bytes = b"f", **changes: Any) -> File:
    return msgspec.structs.replace(File(path, A, 5, (Extent(5, CHUNK),)), **changes)


def part(offset: int, length: int, number: int = 1, closing: Closing | None = None) -> Part:
    return Part(b"p", number, offset, length, (Extent(length),) if length else (), closing)


def attributes_of(**changes: Any) -> list[Entry]:
    return [Dir(b"d", msgspec.structs.replace(A, **changes))]


CLOSING = Closing(A, 30, CHUNK)


@pytest.mark.parametrize(
    "group",
    [
        [Delete(b"a"), Dir(b"a", A), Unread(b"a", "gone")],
        [
            Delete(b""),
            Dir(b"", A),
            Unread(b"", ""),
            Record(b"", 3, b""),
            Record(b"", 0x8777, b""),
            Record(b"", 4, b""),
            Dir(b"a", A),
        ],
        [Dir(b"a", A), Dir(b"a/b", A), Dir(b"a!b", A)],
        [part(0, 10), part(10, 20), part(30, 0, closing=CLOSING)],
        [part(10, 10), part(20, 20)],
        [part(0, 10), part(0, 30, number=2, closing=CLOSING)],
    ],
)
def test_orders_that_are_good(group: list[Entry]) -> None:
    assert list(decode_entries(encode_entries(group))) == group


BAD_GROUPS: list[list[Entry]] = [
    [],
    [Dir(b"b", A), Dir(b"a", A)],
    [Dir(b"a!b", A), Dir(b"a/b", A)],
    [Dir(b"a", A), Dir(b"a", A)],
    [Dir(b"a", A), Delete(b"a")],
    [Unread(b"a", ""), Unread(b"a", "")],
    [Unread(b"a", ""), Dir(b"a", A)],
    [file(b"p"), part(0, 10)],
    [part(0, 10), file(b"p")],
    [part(0, 10), part(11, 10)],
    [part(0, 10), part(5, 10, number=2)],
    [part(0, 30, closing=CLOSING), part(30, 10)],
    [part(0, 30, closing=CLOSING), part(0, 10, number=2)],
    [part(0, 0)],
    [Dir(b"/a", A)],
    [Dir(b"a/", A)],
    [Dir(b"a//b", A)],
    [Dir(b".", A)],
    [Dir(b"a/..", A)],
    [Dir(b"../a", A)],
    [Dir(b"a/./b", A)],
    [Dir(b"a\0b", A)],
    [Dir(b"\0", A)],
    [Dir(b"a" * (PATH_MAX + 1), A)],
    [Record(b"x", 3, b"")],
    [Record(b"", 3, b""), Dir(b"", A)],
    [Record(b"", 3, b""), Unread(b"", "")],
    [Symlink(b"", A, b"")],
    [Delete(b""), file(b"")],
    [msgspec.structs.replace(part(0, 10), path=b"")],
    [file(size=2**63)],
    [file(extents=(Extent(5, CHUNK, 2**63, 1),))],
    [file(extents=(Extent(5, CHUNK, 1, 2**63),))],
    [file(extents=(Extent(2**63),), digest=CHUNK)],
    [part(2**63, 5)],
    [Record(b"", 0x10000, b"")],
    [Record(b"", 0x8002, encode_forgotten(((CHUNK, b"short", CHUNK),)))],
    [Record(b"", 0x8001, b"junk")],
    [Record(b"", 0x8002, encode_forgotten(((b"short", CHUNK),)))],
    [Special(b"s", A, 0, 0)],
    [Special(b"s", A, 5, 0)],
    [Special(b"s", A, 1, 7)],
    [Special(b"s", A, 3, -1)],
    [file(size=-1)],
    [file(digest=b"short")],
    [file(digest=CHUNK)],
    [file(extents=(Extent(5),))],
    [file(extents=(Extent(3, CHUNK), Extent(2, CHUNK)))],
    [file(extents=(Extent(5, b"short"),))],
    [file(extents=(Extent(0, CHUNK),))],
    [file(extents=(Extent(8_388_609, CHUNK),))],
    [file(extents=(Extent(5, CHUNK, 1),))],
    [file(extents=(Extent(5, CHUNK, None, 1),))],
    [file(extents=(Extent(5, CHUNK, -1, 1),))],
    [file(extents=(Extent(5, CHUNK, 1, -1),))],
    [file(extents=(Extent(0),), digest=CHUNK)],
    [file(extents=(Extent(5, None, 1, 1),), digest=CHUNK)],
    [file(extents=(Extent(1),) * (EXTENTS_MAX + 1), digest=CHUNK)],
    [part(-1, 5)],
    [part(0, 30, closing=Closing(A, -1, CHUNK))],
    [part(0, 30, closing=Closing(A, 30, b""))],
    attributes_of(mode=0o10000),
    attributes_of(mode=-1),
    attributes_of(uid=2**32),
    attributes_of(gid=-1),
    attributes_of(mtime_ns=2**63),
    attributes_of(ctime_ns=2**63),
    attributes_of(birth_ns=2**63),
    attributes_of(inode=-1),
    attributes_of(link_group=-1),
    attributes_of(inode_flags=2**32),
    attributes_of(xattrs=((b"b", b""), (b"a", b""))),
    attributes_of(xattrs=((b"a", b""), (b"a", b""))),
    attributes_of(facts=(("b", b""), ("a", b""))),
    attributes_of(facts=(("", b""),)),
    [part(0, 5, number=2**63)],
    [part(2**63 - 5, 5)],
    [file(size=2**63)],
    [file(extents=(Extent(2**62), Extent(2**62)), size=0, digest=CHUNK)],
    [file(extents=(Extent(5, CHUNK, LANES << 40, 1),))],
    [Dir(b"x" * 65_536, A)],
    [Dir(b"/".join([b"x"] * 4_097), A)],
    [Delete(b"%05d" % number) for number in range(65_537)],
]


@pytest.mark.parametrize("group", BAD_GROUPS)
def test_refused_groups(group: list[Entry]) -> None:
    with pytest.raises(Damaged):
        decode_entries(encode_entries(group))


@pytest.mark.parametrize(
    "value",
    [
        [[3, b"a"]],
        [[3, b"a", encode(1)]],
        [[9, b"a"]],
        [[6, "text"]],
        [[6, b"a", None]],
        [{"path": b"a"}],
        [[7, b"a", b"bytes"]],
        [[6, 1.0]],
        None,
    ],
)
def test_refused_shapes(value: object) -> None:
    with pytest.raises(Damaged):
        decode_entries(msgspec.msgpack.encode(value))


def test_refused_encodings() -> None:
    short_form = encode_entries([Delete(b"a")])
    assert short_form == b"\x91\x92\x06\xc4\x01a"
    for longer in (
        b"\x91\x92\xcc\x06\xc4\x01a",
        b"\x91\x92\x06\xc5\x00\x01a",
        b"\xdc\x00\x01\x92\x06\xc4\x01a",
        b"\x91\x92\x06\xa1a",
        b"\xdd\xff\xff\xff\xff\x92\x06\xc4\x01a",
    ):
        with pytest.raises(Damaged):
            decode_entries(longer)


POINT = Checkpoint(b"u" * 16, 0, 0, b"s" * 16, "h", b"/", "", (), 1, None, None, None, Chunker("c", 1, 2, 3, 4))


@pytest.mark.parametrize(
    "changes",
    [
        {"uuid": b"short"},
        {"source": b""},
        {"flags": 2},
        {"flags": 1},
        {"based_on": b"b" * 16},
        {"flags": 1, "based_on": b"b"},
        {"flags": 1, "based_on": b"b" * 16},
        {"flags": 1, "based_on": b"b" * 16, "previous": CheckpointRef(b"u" * 16, b"d" * 32)},
        {"flags": -1},
        {"time_ns": 2**63},
        {"sequence": 0},
        {"tags": ("b", "a")},
        {"tags": ("a", "a")},
        {"previous": CheckpointRef(b"u" * 16, b"d")},
        {"previous": CheckpointRef(b"u", b"d" * 32)},
        {"chunker": Chunker("c", 1, -2, 3, 4)},
        {"chunker": Chunker("c", 1, 2**63, 3, 4)},
        {"sequence": 2**63},
        {"source": bytes(16)},
        {"previous": CheckpointRef(b"u" * 16, CHUNK)},
        {"previous": CheckpointRef(bytes(16), CHUNK)},
        {"replaces": Replaced(CHUNK, b"u" * 16, CHUNK)},
        {"replaces": Replaced(b"s", b"r" * 16, CHUNK)},
        {
            "flags": 1,
            "based_on": b"b" * 16,
            "previous": CheckpointRef(b"b" * 16, CHUNK),
            "replaces": Replaced(CHUNK, b"r" * 16, CHUNK),
        },
        {"facts": (("b", b""), ("a", b""))},
        {"host": "h" * 65_536},
    ],
)
def test_refused_checkpoints(changes: dict[str, Any]) -> None:
    assert decode_checkpoint(encode_checkpoint(POINT)) == POINT
    with pytest.raises(Damaged):
        decode_checkpoint(encode_checkpoint(msgspec.structs.replace(POINT, **changes)))


LINE = SectorLine(b"u" * 16, CHUNK, 1, 2, b"a", b"b")
END = End(b"u" * 16, 0, True, (LINE,), 1, 2)


@pytest.mark.parametrize(
    "changes",
    [
        {"uuid": b""},
        {"part": 8_192},
        {"files": 2**63},
        {"lanes": (LaneLine(8_388_608, 0, CHUNK),)},
        {"lanes": (LaneLine(0, 2**40 + 1, CHUNK),)},
        {"lanes": (LaneLine(1, 0, CHUNK), LaneLine(0, 0, CHUNK))},
        {"lanes": (LaneLine(0, 0, b"short"),)},
        {"sectors": (LINE,) * 4_097},
        {"sectors": (msgspec.structs.replace(LINE, header_digest=None),)},
        {"sectors": (msgspec.structs.replace(LINE, header_digest=None, size=0),) * 2},
        {"sectors": (msgspec.structs.replace(LINE, uuid=bytes(16)),)},
        {"last": False, "files": 0, "size": 0, "facts": (("a", b""),)},
        {"part": -1},
        {"files": -1},
        {"last": False},
        {"sectors": (msgspec.structs.replace(LINE, uuid=b""),)},
        {"sectors": (msgspec.structs.replace(LINE, header_digest=b""),)},
        {"sectors": (msgspec.structs.replace(LINE, entries=-1),)},
        {"sectors": (msgspec.structs.replace(LINE, first_path=b"x" * 257),)},
    ],
)
def test_refused_ends(changes: dict[str, Any]) -> None:
    assert decode_end(encode_end(END)) == END
    with pytest.raises(Damaged):
        decode_end(encode_end(msgspec.structs.replace(END, **changes)))


@pytest.mark.parametrize(
    ("entry", "good"),
    [
        (file(), True),
        (file(size=6), False),
        (part(0, 10), True),
        (msgspec.structs.replace(part(0, 10), length=11), False),
        (part(10, 20, closing=CLOSING), True),
        (part(10, 21, closing=CLOSING), False),
        (Dir(b"d", A), True),
    ],
)
def test_faults_of_one_file_spoil_that_file_only(entry: Entry, good: bool) -> None:
    assert decode_entries(encode_entries([entry])) == (entry,)
    assert (entry_problem(entry) is None) == good


def test_kinds_to_come_are_passed_over_and_named() -> None:
    told = [[6, b"a"], [64, b"a/b", 2**64 - 1, [None, True, "t", b"b"]], [127, b"b"]]
    found = decode_entries(msgspec.msgpack.encode(told))
    assert found == (Delete(b"a"), ToCome(b"a/b", 64), ToCome(b"b", 127))


@pytest.mark.parametrize(
    "told",
    [
        [[63, b"a"]],
        [[128, b"a"]],
        [[64]],
        [[64, "a"]],
        [[64, b"a", 1.5]],
        [[64, b"a", {}]],
        [[64, b"b"], [6, b"a"]],
        [[64, b"a"], [6, b"a"]],
        [[64, b"a//b"]],
        [[6, b"a", 1], [64, b"b"]],
    ],
)
def test_refused_kinds_to_come(told: object) -> None:
    with pytest.raises(Damaged):
        decode_entries(msgspec.msgpack.encode(told))


def test_what_must_be_understood() -> None:
    expect_understood([Record(b"", 3, b""), Dir(b"d", msgspec.structs.replace(A, facts=(("a!", b""),)))])
    for entry in (Record(b"", 0x8777, b""), *attributes_of(facts=(("!a", b""),))):
        assert decode_entries(encode_entries([entry])) == (entry,)
        with pytest.raises(Beyond):
            expect_understood([entry])
    with pytest.raises(Beyond):
        expect_known((("!x", b""),))
