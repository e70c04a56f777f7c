"""What only the user can decide (rule 10): asked on a terminal, elsewhere an error that names the option."""

from __future__ import annotations

import os
import shlex
import subprocess
from typing import TYPE_CHECKING

from bakup.cli.output import card as cards
from bakup.cli.output import numbers
from bakup.cli.output.console import Console
from bakup.cli.output.log import os_reason
from bakup.errors import Failed, Usage

if TYPE_CHECKING:
    from bakup.api.reports import AccountCard


class Questions:
    """A `bakup.api.ask.Ask`."""

    def __init__(self, console: Console, passphrase_command: str | None) -> None:
        self.console = console
        self.made: str | None = None
        self.gave_up = False
        self._command = passphrase_command

    def new_account(self, card: AccountCard) -> None:
        """Show the card of a new account and have two words typed back.

        Raises Usage without a terminal, KeyboardInterrupt when the user gives up.
        """
        if not self.console.interactive:
            raise Usage(
                "no account here, and no terminal to show its 24 words on",
                hints=("make one first: bakup account new --words-file FILE",),
                code="no-account",
            )
        try:
            cards.confirm(self.console, card)
        except KeyboardInterrupt:
            self.gave_up = True
            raise
        self.made = card.account
        self.console.report(f"made account {card.account}; to see its words again: bakup account words")

    def use_folder(self, target: str, files: int) -> bool:
        """Whether a folder that holds other files shall be a target. Raises Usage without a terminal."""
        others = numbers.count(files, "other file")
        if not self.console.interactive:
            raise Usage(
                f"{target} holds {others} and no sectors",
                hints=("to use it all the same, add --new-target",),
                code="target-not-empty",
            )
        return self._yes(f"{target} holds {others} and no sectors; use it? [y/N] ")

    def allow_empty(self, said: str) -> bool:
        """Whether a check point shall say that all of a source is gone; False without a terminal."""
        return self.console.interactive and self._yes(f"{said}; was all of it deleted on purpose? [y/N] ")

    def _yes(self, question: str) -> bool:
        try:
            answer = self.console.ask(question)
        except EOFError:
            return False
        return answer.strip().lower() in ("y", "yes")

    def passphrase(self, account: str) -> str:
        """The account's passphrase, from the command, else asked for. Raises Usage without a terminal."""
        given = self.given_passphrase()
        return self.hidden(f"passphrase of account {account}: ") if given is None else given

    def given_passphrase(self) -> str | None:
        """What `--passphrase-command` prints, None without that option. Raises Failed when it fails."""
        return None if self._command is None else _from_command(self._command)

    def hidden(self, question: str) -> str:
        """Something typed that is not shown. Raises Usage without a terminal."""
        if not self.console.interactive:
            raise Usage(
                "a passphrase is needed, and there is no terminal to ask on",
                hints=("--passphrase-command CMD",),
                code="passphrase",
            )
        import getpass

        self.console.wipe()
        try:
            return getpass.getpass(question, self.console.err)
        except EOFError:
            raise KeyboardInterrupt from None


def _from_command(command: str) -> str:
    try:
        arguments = shlex.split(command, posix=os.name == "posix")
        done = subprocess.run(arguments, stdout=subprocess.PIPE, check=True)
    except (OSError, ValueError, IndexError, subprocess.CalledProcessError) as error:
        raise Failed(f"the passphrase command failed: {_why(error)}", code="passphrase-command") from None
    return os.fsdecode(done.stdout).split("\n", 1)[0].rstrip("\r")


def _why(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        return f"exit {error.returncode}"
    return os_reason(error) if isinstance(error, OSError) else "it is no command"
