"""AES-256-CBC with PKCS#7, streamed (docs/format/atbak.md section 4). It hides, it does not authenticate."""

from __future__ import annotations

import os

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC, ECB

from bakup.errors import Damaged
from bakup.format.codec import Buffer
from bakup.format.preamble import BLOCK


def new_iv() -> bytes:
    """A fresh random IV."""
    return os.urandom(BLOCK)


def padding(length: int) -> bytes:
    """What PKCS#7 adds to `length` bytes: 1 to 16."""
    missing = BLOCK - length % BLOCK
    return bytes((missing,)) * missing


def encryptor(key: bytes, iv: bytes) -> CipherContext:
    """Encrypts bytes in order; the caller adds the padding."""
    return Cipher(AES(key), CBC(iv)).encryptor()


def decryptor(key: bytes, iv: bytes) -> CipherContext:
    """Decrypts whole blocks in order; the last goes through `unpadded`."""
    return Cipher(AES(key), CBC(iv)).decryptor()


def unpadded(block: bytes) -> bytes:
    """The last block without its padding. Raises Damaged when it is none."""
    count = block[-1]
    if not 1 <= count <= BLOCK or block[-count:] != bytes((count,)) * count:
        raise Damaged("its padding is wrong")
    return block[:-count]


def encrypt_before(key: bytes, front: bytes, following: Buffer) -> tuple[bytes, bytes]:
    """(IV, ciphertext) of whole blocks `front`, such that the last ciphertext block is `following`.

    So what comes after can be encrypted first, with `following` as its IV, and the preamble, which holds size and
    digest, last, without a second read. For given plaintext CBC maps IVs to last blocks one to one: a random last
    block is a random IV.
    """
    back = Cipher(AES(key), ECB()).decryptor()  # noqa: S305 - CBC is made of it, backwards
    blocks = [bytes(following)]
    for at in range(len(front) - BLOCK, -1, -BLOCK):
        opened = int.from_bytes(back.update(blocks[-1])) ^ int.from_bytes(front[at : at + BLOCK])
        blocks.append(opened.to_bytes(BLOCK))
    return blocks.pop(), b"".join(reversed(blocks))
