"""Objects: written by bakup, or crafted byte by byte as nobody would write them."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from bakup.atbak.reader import OpenObject, open_object
from bakup.atbak.writer import PIECE, Written, write_object
from bakup.format.preamble import Facts
from bakup.store.local.folder import FolderTarget

KEY = bytes(range(32))
FACTS = Facts(b"home/ana/notes.txt", 1_700_000_000_123_456_789, 1_700_000_001_000_000_000)


def pieces(data: bytes, length: int = PIECE) -> Iterator[memoryview]:
    """As a source gives them: through one buffer."""
    buffer = bytearray(length)
    for at in range(0, len(data), length):
        part = data[at : at + length]
        buffer[: len(part)] = part
        yield memoryview(buffer)[: len(part)]


def gzipped(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return packer.compress(data) + packer.flush()


def padded(data: bytes) -> bytes:
    missing = 16 - len(data) % 16
    return data + bytes((missing,)) * missing


def encrypted(body: bytes, *, header: bytes = b"\x01\x01\x10") -> bytes:
    """An object with these bytes as its body; already padded."""
    iv = os.urandom(16)
    encryptor = Cipher(algorithms.AES(KEY), modes.CBC(iv)).encryptor()
    return header + iv + encryptor.update(body)


def filled(text: bytes) -> bytes:
    """Length, preamble, fill: as ATBU computes it."""
    return (len(text).to_bytes(2, "little") + text).ljust((len(text) + 2 + 16) // 16 * 16, b"\0")


def preamble(data: bytes, path: bytes = b"home/ana/notes.txt", **changed: object) -> bytes:
    fields = {"v": 1, "z": "none", "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    fields |= {"modified": 1.5, "accessed": 2} | changed
    return b",".join(b"%s=%s" % (name.encode(), str(value).encode()) for name, value in fields.items()) + (
        b",path=" + path
    )


class Shelf:
    """A target with objects."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.target = FolderTarget(str(folder))

    def write(
        self,
        data: bytes,
        facts: Facts = FACTS,
        *,
        key: bytes | None = None,
        level: int | None = None,
        piece: int = PIECE,
        name: str = "object",
    ) -> Written:
        """Store `data` as bakup does."""
        (self.folder / name).unlink(missing_ok=True)
        return write_object(pieces(data, piece), facts, str(self.folder / name), key=key, level=level)

    def put(self, data: bytes, name: str = "object") -> None:
        """Store these very bytes."""
        (self.folder / name).write_bytes(data)

    def bytes(self, name: str = "object") -> bytes:
        return (self.folder / name).read_bytes()

    def open(self, key: bytes | None = None, name: str = "object", **settings: int) -> OpenObject:
        return open_object(self.target, name, (self.folder / name).stat().st_size, key, **settings)

    def read(self, key: bytes | None = None, name: str = "object", **settings: int) -> bytes:
        return b"".join(self.open(key, name, **settings).stream())
