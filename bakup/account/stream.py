"""Regions as STREAMs of 64 KiB segments, each sealed by AES-256-GCM (section 4.2 of the format)."""

from __future__ import annotations

from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bakup.account.derive import derive
from bakup.errors import Damaged, Truncated

SEGMENT = 65_536
"""Plaintext bytes of a segment."""
TAG = 16
"""Bytes that encryption adds to a segment."""

Region = Literal["data", "meta"]
_STORED = SEGMENT + TAG
_FINAL = b"\x01"
_MORE = b"\x00"


def region_key(sector_key: bytes, uuid: bytes, region: Region) -> bytes:
    """The 32-byte key of one region of the sector `uuid`."""
    return derive(sector_key, f"bakup/1 {region}".encode(), salt=uuid)


def key_check(sector_key: bytes, uuid: bytes) -> bytes:
    """What the header says of the sector key, so that all who open it get the same one."""
    return derive(sector_key, b"bakup/1 key check", salt=uuid)


def segments(plain_length: int) -> int:
    """How many segments `plain_length` bytes of plaintext fill."""
    return -(-plain_length // SEGMENT)


def stored_length(plain: int) -> int:
    """Bytes that a region of `plain` bytes takes when encrypted."""
    return plain + TAG * segments(plain)


def plain_length(stored: int) -> int:
    """Bytes of plaintext in an encrypted region of `stored` bytes. Raises Damaged if none is that long."""
    whole, rest = divmod(stored, _STORED)
    if stored < 0 or 0 < rest <= TAG:
        raise Damaged(f"no encrypted region is {stored:,} bytes long", code="region-length")
    return whole * SEGMENT + max(0, rest - TAG)


class Sealer:
    """Encrypts one region. Each segment number may be sealed once: a second time would give secrets away."""

    __slots__ = ("_aead",)

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)

    def seal(self, plain: memoryview, out: memoryview, first: int, last: bool) -> int:
        """Seal `plain` as the segments from number `first` on, into `out`; `last`: the region ends with it.

        `out` has exactly `stored_length(len(plain))` bytes and does not overlap `plain`. Only with `last` may
        the final segment be short. Returns the bytes written. Raises ValueError for lengths that cannot be.
        """
        count = segments(len(plain))
        _expect(len(out) == stored_length(len(plain)), "out must hold exactly the sealed segments")
        _expect(last or len(plain) % SEGMENT == 0, "only the region's last segment may be short")
        _expect(not last or count > 0 or first == 0, "the region's last segment may not be empty")
        encrypt = self._aead.encrypt_into
        for index in range(count):
            nonce = _nonce(first + index, last and index == count - 1)
            source = plain[index * SEGMENT : (index + 1) * SEGMENT]
            encrypt(nonce, source, None, out[index * _STORED : (index + 1) * _STORED])
        return len(out)


class Opener:
    """Decrypts segments of one region, in any order; may be used by several threads at once."""

    __slots__ = ("_aead",)

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)

    def open(self, stored: memoryview, out: memoryview, first: int, total: int) -> int:
        """Open `stored`, whole segments from number `first` on of a region that has `total`, into `out`.

        `out` has exactly `plain_length(len(stored))` bytes and does not overlap `stored`. Returns the bytes
        written. Raises Damaged, naming the segment, when one does not open or lies beyond the region, and
        Truncated when one that is not the region's last is short; `out` is then all zeros.
        """
        try:
            self._open(stored, out, first, total)
        except Damaged:
            out[:] = bytes(len(out))
            raise
        return len(out)

    def _open(self, stored: memoryview, out: memoryview, first: int, total: int) -> None:
        count = -(-len(stored) // _STORED)
        _check_run(len(stored), first, count, total)
        _expect(len(out) == plain_length(len(stored)), "out must hold exactly the opened segments")
        decrypt = self._aead.decrypt_into
        for index in range(count):
            number = first + index
            source = stored[index * _STORED : (index + 1) * _STORED]
            target = out[index * SEGMENT : (index + 1) * SEGMENT]
            try:
                decrypt(_nonce(number, number == total - 1), source, None, target)
            except InvalidTag:
                raise Damaged(f"segment {number:,} of {total:,} does not open", code="segment") from None


def _check_run(length: int, first: int, count: int, total: int) -> None:
    end = first + count
    _expect(first >= 0, "segments count from 0")
    if end > total:
        raise Damaged(f"segment {total:,} lies beyond the region's {total:,}", code="segment")
    short = length % _STORED
    if short and (end < total or short <= TAG):
        raise Truncated(f"segment {end - 1:,} of {total:,} is cut short", code="segment")


def _nonce(number: int, final: bool) -> bytes:
    return number.to_bytes(11, "big") + (_FINAL if final else _MORE)


def _expect(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)
