"""The structures of a check point: CHECKPOINT (section 6.1) and END (section 6.2)."""

from __future__ import annotations

from itertools import pairwise

from msgspec.msgpack import Decoder

from bakup.format.codec import (
    I64_MAX,
    U32_MAX,
    Buffer,
    decode,
    encode,
    expect,
    expect_digest,
    expect_uuid,
)
from bakup.format.constants import CUT_PATH
from bakup.model import Checkpoint, End, SectorLine

INCREMENTAL = 1
"""Bit 0 of a check point's flags."""

_checkpoint = Decoder(Checkpoint)
_end = Decoder(End)


def encode_checkpoint(checkpoint: Checkpoint) -> bytes:
    """The content of a CHECKPOINT."""
    return encode(checkpoint)


def decode_checkpoint(data: Buffer) -> Checkpoint:
    """Parse the content of a CHECKPOINT. Raises Damaged."""
    value = decode(_checkpoint, data, "a check point")
    for uuid in (value.uuid, value.source, value.based_on):
        expect_uuid(uuid)
    if value.previous is not None:
        expect_uuid(value.previous.uuid)
        expect_digest(value.previous.digest)
    expect(0 <= value.flags <= INCREMENTAL, "a check point has an unknown flag")
    expect((value.based_on is not None) == value.incremental, "a check point's base does not fit its flags")
    expect(
        value.based_on in (None, value.previous and value.previous.uuid),
        "a check point's base is not the previous one",
    )
    expect(value.time_ns <= I64_MAX, "a check point's time is out of range")
    expect(value.sequence >= 1, "a check point's number is out of range")
    expect(all(one < two for one, two in pairwise(value.tags)), "a check point's tags do not ascend")
    chunker = value.chunker
    expect(min(chunker.min, chunker.nominal, chunker.max, chunker.seed) >= 0, "a chunker's size is negative")
    return value


def encode_end(end: End) -> bytes:
    """The content of an END."""
    return encode(end)


def decode_end(data: Buffer) -> End:
    """Parse the content of an END. Raises Damaged."""
    value = decode(_end, data, "an end")
    expect_uuid(value.uuid)
    expect(0 <= value.part <= U32_MAX, "an end's part is out of range")
    expect(min(value.files, value.size) >= 0, "an end's count is negative")
    expect(value.last or not (value.files or value.size), "an end that is not the last has counts")
    for line in value.sectors:
        _check_line(line)
    return value


def _check_line(line: SectorLine) -> None:
    expect_uuid(line.uuid)
    expect_digest(line.header_digest)
    expect(min(line.entries, line.size) >= 0, "a sector's count is negative")
    expect(max(len(line.first_path), len(line.last_path)) <= CUT_PATH, "a sector's path is not cut")
