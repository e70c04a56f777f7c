"""The head of an .atbak or .atbake object (docs/format/atbak.md sections 2 and 3): header, preamble, zero fill."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from struct import Struct

from bakup.errors import Damaged, Failed, Truncated
from bakup.format.codec import I64_MAX, Buffer

BLOCK = 16
"""AES block, and what a filled preamble is a multiple of."""
PREAMBLE_MAX = 65_535
HEAD_MAX = 3 + BLOCK + 2 + PREAMBLE_MAX + BLOCK
"""The most bytes before an object's data."""
PATH_MAX = 60_000
"""Bytes of a path that certainly fit into a preamble."""

_VERSION = 1
_IV_INCLUDED = 1
_LENGTH = Struct("<H")
_DIGEST = re.compile(r"[0-9a-fA-F]{64}")
_SIZE = re.compile(r"[0-9]{1,40}")
_OTHER_BYTE = re.compile(r"[\udc80-\udcff]")
_NS = 10**9


@dataclass(frozen=True, slots=True)
class Facts:
    """What a preamble says of a file besides its content: path (UTF-8, see `told_path`) and times in nanoseconds."""

    path: bytes
    modified_ns: int | None = None
    accessed_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Preamble:
    """A preamble: `size` in bytes and `sha256` are those of the original file, whether the data are gzip or not."""

    facts: Facts
    size: int
    sha256: bytes
    gzip: bool = False

    @property
    def path(self) -> bytes:
        """The path as it stands in the preamble: to be judged before it is used (`safe_path`)."""
        return self.facts.path


@dataclass(frozen=True, slots=True)
class Header:
    """The plaintext start: IV of an encrypted object, else None; bytes it takes; whether a zero fill may follow."""

    iv: bytes | None
    length: int
    filled: bool = field(default=True)


def format_header(iv: bytes | None) -> bytes:
    """The header as ATBU writes it: version, flags, and with an IV its length and itself."""
    return bytes((_VERSION, 0)) if iv is None else bytes((_VERSION, _IV_INCLUDED, BLOCK)) + iv


def parse_header(data: Buffer, size: int) -> Header:
    """Parse the first bytes of an object of `size` bytes.

    By the format's public page there is no byte for the IV's length, and no fill; ATBU writes both. Which of the two
    an encrypted object is follows from its size, since the rest is whole blocks. Raises Damaged or Truncated.
    """
    if len(data) < 2:
        raise Truncated("it is shorter than its header")
    version, flags = data[0], data[1]
    if version != _VERSION:
        raise Damaged(f"its header has version {version}, not 1", code="no-atbak")
    if flags > _IV_INCLUDED:
        raise Damaged(f"its header has unknown flags {flags:#04x}", code="no-atbak")
    if not flags:
        return Header(None, 2)
    for start, filled in ((3, True), (2, False)):
        length = start + BLOCK
        if (size - length) % BLOCK == 0 and size > length and (not filled or data[2] == BLOCK):
            if len(data) < length:
                raise Truncated("it is shorter than its header")
            return Header(bytes(data[start:length]), length, filled)
    raise Truncated("its encrypted part is no whole number of blocks")


def format_preamble(preamble: Preamble, *, size_digits: int = 1) -> bytes:
    """Length, preamble and zero fill, as ATBU writes them; `size_digits` is the least, by zeros in front.

    Raises Failed when the path makes it longer than `PREAMBLE_MAX`, or is not UTF-8.
    """
    facts = preamble.facts
    compression = "gzip" if preamble.gzip else "none"
    fields = (
        f"v=1,z={compression},sha256={preamble.sha256.hex()},size={preamble.size:0{size_digits}},"
        f"modified={posix_seconds(facts.modified_ns)},accessed={posix_seconds(facts.accessed_ns)},path="
    )
    text = fields.encode() + facts.path
    if len(text) > PREAMBLE_MAX or not _is_utf8(facts.path):
        raise Failed("the path fits into no preamble", code="path")
    return _LENGTH.pack(len(text)) + text + bytes(fill_length(len(text)))


