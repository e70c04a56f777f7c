"""The account's keys: who can read (X-Wing) and who signs (Ed25519). Section 3 of the format."""

from __future__ import annotations

import hashlib

from blake3 import blake3
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)
from msgspec import Struct

from bakup.account.derive import derive
from bakup.errors import Damaged

KEM_ID = 0x647A
"""X-Wing's number in the HPKE registry."""
SIGNATURE_ED25519 = 1

ENTROPY_BYTES = 32
KEM_PUBLIC_BYTES = 1216
SIGNING_PUBLIC_BYTES = 32
SIGNATURE_BYTES = 64
SEALED_BYTES = 1168
"""An `encrypted key`: encapsulation 1,120 and ciphertext 48."""

_MLKEM_PUBLIC_BYTES = 1184
_MLKEM_SEED_BYTES = 64
_SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class PublicKeys(Struct, frozen=True):
    """What anyone may know of an account: `kem` (1,216 bytes) seals for it, `signing` (32) is believed."""

    kem: bytes
    signing: bytes

    @property
    def account_id(self) -> str:
        """The account's short name, like `7c41-9e02-b3aa` (section 3)."""
        digest = blake3(b"bakup/1 account\0" + self.kem + self.signing).hexdigest()
        return f"{digest[:4]}-{digest[4:8]}-{digest[8:12]}"


class KemKey:
    """An X-Wing private key, expanded from its 32-byte seed (section 3, draft-connolly-cfrg-xwing-kem)."""

    __slots__ = ("_private", "public")

    def __init__(self, seed: bytes) -> None:
        expanded = hashlib.shake_256(seed).digest(_MLKEM_SEED_BYTES + 32)
        lattice = MLKEM768PrivateKey.from_seed_bytes(expanded[:_MLKEM_SEED_BYTES])
        curve = X25519PrivateKey.from_private_bytes(expanded[_MLKEM_SEED_BYTES:])
        self._private = MLKEM768X25519PrivateKey(lattice, curve)
        # The HPKE key exposes no bytes, hence its public half is taken from the two components.
        self.public = lattice.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()

    def open(self, sealed: bytes, info: bytes) -> bytes:
        """Undo `seal`. Raises Damaged when `sealed` was not made for this key and `info`."""
        try:
            return _SUITE.decrypt(sealed, self._private, info)
        except InvalidTag:
            raise Damaged("the encrypted key does not open with this account", code="sealed-key") from None


class Account:
    """The secret half: opens what was sealed for the account and signs for it. Shows no secret."""

    __slots__ = ("_kem", "_signing", "atbak_key", "chunker_seed", "public")

    public: PublicKeys
    chunker_seed: int
    """u64, secret: keeps the cuts of large files from telling what they are."""
    atbak_key: bytes
    """32 bytes, secret: encrypts .atbake objects (docs/format/atbak.md section 5)."""

    def __init__(self, kem: KemKey, signing: Ed25519PrivateKey, chunker_seed: int, atbak_key: bytes) -> None:
        self._kem = kem
        self._signing = signing
        self.chunker_seed = chunker_seed
        self.atbak_key = atbak_key
        self.public = PublicKeys(kem.public, signing.public_key().public_bytes_raw())

    @classmethod
    def from_entropy(cls, entropy: bytes) -> Account:
        """The account of 32 bytes of entropy (section 3). Raises ValueError on another length."""
        if len(entropy) != ENTROPY_BYTES:
            raise ValueError(f"entropy must be {ENTROPY_BYTES} bytes")
        return cls(
            KemKey(derive(entropy, b"bakup/1 x-wing")),
            Ed25519PrivateKey.from_private_bytes(derive(entropy, b"bakup/1 ed25519")),
            int.from_bytes(derive(entropy, b"bakup/1 chunker", length=8), "little"),
            derive(entropy, b"bakup/1 atbak"),
        )

    def sign(self, message: bytes) -> bytes:
        """The 64-byte Ed25519 signature of `message` (RFC 8032)."""
        return self._signing.sign(message)

    def open_sealed(self, sealed: bytes, info: bytes) -> bytes:
        """The secret in an `encrypted key` (section 4.2). Raises Damaged when it does not open."""
        return self._kem.open(sealed, info)

    def __repr__(self) -> str:
        return f"Account({self.public.account_id})"


def verify(signing_public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether `signature` is `signing_public`'s of `message`; False too when either has a wrong form."""
    try:
        Ed25519PublicKey.from_public_bytes(signing_public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def seal(kem_public: bytes, secret: bytes, info: bytes) -> bytes:
    """Seal `secret` for the account of `kem_public`: encapsulation (1,120) | ciphertext (secret + 16).

    HPKE base mode, empty aad (section 4.2, RFC 9180). Raises Damaged when `kem_public` is no X-Wing key.
    """
    try:
        lattice = MLKEM768PublicKey.from_public_bytes(kem_public[:_MLKEM_PUBLIC_BYTES])
        curve = X25519PublicKey.from_public_bytes(kem_public[_MLKEM_PUBLIC_BYTES:])
        return _SUITE.encrypt(secret, MLKEM768X25519PublicKey(lattice, curve), info)
    except ValueError:  # also from the exchange itself: X25519 points of low order
        raise Damaged("the account's encryption key is not an X-Wing key", code="kem-key") from None
