from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakup.account.words import from_words, new_entropy, to_words
from bakup.errors import WrongAccount

WORDS = (
    "legal winner thank year wave sausage worth useful legal winner thank year "
    "wave sausage worth useful legal winner thank year wave sausage worth title"
)
ENTROPY = b"\x7f" * 32
CARD = """
   1 legal       7 worth      13 wave       19 thank
   2 winner      8 useful     14 sausage    20 year
   3 thank       9 legal      15 worth      21 wave
   4 year       10 winner     16 useful     22 sausage
   5 wave       11 thank      17 legal      23 worth
   6 sausage    12 year       18 winner     24 title
"""


def test_legal_winner() -> None:
    assert to_words(ENTROPY) == tuple(WORDS.split())
    assert from_words(WORDS) == ENTROPY


@given(st.binary(min_size=32, max_size=32))
@settings(deadline=None)
def test_any_entropy_comes_back(entropy: bytes) -> None:
    words = to_words(entropy)
    assert len(words) == 24
    assert from_words(" ".join(words)) == entropy
    assert from_words("\n".join(word[:4].upper() for word in words)) == entropy


@pytest.mark.parametrize(
    "text",
    [
        WORDS.upper(),
        WORDS.replace(" ", "\n"),
        f"\ufeff\t {WORDS}\r\n\r\n".lstrip("\ufeff"),
        WORDS.replace(" ", ", "),
        WORDS.replace(" ", "\u00a0"),
        "# account 7c41-9e02-b3aa\n" + WORDS + "\n  # keep it elsewhere\n",
        " ".join(f"{n} {word}" for n, word in enumerate(WORDS.split(), 1)),
        "\n".join(f"{n:2}. {word}" for n, word in enumerate(WORDS.split(), 1)),
        " ".join(f"{n}){word}" for n, word in enumerate(WORDS.split(), 1)),
        " ".join(f"{n:02}{word.title()}" for n, word in enumerate(WORDS.split(), 1)),
        CARD,
    ],
)
def test_words_are_taken_as_people_type_them(text: str) -> None:
    assert from_words(text) == ENTROPY


def test_new_entropy_is_new() -> None:
    assert len(new_entropy()) == 32
    assert new_entropy() != new_entropy()


@pytest.mark.parametrize("length", [16, 31, 33])
def test_entropy_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        to_words(bytes(length))


def problem(text: str) -> WrongAccount:
    with pytest.raises(WrongAccount) as caught:
        from_words(text)
    assert caught.value.exit_code == 12
    assert caught.value.code == "words"
    return caught.value


def test_a_wrong_word_is_named_with_its_nearest() -> None:
    error = problem(WORDS.replace("worth", "wirth", 1))
    assert error.message == "word 7 is not one of the 2,048 words: wirth"
    assert len(error.hints) == 1
    assert error.hints[0].startswith("nearest to word 7: ")
    assert "worth" in error.hints[0]


def test_a_wrong_word_of_a_card_has_the_card_s_number() -> None:
    assert "word 14 is not one of" in problem(CARD.replace("14 sausage", "14 sosage")).message


@pytest.mark.parametrize("wrong", ["legalx", "le", "legall", "lega1"])
def test_near_is_not_equal(wrong: str) -> None:
    assert "word 1 is not one of" in problem(WORDS.replace("legal", wrong, 1)).message


def test_several_wrong_words_are_all_named() -> None:
    lines = problem(WORDS.replace("worth", "wirth")).message.splitlines()
    assert [line.split()[1] for line in lines] == ["7", "15", "23"]


@pytest.mark.parametrize(
    ("text", "count"),
    [("", "0"), (" \n", "0"), (WORDS.rsplit(" ", 1)[0], "23"), (WORDS + " wave", "25"), (WORDS[:70], "12")],
)
def test_a_wrong_count_is_said(text: str, count: str) -> None:
    assert problem(text).message.splitlines()[0] == f"an account has 24 words; here are {count}"


def test_a_wrong_count_names_what_is_no_word() -> None:
    error = problem(WORDS.replace("winner thank", "winnerthank", 1))
    assert error.message.splitlines() == [
        "an account has 24 words; here are 23",
        "word 2 is not one of the 2,048 words: winnerthank",
    ]


def test_what_is_no_list_of_words_gives_a_short_answer() -> None:
    error = problem("xyzzyxyzzy\u202e\x07 " * 1000 + "x" * 100_000)
    assert len(error.message.splitlines()) == 6
    assert len(error.message) < 600
    assert all(line.isprintable() for line in error.message.splitlines())


def test_a_wrong_checksum_is_said_without_the_words() -> None:
    error = problem(WORDS.replace("title", "wave"))
    assert "do not fit together" in error.message
    assert not any(word in error.message.split() for word in ("legal", "winner", "sausage", "wave"))


def test_swapped_words_are_seen() -> None:
    first, second, *rest = WORDS.split()
    assert "two are swapped" in problem(" ".join([second, first, *rest])).message


@pytest.mark.parametrize("old_new", [("24 title", "23 title"), ("24 title", "title"), ("1 legal", "0 legal")])
def test_numbers_that_do_not_count_to_24_are_refused(old_new: tuple[str, str]) -> None:
    assert "not 1 to 24" in problem(CARD.replace(*old_new)).message


@given(st.text(max_size=300))
@settings(deadline=None)
def test_any_text_is_answered(text: str) -> None:
    problem(text)
