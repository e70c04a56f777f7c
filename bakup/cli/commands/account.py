"""`bakup account`: the account of this computer and its 24 words."""

from __future__ import annotations

import base64
import os
import sys
from functools import cache
from typing import TYPE_CHECKING, Annotated

from bakup.cli.command import command
from bakup.cli.output import card as cards
from bakup.cli.output import names
from bakup.cli.output.log import os_reason
from bakup.cli.output.rows import Rows
from bakup.cli.output.style import bold
from bakup.cli.parsing import places
from bakup.cli.parsing.options import argument, option
from bakup.cli.running import Run
from bakup.errors import Failed, Usage

if TYPE_CHECKING:
    from bakup.api.reports import AccountCard
    from bakup.flows.account import Draft

_WORDS = "Words"
_WHERE = "Where its key is kept"
_KEPT = {
    "none": "in its file, readable by this user alone",
    "passphrase": "in its file, under a passphrase",
    "keyring": "in the keyring of this system",
}

_CARD = "give a new file: bakup account new --words-file card.txt"
_BARE = "has no passphrase"

Keyring = Annotated[bool, option("--keyring", help="in the keyring of this system, not in a file", group=_WHERE)]

GROUPS = {
    "account": (
        "make, show, recover by 24 words, set a passphrase",
        "The account of this computer: one key to read backups, one to sign them. Both\n"
        "come from 24 words; an account is never replaced by another.",
    )
}

NEW_TEXT = """
Make an account and show its 24 words, which are the key to every backup made
with it; with DST the card names the target too. The first sync does the same.

It never replaces an account, and writes the words nowhere but on the terminal
or into --words-file.
"""
SHOW_TEXT = """
Say which account this is: its id, the fingerprints of its public keys, how
its secret is kept; with --keys the public keys themselves.

It never shows a secret.
"""
WORDS_TEXT = """
Show the card with the 24 words again, or write it into --words-file.

The words go to standard output for --words-file - alone, and nowhere else.
It never replaces a file.
"""
RECOVER_TEXT = """
Bring an account back from its 24 words; four letters a word are enough. They
are asked for, or read from --words-file.

It never replaces an account. Other accounts go into folders of their own:
BAKUP_HOME=DIR bakup account recover
"""
PROTECT_TEXT = """
Set, change or remove the passphrase of the account's file on this computer.
With --keyring its key goes into the keyring of this system instead; a
passphrase, or none, takes it out again.

It never changes the 24 words: they open every backup without a passphrase.
"""


@command(
    "account new",
    short="make an account and show its 24 words",
    text=NEW_TEXT,
    examples=("bakup account new /mnt/usb/backup", "bakup account new --words-file card.txt"),
)
def new(
    run: Run,
    dst: Annotated[str | None, argument("[DST]")] = None,
    *,
    words_file: Annotated[
        str | None,
        option("--words-file", metavar="FILE", help="a new file for the card (mode 0600)", group=_WORDS),
    ] = None,
    keyring: Keyring = False,
) -> int:
    """Make an account."""
    from bakup.flows import account as flow

    home = run.account_home()
    _refuse_both(run, keyring)
    if words_file == "-":
        raise Usage("--words-file - has no file to keep the words in", hints=(_CARD,), code="usage")
    _refuse_second(home)
    draft = flow.draft(None if dst is None else places.target(dst))
    if words_file is None:
        run.ask.new_account(draft.card)
        flow.keep(home, draft, run.ask.given_passphrase(), keyring=keyring)
    else:
        _keep_with_file(run, home, draft, words_file, keyring)
    return run.finish({"account": draft.card.account, "words_file": words_file}, 0)


@command(
    "account show",
    short="its id and public keys, how it is kept",
    text=SHOW_TEXT,
    examples=("bakup account show",),
)
def show(
    run: Run,
    *,
    keys: Annotated[bool, option("--keys", help="the public keys whole, in Base64", group="What is shown")] = False,
) -> int:
    """Show what is public."""
    from bakup.flows import account as flow

    home = run.account_home()
    account, public = flow.show(home)
    signing, sealing = (base64.b64encode(key).decode() for key in (public.signing, public.kem))
    ids = {"signing_key_id": public.signer_id.hex(), "sealing_key_id": public.recipient_id.hex()}
    rows = Rows()
    rows.text("account", bold(account))
    rows.text("signing key", f"ed25519 and ml-dsa-65 {signing}" if keys else ids["signing_key_id"])
    rows.text("sealing key", f"x-wing {sealing}" if keys else ids["sealing_key_id"])
    rows.text("kept", _KEPT[kept := flow.kept(home)])
    run.console.product(*rows.lines())
    facts = {"signing_key_b64": signing, "sealing_key_b64": sealing, **ids, "protection": kept}
    return run.finish({"account": account, **facts}, 0)


