"""Section 3 and 4.4: accounts, writers, what they sign and how sector keys are sealed for them."""

import hashlib
import struct

from blake3 import blake3
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from mnemonic import Mnemonic

KEM_ID = 0x647A
SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
EXAMPLE = bytes([0x7F] * 32)  # the entropy of the words of section 10


def hkdf(ikm, salt, info, length=32):
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(ikm)


class Signer:
    """A signing key of section 3.2: of id 2, or of id 1 if there is no ML-DSA seed."""

    certificate = None

    def __init__(self, curve_seed, lattice_seed=None):
        self.curve = Ed25519PrivateKey.from_private_bytes(curve_seed)
        self.lattice = MLDSA65PrivateKey.from_seed_bytes(lattice_seed) if lattice_seed else None
        self.signature_id = 2 if lattice_seed else 1
        self.public = self.curve.public_key().public_bytes_raw()
        if self.lattice:
            self.public += self.lattice.public_key().public_bytes_raw()

    @property
    def signer_id(self):
        return blake3(b"bakup/1 signer\0" + struct.pack("<H", self.signature_id) + self.public).digest()

    def sign(self, message):
        signature = self.curve.sign(message)
        return signature + self.lattice.sign(message, b"bakup/1 ml-dsa-65") if self.lattice else signature


class Account(Signer):
    """All that follows from 32 bytes of entropy."""

    def __init__(self, entropy=EXAMPLE):
        self.entropy, self.words = entropy, Mnemonic("english").to_mnemonic(entropy)
        super().__init__(hkdf(entropy, None, b"bakup/1 ed25519"), hkdf(entropy, None, b"bakup/1 ml-dsa-65"))
        seed = hashlib.shake_256(hkdf(entropy, None, b"bakup/1 x-wing")).digest(96)
        lattice, curve_key = (
            MLKEM768PrivateKey.from_seed_bytes(seed[:64]),
            X25519PrivateKey.from_private_bytes(seed[64:]),
        )
        self.opening = hpke.MLKEM768X25519PrivateKey(lattice, curve_key)
        kem, curve = lattice.public_key(), curve_key.public_key()
        self.kem = kem.public_bytes_raw() + curve.public_bytes_raw()
        self.sealing = hpke.MLKEM768X25519PublicKey(kem, curve)
        digits = blake3(b"bakup/1 account\0" + self.kem + self.public).hexdigest()[:12]
        self.id = f"{digits[:4]}-{digits[4:8]}-{digits[8:]}"

    @property
    def recipient_id(self):
        return blake3(b"bakup/1 recipient\0" + struct.pack("<H", KEM_ID) + self.kem).digest()[:8]

    def seal(self, secret, info):
        """3.1: encapsulation and ciphertext."""
        return SUITE.encrypt(secret, self.sealing, info)


class Writer(Signer):
    """A machine with a key of its own and the account's certificate for some sources."""

    def __init__(self, account, sources, uuid=b"W" * 16, signature_id=2, seed=b"w"):
        super().__init__(*(hashlib.sha256(seed + bytes([half])).digest() for half in range(signature_id)))
        self.account, self.sources, self.uuid = account, sorted(sources), uuid
        self.certificate = self.certify()

    def certify(self, account=None, public=None, signature_id=None, uuid=None, flags=0, sources=None, number=None):
        """A certificate; what is given stands in it instead of what should."""
        sources = self.sources if sources is None else sources
        body = struct.pack("<H", self.signature_id if signature_id is None else signature_id)
        body += (self.public if public is None else public) + (uuid or self.uuid) + struct.pack("<I", flags)
        body += struct.pack("<H", len(sources) if number is None else number) + b"".join(sources)
        return body + (account or self.account).sign(b"bakup/1 certificate\0" + body)
