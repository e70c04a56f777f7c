"""The account's keys: who can read (X-Wing) and who signs (Ed25519 with ML-DSA-65). Section 3 of the format."""

from __future__ import annotations

import hashlib

from blake3 import blake3
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey, MLDSA65PublicKey
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
SIGNATURE_NONE = 0
SIGNATURE_ED25519 = 1
SIGNATURE_BOTH = 2
"""Ed25519 and ML-DSA-65: what an account has."""

ENTROPY_BYTES = 32
KEM_PUBLIC_BYTES = 1216
SIGNING_PUBLIC_BYTES = 1984
SIGNATURE_BYTES = 3373
RECIPIENT_BYTES = 8
SEALED_BYTES = 1168
"""A sealed 32-byte key: encapsulation 1,120 and ciphertext 48."""

_CURVE_PUBLIC_BYTES = 32
_CURVE_SIGNATURE_BYTES = 64
_LATTICE_CONTEXT = b"bakup/1 ml-dsa-65"

_MLKEM_PUBLIC_BYTES = 1184
_MLKEM_SEED_BYTES = 64
_SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class PublicKeys(Struct, frozen=True):
    """What anyone may know of an account: `kem` (1,216 bytes) seals for it, `signing` (1,984) is believed."""

    kem: bytes
    signing: bytes
    signature_id: int = SIGNATURE_BOTH

    @property
    def account_id(self) -> str:
        """The account's short name, like `7c41-9e02-b3aa` (section 3)."""
        digest = blake3(b"bakup/1 account\0" + self.kem + self.signing).hexdigest()
        return f"{digest[:4]}-{digest[4:8]}-{digest[8:12]}"

    @property
    def signer_id(self) -> bytes:
        """The signing key's short name, 32 bytes."""
        return signer_id(self.signature_id, self.signing)

    @property
    def recipient_id(self) -> bytes:
        """Says in a header for whom a sector key was sealed; 8 bytes."""
        return recipient_id(self.kem)


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


class SigningKey:
    """Signs with Ed25519 and ML-DSA-65, from a seed of each (section 3.2)."""

    __slots__ = ("_curve", "_lattice", "public")

    def __init__(self, curve_seed: bytes, lattice_seed: bytes) -> None:
        self._curve = Ed25519PrivateKey.from_private_bytes(curve_seed)
        self._lattice = MLDSA65PrivateKey.from_seed_bytes(lattice_seed)
        self.public = self._curve.public_key().public_bytes_raw() + self._lattice.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """The 3,373-byte signature of `message`: both halves sign it."""
        return self._curve.sign(message) + self._lattice.sign(message, _LATTICE_CONTEXT)


class Account:
    """The secret half: opens what was sealed for the account and signs for it. Shows no secret."""

    __slots__ = ("_kem", "_signing", "atbak_key", "chunker_seed", "public")

    public: PublicKeys
    chunker_seed: int
    """u64, secret: keeps the cuts of large files from telling what they are."""
    atbak_key: bytes
    """32 bytes, secret: encrypts .atbake objects (docs/format/atbak.md section 5)."""

    def __init__(self, kem: KemKey, signing: SigningKey, chunker_seed: int, atbak_key: bytes) -> None:
        self._kem = kem
        self._signing = signing
        self.chunker_seed = chunker_seed
        self.atbak_key = atbak_key
        self.public = PublicKeys(kem.public, signing.public)

    @classmethod
    def from_entropy(cls, entropy: bytes) -> Account:
        """The account of 32 bytes of entropy (section 3). Raises ValueError on another length."""
        if len(entropy) != ENTROPY_BYTES:
            raise ValueError(f"entropy must be {ENTROPY_BYTES} bytes")
        return cls(
            KemKey(derive(entropy, b"bakup/1 x-wing")),
            SigningKey(derive(entropy, b"bakup/1 ed25519"), derive(entropy, b"bakup/1 ml-dsa-65")),
            int.from_bytes(derive(entropy, b"bakup/1 chunker", length=8), "little"),
            derive(entropy, b"bakup/1 atbak"),
        )

    def sign(self, message: bytes) -> bytes:
        """The 3,373-byte signature of `message` (section 3.2)."""
        return self._signing.sign(message)

    def open_sealed(self, sealed: bytes, info: bytes) -> bytes:
        """The secret in an `encrypted key` (section 4.2). Raises Damaged when it does not open."""
        return self._kem.open(sealed, info)

    def __repr__(self) -> str:
        return f"Account({self.public.account_id})"


def verify(signature_id: int, signing_public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether `signature` is `signing_public`'s of `message`; False too when either has a wrong form."""
    if signature_id == SIGNATURE_ED25519:
        return _verify_curve(signing_public, signature, message)
    return (
        signature_id == SIGNATURE_BOTH
        and _verify_curve(signing_public[:_CURVE_PUBLIC_BYTES], signature[:_CURVE_SIGNATURE_BYTES], message)
        and _verify_lattice(signing_public[_CURVE_PUBLIC_BYTES:], signature[_CURVE_SIGNATURE_BYTES:], message)
    )


def signer_id(signature_id: int, signing_public: bytes) -> bytes:
    """The short name of a signing key: 32 bytes (section 3)."""
    return blake3(b"bakup/1 signer\0" + signature_id.to_bytes(2, "little") + signing_public).digest()


def recipient_id(kem_public: bytes) -> bytes:
    """The short name of a kem key: 8 bytes (section 4.2)."""
    return blake3(b"bakup/1 recipient\0" + KEM_ID.to_bytes(2, "little") + kem_public).digest()[:RECIPIENT_BYTES]


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


def _verify_curve(public: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _verify_lattice(public: bytes, signature: bytes, message: bytes) -> bool:
    try:
        MLDSA65PublicKey.from_public_bytes(public).verify(signature, message, _LATTICE_CONTEXT)
    except (InvalidSignature, ValueError):
        return False
    return True
