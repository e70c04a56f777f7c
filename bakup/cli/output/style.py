"""Bold, colour, and where a line may be folded, as marks in texts until the stream is known; names never hold them."""

from __future__ import annotations

import os
from typing import TextIO

_BOLD, _PLAIN = "\x0e", "\x0f"
COLUMN = "\x1f"
"""Between two columns of a table; shown as GAP."""
HANG = "\x1e"
"""Before a text that may be folded at its blanks; shown as nothing."""
GAP = "  "
MARKS = _BOLD + _PLAIN + COLUMN + HANG
_LAID_OUT = {COLUMN: GAP, HANG: None}
_NO_MARKS = str.maketrans({_BOLD: None, _PLAIN: None, **_LAID_OUT})
_ANSI = str.maketrans({_BOLD: "\x1b[1m", _PLAIN: "\x1b[0m", **_LAID_OUT})
_COLOURS = {"error": "31", "warning": "33", "hint": "36", "note": "36"}


def bold(text: str) -> str:
    """A text that stands bold where a terminal allows it."""
    return f"{_BOLD}{text}{_PLAIN}"


def plain(text: str) -> str:
    """The text without its marks."""
    return text.translate(_NO_MARKS)


def painted(text: str) -> str:
    """The text with its marks as ANSI codes."""
    return text.translate(_ANSI)


def label(word: str, *, colour: bool) -> str:
    """`error:`, `warning:`, `hint:` or `note:`, in its colour."""
    return f"\x1b[{_COLOURS[word]}m{word}:\x1b[0m" if colour else f"{word}:"


def is_terminal(stream: TextIO) -> bool:
    """Whether a stream is an open terminal."""
    try:
        return stream.isatty()
    except ValueError:
        return False


def has_colour(stream: TextIO) -> bool:
    """Whether colour is wanted: a terminal, and neither `NO_COLOR` nor `TERM=dumb`."""
    return is_terminal(stream) and can_move() and not os.environ.get("NO_COLOR")


def can_move() -> bool:
    """Whether the terminal takes cursor movements."""
    return os.environ.get("TERM", "") != "dumb"


def width(stream: TextIO) -> int:
    """The terminal's columns, else 80."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def size(stream: TextIO) -> tuple[int, int]:
    """The terminal's columns and rows, else 80 and 24."""
    try:
        columns, rows = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        return 80, 24
    return columns or 80, rows or 24


def is_unicode(stream: TextIO) -> bool:
    """Whether a stream can show more than ASCII: its encoding is UTF-8, and not because Python thinks so by itself."""
    asked = os.environ.get("LC_ALL") or os.environ.get("LANG")
    if asked in ("C", "POSIX"):
        return False
    return (getattr(stream, "encoding", None) or "").lower().replace("-", "") == "utf8"
