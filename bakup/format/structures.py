"""The structures of a check point: CHECKPOINT (section 6.1), END (6.2); and CHUNKS (5.5)."""

from __future__ import annotations

from itertools import pairwise

from msgspec.msgpack import Decoder

from bakup.errors import Beyond
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
from bakup.format.constants import (
    CHECKPOINT_MAX,
    CHUNK_MAX,
    CUT_PATH,
    GROUP_MAX,
    LANE_LENGTH,
    LANES,
    LINES_MAX,
    PARTS_MAX,
    SIGNER_ID,
    UUID,
)
from bakup.model import Checkpoint, End, SectorLine

INCREMENTAL = 1
"""Bit 0 of a check point's flags."""

Facts = tuple[tuple[str, bytes], ...]
Kept = tuple[tuple[int, tuple[tuple[bytes, int, int], ...]], ...]
"""CHUNKS: (row of the table, (chunk id, length, offset in the pack) of each chunk) of each row."""

_checkpoint = Decoder(Checkpoint)
_end = Decoder(End)
_kept: Decoder[Kept] = Decoder(Kept)


def encode_checkpoint(checkpoint: Checkpoint) -> bytes:
    """The content of a CHECKPOINT."""
    return encode(checkpoint)


def decode_checkpoint(data: Buffer) -> Checkpoint:
    """Parse the content of a CHECKPOINT (section 8, R31). Raises Damaged; `expect_known` looks at its facts."""
    expect(len(data) <= CHECKPOINT_MAX, "a check point's header is too long")
    value = decode(_checkpoint, data, "a check point")
    _check_names(value)
    expect(0 <= value.flags <= INCREMENTAL, "a check point has an unknown flag")
    expect((value.based_on is not None) == value.incremental, "a check point's base does not fit its flags")
    expect(
        value.based_on in (None, value.previous and value.previous.uuid),
        "a check point's base is not the previous one",
    )
    expect(value.time_ns <= I64_MAX, "a check point's time is out of range")
    expect(1 <= value.sequence <= I64_MAX, "a check point's number is out of range")
    expect(all(one < two for one, two in pairwise(value.tags)), "a check point's tags do not ascend")
    chunker = value.chunker
    sizes = (chunker.min, chunker.nominal, chunker.max)
    expect(min(*sizes, chunker.seed) >= 0 and max(sizes) <= I64_MAX, "a chunker's size is out of range")
    check_facts(value.facts)
    return value


def encode_end(end: End) -> bytes:
    """The content of an END."""
    return encode(end)


def decode_end(data: Buffer) -> End:
    """Parse the content of an END (section 8, R35). Raises Damaged; `expect_known` looks at its facts."""
    expect(len(data) <= GROUP_MAX, "an end is too long")
    value = decode(_end, data, "an end")
    _expect_name(value.uuid)
    expect(0 <= value.part < PARTS_MAX, "an end's part is out of range")
    expect(0 <= value.files <= I64_MAX and 0 <= value.size <= I64_MAX, "an end's count is out of range")
    expect(value.last or not (value.files or value.size or value.facts), "an end that is not the last has counts")
    expect(max(len(value.sectors), len(value.lanes)) <= LINES_MAX, "an end has too many lines")
    for line in value.sectors:
        _check_line(line)
    expect(sum(line.header_digest is None for line in value.sectors) <= 1, "an end is in two sectors")
    for lane in value.lanes:
        expect(0 <= lane.lane < LANES and 0 <= lane.length <= LANE_LENGTH, "a lane is out of range")
        expect_digest(lane.digest)
    expect(all(one.lane < two.lane for one, two in pairwise(value.lanes)), "an end's lanes do not ascend")
    check_facts(value.facts)
    return value


def encode_kept(kept: Kept) -> bytes:
    """The content of a CHUNKS."""
    return encode(kept)


def decode_kept(data: Buffer) -> Kept:
    """Parse the content of a CHUNKS (section 8, R40). Raises Damaged."""
    expect(len(data) <= GROUP_MAX, "a list of chunks is too long")
    value = decode(_kept, data, "a list of chunks")
    expect(len(value) > 0 and all(chunks for _, chunks in value), "a list of chunks is empty")
    expect(all(one[0] < two[0] for one, two in pairwise(value)), "a list of chunks is out of order")
    for row, chunks in value:
        expect(0 <= row <= U32_MAX, "a row of a list of chunks is out of range")
        end = 0
        for chunk, length, offset in chunks:
            expect_digest(chunk)
            expect(1 <= length <= CHUNK_MAX and end <= offset <= I64_MAX, "a kept chunk is out of range")
            end = offset + length
    return value


def check_facts(facts: Facts) -> None:
    """Refuse facts that do not ascend, or without a name. Raises Damaged."""
    names = [name for name, _ in facts]
    expect(all(names) and all(one < two for one, two in pairwise(names)), "facts do not ascend")


def expect_known(facts: Facts) -> None:
    """Raise Beyond if a fact must be understood: none of those is known yet (section 6)."""
    for name, _ in facts:
        if name.startswith("!"):
            raise Beyond(
                f"it says {name!r}, which only a newer bakup understands",
                hints=("a newer bakup made it: use that one",),
            )


def _check_names(value: Checkpoint) -> None:
    for uuid in (value.uuid, value.source, value.based_on):
        _expect_name(uuid)
    for ref in (value.previous, value.replaces):
        if ref is not None:
            _expect_name(ref.uuid)
            expect_digest(ref.digest)
            expect(ref.uuid != value.uuid, "a check point names itself")
    if value.replaces is not None:
        expect(len(value.replaces.signer) == SIGNER_ID, "a signer id has another length")
        expect(not value.incremental, "an incremental check point replaces another")


def _expect_name(uuid: bytes | None) -> None:
    expect_uuid(uuid)
    expect(uuid != bytes(UUID), "a uuid is zeros")


def _check_line(line: SectorLine) -> None:
    _expect_name(line.uuid)
    expect_digest(line.header_digest)
    expect(0 <= line.entries <= I64_MAX and 0 <= line.size <= I64_MAX, "a sector's count is out of range")
    expect(line.header_digest is not None or not line.size, "a sector's size is known without its header")
    expect(max(len(line.first_path), len(line.last_path)) <= CUT_PATH, "a sector's path is not cut")
