"""Actions (section 5.4): the frame around every content, and the compression of PACK and GROUP."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from struct import Struct

import zstandard

from bakup.errors import Damaged
from bakup.format.codec import Buffer
from bakup.format.constants import (
    GROUP_MAX,
    MUST_UNDERSTAND,
    PACK_TARGET,
    RAW_MAX,
    WINDOW_MAX,
    ActionType,
    Codec,
)

ACTION = Struct("<IIHQ")
RAW_LENGTH = Struct("<Q")

WINDOW_LOG = 23
"""2^23 bytes: the longest pack that a writer makes."""

_FRAME_MAGIC = b"\x28\xb5\x2f\xfd"
_COMPRESSIBLE = (ActionType.PACK, ActionType.GROUP)
_KNOWN = frozenset(ActionType)
_local = threading.local()


@dataclass(frozen=True, slots=True)
class Action:
    """One action as it stands in a box; `type` may be one to skip, which `ActionType` does not know."""

    type: int
    compressed: bool
    content: memoryview


def frame(action: ActionType, content: Buffer, *, compressed: bool = False) -> bytes:
    """The action of `content`, as it stands in a box."""
    flags = Codec.ZSTD if compressed else Codec.NONE
    return b"".join((ACTION.pack(flags, 0, action, len(content)), content))


def unframe(content: Buffer) -> Iterator[Action]:
    """The actions of a box's content, those to skip among them (section 8, R28 and R29). Raises Damaged."""
    view = memoryview(content)
    at = 0
    while at < len(view):
        if len(view) - at < ACTION.size:
            raise Damaged("an action is cut short")
        flags, path_length, action, length = ACTION.unpack_from(view, at)
        at += ACTION.size
        _check(flags, path_length, action)
        if length > len(view) - at:
            raise Damaged("an action crosses its box's end")
        yield Action(action, flags == Codec.ZSTD, view[at : at + length])
        at += length


def pack_action(raw: Buffer | Sequence[Buffer], level: int | None) -> bytes:
    """A PACK of chunks laid end to end: one buffer, or parts to join; 1 to `RAW_MAX` bytes.

    Compressed by zstd at `level` (None: not) unless that saves nothing.
    """
    return _packed(ActionType.PACK, raw, level)


def group_action(entries: Buffer, level: int | None) -> bytes:
    """A GROUP of an encoded array of entries (`encode_entries`), 1 to `GROUP_MAX` bytes."""
    return _packed(ActionType.GROUP, entries, level)


def pad_action(length: int) -> bytes:
    """A PAD that is `length` bytes long with its frame, at least `ACTION.size`."""
    return frame(ActionType.PAD, bytes(length - ACTION.size))


def longest_action(raw_length: int) -> int:
    """The most bytes that a PACK or GROUP of `raw_length` raw bytes takes: compression never adds."""
    return ACTION.size + RAW_LENGTH.size + raw_length


def unpack_action(action: Action) -> memoryview | bytes:
    """The raw bytes of a PACK or GROUP. Every length is checked before it is believed. Raises Damaged."""
    limit = RAW_MAX if action.type == ActionType.PACK else GROUP_MAX
    content = action.content
    if len(content) < RAW_LENGTH.size:
        raise Damaged("a pack is cut short")
    (raw_length,) = RAW_LENGTH.unpack_from(content)
    if not 1 <= raw_length <= limit:
        raise Damaged(f"a raw length of {raw_length:,} is out of range")
    body = content[RAW_LENGTH.size :]
    if action.compressed:
        return _decompress(body, raw_length)
    if len(body) != raw_length:
        raise Damaged(f"a pack of {len(body):,} bytes says {raw_length:,}")
    return body


def group_length(action: Action) -> int:
    """The raw length that a GROUP says, before anything of it is believed; 0 if no GROUP can have it."""
    length = int(RAW_LENGTH.unpack_from(action.content)[0]) if len(action.content) >= RAW_LENGTH.size else 0
    return length if length <= GROUP_MAX else 0


def single_action(content: Buffer) -> Action:
    """The one action that a data box or a CHECKPOINT's box holds. Raises Damaged for none or more."""
    actions = list(unframe(content))
    if len(actions) != 1:
        raise Damaged(f"a box for one action holds {len(actions)}")
    return actions[0]