def fill_length(length: int) -> int:
    """How many zeros follow a preamble of `length` bytes: 1 to 16, also where none were needed."""
    return BLOCK - (length + _LENGTH.size) % BLOCK


def preamble_length(data: Buffer) -> int:
    """How many bytes the preamble at the start of a body has, without its two bytes of length."""
    if len(data) < _LENGTH.size:
        raise Truncated("it is shorter than its preamble")
    return int(_LENGTH.unpack_from(data)[0])


def parse_preamble(data: Buffer) -> tuple[Preamble, int]:
    """The preamble at the start of a body, and where it ends, before any fill.

    `sha256`, `size` and `path` must be there, `v` must be 1 and `z` gzip or none where they are; times may be missing
    or unreadable (None); keys that are not known, before the path, are passed over. Raises Damaged or Truncated.
    """
    end = _LENGTH.size + preamble_length(data)
    if len(data) < end:
        raise Truncated("it is shorter than its preamble")
    fields, path = _split(bytes(data[_LENGTH.size : end]))
    if fields.get("v", "1") != "1":
        raise Damaged("its preamble has another version than 1")
    if fields.get("z", "none") not in ("gzip", "none"):
        raise Damaged("its compression is neither gzip nor none")
    sha256, size = fields.get("sha256", ""), fields.get("size", "")
    if not _DIGEST.fullmatch(sha256):
        raise Damaged("its preamble has no sha256")
    if not _SIZE.fullmatch(size) or int(size) > I64_MAX:
        raise Damaged("its preamble has no size")
    facts = Facts(path, _nanoseconds(fields.get("modified")), _nanoseconds(fields.get("accessed")))
    return Preamble(facts, int(size), bytes.fromhex(sha256), fields.get("z") == "gzip"), end


def posix_seconds(time_ns: int | None) -> str:
    """A time in nanoseconds as decimal seconds, exactly; 0.0 when it is not known."""
    whole, part = divmod(abs(time_ns or 0), _NS)
    return f"{'-' if (time_ns or 0) < 0 else ''}{whole}.{f'{part:09}'.rstrip('0') or '0'}"


def told_path(path: bytes) -> bytes:
    """How a raw path is told in a preamble, which is UTF-8: other bytes as `%E9`, cut at `PATH_MAX` bytes."""
    told = _OTHER_BYTE.sub(_percent, path.decode("utf-8", "surrogateescape")).encode()
    return told if len(told) <= PATH_MAX else told[:PATH_MAX].decode("utf-8", "ignore").encode()


def safe_path(path: bytes) -> bytes:
    """The path of a preamble, if it stays below the folder it is restored into. Raises Damaged."""
    if not path or any(name in (b"", b".", b"..") for name in path.split(b"/")) or b"\0" in path:
        raise Damaged("its path leaves the folder it is restored into", code="path")
    return path


def _split(text: bytes) -> tuple[dict[str, str], bytes]:
    """Fields before the path, and the path, which is the last and may hold commas, `=`, newlines."""
    fields: dict[str, str] = {}
    while not text.startswith(b"path="):
        pair, comma, text = text.partition(b",")
        name, equals, value = pair.partition(b"=")
        if not comma or not equals or not pair.isascii() or name.decode() in fields:
            raise Damaged("its preamble does not parse", code="preamble")
        fields[name.decode()] = value.decode()
    path = text[len(b"path=") :]
    if not path or b"\0" in path or not _is_utf8(path):
        raise Damaged("its preamble has no path in UTF-8", code="preamble")
    return fields, path


def _percent(found: re.Match[str]) -> str:
    return f"%{ord(found[0]) - 0xDC00:02X}"


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _nanoseconds(seconds: str | None) -> int | None:
    try:
        value = Decimal(seconds or "")
    except InvalidOperation:
        return None
    if not value.is_finite() or value.copy_abs() > I64_MAX // _NS:
        return None
    return round(value * _NS)
