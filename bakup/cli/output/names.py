"""Names as they are shown and quoted (rule 8): a path is raw bytes, what is shown can be typed back."""

from __future__ import annotations

import os
import shlex
import unicodedata

_JOINERS = "\u200c\u200d"
_WIDE_BLANK = "\u3000"
_ESCAPES = {0x07: "\\a", 0x08: "\\b", 0x09: "\\t", 0x0A: "\\n", 0x0B: "\\v", 0x0C: "\\f", 0x0D: "\\r"}


def shown(path: bytes) -> str:
    """The path as it is, or as `$'caf\\xe9.jpg'` when it is not printable or has a blank at a name's end."""
    text = _printable(path)
    if text is None or text.startswith("$'") or _blank_at_an_end(text):
        return f"$'{_escaped(path)}'"
    return text or "."


def shown_text(text: str) -> str:
    """As `shown`, for a text that may hold bytes as `os.fsdecode` leaves them; an empty one stays empty."""
    return shown(os.fsencode(text)) if text else ""


def safe(text: str, kept: str = "") -> str:
    """A line of text whose characters that cannot be shown are escaped, but for `kept`: no name moves the cursor."""
    if text.isprintable():
        return text
    return "".join(letter if letter in kept else _escape_unless_shown(letter) for letter in text)


def can_be_typed(text: str) -> bool:
    """Whether a shell can show a text as it is: nothing in it moves the cursor."""
    return all(_may_be_shown(letter) or "\udca0" <= letter <= "\udcff" for letter in text)


def quoted(argument: str | bytes) -> str:
    """An argument as a shell takes it, ready to paste."""
    raw = os.fsencode(argument)
    text = _printable(raw)
    return f"$'{_escaped(raw)}'" if text is None else shlex.quote(text)


def quoted_home(argument: str) -> str:
    """As `quoted`; what lies in the user's own folder begins with `~/`."""
    home = os.path.expanduser("~").rstrip("/")
    inside = argument.removeprefix(f"{home}/")
    return f"~/{quoted(inside)}" if home and inside and inside != argument else quoted(argument)


def is_exact(path: bytes) -> bool:
    """Whether the path is UTF-8, so that JSON can hold it as it is."""
    try:
        path.decode()
    except UnicodeDecodeError:
        return False
    return True


def cells(text: str) -> int:
    """Columns of a terminal that a text takes."""
    return len(text) if text.isascii() else sum(_cell(letter) for letter in text)


def cut(text: str, width: int) -> str:
    """The beginning of a text, at most `width` columns."""
    if cells(text) <= width:
        return text
    taken = 0
    for index, letter in enumerate(text):
        taken += _cell(letter)
        if taken > width:
            return text[:index]
    return text


def cut_middle(text: str, width: int) -> str:
    """A text of at most `width` columns, shortened in the middle with `...`."""
    if cells(text) <= width:
        return text
    if width < 5:
        return cut(text, width)
    tail = (width - 3) // 2
    head = cut(text, width - 3 - tail)
    end = cut(text[::-1], tail)[::-1]
    return f"{head}...{end}"


def padded(text: str, width: int) -> str:
    """A text with blanks behind it up to `width` columns."""
    return text + " " * (width - cells(text))


def _printable(path: bytes) -> str | None:
    try:
        text = path.decode()
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() or all(map(_may_be_shown, text)) else None


def _may_be_shown(letter: str) -> bool:
    return letter.isprintable() or letter in _JOINERS or letter == _WIDE_BLANK


def _blank_at_an_end(text: str) -> bool:
    return any(name != name.strip() for name in text.split("/"))


def _escaped(path: bytes) -> str:
    letters = path.decode("utf-8", "surrogateescape")
    return "".join(_escape(letter) for letter in letters)


def _escape(letter: str) -> str:
    return "\\" + letter if letter in "\\'" else _escape_unless_shown(letter)


def _escape_unless_shown(letter: str) -> str:
    if _may_be_shown(letter):
        return letter
    is_byte = "\udc80" <= letter <= "\udcff"
    raw = letter.encode("utf-8", "surrogateescape" if is_byte else "surrogatepass")
    return _ESCAPES.get(raw[0]) or "".join(f"\\x{byte:02x}" for byte in raw)


def _cell(letter: str) -> int:
    if unicodedata.combining(letter) or letter in _JOINERS:
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1
