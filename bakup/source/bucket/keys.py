"""Keys of objects as paths of files: a stated rule, and reversible (docs/format/sector.md section 6.7).

A key is any text; a path has no empty name, no `.`, no `..`, and is a file or a folder, not both. So of each part of
a key between slashes

- an empty one is written `%2F`;
- `.` and `..` are written `%2E` and `%2E%2E`, a NUL byte `%00`;
- a `%` before two upper-case hexadecimal digits is written `%25`, any other stays;

and of the whole

- an empty object whose key ends in a slash is the folder of that name;
- any other object whose key, and a slash, begins another object's key has `%2F` appended: it stands beside the folder.

No part holds a slash, so `%2F` cannot be mistaken for an escaped byte.
"""

from __future__ import annotations

import re

SLASH = b"%2F"

_LOOKS_ESCAPED = re.compile(rb"%(?=[0-9A-F]{2})")
_ESCAPED = re.compile(rb"%([0-9A-F]{2})")
_PARTS = {b"": SLASH, b".": b"%2E", b"..": b"%2E%2E"}


def to_path(key: str) -> bytes:
    """The path of a key, but for what the last two rules add or take."""
    raw = key.encode("utf-8", "surrogateescape")
    return b"/".join(map(_escape, raw.split(b"/")))


def plain_path(key: str) -> bytes:
    """The path of a key that is one already, as in stores of folders and files: only what no path has is escaped."""
    raw = key.encode("utf-8", "surrogateescape")
    return b"/".join(_PARTS.get(part) or part.replace(b"\0", b"%00") for part in raw.split(b"/"))


def folder_path(key: str) -> bytes:
    """The path of the folder that an empty object stands for; its key is empty or ends in a slash."""
    return to_path(key[:-1]) if key else b""


def to_key(path: bytes, *, folder: bool = False) -> str:
    """The key that a path was made of.

    Args:
        path: as the rules above give it.
        folder: an object that stands for a folder.
    """
    if folder:
        return to_key(path) + "/" if path else ""
    head, slash, last = path.rpartition(b"/")
    if last != SLASH and last.endswith(SLASH):
        last = last[: -len(SLASH)]
    parts = [*(head.split(b"/") if slash else ()), last]
    return b"/".join(map(_unescape, parts)).decode("utf-8", "surrogateescape")


def _escape(part: bytes) -> bytes:
    return _PARTS.get(part) or _LOOKS_ESCAPED.sub(b"%25", part).replace(b"\0", b"%00")


def _unescape(part: bytes) -> bytes:
    return b"" if part == SLASH else _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), part)
