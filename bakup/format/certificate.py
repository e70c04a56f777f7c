"""A writer's certificate (section 4.4)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from struct import Struct

from bakup.errors import Damaged
from bakup.format.constants import CERTIFICATE_SOURCES_MAX, SIGNATURES, SIGNING_PUBLIC, UUID, SignatureId

ID = Struct("<H")
FIXED = Struct("<16sIH")
"""What stands between the writer's key and the sources."""

_CONTEXT = b"bakup/1 certificate\0"
_SIGNATURE = SIGNATURES[SignatureId.ED25519_ML_DSA_65]


@dataclass(frozen=True, slots=True)
class Certificate:
    """The account's word that a writer, signing with `writer_key`, may back up `sources` (ascending)."""

    signature_id: int
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
        """Parse the field's value. Raises Damaged unless it is as section 4.4 says (section 8, R13)."""
        signature_id = ID.unpack_from(data)[0] if len(data) >= ID.size else SignatureId.NONE
        if signature_id not in SIGNING_PUBLIC or signature_id == SignatureId.NONE:
            raise Damaged(f"the certificate's key is of an unknown kind {signature_id}")
        key_end = ID.size + SIGNING_PUBLIC[SignatureId(signature_id)]
        start = key_end + FIXED.size
        if len(data) < start:
            raise Damaged("the certificate is cut short")
        writer, flags, count = FIXED.unpack_from(data, key_end)
        end = start + UUID * count
        if not 1 <= count <= CERTIFICATE_SOURCES_MAX or len(data) != end + _SIGNATURE:
            raise Damaged(f"the certificate of {count} sources is {len(data)} bytes long")
        if flags:
            raise Damaged(f"the certificate has an unknown flag in {flags:#x}")
        sources = tuple(data[at : at + UUID] for at in range(start, end, UUID))
        if any(one >= two for one, two in pairwise(sources)):
            raise Damaged("the certificate's sources do not ascend")
        if bytes(UUID) in (writer, sources[0]):
            raise Damaged("the certificate has a uuid of zeros")
        return cls(signature_id, data[ID.size : key_end], writer, sources, data[end:])

    def _body(self) -> bytes:
        fixed = FIXED.pack(self.writer, 0, len(self.sources))
        return ID.pack(self.signature_id) + self.writer_key + fixed + b"".join(self.sources)
