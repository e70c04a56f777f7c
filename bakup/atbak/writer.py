"""Writing a file as one object, in one pass over its bytes, to a local spool file."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from io import BufferedWriter
from itertools import chain

from msgspec import Struct

from bakup.atbak import cbc
from bakup.format.codec import Buffer
from bakup.format.preamble import BLOCK, Facts, Preamble, format_header, format_preamble

PIECE = 4_194_304
"""Bytes to read at a time: what is shorter is written by one call, and a longer file is judged by so many."""
WORTH = 0.95
"""Gzip is left out where it leaves more than this share of the first piece."""
SMALLEST_GZIP = 150
"""Below so many bytes gzip saves no block worth its time."""

_GZIP = 31
_SIZE_DIGITS = 19
"""Room for any size where the preamble's place is taken before the size is known."""


class Written(Struct, frozen=True):
    """An object that stands in the spool.

    `size` and `sha256` are the original's, `stored` is the object's length in bytes. `iv` and `body_sha256` (of all
    bytes behind the header) are what ATBU's backup information says of an encrypted object; None for a plain one.
    """

    size: int
    sha256: bytes
    stored: int
    gzip: bool
    iv: bytes | None = None
    body_sha256: bytes | None = None


def write_object(
    source: Iterable[Buffer], facts: Facts, spool: str, *, key: bytes | None = None, level: int | None = None
) -> Written:
    """Write the bytes of `source`, pieces of any length, best `PIECE`, as one object to the new file `spool`.

    `key` (32 bytes) makes it an .atbake; `level` (1 to 9) asks for gzip, which is left out where the first piece
    shows that it does not pay. Each buffer may be used again once the next is asked for. Not synced. Raises OSError,
    FileExistsError when `spool` is there, Failed when the path fits into no preamble.
    """
    pieces = iter(source)
    first = bytes(next(pieces, b""))
    second = next(pieces, None)
    with open(spool, "xb") as file:
        if second is None:
            return _write_whole(file, first, facts, key, level)
        return _write_stream(file, first, chain((second,), pieces), facts, key, level)


def _write_whole(file: BufferedWriter, data: bytes, facts: Facts, key: bytes | None, level: int | None) -> Written:
    """A file that is in memory: its preamble can be written first."""
    digest = hashlib.sha256(data).digest()
    packed = zlib.compress(data, level, _GZIP) if level and len(data) >= SMALLEST_GZIP else None
    gzip = packed is not None and len(packed) <= WORTH * len(data)
    stored = packed if gzip and packed is not None else data
    body = format_preamble(Preamble(facts, len(data), digest, gzip)) + stored
    if key is None:
        length = file.write(format_header(None) + body)
        return Written(len(data), digest, length, gzip)
    iv = cbc.new_iv()
    body = cbc.encryptor(key, iv).update(body + cbc.padding(len(body)))
    length = file.write(format_header(iv) + body)
    return Written(len(data), digest, length, gzip, iv, hashlib.sha256(body).digest())


def _write_stream(
    file: BufferedWriter,
    first: bytes,
    rest: Iterator[Buffer],
    facts: Facts,
    key: bytes | None,
    level: int | None,
) -> Written:
    """A longer file: data first, then what stands before them (`cbc.encrypt_before`)."""
    packer = zlib.compressobj(level, zlib.DEFLATED, _GZIP) if level else None
    packed = packer.compress(first) if packer else first
    if packer and len(packed) > WORTH * len(first):
        packer, packed = None, first
    # Everything in the preamble but the numbers is known, and these have a fixed width.
    hull = _filled(Preamble(facts, 0, bytes(32), packer is not None))
    header = format_header(None if key is None else bytes(BLOCK))
    start = len(header) + len(hull)
    file.seek(start)
    output = _Output(file, key)
    digest, size = hashlib.sha256(first), len(first)
    output.write(packed)
    for piece in rest:
        digest.update(piece)
        size += len(piece)
        output.write(packer.compress(piece) if packer else piece)
    if packer:
        output.write(packer.flush())
    stored = start + output.close()
    front = _filled(Preamble(facts, size, digest.digest(), packer is not None))
    file.seek(0)
    if key is None:
        file.write(header + front)
        return Written(size, digest.digest(), stored, packer is not None)
    iv, front = cbc.encrypt_before(key, front, output.iv)
    file.write(format_header(iv) + front)
    file.flush()
    return Written(size, digest.digest(), stored, packer is not None, iv, _digest_from(file.name, len(header)))


def _filled(preamble: Preamble) -> bytes:
    return format_preamble(preamble, size_digits=_SIZE_DIGITS)


class _Output:
    """Writes data, encrypted when there is a key; counts what is written."""

    def __init__(self, file: BufferedWriter, key: bytes | None) -> None:
        self.iv = cbc.new_iv()
        self._file = file
        self._encryptor = cbc.encryptor(key, self.iv) if key else None
        self._buffer = bytearray()
        self._length = 0

    def write(self, data: Buffer) -> None:
        self._length += len(data)
        if self._encryptor is None:
            self._file.write(data)
            return
        if len(self._buffer) < len(data) + BLOCK:
            self._buffer = bytearray(len(data) + BLOCK)
        count = self._encryptor.update_into(data, self._buffer)
        self._file.write(memoryview(self._buffer)[:count])

    def close(self) -> int:
        """Add the padding, and give how many bytes were written in all."""
        if self._encryptor is not None:
            self.write(cbc.padding(self._length))
        return self._length


def _digest_from(path: str, offset: int) -> bytes:
    with open(path, "rb", buffering=0) as file:
        file.seek(offset)
        return hashlib.file_digest(file, "sha256").digest()
