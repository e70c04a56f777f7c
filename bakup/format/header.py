"""The sector header (section 4.1): fixed part, then tag-length-value fields in ascending order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct

from bakup.errors import Damaged, Truncated
from bakup.format.constants import (
    DIGEST,
    HEADER_MAX,
    KEM_X_WING,
    KEY_CHECK,
    MAGIC,
    MUST_UNDERSTAND,
    RECIPIENT,
    SEALED_KEY,
    SECTOR_MAX,
    SEGMENT,
    SIGNATURES,
    SIGNING_PUBLIC,
    TAG,
    TARGET_MAX,
    UUID,
    VERSION,
    SectorFlag,
    SignatureId,
    Tag,
)

FIXED = Struct("<4sHII16sQ32sQ32s")
FIELD = Struct("<HI")
PUBLIC_KEY = Struct("<H1216sH")
"""The public key field without the signer's key."""
TABLE_LENGTH_SIZE = 8

_START = Struct("<4sHII")
UUID_AT = slice(_START.size, _START.size + 16)
"""Where the sector uuid stands, of one that is cut short too."""
_FLAGS_MAX = int(SectorFlag.ENCRYPTED | SectorFlag.SIGNED)
_CONTEXT = b"bakup/1 sector\0"


@dataclass(frozen=True, slots=True)
class PublicKeyField:
    """Whose sector it is: the account's kem public key (1,216 bytes) and the signer's key; none if not signed."""

    kem: bytes
    signature_id: int = SignatureId.NONE
    signer: bytes = b""

    def to_bytes(self) -> bytes:
        """The field's value: 1,220 bytes and the signer's key."""
        return PUBLIC_KEY.pack(KEM_X_WING, self.kem, self.signature_id) + self.signer

    @classmethod
    def from_bytes(cls, data: bytes) -> PublicKeyField:
        """Parse the field's value. Raises Damaged for another length or an unknown algorithm."""
        if len(data) < PUBLIC_KEY.size:
            raise Damaged(f"the header's public key is {len(data):,} bytes long")
        kem_id, kem, signature_id = PUBLIC_KEY.unpack_from(data)
        if kem_id != KEM_X_WING or signature_id not in SIGNING_PUBLIC:
            raise Damaged(f"unknown key algorithm {kem_id:#06x}, {signature_id}")
        _expect_length("public key", data, PUBLIC_KEY.size + SIGNING_PUBLIC[SignatureId(signature_id)])
        return cls(kem, signature_id, data[PUBLIC_KEY.size :])


@dataclass(frozen=True, slots=True)
class EncryptedKey:
    """A sector key, sealed: `recipient` (8 bytes) says for whom."""

    recipient: bytes
    sealed: bytes

    def to_bytes(self) -> bytes:
        """The field's value, 1,176 bytes."""
        return self.recipient + self.sealed

    @classmethod
    def from_bytes(cls, data: bytes) -> EncryptedKey:
        """Parse the field's value. Raises Damaged for another length."""
        _expect_length("encrypted key", data, SEALED_KEY)
        return cls(data[:RECIPIENT], data[RECIPIENT:])


