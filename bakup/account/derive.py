"""HKDF-SHA256, the only way in which one secret becomes another (sections 3 and 4.2)."""

from __future__ import annotations

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def derive(secret: bytes, info: bytes, *, salt: bytes = b"", length: int = 32) -> bytes:
    """`length` bytes out of `secret` for the purpose `info` (RFC 5869)."""
    return HKDF(SHA256(), length=length, salt=salt, info=info).derive(secret)
