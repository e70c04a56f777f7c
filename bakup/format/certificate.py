"""A writer's certificate (section 4.4)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from struct import Struct

from bakup.errors import Damaged
from bakup.format.constants import CERTIFICATE_SOURCES_MAX, SIGNATURE, UUID

_FIXED = Struct("<32s16sH")
_CONTEXT = b"bakup/1 certificate\0"


@dataclass(frozen=True, slots=True)
class Certificate:
    """The account's word that a writer, signing with `writer_key`, may back up `sources` (ascending)."""

    writer_key: bytes
    writer: bytes
    sources: tuple[bytes, ...]
    signature: bytes

    def to_bytes(self) -> bytes:
        """The field's value."""
        return self._body() + self.signature

    def signed_message(self) -> bytes:
        """What the account signs."""
        return _CONTEXT + self._body()

    @classmethod
    def from_bytes(cls, data: bytes) -> Certificate:
        """Parse the field's value. Raises Damaged for another length or sources out of order."""
        if len(data) < _FIXED.size:
            raise Damaged("the certificate is cut short")
        key, writer, count = _FIXED.unpack_from(data)
        end = _FIXED.size + UUID * count
        if not 1 <= count <= CERTIFICATE_SOURCES_MAX or len(data) != end + SIGNATURE:
            raise Damaged(f"the certificate of {count} sources is {len(data)} bytes long")
        sources = tuple(data[at : at + UUID] for at in range(_FIXED.size, end, UUID))
        if any(one >= two for one, two in pairwise(sources)):
            raise Damaged("the certificate's sources do not ascend")
        return cls(key, writer, sources, data[end:])

    def _body(self) -> bytes:
        return _FIXED.pack(self.writer_key, self.writer, len(self.sources)) + b"".join(self.sources)
