"""The 24 words, typed: on a screen of which nothing stays; a wrong one is asked for again by itself."""

from __future__ import annotations

import contextlib
import sys
import time

from bakup.cli.output import names
from bakup.cli.output.card import alternate_screen
from bakup.cli.output.console import Console

_MANY = 24
_PASTE_S = 0.1
"""A terminal gives the rest of what was pasted within so long."""


def ask_for_words(console: Console) -> str:
    """Asks until there are 24 words of the list, or an empty line is typed."""
    with alternate_screen(console):
        console.raw("The 24 words, on one line or several:\n")
        try:
            words = _typed(console)
            if len(words) == _MANY:
                _mend(console, words)
        finally:
            _drop_the_rest()
    return " ".join(words)


def _typed(console: Console) -> list[str]:
    from bakup.flows import account

    typed: list[str] = []
    while len(account.words_in("\n".join(typed))) < _MANY:
        try:
            line = console.ask("> ").strip()
        except EOFError:
            break
        if not line and typed:
            break
        typed.append(line)
    return account.words_in("\n".join(typed))


def _mend(console: Console, words: list[str]) -> None:
    """Ask for each word that is none of the list, until it is one."""
    from bakup.flows import account

    for index, word in enumerate(words):
        while not account.is_a_word(words[index]):
            near = ", ".join(account.nearest_words(words[index]))
            told = f"word {index + 1} is not one of the 2,048 words: {names.safe(words[index][:20])}"
            console.raw(f"{told}{f'; nearest: {near}' if near else ''}\n")
            try:
                words[index] = console.ask(f"word {index + 1}: ").strip().lower()
            except EOFError:
                words[index] = word
                return


def _drop_the_rest() -> None:
    """What was pasted behind the words never comes to the shell."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import termios

        time.sleep(_PASTE_S)
        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
