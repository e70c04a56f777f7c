"""A check point's metadata as a stream: what goes in comes out, in flat memory; other bytes are refused."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from bakup.atbak import checkpoints
from bakup.atbak.checkpoints import GROUP_FLUSH, decode, encode, is_checkpoint, path_of
from bakup.errors import Damaged, Truncated
from bakup.format.action import frame, group_action, pad_action
from bakup.format.constants import CHUNK_MAX, ActionType
from bakup.format.entries import encode_entries
from bakup.format.structures import encode_checkpoint, encode_end
from bakup.model import (
    Attributes,
    Checkpoint,
    Chunker,
    Dir,
    End,
    Entry,
    Extent,
    File,
    SectorLine,
    Special,
    SpecialType,
    Symlink,
)

UUID = bytes(range(16))
POINT = Checkpoint(
    UUID, 0, 5, b"source-uuid-16by", "laptop", b"/home/ana", "", (), 1, None, None, None, Chunker("none", 0, 0, 0, 0)
)
LINE = SectorLine(b"sector-uuid-16by", bytes(32), 1, 227, b"caf\xe9", b"caf\xe9")
ENDS = (End(UUID, 0, False, (LINE,), 0, 0), End(UUID, 1, True, (LINE,), 3, 10**12 + 5))
ENTRIES: tuple[Entry, ...] = (
    Dir(b"", Attributes()),
    File(b"caf\xe9", Attributes(xattrs=((b"user.a", b"1"),)), 5, (Extent(5, bytes(32)),)),
    Dir(b"empty", Attributes(mode=0o700)),
    File(b"huge", Attributes(), 10**12, (Extent(10**12, bytes(32)),)),
    Symlink(b"link", Attributes(), b"nowhere"),
    File(b"nothing", Attributes(), 0, ()),
    Special(b"pipe", Attributes(), SpecialType.FIFO, 0),
)


def many(count: int) -> Iterator[Entry]:
    return (File(b"%09d" % number, Attributes(), 0, ()) for number in range(count))


def flat(items: Iterator[checkpoints.Item]) -> list[object]:
    return [one for item in items for one in (item if isinstance(item, tuple) else (item,))]


@pytest.mark.parametrize("length", [1, 7, 1_000, 10**7])
def test_what_goes_in_comes_out(length: int) -> None:
    whole = b"".join(encode(POINT, ENTRIES, ENDS))
    stream = (whole[at : at + length] for at in range(0, len(whole), length))
    assert flat(decode(stream)) == [POINT, *ENTRIES, *ENDS]


def test_runs_of_any_length() -> None:
    count = 20_000
    whole = list(encode(POINT, many(count), ENDS[1:]))
    assert len(whole) > 2 + count * 256 // GROUP_FLUSH
    assert flat(decode(whole)) == [POINT, *many(count), ENDS[1]]
    assert flat(decode(encode(POINT, (), ENDS[1:]))) == [POINT, ENDS[1]]


def test_an_entry_longer_than_a_run() -> None:
    long = Dir(b"x", Attributes(xattrs=((b"user.long", bytes(3 * GROUP_FLUSH)),)))
    assert flat(decode(encode(POINT, [long, Dir(b"y", Attributes())], ENDS[1:])))[1] == long


def test_memory_is_flat() -> None:
    tracemalloc.start()
    assert sum(1 for _ in decode(encode(POINT, many(100_000), ENDS[1:]))) > 20
    assert tracemalloc.get_traced_memory()[1] < 30_000_000
    tracemalloc.stop()


@dataclass(frozen=True)
class Parts:
    point: bytes = frame(ActionType.CHECKPOINT, encode_checkpoint(POINT))
    first: bytes = group_action(encode_entries(ENTRIES[:3]), 3)
    second: bytes = group_action(encode_entries(ENTRIES[3:]), 3)
    end: bytes = frame(ActionType.END, encode_end(ENDS[1]))


PARTS = Parts()


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        ([], "no end"),
        ([PARTS.point], "no end"),
        ([PARTS.point, PARTS.first, PARTS.end[:-1]], "cut short"),
        ([PARTS.point, PARTS.first, PARTS.second], "no end"),
        ([PARTS.first, PARTS.end], "out of order"),
        ([PARTS.end], "out of order"),
        ([PARTS.point, PARTS.point, PARTS.end], "out of order"),
        ([PARTS.point, PARTS.second, PARTS.first, PARTS.end], "groups .* out of order"),
        ([PARTS.point, PARTS.end, PARTS.first], "out of order"),
        ([PARTS.point, pad_action(50), PARTS.end], "in a check point"),
        ([PARTS.point, PARTS.first, b"\xff" * 40], "too long"),
        ([PARTS.point, b"\0" * 40], "unknown action type|must be understood|no end|cut short"),
    ],
)
def test_other_streams(stream: list[bytes], said: str) -> None:
    with pytest.raises(Damaged, match=said):
        list(decode(stream))


def test_every_cut_is_noticed() -> None:
    whole = b"".join(encode(POINT, ENTRIES, ENDS[1:]))
    for length in range(len(whole)):
        with pytest.raises(Truncated):
            list(decode([whole[:length]]))


def test_long_chunks_stay_refused_in_sectors() -> None:
    from bakup.format.entries import decode_entries

    data = encode_entries([File(b"x", Attributes(), CHUNK_MAX + 1, (Extent(CHUNK_MAX + 1, bytes(32)),))])
    assert len(decode_entries(data, chunk_max=CHUNK_MAX + 1)) == 1
    with pytest.raises(Damaged, match="extent is out of range"):
        decode_entries(data)


def test_paths_of_check_points() -> None:
    path = path_of(UUID)
    assert path == b".bakup/00010203-0405-0607-0809-0a0b0c0d0e0f.checkpoint"
    assert is_checkpoint(path)
    assert not is_checkpoint(b"home/" + path)
    assert not is_checkpoint(b".bakup/a/b.checkpoint")