@dataclass(frozen=True, slots=True)
class SectorHeader:
    """The plaintext header of a sector. Lengths in stored bytes; `others`: unknown fields to be skipped."""

    uuid: bytes
    flags: SectorFlag
    data_length: int = 0
    data_digest: bytes = bytes(DIGEST)
    meta_length: int = 0
    meta_digest: bytes = bytes(DIGEST)
    target: bytes | None = None
    public_key: PublicKeyField | None = None
    encrypted_keys: tuple[EncryptedKey, ...] = ()
    certificate: bytes | None = None
    key_check: bytes | None = None
    signature: bytes | None = None
    others: tuple[tuple[int, bytes], ...] = ()

    @property
    def encrypted(self) -> bool:
        """Whether the regions are encrypted."""
        return bool(self.flags & SectorFlag.ENCRYPTED)

    @property
    def signed(self) -> bool:
        """Whether the header ends with a signature."""
        return bool(self.flags & SectorFlag.SIGNED)

    @property
    def length(self) -> int:
        """Length of the header in bytes; does not depend on the regions, so known before they are built."""
        return FIXED.size + sum(FIELD.size + len(value) for _, value in self._fields())

    @property
    def data_start(self) -> int:
        """Offset of the data region in the object."""
        return self.length

    @property
    def meta_start(self) -> int:
        """Offset of the meta region in the object."""
        return self.length + self.data_length

    @property
    def sector_length(self) -> int:
        """Length of the sector in bytes, without padding."""
        return self.length + self.data_length + self.meta_length

    def to_bytes(self, *, without_signature: bool = False) -> bytes:
        """The header, or all of it but the value of its signature. Raises ValueError over `HEADER_MAX`."""
        length = self.length
        if length > HEADER_MAX:
            raise ValueError(f"a header of {length:,} bytes is longer than {HEADER_MAX:,}")
        parts = [self._fixed(length)]
        for tag, value in self._fields():
            parts += (FIELD.pack(tag, len(value)), value)
        whole = b"".join(parts)
        return whole[: len(whole) - len(self.signature or b"")] if without_signature else whole

    def signed_message(self) -> bytes:
        """What the signer signs; the signature field must be there, with any value of its length."""
        return _CONTEXT + self.to_bytes(without_signature=True)

    @classmethod
    def from_bytes(cls, data: bytes) -> SectorHeader:
        """Parse a whole header, strictly (section 8, R2 to R9). Raises Damaged or Truncated.

        `check_lengths` follows once its signature is believed.
        """
        length = header_length(data)
        if len(data) < length:
            raise Truncated(f"the header says {length:,} bytes, {len(data):,} are there")
        fixed = FIXED.unpack_from(data)
        _, _, flags, _, uuid, data_bytes, data_digest, meta_bytes, meta_digest = fixed
        known, others = _sort_fields(_read_fields(data[FIXED.size : length]))
        header = cls(
            uuid,
            SectorFlag(flags),
            data_bytes,
            data_digest,
            meta_bytes,
            meta_digest,
            target=_single(known, Tag.TARGET),
            public_key=_public_key(_single(known, Tag.PUBLIC_KEY)),
            encrypted_keys=tuple(map(EncryptedKey.from_bytes, known.get(Tag.ENCRYPTED_KEY, ()))),
            certificate=_single(known, Tag.CERTIFICATE),
            key_check=_single(known, Tag.KEY_CHECK),
            signature=_single(known, Tag.SIGNATURE),
            others=others,
        )
        _check_fields(header)
        return header

    def check_lengths(self, size: int) -> None:
        """Refuse regions that an object of `size` bytes cannot hold (section 8, R17 and R18). Raises Damaged."""
        shortest = TABLE_LENGTH_SIZE + (TAG if self.encrypted else 0)
        if self.meta_length < shortest:
            raise Damaged("the meta region is empty")
        if self.sector_length > SECTOR_MAX or size > SECTOR_MAX:
            raise Damaged(f"a sector is longer than {SECTOR_MAX:,} bytes")
        if self.encrypted and not all(map(stored_length_valid, (self.data_length, self.meta_length))):
            raise Damaged("no encrypted region has the length that the header says")
        if size < self.sector_length:
            raise Truncated(f"{size:,} of {self.sector_length:,} bytes are there")

    def _fixed(self, length: int) -> bytes:
        return FIXED.pack(
            MAGIC,
            VERSION,
            self.flags,
            length,
            self.uuid,
            self.data_length,
            self.data_digest,
            self.meta_length,
            self.meta_digest,
        )

    def _fields(self) -> list[tuple[int, bytes]]:
        fields = list(self.others)
        fields += [(Tag.ENCRYPTED_KEY, sealed.to_bytes()) for sealed in self.encrypted_keys]
        for tag, value in (
            (Tag.TARGET, self.target),
            (Tag.PUBLIC_KEY, self.public_key.to_bytes() if self.public_key else None),
            (Tag.CERTIFICATE, self.certificate),
            (Tag.KEY_CHECK, self.key_check),
            (Tag.SIGNATURE, self.signature),
        ):
            if value is not None:
                fields.append((tag, value))
        return sorted(fields, key=lambda field: field[0])


