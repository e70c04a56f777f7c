"""What all MessagePack structures share (section 6): the one encoder, the strict decoding, and the ranges."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from msgspec.msgpack import Decoder, Encoder

from bakup.errors import Damaged
from bakup.format.constants import DIGEST, UUID

U16_MAX = 2**16 - 1
U32_MAX = 2**32 - 1
U64_MAX = 2**64 - 1
I64_MAX = 2**63 - 1

Buffer = bytes | bytearray | memoryview
T = TypeVar("T")

_encoder = Encoder()
encode = _encoder.encode


def decode(decoder: Decoder[T], data: Buffer, name: str) -> T:
    """Decode `data` by its schema and refuse it unless it is the encoding of the value. Raises Damaged."""
    try:
        value = decoder.decode(data)
        same = encode(value) == data
    except (msgspec.MsgspecError, UnicodeError, OverflowError) as error:
        raise Damaged(f"{name} does not decode: {error}") from None
    expect(same, f"{name} is not in its one encoding")
    return value


def expect(holds: bool, message: str) -> None:
    """Raise Damaged with `message` unless `holds`."""
    if not holds:
        raise Damaged(message)


def expect_uuid(uuid: bytes | None) -> None:
    """Refuse a uuid of another length; None is none."""
    expect(uuid is None or len(uuid) == UUID, "a uuid has another length")


def expect_digest(digest: bytes | None) -> None:
    """Refuse a digest of another length; None is none."""
    expect(digest is None or len(digest) == DIGEST, "a digest has another length")
