"""`bakup account`, on a real BAKUP_HOME."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bakup.cli import app

ID = r"[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BAKUP_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def bakup(arguments: list[str]) -> list[str]:
    return [sys.executable, "-m", "bakup", *arguments]


def words_in(file: Path) -> list[str]:
    return re.findall(r"^\d+ (\w+)$", file.read_text(), re.MULTILINE)


def test_new_into_a_file(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = tmp_path / "card.txt"
    assert app.run(["account", "new", "/mnt/usb/backup", "--words-file", str(card)]) == 0
    shown = capsys.readouterr()
    assert re.fullmatch(rf"made account {ID}; its words are in {re.escape(str(card))}\n", shown.out)
    assert shown.err == ""
    assert stat.S_IMODE(card.stat().st_mode) == 0o600
    assert len(words_in(card)) == 24
    assert "#    target       /mnt/usb/backup\n" in card.read_text()
    assert not any(word in shown.out.split() for word in words_in(card))


def test_new_never_replaces(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["account", "new", "--words-file", str(tmp_path / "one")]) == 0
    assert app.run(["account", "new", "--words-file", str(tmp_path / "two")]) == 1
    assert "is here already; it is never replaced" in capsys.readouterr().err
    assert not (tmp_path / "two").exists()


def test_a_words_file_that_is_there_is_kept(home: Path, tmp_path: Path) -> None:
    (tmp_path / "card").write_text("mine")
    assert app.run(["account", "new", "--words-file", str(tmp_path / "card")]) == 1
    assert (tmp_path / "card").read_text() == "mine"
    assert not (home / "account").exists()


def test_new_without_a_terminal(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["account", "new"]) == 2
    assert capsys.readouterr().err == (
        "error: no account here, and no terminal to show its 24 words on\n"
        "hint: make one first: bakup account new --words-file FILE\n"
    )
    assert not (home / "account").exists()


def test_show_and_words(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    app.run(["account", "new", "--words-file", str(tmp_path / "card")])
    capsys.readouterr()
    assert app.run(["account", "show"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(rf"account       {ID}", lines[0])
    assert re.fullmatch(r"signing key   [0-9a-f]{64}", lines[1])
    assert re.fullmatch(r"sealing key   [0-9a-f]{16}", lines[2])
    assert all(len(line) <= 80 for line in lines)
    assert app.run(["account", "show", "--keys"]) == 0
    keys = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"signing key   ed25519 and ml-dsa-65 [A-Za-z0-9+/=]{2648}", keys[1])
    assert re.fullmatch(r"sealing key   x-wing [A-Za-z0-9+/]{1622}==", keys[2])
    assert app.run(["account", "words"]) == 2
    assert capsys.readouterr().err.endswith("hint: bakup account words --words-file FILE\n")
    assert app.run(["account", "words", "--words-file", str(tmp_path / "again")]) == 0
    assert words_in(tmp_path / "again") == words_in(tmp_path / "card")


def test_a_second_account_is_refused_before_its_words_are_typed(
    home: Path, tmp_path: Path, terminal: Callable[..., Any]
) -> None:
    assert app.run(["account", "new", "--words-file", str(tmp_path / "card")]) == 0
    at = terminal([sys.executable, "-m", "bakup", "account", "recover"])
    assert at.finish() == 1
    assert at.lines[0].startswith("error: there is an account in")


def test_recover_from_a_file(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    app.run(["account", "new", "--words-file", str(tmp_path / "card")])
    [account] = re.findall(ID, capsys.readouterr().out)
    monkeypatch.setenv("BAKUP_HOME", str(tmp_path / "other"))
    assert app.run(["account", "recover", "--words-file", str(tmp_path / "card")]) == 0
    assert capsys.readouterr().out == f"account {account} is here again\n"
    assert app.run(["account", "recover", "--words-file", str(tmp_path / "none")]) == 1
    assert "no such file or directory" in capsys.readouterr().err


def test_recover_without_a_terminal(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["account", "recover"]) == 2
    assert "--words-file FILE (-: standard input)" in capsys.readouterr().err


def test_recover_asks(home: Path, tmp_path: Path, terminal: Callable[..., Any]) -> None:
    card = tmp_path / "card"
    app.run(["account", "new", "--words-file", str(card)])
    words = words_in(card)
    at = terminal(bakup(["account", "recover"]), BAKUP_HOME=str(tmp_path / "other"))
    at.until("The 24 words, on one line or several:\n>")
    at.type(" ".join(word[:4] for word in words[:14]) + "\n")
    at.until(f"{words[13][:4]}\n>")
    at.type(" ".join(words[14:]).upper() + "\n")
    assert at.finish() == 0
    assert re.fullmatch(rf"account {ID} is here again", at.lines[-1])
    assert words[0][:4] not in "\n".join(at.lines)


def test_a_wrong_word_is_asked_for_again_by_itself(home: Path, tmp_path: Path, terminal: Callable[..., Any]) -> None:
    card = tmp_path / "card"
    app.run(["account", "new", "--words-file", str(card)])
    words = words_in(card)
    line = f"{' '.join([words[0], 'qqqq', *words[2:]])}"
    shell = ["bash", "--norc", "-c", f"{' '.join(bakup(['account', 'recover']))}; cat"]
    at = terminal(shell, BAKUP_HOME=str(tmp_path / "other"))
    at.until("\n>")
    at.type(f"{line}\n")
    at.until("word 2 is not one of the 2,048 words: qqqq")
    at.type(f"{words[1]}\nrest of what was pasted\n")
    at.until("is here again")
    at.type("\x04")
    assert at.finish() == 0
    assert "pasted" not in "\n".join(at.lines)
    assert words[2] not in "\n".join(at.lines)


def test_words_to_standard_output_and_back(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert app.run(["account", "new", "--words-file", "-"]) == 2
    assert "hint: give a new file: bakup account new --words-file card.txt" in capsys.readouterr().err
    app.run(["account", "new", "--words-file", "card"])
    capsys.readouterr()
    assert app.run(["account", "words", "--words-file", "-"]) == 0
    assert capsys.readouterr().out == (tmp_path / "card").read_text()
    assert not (tmp_path / "-").exists()


@pytest.mark.parametrize(("columns", "rows"), [(80, 12), (40, 24), (60, 15)])
def test_a_card_on_a_small_terminal_has_all_words(
    columns: int, rows: int, home: Path, tmp_path: Path, terminal: Callable[..., Any]
) -> None:
    app.run(["account", "new", "--words-file", str(tmp_path / "card")])
    at = terminal(bakup(["account", "words"]), columns=columns, rows=rows, BAKUP_HOME=str(home))
    shown = "\n".join(at.until("Enter takes this card off"))
    for number, word in enumerate(words_in(tmp_path / "card"), 1):
        assert re.search(rf"\b{number} {word}\b", shown), shown
    at.type("\n")
    assert at.finish() == 0


def test_a_first_account_on_a_terminal(home: Path, terminal: Callable[..., Any]) -> None:
    at = terminal(bakup(["account", "new"]), BAKUP_HOME=str(home))
    shown = "\n".join(at.until("Type word"))
    words = {int(number): word for number, word in re.findall(r"(\d+) ([a-z]{3,8})\b", shown) if int(number) <= 24}
    [first] = re.findall(r"Type word (\d+):", shown)
    at.type(words[int(first)] + "\n")
    [second] = re.findall(r"and word (\d+):", "\n".join(at.until("and word")))
    at.type(words[int(second)] + "\n")
    assert at.finish() == 0
    assert (home / "account").exists()
    after = at.written.split(b"\x1b[?1049l")[-1].decode()
    assert re.fullmatch(
        rf"made account (\x1b\[1m)?{ID}(\x1b\[0m)?; to see its words again: bakup account words\r\n", after
    )


def test_words_again_on_a_terminal(home: Path, tmp_path: Path, terminal: Callable[..., Any]) -> None:
    app.run(["account", "new", "--words-file", str(tmp_path / "card")])
    at = terminal(bakup(["account", "words"]), BAKUP_HOME=str(home))
    shown = "\n".join(at.until("Enter takes this card off the screen:"))
    assert words_in(tmp_path / "card")[0] in shown
    at.type("\n")
    assert at.finish() == 0
    assert at.written.endswith(b"\x1b[?1049l")


def test_a_passphrase_set_used_and_removed(home: Path, tmp_path: Path, terminal: Callable[..., Any]) -> None:
    app.run(["account", "new", "--words-file", str(tmp_path / "card")])
    at = terminal(bakup(["account", "passphrase"]), BAKUP_HOME=str(home))
    at.until("new passphrase (empty: none):")
    at.type("two words\n")
    at.until("the same again:")
    at.type("two words\n")
    assert at.finish() == 0
    assert "is under the new passphrase" in at.lines[-1]
    ask = ["account", "words", "--words-file", str(tmp_path / "again")]
    assert app.run(ask) == 2
    assert app.run([*ask, "--passphrase-command", "echo wrong"]) == 12
    assert app.run([*ask, "--passphrase-command", "echo two words"]) == 0
    at = terminal(bakup(["account", "passphrase"]), BAKUP_HOME=str(home))
    at.until("passphrase of account")
    at.type("two words\n")
    at.until("new passphrase")
    at.type("\n")
    at.until("the same again:")
    at.type("\n")
    assert at.finish() == 0
    assert "has no passphrase" in at.lines[-1]
    assert app.run([*ask[:-1], str(tmp_path / "third")]) == 0


def test_no_secret_in_the_log(home: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    app.run(["account", "new", "--words-file", str(tmp_path / "card"), "--log-file", str(log)])
    app.run(["account", "words", "--words-file", str(tmp_path / "again"), "--log-file", str(log), "-vv"])
    written = set(re.findall(r"[a-z]{3,8}", log.read_text()))
    assert written
    assert len(written & set(words_in(tmp_path / "card"))) < 3
    assert os.stat(log).st_mode & 0o777 == 0o600
