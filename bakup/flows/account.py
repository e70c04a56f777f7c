"""Make, recover, show and protect the account of this computer (`bakup account ...`)."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from bakup.account import keyfile, private
from bakup.account import words as bip39
from bakup.account.keyfile import AskPassphrase, Protection
from bakup.account.keys import Account, PublicKeys
from bakup.api.reports import AccountCard
from bakup.errors import Failed
from bakup.store.credentials import also_needed
from bakup.store.opening import is_url, local_path


@dataclass(frozen=True, slots=True)
class Draft:
    """A new account that is written nowhere yet."""

    entropy: bytes = field(repr=False)
    card: AccountCard


def draft(target: str | None = None) -> Draft:
    """A new random account with its card, for the backups at `target`; nothing is written."""
    entropy = bip39.new_entropy()
    return Draft(entropy, _card(entropy, target))


def has_account(home: str) -> bool:
    """Whether there is an account in `home`."""
    return keyfile.exists(home)


def keep(home: str, draft: Draft, passphrase: str | None = None, *, keyring: bool = False) -> None:
    """Write a drafted account into `home`, its words being safe. Raises as `keyfile.save`."""
    keyfile.save(home, draft.entropy, passphrase, keyring=keyring)


def expect_none(home: str) -> None:
    """Raises Failed when there is an account already: before anybody types 24 words."""
    keyfile.expect_none(home)


def recover(home: str, words_text: str, passphrase: str | None = None, *, keyring: bool = False) -> str:
    """Bring an account back into `home` from its 24 words; gives its id.

    Raises WrongAccount when the words are wrong, Failed when there is an account already.
    """
    return keyfile.save(home, bip39.from_words(words_text), passphrase, keyring=keyring).account_id


def words_in(text: str) -> list[str]:
    """The words of `text` in their order, right or wrong. Raises WrongAccount for numbers that do not count to 24."""
    return bip39.words_in(text)


def is_a_word(typed: str) -> bool:
    """Whether this is a word of the list, or enough of one."""
    return bip39.is_a_word(typed)


def nearest_words(typed: str) -> list[str]:
    """Words of the list that are like this."""
    return bip39.nearest(typed)


def show(home: str) -> tuple[str, PublicKeys]:
    """The id and the public keys of the account in `home`. Raises Usage when there is none."""
    public = keyfile.load_public(home)
    return public.account_id, public


def words(home: str, passphrase: AskPassphrase) -> AccountCard:
    """The card of the account in `home` again. Raises as `keyfile.load`."""
    return _card(keyfile.load_entropy(home, passphrase))


def kept(home: str) -> Protection:
    """How the secret of the account in `home` is kept. Raises Usage when there is none."""
    return keyfile.protection(home)


def unlock(home: str, passphrase: AskPassphrase) -> None:
    """See that the account in `home` opens. Raises as `keyfile.load`."""
    keyfile.load_entropy(home, passphrase)


def change_passphrase(home: str, old: AskPassphrase, new: str | None, *, keyring: bool = False) -> None:
    """Set, change or (None) remove the account's passphrase, or use the keyring. Raises as `keyfile.set_passphrase`."""
    keyfile.set_passphrase(home, old, new, keyring=keyring)


def words_lines(words: tuple[str, ...], card_text: str) -> list[str]:
    """Lines that `recover` takes: the words, and before them `card_text` in lines that begin with `#`."""
    notes = [f"# {line}".rstrip() for line in card_text.splitlines()]
    return [*notes, *(f"{number} {word}" for number, word in enumerate(words, 1))]


def write_words(file: str, words: tuple[str, ...], card_text: str) -> None:
    """Write the words to the new file `file`, mode 0600, after `card_text` in lines that begin with `#`.

    Raises Failed when there is such a file or it cannot be written.
    """
    try:
        private.create(file, "\n".join([*words_lines(words, card_text), ""]).encode())
    except FileExistsError:
        raise Failed(f"{file} is there already; nothing was written", code="exists") from None
    except OSError as error:
        raise Failed(f"cannot write {file}: {error.strerror}", code="words-file") from error


def _card(entropy: bytes, target: str | None = None) -> AccountCard:
    account = Account.from_entropy(entropy).public.account_id
    words = bip39.to_words(entropy)
    if target is None:
        return AccountCard(account, words)
    place = target if is_url(target) else os.path.abspath(local_path(target))
    return AccountCard(account, words, place, also_needed(target))
