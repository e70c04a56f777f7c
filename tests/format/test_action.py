import os
import struct

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from bakup.errors import Damaged
from bakup.format.action import (
    ACTION,
    Action,
    frame,
    group_action,
    longest_action,
    pack_action,
    pad_action,
    single_action,
    unframe,
    unpack_action,
    unpack_data_box,
)
from bakup.format.constants import RAW_MAX, ActionType

raws = st.binary(min_size=1, max_size=500) | st.builds(
    lambda part, n: part * n, st.binary(min_size=1), st.integers(1, 99)
)


@settings(deadline=None)
@given(raws, st.sampled_from([None, 1, 3]))
def test_pack(raw: bytes, level: int | None) -> None:
    packed = pack_action(raw, level)
    assert len(packed) <= longest_action(len(raw))
    assert unpack_data_box(packed, len(raw)) == raw


@settings(deadline=None)
@given(st.lists(st.binary(max_size=50), min_size=1).filter(any))
def test_parts_are_laid_end_to_end(parts: list[bytes]) -> None:
    raw = b"".join(parts)
    assert pack_action(parts, 3) == pack_action(raw, 3)
    for level in (None, 3):
        packed = pack_action([memoryview(part) for part in parts], level)
        assert len(packed) <= longest_action(len(raw))
        assert unpack_data_box(packed, len(raw)) == raw


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from([ActionType.GROUP, ActionType.END]), st.binary(max_size=40))))
def test_frames(actions: list[tuple[ActionType, bytes]]) -> None:
    content = b"".join(frame(kind, body) for kind, body in actions)
    assert [(action.type, bytes(action.content)) for action in unframe(content)] == actions


def test_compression_that_saves_nothing_is_not_used() -> None:
    noise = os.urandom(5000)
    assert single_action(pack_action(noise, 3)).compressed is False
    assert single_action(pack_action(bytes(5000), 3)).compressed is True


@pytest.mark.parametrize("level", [None, 3])
def test_cut_short_anywhere(level: int | None) -> None:
    packed = pack_action(b"abc" * 100, level)
    for length in range(len(packed)):
        with pytest.raises(Damaged):
            unpack_data_box(packed[:length], 300)


def crafted(body: bytes, raw_length: int, kind: ActionType = ActionType.PACK) -> Action:
    content = struct.pack("<Q", raw_length) + body
    return single_action(frame(kind, content, compressed=True))


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


def lying(data: bytes, declared: int) -> bytes:
    """A frame that declares another content size."""
    whole = bytearray(zstd(data))
    assert whole[4] >> 6 == 1
    whole[5:7] = struct.pack("<H", declared - 256)
    return bytes(whole)


def without_size(data: bytes) -> bytes:
    streaming = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    return streaming.compress(data) + streaming.flush()


@pytest.mark.parametrize(
    ("body", "raw_length"),
    [
        (zstd(bytes(1000)), 999),
        (zstd(bytes(1000)), 1001),
        (lying(bytes(1000), 999), 999),
        (lying(bytes(1000), 1001), 1001),
        (lying(bytes(60_000), 300), 300),
        (without_size(bytes(1000)), 1000),
        (zstd(bytes(1000)) + b"\0", 1000),
        (zstd(bytes(500)) + zstd(bytes(500)), 1000),
        (zstd(bytes(500)) + zstd(bytes(500)), 500),
        (b"\x50\x2a\x4d\x18\x04\0\0\0abcd" + zstd(bytes(500)), 500),
        (b"\x50\x2a\x4d\x18\x04\0\0\0abcd", 4),
        (b"", 10),
        (b"no frame at all", 15),
    ],
)
def test_refused_zstd_frames(body: bytes, raw_length: int) -> None:
    with pytest.raises(Damaged):
        unpack_action(crafted(body, raw_length))


def test_a_bomb_is_refused_before_it_unpacks() -> None:
    bomb = zstd(bytes(RAW_MAX + 1))
    assert len(bomb) < 10_000
    with pytest.raises(Damaged, match="out of range"):
        unpack_action(crafted(bomb, RAW_MAX + 1))
    with pytest.raises(Damaged, match="does not declare"):
        unpack_action(crafted(bomb, RAW_MAX))
    with pytest.raises(Damaged, match="out of range"):
        unpack_action(crafted(bomb, RAW_MAX, ActionType.GROUP))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (ACTION.pack(2, 0, ActionType.GROUP, 0), "unknown codec or flag"),
        (ACTION.pack(0, 1, ActionType.GROUP, 0), "has a path"),
        (ACTION.pack(0, 0, 0x8FFF, 0), "must be understood"),
        (ACTION.pack(1, 0, ActionType.END, 0), "is compressed"),
        (ACTION.pack(0, 0, ActionType.GROUP, 1), "crosses"),
        (ACTION.pack(0, 0, ActionType.GROUP, 2**64 - 1), "crosses"),
        (b"\0" * 17, "cut short"),
    ],
)
def test_refused_frames(content: bytes, message: str) -> None:
    with pytest.raises(Damaged, match=message):
        list(unframe(content))


def test_an_unknown_type_may_be_skipped() -> None:
    content = frame(ActionType.GROUP, b"x") + ACTION.pack(0, 0, 0x0777, 3) + b"new"
    assert [action.type for action in unframe(content)] == [ActionType.GROUP, 0x0777]


def test_a_data_box_holds_one_pack_or_pad() -> None:
    pack = pack_action(b"raw", None)
    assert unpack_data_box(pad_action(100), 0) == b""
    for content, raw_length in [
        (pack + pack, 3),
        (pack, 4),
        (pack, 0),
        (group_action(b"raw", None), 3),
        (pad_action(100), 3),
        (frame(ActionType.PAD, b"\0\1"), 0),
        (ACTION.pack(0, 0, 0x0777, 0), 0),
        (b"", 0),
    ]:
        with pytest.raises(Damaged):
            unpack_data_box(content, raw_length)


def test_pad_length() -> None:
    assert [len(pad_action(length)) for length in (18, 19, 1000)] == [18, 19, 1000]
