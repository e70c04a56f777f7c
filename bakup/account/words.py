"""The 24 words: BIP-39 in English, taken as 32 bytes of entropy (section 3 of the format)."""

from __future__ import annotations

import difflib
import re
import secrets
import unicodedata
from functools import cache

from mnemonic import Mnemonic

from bakup.account.keys import ENTROPY_BYTES
from bakup.errors import WrongAccount

WORDS = 24
_ENOUGH_LETTERS = 4  # BIP-39: the first four letters tell every word
_SHOWN_LETTERS = 24
_NAMED_AT_MOST = 5
_BLANKS = re.compile(r"[\s,;]+")
_NUMBERED = re.compile(r"(\d{1,2})[.):]*(.*)", re.DOTALL)


def new_entropy() -> bytes:
    """32 fresh random bytes: a new account."""
    return secrets.token_bytes(ENTROPY_BYTES)


def to_words(entropy: bytes) -> tuple[str, ...]:
    """The 24 words of 32 bytes of entropy. Raises ValueError on another length."""
    if len(entropy) != ENTROPY_BYTES:
        raise ValueError(f"entropy must be {ENTROPY_BYTES} bytes")
    return tuple(_mnemonic().to_mnemonic(entropy).split())


def from_words(text: str) -> bytes:
    """The 32 bytes of entropy of 24 words, as a person types or pastes them.

    Lines, blanks, commas and case do not matter; four letters a word are enough; lines that begin with `#`
    are left out. Numbers may stand before the words (`1 legal`, `7. worth`); the words are then taken in the
    order of the numbers, so that a card in columns can be pasted.

    Raises WrongAccount: a wrong word (by its number), a wrong count, numbers that do not count to 24, or
    words that do not fit together (checksum).
    """
    typed = words_in(text)
    found = [_expand(word) for word in typed]
    unknown = [(number, typed[number - 1]) for number, word in enumerate(found, 1) if word is None]
    if unknown or len(typed) != WORDS:
        raise _wrong_words(len(typed), unknown[:_NAMED_AT_MOST])
    return _to_entropy([word for word in found if word is not None])


def words_in(text: str) -> list[str]:
    """The words of `text` in their order. Raises WrongAccount when numbers stand before them and are not 1 to 24."""
    return _in_order(*_read(text))


def is_a_word(typed: str) -> bool:
    """Whether this is a word of the list, or enough of one."""
    return _expand(typed) is not None


def nearest(typed: str) -> list[str]:
    """Words of the list that are like this."""
    return difflib.get_close_matches(typed[:_SHOWN_LETTERS], _mnemonic().wordlist, n=3, cutoff=0.6)


@cache
def _mnemonic() -> Mnemonic:
    return Mnemonic("english")


@cache
def _by_first_letters() -> dict[str, str]:
    return {word[:_ENOUGH_LETTERS]: word for word in _mnemonic().wordlist}


def _read(text: str) -> tuple[list[str], list[int]]:
    """The words of `text`, and the numbers that stand before them."""
    lines = unicodedata.normalize("NFKD", text).lower().splitlines()
    kept = " ".join(line for line in lines if not line.lstrip().startswith("#"))
    words: list[str] = []
    numbers: list[int] = []
    for token in _BLANKS.split(kept):
        numbered = _NUMBERED.fullmatch(token)
        if numbered:
            numbers.append(int(numbered[1]))
        word = numbered[2] if numbered else token
        if word:
            words.append(word)
    return words, numbers


def _in_order(words: list[str], numbers: list[int]) -> list[str]:
    if not numbers or len(words) != WORDS:
        return words
    if sorted(numbers) != list(range(1, WORDS + 1)):
        message = f"the numbers before the words are not 1 to {WORDS}, each once"
        raise WrongAccount(message, hints=("type the words in their order, without numbers",), code="words")
    return [word for _, word in sorted(zip(numbers, words, strict=True))]


def _expand(typed: str) -> str | None:
    """The word that `typed` is, or is the beginning of."""
    word = _by_first_letters().get(typed[:_ENOUGH_LETTERS])
    return word if word is not None and word.startswith(typed) else None


def _to_entropy(words: list[str]) -> bytes:
    try:
        return bytes(_mnemonic().to_entropy(words))
    except ValueError:
        message = f"these {WORDS} words do not fit together: one is another word of the list, or two are swapped"
        hint = "compare them with the card, one by one"
        raise WrongAccount(message, hints=(hint,), code="words") from None


def _wrong_words(count: int, unknown: list[tuple[int, str]]) -> WrongAccount:
    lines = [] if count == WORDS else [f"an account has {WORDS} words; here are {count:,}"]
    hints: list[str] = []
    for number, word in unknown:
        lines.append(f"word {number} is not one of the 2,048 words: {_shown(word)}")
        if near := nearest(word):
            hints.append(f"nearest to word {number}: {', '.join(near)}")
    return WrongAccount("\n".join(lines), hints=tuple(hints), code="words")


def _shown(word: str) -> str:
    cut = word if len(word) <= _SHOWN_LETTERS else word[:_SHOWN_LETTERS] + "..."
    return cut if cut.isprintable() else ascii(cut)
