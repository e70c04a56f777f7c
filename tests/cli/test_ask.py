"""Questions: asked on a terminal, elsewhere an error that names the option."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from bakup.api.reports import AccountCard
from bakup.cli.ask import Questions
from bakup.cli.output.console import Console
from bakup.errors import Failed, Usage

CARD = AccountCard("7c41-9e02-b3aa", ("legal",) * 24)


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Questions:
    return Questions(Console(), None)


def test_no_terminal_to_show_words_on(ask: Questions) -> None:
    with pytest.raises(Usage, match="no account here, and no terminal to show its 24 words on") as raised:
        ask.new_account(CARD)
    assert raised.value.hints == ("make one first: bakup account new --words-file FILE",)


def test_no_terminal_to_ask_about_a_folder(ask: Questions) -> None:
    with pytest.raises(Usage, match="/mnt/x holds 12 other files and no sectors") as raised:
        ask.use_folder("/mnt/x", 12)
    assert "--new-target" in raised.value.hints[0]


def test_no_terminal_to_ask_for_a_passphrase(ask: Questions) -> None:
    with pytest.raises(Usage) as raised:
        ask.passphrase("7c41-9e02-b3aa")
    assert raised.value.hints == ("--passphrase-command CMD",)


def test_a_passphrase_from_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    command = f"{sys.executable} -c \"print('two words'); print('not this')\""
    assert Questions(Console(), command).passphrase("x") == "two words"


@pytest.mark.parametrize(
    ("command", "reason"),
    [("false", "exit 1"), ("/no/such/program", "no such file"), ("", "it is no command"), ("'", "it is no command")],
)
def test_a_passphrase_command_that_fails(command: str, reason: str) -> None:
    with pytest.raises(Failed, match=rf"the passphrase command failed: .*{reason}"):
        Questions(Console(), command).passphrase("x")


ASKING = """
from bakup.cli.ask import Questions
from bakup.cli.output.console import Console
print(Questions(Console(), None).{call})
"""


@pytest.mark.parametrize(("answer", "used"), [("y\n", "True"), ("\n", "False"), ("no\n", "False"), ("\x04", "False")])
def test_a_folder_with_other_files_is_asked_about(terminal: Callable[..., Any], answer: str, used: str) -> None:
    at = terminal([sys.executable, "-c", ASKING.format(call="use_folder('/mnt/x', 12)")])
    at.until("/mnt/x holds 12 other files and no sectors; use it? [y/N]")
    at.type(answer)
    assert at.finish() == 0
    assert at.lines[-1] == used


def test_a_passphrase_is_not_shown(terminal: Callable[..., Any]) -> None:
    at = terminal([sys.executable, "-c", ASKING.format(call="passphrase('7c41-9e02-b3aa') == 'secret'")])
    at.until("passphrase of account 7c41-9e02-b3aa:")
    at.type("secret\n")
    assert at.finish() == 0
    assert at.lines[-1] == "True"
    assert b"secret" not in at.written