def unpack_data_box(content: Buffer, raw_length: int) -> memoryview | bytes:
    """The chunks of a data box whose table row says `raw_length`; nothing for a PAD. Raises Damaged."""
    action = single_action(content)
    if raw_length == 0:
        check_pad(action)
        return b""
    if action.type != ActionType.PACK:
        raise Damaged(f"an action of type {action.type:#06x} in the data region")
    raw = unpack_action(action)
    if len(raw) != raw_length:
        raise Damaged(f"a pack of {len(raw):,} bytes where the table says {raw_length:,}")
    return raw


def _check(flags: int, path_length: int, action: int) -> None:
    if flags > Codec.ZSTD:
        raise Damaged(f"unknown codec or flag in {flags:#x}")
    if path_length:
        raise Damaged("an action has a path")
    if action not in _KNOWN:
        if action & MUST_UNDERSTAND:
            raise Damaged(f"unknown action type {action:#06x} must be understood")
    elif flags and action not in _COMPRESSIBLE:
        raise Damaged(f"an action of type {action:#06x} is compressed")


def check_pad(action: Action) -> None:
    """Refuse what is no PAD, or one that is not zeros. Raises Damaged."""
    if action.type != ActionType.PAD:
        raise Damaged(f"an action of type {action.type:#06x} where the table has a pad")
    if any_set(action.content):
        raise Damaged("a pad is not zeros")


def any_set(data: Buffer) -> bool:
    """Whether a byte of `data` is not zero."""
    return bytes(data).count(0) != len(data)


def _packed(action: ActionType, raw: Buffer | Sequence[Buffer], level: int | None) -> bytes:
    parts = [raw] if isinstance(raw, Buffer) else raw
    length = sum(map(len, parts))
    body = None if level is None else _compressed(parts, length, level)
    compressed = body is not None and len(body) < length
    if body is None or not compressed:
        body = b"".join(parts)
    flags = Codec.ZSTD if compressed else Codec.NONE
    content = RAW_LENGTH.size + len(body)
    return b"".join((ACTION.pack(flags, 0, action, content), RAW_LENGTH.pack(length), body))


def _compressed(parts: Sequence[Buffer], length: int, level: int) -> bytes:
    compressor = _compressor(level)
    if len(parts) == 1:
        return compressor.compress(parts[0])
    if all(isinstance(part, bytes) for part in parts):
        return compressor.compress(b"".join(parts))
    # Joining views would hold the interpreter's lock for as long as it takes; these few calls do not.
    frame = compressor.compressobj(size=length)
    return b"".join([*map(frame.compress, parts), frame.flush()])


def _decompress(body: memoryview, raw_length: int) -> bytes:
    if body[: len(_FRAME_MAGIC)] != _FRAME_MAGIC:
        raise Damaged("compressed content is no zstd frame")
    try:
        parameters = zstandard.get_frame_parameters(body)
        if parameters.content_size != raw_length or parameters.dict_id:
            raise Damaged(f"a zstd frame does not declare {raw_length:,} bytes without a dictionary")
        if parameters.window_size > WINDOW_MAX:
            raise Damaged(f"a zstd frame wants a window of {parameters.window_size:,} bytes")
        return _decompressor().decompress(body, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise Damaged(f"a zstd frame does not unpack: {error}") from None


def _compressor(level: int) -> zstandard.ZstdCompressor:
    # One a thread and level: a compressor's tables are worth keeping, and it serves one thread at a time.
    compressors: dict[int, zstandard.ZstdCompressor] = _local.__dict__.setdefault("compressors", {})
    if level not in compressors:
        # A window over all of a pack: at the low levels it is worth as much as the next level and costs nothing.
        parameters = zstandard.ZstdCompressionParameters.from_level(
            level, source_size=PACK_TARGET, window_log=WINDOW_LOG, write_checksum=False
        )
        compressors[level] = zstandard.ZstdCompressor(compression_params=parameters)
    return compressors[level]


def _decompressor() -> zstandard.ZstdDecompressor:
    if not hasattr(_local, "decompressor"):
        _local.decompressor = zstandard.ZstdDecompressor()
    decompressor: zstandard.ZstdDecompressor = _local.decompressor
    return decompressor
