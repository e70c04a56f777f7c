"""Names that a system cannot hold, written so that they come back: a stated rule, and reversible.

A byte that the system refuses is written `%XX`, two upper-case hexadecimal digits. A `%` that stands before
two such digits in the name itself is written `%25`, any other `%` stays. To read a name back, each `%XX`
becomes its byte.

- Windows refuses the bytes below 32, `<>:"/\\|?*`, a dot or blank at the end, and the names of devices
  (`CON`, `NUL`, `COM1`..., also with an extension): of those the first letter is escaped.
- Windows and macOS refuse what is not UTF-8: each byte of such a run is escaped.
- Elsewhere names are bytes, and stay as they are.

Systems that do not tell `A` from `a` may still find two names to be one: see `alike`.
"""

from __future__ import annotations

import re
import sys
from typing import Literal, TypeAlias

System: TypeAlias = Literal["bytes", "utf-8", "windows"]
"""What names may be: any bytes; UTF-8; UTF-8 by the rules of Windows."""

SYSTEM: System = {"win32": "windows", "darwin": "utf-8"}.get(sys.platform, "bytes")  # type: ignore[assignment]

_FORBIDDEN = re.compile(rb'[\x00-\x1f<>:"/\\|?*]|[. ]\Z')
_DEVICE = re.compile(
    rb"(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(?:COM|LPT)(?:[0-9]|\xc2\xb9|\xc2\xb2|\xc2\xb3)) *(?:\.|\Z)",
    re.IGNORECASE,
)
_LOOKS_ESCAPED = re.compile(rb"%(?=[0-9A-F]{2})")
_ESCAPED = re.compile(rb"%([0-9A-F]{2})")


def escape(name: bytes, system: System = SYSTEM) -> bytes:
    """The name as the system can hold it."""
    if system == "bytes":
        return name
    name = _LOOKS_ESCAPED.sub(b"%25", name)
    if system == "windows":
        name = _escape_for_windows(name)
    return _escape_not_utf8(name)


def unescape(name: bytes, system: System = SYSTEM) -> bytes:
    """The name that `escape` was given."""
    return name if system == "bytes" else _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), name)


def _escape_for_windows(name: bytes) -> bytes:
    if _DEVICE.match(name):
        name = _percent(name[0]) + name[1:]
    return _FORBIDDEN.sub(lambda found: _percent(found[0][0]), name)


def _escape_not_utf8(name: bytes) -> bytes:
    try:
        name.decode()
    except UnicodeDecodeError:
        shown = name.decode("utf-8", "surrogateescape")
        return b"".join(_as_utf8(letter) for letter in shown)
    return name


def _as_utf8(letter: str) -> bytes:
    code = ord(letter)
    return _percent(code - 0xDC00) if 0xDC80 <= code <= 0xDCFF else letter.encode()


def _percent(byte: int) -> bytes:
    return b"%%%02X" % byte
