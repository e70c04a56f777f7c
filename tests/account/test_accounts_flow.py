from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from bakup.account.keys import Account
from bakup.account.words import to_words
from bakup.errors import Failed, Usage, WrongAccount
from bakup.flows import account as accounts


def never(account: str) -> str:
    raise AssertionError("asked for a passphrase")


def test_a_draft_is_written_nowhere_until_it_is_kept(tmp_path: Path) -> None:
    home = str(tmp_path / "home")
    draft = accounts.draft("/mnt/usb/backup")
    assert not accounts.has_account(home)
    assert list(tmp_path.iterdir()) == []
    accounts.keep(home, draft)
    assert accounts.has_account(home)
    account, public = accounts.show(home)
    assert account == draft.card.account == public.account_id
    assert public == Account.from_entropy(draft.entropy).public
    assert draft.card.target == "/mnt/usb/backup"
    assert accounts.words(home, never).words == draft.card.words


def test_drafts_show_no_secret() -> None:
    draft = accounts.draft()
    shown = f"{draft!r} {draft}"
    assert draft.card.account in shown
    assert repr(draft.entropy) not in shown
    assert draft.entropy.hex() not in shown
    assert not any(f"'{word}'" in shown for word in draft.card.words)
    assert accounts.draft().entropy != draft.entropy


def test_recover_brings_the_account_back(tmp_path: Path) -> None:
    draft = accounts.draft()
    home = str(tmp_path / "new laptop")
    assert accounts.recover(home, " ".join(draft.card.words)) == draft.card.account
    assert accounts.show(home)[0] == draft.card.account


def test_recover_and_keep_never_replace(tmp_path: Path) -> None:
    home = str(tmp_path)
    first, second = accounts.draft(), accounts.draft()
    accounts.keep(home, first)
    with pytest.raises(Failed, match="already"):
        accounts.keep(home, second)
    with pytest.raises(Failed, match="already"):
        accounts.recover(home, " ".join(second.card.words))
    assert accounts.show(home)[0] == first.card.account


def test_recover_with_wrong_words_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(WrongAccount):
        accounts.recover(str(tmp_path / "home"), "legal winner")
    assert list(tmp_path.iterdir()) == []


def test_passphrase_from_the_start_and_changed(tmp_path: Path) -> None:
    home = str(tmp_path)
    draft = accounts.draft()
    accounts.keep(home, draft, "one")
    assert accounts.show(home)[0] == draft.card.account
    accounts.change_passphrase(home, lambda _: "one", "two")
    with pytest.raises(WrongAccount):
        accounts.words(home, lambda _: "one")
    assert accounts.words(home, lambda _: "two").words == draft.card.words
    accounts.change_passphrase(home, lambda _: "two", None)
    assert accounts.words(home, never).words == draft.card.words


def test_show_without_an_account(tmp_path: Path) -> None:
    with pytest.raises(Usage):
        accounts.show(str(tmp_path))


def test_a_words_file_is_private_and_recovers(tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    words = to_words(bytes(range(32)))
    accounts.write_words(str(file), words, "account      7c41-9e02-b3aa\n\ntarget       /mnt/24 words/usb")
    lines = file.read_text().splitlines()
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    assert lines[:4] == [
        "# account      7c41-9e02-b3aa",
        "#",
        "# target       /mnt/24 words/usb",
        f"1 {words[0]}",
    ]
    account = accounts.recover(str(tmp_path / "home"), file.read_text())
    assert account == Account.from_entropy(bytes(range(32))).public.account_id


def test_a_words_file_is_never_written_over(tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    file.write_text("mine")
    with pytest.raises(Failed, match="already"):
        accounts.write_words(str(file), to_words(bytes(32)), "")
    assert file.read_text() == "mine"


def test_a_words_file_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="cannot write"):
        accounts.write_words(str(tmp_path / "no" / "words.txt"), to_words(bytes(32)), "")
