"""The card: on the alternate screen, two words typed back, nothing left behind."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from typing import Any

import blocks
import pytest

from bakup.api.reports import AccountCard
from bakup.cli.output import card
from bakup.flows import account
from bakup.store.credentials import also_needed

CARD = AccountCard("7c41-9e02-b3aa", tuple(blocks.WORDS.split()), "/mnt/usb/backup", also_needed("/mnt/usb/backup"))


PROGRAM = f"""
import sys
from bakup.cli.parsing.options import Everywhere
from bakup.cli.running import Run, guarded
from bakup.api.reports import AccountCard
from bakup.store.credentials import also_needed
run = Run("sync", Everywhere(bytes=False))
card = AccountCard("7c41-9e02-b3aa", tuple({blocks.WORDS!r}.split()), "/mnt/usb/backup", also_needed("/mnt/usb/backup"))
def work():
    print("before")
    run.ask.new_account(card)
    return 0
sys.exit(guarded(run, work))
"""
ARGUMENTS = [sys.executable, "-c", PROGRAM]


def answers(lines: list[str]) -> list[str]:
    """The words that the card asks for so far."""
    asked = [int(number) for line in lines for number in re.findall(r"word (\d+): $", line + " ")]
    return [CARD.words[number - 1] for number in asked]


def test_the_card_to_the_letter(terminal: Callable[..., Any]) -> None:
    at = terminal(ARGUMENTS)
    lines = at.until("Written down?")
    assert "\n".join(lines[:-1]) + "\n" == blocks.CARD
    assert re.fullmatch(r"Written down\? Type word \d+:", lines[-1])


def test_two_words_typed_back_make_the_account(terminal: Callable[..., Any]) -> None:
    at = terminal(ARGUMENTS)
    first = at.until("Type word")[-1]
    at.type(answers([first])[0] + "\n")
    second = at.until("and word")[-1]
    assert second.startswith("              and word ")
    at.type(answers([second])[0][:4].upper() + "\n")
    assert at.finish() == 0
    assert b"\x1b[?1049h" in at.written
    after = at.written.split(b"\x1b[?1049l")[-1].decode()
    assert after == ("made account 7c41-9e02-b3aa; to see its words again: bakup account words\r\n")


def test_another_word_is_asked_for_again(terminal: Callable[..., Any]) -> None:
    at = terminal(ARGUMENTS)
    at.until("Type word")
    at.type("zebra\n")
    lines = at.until("That is another word; look at the card.")
    assert not any("and word" in line for line in lines)


def test_ctrl_c_leaves_nothing_behind(terminal: Callable[..., Any]) -> None:
    at = terminal(ARGUMENTS)
    at.until("Type word")
    at.type("\x03")
    assert at.finish() == 130
    after = re.sub(r"\x1b\[\d+m", "", at.written.split(b"\x1b[?1049l")[-1].decode())
    assert "error: interrupted; no account was made, nothing was stored" in after
    assert not any(word in after for word in ("legal", "sausage"))


def test_a_card_without_a_target_leaves_the_row_out() -> None:
    assert "target" not in card.face(AccountCard("7c41-9e02-b3aa", CARD.words))


def test_the_words_stand_in_no_representation() -> None:
    assert "sausage" not in repr(CARD)
    assert "sausage" not in card.text(CARD)


@pytest.mark.parametrize(
    ("target", "place", "needed"),
    [
        ("backup", os.path.abspath("backup"), "nothing: the drive and these words"),
        ("file:///mnt/usb", "/mnt/usb", "nothing: the drive and these words"),
        ("s3://bucket/photos", "s3://bucket/photos", "an access key for this bucket"),
        ("gs://bucket", "gs://bucket", "a Google login"),
        ("abfs://box@name.dfs.core.windows.net", "abfs://box@name.dfs.core.windows.net", "the storage account's name"),
        ("sftp://host/backup", "sftp://host/backup", "a login at this host: user, and SSH key"),
        ("webdav://host/backup", "webdav://host/backup", "a login at this server"),
        ("dmc://node/1", "dmc://node/1", "what opens this store"),
    ],
)
def test_what_is_needed_besides_the_words(target: str, place: str, needed: str) -> None:
    face = card.face(account.draft(target).card).splitlines()
    assert f"   target       {place}" in face
    (line,) = [line for line in face if line.startswith("   also needed  ")]
    assert line.removeprefix("   also needed  ").startswith(needed)
    assert len(line) <= 72


def test_a_card_without_a_target_says_nothing_of_one() -> None:
    face = card.face(account.draft().card)
    assert "target" not in face
    assert "needed" not in face