@command(
    "account words",
    short="the card with its 24 words again",
    text=WORDS_TEXT,
    examples=("bakup account words", "bakup account words --words-file card.txt"),
)
def words(
    run: Run,
    *,
    words_file: Annotated[
        str | None,
        option(
            "--words-file", metavar="FILE", help="a new file for the card (mode 0600; -: standard output)", group=_WORDS
        ),
    ] = None,
) -> int:
    """Show the words again."""
    from bakup.flows import account as flow

    if words_file is None and not run.console.interactive:
        raise Usage("no terminal to show the words on", hints=("bakup account words --words-file FILE",), code="usage")
    card = flow.words(run.account_home(), run.ask.passphrase)
    if words_file is None:
        cards.show(run.console, card)
    elif words_file == "-":
        run.console.product(*flow.words_lines(card.words, cards.text(card)))
    else:
        _write(card, words_file)
        run.console.report(f"the words of account {card.account} are in {names.shown_text(words_file)}")
    return run.finish({"account": card.account, "words_file": words_file}, 0)


@command(
    "account recover",
    short="bring an account back by its 24 words",
    text=RECOVER_TEXT,
    examples=("bakup account recover", "bakup account recover --words-file card.txt"),
)
def recover(
    run: Run,
    *,
    words_file: Annotated[
        str | None,
        option("--words-file", metavar="FILE", help="read them from FILE (-: standard input)", group=_WORDS),
    ] = None,
    keyring: Keyring = False,
) -> int:
    """Bring an account back."""
    from bakup.flows import account as flow

    _refuse_both(run, keyring)
    if words_file is None:
        flow.expect_none(run.account_home())
    typed = _ask_for_words(run) if words_file is None else _read_words(words_file)
    account = flow.recover(run.account_home(), typed, run.ask.given_passphrase(), keyring=keyring)
    run.console.report(f"account {account} is here again")
    return run.finish({"account": account}, 0)


@command(
    "account passphrase",
    short="set, change or remove a passphrase",
    text=PROTECT_TEXT,
    examples=("bakup account passphrase", "bakup account passphrase --keyring"),
)
def passphrase(run: Run, *, keyring: Keyring = False) -> int:
    """Set, change or remove the passphrase, or use the keyring."""
    from bakup.flows import account as flow

    home = run.account_home()
    account, _ = flow.show(home)
    old = cache(run.ask.passphrase)
    flow.unlock(home, old)  # asked for, and right, before a new one is thought up
    chosen = "" if keyring else _new_passphrase(run)
    flow.change_passphrase(home, old, chosen or None, keyring=keyring)
    done = "is in the keyring of this system" if keyring else "is under the new passphrase" if chosen else _BARE
    run.console.report(f"account {account} {done}")
    return run.finish({"account": account, "passphrase": bool(chosen), "keyring": keyring}, 0)


def _refuse_second(home: str) -> None:
    """Before anybody writes words on paper."""
    from bakup.flows import account as flow

    if flow.has_account(home):
        account, _ = flow.show(home)
        hints = ("a second one needs a folder of its own: BAKUP_HOME=DIR bakup account new",)
        raise Failed(f"account {account} is here already; it is never replaced", hints=hints, code="account-exists")


def _refuse_both(run: Run, keyring: bool) -> None:
    if keyring and run.everywhere.passphrase_command is not None:
        raise Usage("--keyring needs no passphrase; leave out --passphrase-command", code="usage")


def _keep_with_file(run: Run, home: str, draft: Draft, words_file: str, keyring: bool) -> None:
    """The words are safe before the account is kept; a failure leaves neither."""
    from bakup.flows import account as flow

    given = run.ask.given_passphrase()
    _write(draft.card, words_file)
    try:
        flow.keep(home, draft, given, keyring=keyring)
    except BaseException:
        os.unlink(words_file)
        raise
    run.console.report(f"made account {draft.card.account}; its words are in {names.shown_text(words_file)}")
    run.console.advice("print that file, keep it elsewhere, and delete it here")


def _write(card: AccountCard, words_file: str) -> None:
    from bakup.flows import account as flow

    flow.write_words(words_file, card.words, cards.text(card))


def _ask_for_words(run: Run) -> str:
    """Asks until 24 words, or an empty line, are typed. Raises Usage without a terminal."""
    if not run.console.interactive:
        hints = ("bakup account recover --words-file FILE (-: standard input)",)
        raise Usage("no terminal to ask for the 24 words on", hints=hints, code="usage")
    from bakup.cli.recovering import ask_for_words

    return ask_for_words(run.console)


def _read_words(words_file: str) -> str:
    if words_file == "-":
        return sys.stdin.read()
    try:
        with open(words_file, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError as error:
        named = names.shown_text(words_file)
        raise Failed(f"cannot read {named}: {os_reason(error)}", code="words-file") from None


def _new_passphrase(run: Run) -> str:
    """Asks twice; an empty one removes it. Raises Usage when they differ."""
    first = run.ask.hidden("new passphrase (empty: none): ")
    if first != run.ask.hidden("the same again: "):
        raise Usage("these two are not the same; nothing was changed", code="passphrase")
    return first
