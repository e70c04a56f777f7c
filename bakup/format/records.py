"""RECORD contents (section 6.6): what only the account, or the check point's signer, may say."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from msgspec.msgpack import Decoder

from bakup.errors import Damaged
from bakup.format.codec import I64_MAX, U16_MAX, Buffer, decode, encode, expect, expect_digest, expect_uuid
from bakup.format.constants import MUST_UNDERSTAND, SIGNER_ID, UUID, RecordType

Revocation = tuple[bytes, tuple[tuple[bytes, bytes], ...]]
"""REVOKE: writer uuid or signer id, and (source uuid, last believed check point digest) for each source."""
Forgotten = tuple[tuple[bytes, bytes, bytes], ...]
"""FORGET: (signer id or zeros, check point uuid, check point digest) of each one dropped on purpose."""
Tagged = tuple[tuple[bytes, bytes, bytes, int, tuple[str, ...]], ...]
"""TAGS: (signer id or zeros, check point uuid, check point digest, version, all tags) of each check point."""

_KNOWN = frozenset(RecordType)

_revocation: Decoder[Revocation] = Decoder(Revocation)
_forgotten: Decoder[Forgotten] = Decoder(Forgotten)
_tagged: Decoder[Tagged] = Decoder(Tagged)


def encode_revocation(revocation: Revocation) -> bytes:
    """The content of a REVOKE."""
    return encode(revocation)


def decode_revocation(data: Buffer) -> Revocation:
    """Parse the content of a REVOKE. Raises Damaged."""
    value = decode(_revocation, data, "a revocation")
    expect(len(value[0]) in (UUID, SIGNER_ID), "a writer's name has another length")
    for source, digest in value[1]:
        expect_uuid(source)
        expect_digest(digest)
    _expect_ascending(value[1])
    return value


def encode_forgotten(forgotten: Forgotten) -> bytes:
    """The content of a FORGET."""
    return encode(forgotten)


def decode_forgotten(data: Buffer) -> Forgotten:
    """Parse the content of a FORGET. Raises Damaged."""
    value = decode(_forgotten, data, "a list of dropped check points")
    for signer, uuid, digest in value:
        expect(len(signer) == SIGNER_ID, "a signer id has another length")
        expect_uuid(uuid)
        expect_digest(digest)
    _expect_ascending(value)
    return value


def encode_tagged(tagged: Tagged) -> bytes:
    """The content of a TAGS."""
    return encode(tagged)


def decode_tagged(data: Buffer) -> Tagged:
    """Parse the content of a TAGS. Raises Damaged."""
    value = decode(_tagged, data, "tags of check points")
    for signer, uuid, digest, version, tags in value:
        expect(len(signer) == SIGNER_ID, "a signer id has another length")
        expect_uuid(uuid)
        expect_digest(digest)
        expect(0 <= version <= I64_MAX, "a version of tags is out of range")
        expect(all(one < two for one, two in pairwise(tags)), "a check point's tags do not ascend")
    _expect_ascending([names[:3] for names in value])
    return value


def check_record(record: int, content: bytes) -> None:
    """Refuse a record whose content is not as its type says; of unknown types anything is taken."""
    if record == RecordType.REVOKE:
        decode_revocation(content)
    elif record == RecordType.FORGET:
        decode_forgotten(content)
    elif record == RecordType.TAGS:
        decode_tagged(content)
    elif not 0 <= record <= U16_MAX:
        raise Damaged(f"record type {record} is out of range")


def understood(record: int) -> bool:
    """Whether this type is known or may be skipped; else its check point, not its sector, is refused."""
    return record in _KNOWN or not record & MUST_UNDERSTAND


def _expect_ascending(names: Sequence[tuple[bytes, ...]]) -> None:
    expect(all(one < two for one, two in pairwise(names)), "the names of a record do not ascend")
