"""What only the user can decide or show; the command line implements it.

Without a terminal each method raises `Usage` with the option that answers it.
"""

from __future__ import annotations

from typing import Protocol

from bakup.api.reports import AccountCard


class Ask(Protocol):
    """Questions of a flow to the user."""

    def new_account(self, card: AccountCard) -> None:
        """Show the card of a new account and have two words typed back; raises to leave nothing behind."""

    def use_folder(self, target: str, files: int) -> bool:
        """Whether a folder that holds other files and no sectors shall be a target."""

    def allow_empty(self, said: str) -> bool:
        """Whether a check point shall say that all of a source is gone; False without a terminal."""

    def passphrase(self, account: str) -> str:
        """The passphrase of the account's key file."""

    def given_passphrase(self) -> str | None:
        """The passphrase that a new account's key file is to have, if the user gave one beforehand."""