def header_length(start: bytes) -> int:
    """Length of the whole header in bytes, from the sector's first bytes (section 8, R2 and R3).

    Raises Truncated for less than 110 bytes, Damaged for another magic or version, an unknown flag, or a
    length out of range.
    """
    if len(start) < FIXED.size:
        raise Truncated(f"a sector has at least {FIXED.size} bytes, {len(start)} are there")
    magic, version, flags, length = _START.unpack_from(start)
    if magic != MAGIC:
        raise Damaged("not a sector: another magic")
    if version != VERSION:
        raise Damaged(f"unknown sector version {version}", hints=("a newer bakup may read it",))
    if flags > _FLAGS_MAX:
        raise Damaged(f"unknown flag in {flags:#x}")
    if not FIXED.size <= length <= HEADER_MAX:
        raise Damaged(f"header length {length:,} is out of range")
    return int(length)


def stored_length_valid(length: int) -> bool:
    """Whether an encrypted region can be stored in so many bytes (section 4.2)."""
    rest = length % (SEGMENT + TAG)
    return rest == 0 or rest > TAG


def _read_fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        if len(data) - at < FIELD.size:
            raise Damaged("a header field is cut short")
        tag, length = FIELD.unpack_from(data, at)
        at += FIELD.size
        if length > len(data) - at:
            raise Damaged(f"header field {tag:#06x} is cut short")
        yield tag, data[at : at + length]
        at += length


def _sort_fields(
    fields: Iterator[tuple[int, bytes]],
) -> tuple[dict[int, list[bytes]], tuple[tuple[int, bytes], ...]]:
    known: dict[int, list[bytes]] = {}
    others = []
    previous = -1
    for tag, value in fields:
        if tag < previous or (tag == previous and tag != Tag.ENCRYPTED_KEY):
            raise Damaged(f"header field {tag:#06x} is out of order or repeated")
        previous = tag
        if tag in Tag.__members__.values():
            known.setdefault(tag, []).append(value)
        elif tag & MUST_UNDERSTAND:
            raise Damaged(f"unknown header field {tag:#06x} must be understood")
        else:
            others.append((tag, value))
    return known, tuple(others)


def _single(known: dict[int, list[bytes]], tag: Tag) -> bytes | None:
    values = known.get(tag)
    return values[0] if values else None


def _public_key(value: bytes | None) -> PublicKeyField | None:
    return None if value is None else PublicKeyField.from_bytes(value)


def _check_fields(header: SectorHeader) -> None:
    key = header.public_key
    _expect_presence("public key", key is not None, header.encrypted or header.signed)
    _expect_presence("encrypted key", bool(header.encrypted_keys), header.encrypted)
    _expect_presence("key check", header.key_check is not None, header.encrypted)
    _expect_presence("signature", header.signature is not None, header.signed)
    if key is not None:
        _expect_presence("signer's key", key.signature_id != SignatureId.NONE, header.signed)
    if header.certificate is not None and not header.signed:
        raise Damaged("the header's certificate is not expected")
    if header.key_check is not None:
        _expect_length("key check", header.key_check, KEY_CHECK)
    if header.signature is not None and key is not None:
        _expect_length("signature", header.signature, SIGNATURES[SignatureId(key.signature_id)])
    if header.target is not None and len(header.target) > TARGET_MAX:
        raise Damaged(f"the header's target field is longer than {TARGET_MAX:,} bytes")
    if header.uuid == bytes(UUID):
        raise Damaged("the sector's uuid is zeros")


def _expect_presence(name: str, there: bool, wanted: bool) -> None:
    if there != wanted:
        raise Damaged(f"the header's {name} is {'missing' if wanted else 'not expected'}")


def _expect_length(name: str, value: bytes, length: int) -> None:
    if len(value) != length:
        raise Damaged(f"the header's {name} is {len(value):,} bytes long, not {length:,}")
