"""Reading objects: the preamble at the cost of one small read, the bytes verified as they stream."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

from bakup.atbak import cbc, gzip
from bakup.atbak.naming import named
from bakup.errors import Damaged, Truncated, WrongAccount
from bakup.format.codec import Buffer
from bakup.format.preamble import (
    BLOCK,
    HEAD_MAX,
    Preamble,
    fill_length,
    parse_header,
    parse_preamble,
    preamble_length,
)
from bakup.store.target import Locator, Target

FIRST_READ = 4_096
"""Bytes that the first read takes: nearly every preamble, and small files whole."""
_LEAST = 64
"""Header and the length of the preamble, encrypted or not."""
READ = 4_194_304
"""Bytes of each later read."""

_GZIP_MAGIC = b"\x1f\x8b"


Fetch = Callable[[int, int], bytes]
"""Gives (offset, length) of one object; fewer bytes only where it ends."""


def open_object(
    target: Target, locator: Locator, size: int, key: bytes | None, *, first: int = FIRST_READ
) -> OpenObject:
    """Open the object of `size` bytes; `first` bytes are read at once.

    `key` is needed for an encrypted one: WrongAccount without. Raises Damaged by name: with the code `no-atbak`
    when the header is another's, `atbak-key` when the preamble makes no sense, which a wrong key also does.
    """
    return OpenObject(locator, size, key, lambda offset, length: target.read(locator, offset, length), first)


def read_seal(target: Target, locator: Locator, size: int) -> bytes:
    """IV and sha256 of all behind the header of an encrypted object, 48 bytes; all of it is read, no key is needed.

    Raises Damaged by name when it is cut short or not encrypted.
    """
    with named(locator):
        piece = target.read(locator, 0, min(READ, size))
        header = parse_header(piece, size)
        if header.iv is None:
            raise Damaged("it is not encrypted")
        digest, at = hashlib.sha256(memoryview(piece)[header.length :]), len(piece)
        while at < size:
            piece = target.read(locator, at, min(READ, size - at))
            if not piece:
                raise Truncated(f"{at:,} of {size:,} bytes are there")
            digest.update(piece)
            at += len(piece)
        return header.iv + digest.digest()


class OpenObject:
    """One object whose preamble is read. Nothing of it is authentic: who can write there can forge it."""

    def __init__(self, name: str, size: int, key: bytes | None, fetch: Fetch, first: int = FIRST_READ) -> None:
        self._name = name
        self._size = size
        self._key = key
        self._fetch = fetch
        self._known = fetch(0, min(max(first, _LEAST), size))
        with named(name):
            self._header = parse_header(self._known, size)
            if self._header.iv is not None and key is None:
                raise WrongAccount(f"{name} is encrypted, and there is no key here", code="atbak-key")
            self.preamble, self._end = self._parse()

    preamble: Preamble
    """What the object says of the file; believed by nobody before `stream` came to its end."""

    @property
    def encrypted(self) -> bool:
        """Whether it is an .atbake, whatever its name says."""
        return self._header.iv is not None

    @property
    def iv(self) -> bytes | None:
        """Of an encrypted object, as its header has it."""
        return self._header.iv

    def stream(self) -> Iterator[memoryview]:
        """The file's bytes; each view is good until the next is asked for.

        They are the file only once the end is reached: then size and sha256 were what the preamble says. Raises
        Damaged by name, at the latest there.
        """
        digest, left = hashlib.sha256(), self.preamble.size
        with named(self._name):
            data = self._data()
            for piece in gzip.unpack(data, left) if self.preamble.gzip else data:
                left -= len(piece)
                if left < 0:
                    raise Damaged(f"it holds more than the {self.preamble.size:,} bytes that it says")
                digest.update(piece)
                yield memoryview(piece)
            if left:
                raise Truncated(f"it holds {left:,} bytes fewer than it says")
            if digest.digest() != self.preamble.sha256:
                raise Damaged("its bytes are not those of the sha256 in its preamble")

    def _parse(self) -> tuple[Preamble, int]:
        """The preamble, and where in the body it ends; a second read where the first held not all of it."""
        body = self._open_start()
        needed = 2 + preamble_length(body) + len(_GZIP_MAGIC)
        if len(body) < needed and len(self._known) < self._size:
            known = len(self._known)
            self._known += self._fetch(known, min(HEAD_MAX, self._size) - known)
            body = self._open_start()
        try:
            return parse_preamble(body)
        except Damaged as error:
            raise self._unclear(error) from None

    def _unclear(self, error: Damaged) -> Damaged:
        if self._header.iv is None:
            return error
        return Damaged(
            "it does not open: another key, or damage at its beginning",
            hints=("with the key in a file: --key-file FILE",),
            code="atbak-key",
        )

    def _open_start(self) -> bytes:
        """What is known of the body, decrypted: whole blocks of it."""
        start = memoryview(self._known)[self._header.length :]
        if self._header.iv is None or self._key is None:
            return bytes(start)
        return cbc.decryptor(self._key, self._header.iv).update(start[: len(start) // BLOCK * BLOCK])

    def _data(self) -> Iterator[Buffer]:
        """The body behind the preamble and its fill, decrypted, a read at a time."""
        skip = None
        for piece in self._body():
            if skip is None:
                skip = self._end + self._fill(piece)
            view = memoryview(piece)[skip:]
            skip = max(0, skip - len(piece))
            if len(view):
                yield view

    def _fill(self, start: Buffer) -> int:
        """How many zeros follow the preamble. By the format's public page none do; ATBU writes 1 to 16."""
        fill = fill_length(self._end - 2)
        if self._header.iv is not None:
            return fill if self._header.filled else 0
        if self.preamble.gzip:
            return 0 if bytes(start[self._end : self._end + 2]) == _GZIP_MAGIC else fill
        return 0 if self._size - self._header.length - self._end == self.preamble.size else fill

    def _body(self) -> Iterator[Buffer]:
        """All behind the header, decrypted, without padding."""
        if self._header.iv is None or self._key is None:
            yield from self._stored()
            return
        decryptor = cbc.decryptor(self._key, self._header.iv)
        last = b""
        for piece in self._stored():
            opened = decryptor.update(piece)
            if opened:
                yield last
                yield memoryview(opened)[:-BLOCK]
                last = opened[-BLOCK:]
        yield cbc.unpadded(last)

    def _stored(self) -> Iterator[Buffer]:
        """All behind the header, as it is stored; the first piece holds the whole preamble."""
        yield memoryview(self._known)[self._header.length :]
        at = len(self._known)
        while at < self._size:
            piece = self._fetch(at, min(READ, self._size - at))
            if not piece:
                raise Truncated(f"{at:,} of {self._size:,} bytes are there")
            yield piece
            at += len(piece)
