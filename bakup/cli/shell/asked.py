"""What a shell asks for: the words before the cursor, and the beginning of the one at it."""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_PIECES = re.compile(
    rb"""\$'(?P<ansi>(?:\\.|[^'\\])*)'?|'(?P<single>[^']*)'?|"(?P<double>(?:\\.|[^"\\])*)"?"""
    rb"""|\\(?P<one>.?)|(?P<blank>\s+)|(?P<plain>.)""",
    re.DOTALL,
)
_ASSIGNMENT = re.compile(r"\w+=")


@dataclass(frozen=True)
class Asked:
    """`before`: whole words; `typed`: what is to be completed; `kept`: how much of it the shell keeps by itself."""

    before: tuple[str, ...]
    typed: str
    kept: int = 0


def asked(shell: str, arguments: list[str], environment: Mapping[str, str]) -> Asked:
    """What `shell` asks for, after the name of the command (see `bakup.cli.shell.shells`)."""
    if shell == "bash":
        return _asked_by_bash(environment)
    if shell == "powershell":  # an empty argument would not come through
        return Asked(tuple(arguments), environment.get("COMP_WORD", ""))
    return Asked(tuple(arguments[:-1]), arguments[-1] if arguments else "")


def _asked_by_bash(environment: Mapping[str, str]) -> Asked:
    line = os.fsencode(environment["COMP_LINE"])[: int(environment["COMP_POINT"])]
    *before, typed = [os.fsdecode(word) for word in words_of(line)]
    while before and _ASSIGNMENT.match(before[0]):
        del before[0]
    # Bash cuts words at : and = too, and replaces only what stands behind the last of them.
    (cut,) = [os.fsdecode(word) for word in words_of(os.fsencode(environment["COMP_WORD"]))][-1:]
    return Asked(tuple(before[1:]), typed, len(typed) - len(cut) if typed.endswith(cut) else 0)


def words_of(line: bytes) -> Iterator[bytes]:
    """The words of a line as bash reads them, without quotes; the last one is empty when a blank ends the line."""
    word = b""
    for piece in _PIECES.finditer(line):
        if piece.lastgroup == "blank":
            yield word
            word = b""
        else:
            word += _meant(piece)
    yield word


def _meant(piece: re.Match[bytes]) -> bytes:
    text = piece[piece.lastgroup or 0]
    if piece.lastgroup == "ansi":
        return codecs.escape_decode(text)[0]
    if piece.lastgroup == "double":
        return re.sub(rb'\\([\\"$`])', rb"\1", text)
    return text
