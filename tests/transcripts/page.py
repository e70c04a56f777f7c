"""Compares what bakup shows with a block of the experience page: to the letter but for numbers, ids and times."""

from __future__ import annotations

import re

_SIZE = r"\d[\d.,]* (?:[KMGT]iB|B)\b"
_NUMBER = r"(?<![\w./:~$'-])\d[\d,]*(?:\.\d+)?(?![\w/.-]|:\d)"
_DURATION = r"\b(?:\d+ h \d\d min|\d+ min \d\d s|\d+(?:\.\d)? s)\b"
_FIXED = (
    (r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUUUUUUU-UUUU-UUUU-UUUU-UUUUUUUUUUUU"),
    (r"\b[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}\b", "AAAA-AAAA-AAAA"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "YYYY-MM-DD HH:MM:SS"),
    (r"\b[0-9a-f]{8}\b", "IIIIIIII"),
    (_DURATION, "DURATION"),
)
_COLUMNS = re.compile(r"\d files? {3,}|^[0-9a-f]{8}  |^[-dl](?:[r-][w-][x-]){3} ")
"""Lines whose numbers stand with their right ends in line."""
_CARD = re.compile(r"(?:\s+\d{1,2} [a-z]{3,8} *){4}")


def same(shown: str | list[str], page: str) -> None:
    """What was shown is the block of the page, but for numbers, ids and times."""
    text = "\n".join(shown) if isinstance(shown, list) else shown
    assert shape(text) == shape(page)


def shape(text: str) -> list[str]:
    """The lines with their numbers, ids and times made alike; right-aligned ones keep the column where they end."""
    return [_line(line.rstrip()) for line in text.strip("\n").split("\n")]


def _line(line: str) -> str:
    if _CARD.fullmatch(line):
        return re.sub(r"[a-z]{3,8} *", "word     ", line).rstrip()
    aligned = bool(_COLUMNS.search(line))
    for pattern, word in _FIXED:
        line = re.sub(pattern, word, line)
    line = re.sub(r"[━╸]+", lambda bar: "━" * len(bar[0]), line)
    line = re.sub(rf"( *)({_SIZE})", lambda found: _placed(found, "SIZE", aligned), line)
    line = re.sub(rf"( *)({_NUMBER})", lambda found: _placed(found, "#", aligned), line)
    return re.sub(r"# sectors?\b", "# sectors", line)


def _placed(found: re.Match[str], word: str, aligned: bool) -> str:
    return word.rjust(len(found[0])) if aligned and len(found[1]) > 1 else found[1] + word
