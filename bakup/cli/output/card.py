"""The card with the 24 words: on the alternate screen, so that nothing of it stays in the scroll-back."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bakup.cli.output import names, style
from bakup.cli.output.console import Console

if TYPE_CHECKING:
    from bakup.api.reports import AccountCard

ENTER = "\x1b[?1049h\x1b[2J\x1b[H"
LEAVE = "\x1b[2J\x1b[H\x1b[?1049l"

_NEW = """\
No account on this computer yet, so here is a new one. These 24 words are the
key to every backup made with it. Write this card on paper; keep it elsewhere.
"""
_AGAIN = """\
These 24 words are the key to every backup made with this account. Write this
card on paper; keep it elsewhere.
"""
_WARNING = "Who has the words can read every backup; who loses them can read none."
_ROWS = 6
_WIDE = 79
"""Columns of the whole card."""
_CELL = 12
_ANSWERS = 3
"""Rows that the questions below it take."""


def face(card: AccountCard) -> str:
    """The words in four columns, and what is needed besides."""
    return "\n".join([*_columns(card.words), "", *_facts(card)])


def text(card: AccountCard) -> str:
    """What stands in a `--words-file` before the words."""
    return "\n".join([_AGAIN, *_facts(card), "", _WARNING])


def confirm(console: Console, card: AccountCard) -> None:
    """Show a new card and have two of its words typed back. Raises KeyboardInterrupt when given up."""
    first, second = sorted(secrets.SystemRandom().sample(range(1, len(card.words) + 1), 2))
    with alternate_screen(console):
        console.raw(_fitting(console, _NEW, card))
        _type_back(console, f"Written down? Type word {first}: ", card.words[first - 1])
        _type_back(console, f"              and word {second}: ", card.words[second - 1])


def show(console: Console, card: AccountCard) -> None:
    """Show a card until Enter is typed. Raises KeyboardInterrupt on ctrl-C."""
    with alternate_screen(console):
        console.raw(_fitting(console, _AGAIN, card))
        _answer(console, "Enter takes this card off the screen: ")


def _fitting(console: Console, title: str, card: AccountCard) -> str:
    """All of the card; on a terminal with fewer rows or columns the words, and what else there is room for."""
    columns, rows = style.size(console.err)
    whole = f"{title}\n{face(card)}\n\n{_WARNING}\n"
    if len(whole.splitlines()) + _ANSWERS <= rows and columns >= _WIDE:
        return whole
    words = _narrow(card.words, columns)
    first = ["Write these 24 words on paper; keep it elsewhere.", *_facts(card)]
    room = max(0, rows - _ANSWERS - len(words))
    return "\n".join([*(names.cut(line, columns - 1) for line in first[:room]), *words, ""])


def _narrow(words: tuple[str, ...], columns: int) -> list[str]:
    """The words in as many columns as there is room for."""
    across = max(1, (columns - 1) // _CELL)
    deep = -(-len(words) // across)
    cells = [f"{number:>2} {word:<{_CELL - 3}}" for number, word in enumerate(words, 1)]
    return ["".join(cells[row::deep]).rstrip() for row in range(deep)]


@contextmanager
def alternate_screen(console: Console) -> Iterator[None]:
    """What stands there does not stay, where the terminal has such a screen."""
    moves = style.can_move()
    console.wipe()
    console.raw(ENTER if moves else "")
    try:
        yield
    finally:
        console.raw(LEAVE if moves else "")


def _type_back(console: Console, question: str, word: str) -> None:
    while not _is_it(_answer(console, question), word):
        console.raw("              That is another word; look at the card.\n")


def _is_it(typed: str, word: str) -> bool:
    """Four letters tell the words of the list apart."""
    typed = typed.strip().lower()
    return typed == word or (len(typed) >= 4 and word.startswith(typed))


def _answer(console: Console, question: str) -> str:
    try:
        return console.ask(question)
    except EOFError:
        raise KeyboardInterrupt from None


def _columns(words: tuple[str, ...]) -> list[str]:
    cells = [f"{number:>4} {word:<8} " for number, word in enumerate(words, 1)]
    return ["".join(cells[row::_ROWS]).rstrip() for row in range(_ROWS)]


def _facts(card: AccountCard) -> list[str]:
    rows = [("account", card.account), ("target", card.target), ("also needed", card.also_needed)]
    return [f"   {label:<13}{names.safe(value)}" for label, value in rows if value is not None]
