"""Unpacking gzip data in flat memory, never beyond the size that they claim (RFC 1952)."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from bakup.errors import Damaged, Truncated
from bakup.format.codec import Buffer

_GZIP = 31
_INPUT = 32_768
"""zlib copies what it did not take at each call, so it is fed in small pieces."""
_OUTPUT = 1_048_576


def unpack(pieces: Iterable[Buffer], size: int) -> Iterator[memoryview]:
    """The `size` bytes that a gzip stream of one or more members holds.

    Raises Damaged, at the first byte more than `size`, or Truncated.
    """
    stream, left = zlib.decompressobj(_GZIP), size
    for piece in _slices(pieces):
        data, full = piece, False
        while data or full:
            if stream.eof:
                stream = zlib.decompressobj(_GZIP)
            found = _decompress(stream, data)
            left -= len(found)
            if left < 0:
                raise Damaged(f"it holds more than the {size:,} bytes that it says")
            if found:
                yield memoryview(found)
            # Only zlib knows what it still holds when it gave all that it was allowed to.
            full = len(found) == _OUTPUT and not stream.eof
            data = stream.unused_data if stream.eof else stream.unconsumed_tail
    if not stream.eof:
        raise Truncated("its gzip data end too early")


def _decompress(stream: zlib._Decompress, data: bytes) -> bytes:
    try:
        return stream.decompress(data, _OUTPUT)
    except zlib.error:
        raise Damaged("its gzip data do not unpack") from None


def _slices(pieces: Iterable[Buffer]) -> Iterator[bytes]:
    for piece in pieces:
        view = memoryview(piece)
        for at in range(0, len(view), _INPUT):
            yield bytes(view[at : at + _INPUT])
