"""Lines that are wider than the terminal, folded where a table has a column and a text a blank: never in a word.

A line is folded only where its maker put a mark (`bakup.cli.output.style`); what is to be pasted has none.
"""

from __future__ import annotations

import re

from bakup.cli.output import names
from bakup.cli.output.style import COLUMN, GAP, HANG, plain

_INDENT = "  "
_WORD = re.compile(r"( *)(\S+)")


def folded(line: str, width: int) -> list[str]:
    """The lines, of at most `width` columns where their words allow it, that a line makes."""
    if _cells(line) <= width:
        return [line]
    if COLUMN in line:
        return _by_columns(line.split(COLUMN), width)
    head, hangs, text = line.partition(HANG)
    return _by_words(head, text, width) if hangs else [line]


def _by_columns(cells: list[str], width: int) -> list[str]:
    """A row on several lines; all rows of a table break at the same columns, but for the last one of each row."""
    lines = [cells[0]]
    for cell in cells[1:]:
        longer = f"{lines[-1]}{GAP}{cell}"
        if _cells(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(f"{_INDENT * 2}{cell}")
    return [line.rstrip() for line in lines]


def _by_words(head: str, text: str, width: int) -> list[str]:
    """What follows hangs below the text; below the head where the terminal is narrow."""
    column = _cells(head)
    indent = " " * column if 0 < column <= width // 4 else _INDENT
    lines = [head]
    for gap, word in _WORD.findall(text):
        longer = f"{lines[-1]}{gap}{word}"
        if _cells(longer) <= width or not lines[-1].strip():
            lines[-1] = longer
        else:
            lines.append(indent + word)
    return [line.rstrip() for line in lines]


def _cells(text: str) -> int:
    return names.cells(plain(text))
