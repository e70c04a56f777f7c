"""The account's key in the keyring of the system: a file's backend here, the Secret Service as a peer."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import keyring
import pytest
from keyring.backends.fail import Keyring as NoKeyring
from keyring.backends.null import Keyring as Forgetful
from keyrings.alt.file import PlaintextKeyring

from bakup.account import keyfile, ring
from bakup.account.keys import Account
from bakup.cli import app
from bakup.errors import Damaged, Failed

ENTROPY = bytes(range(1, 33))
PUBLIC = Account.from_entropy(ENTROPY).public
HIDDEN = (ENTROPY, ENTROPY.hex().encode())


def never(account: str) -> str:
    raise AssertionError("asked for a passphrase")


def horse(account: str) -> str:
    return "correct horse"


@pytest.fixture
def names(tmp_path: Path) -> Callable[[], list[str]]:
    """A keyring in a file is the system's; gives the names in it."""
    before, backend = keyring.get_keyring(), PlaintextKeyring()
    backend.file_path = str(tmp_path / "keyring")
    keyring.set_keyring(backend)
    yield lambda: _names(tmp_path / "keyring")
    keyring.set_keyring(before)


def _names(file: Path) -> list[str]:
    lines = file.read_text().splitlines() if file.exists() else []
    return [line.partition(" = ")[0] for line in lines if "account_20" in line]


@pytest.fixture
def home(tmp_path: Path) -> str:
    return str(tmp_path / "home")


def content(home: str) -> bytes:
    return (Path(home) / keyfile.NAME).read_bytes()


def test_the_key_is_in_the_keyring_and_not_in_the_file(home: str, names: Callable[[], list[str]]) -> None:
    assert keyfile.save(home, ENTROPY, keyring=True) == PUBLIC
    assert keyfile.load_entropy(home, never) == ENTROPY
    assert keyfile.load(home, never).public == keyfile.load_public(home) == PUBLIC
    assert (keyfile.protection(home), keyfile.has_passphrase(home)) == ("keyring", False)
    assert not any(secret in content(home) for secret in HIDDEN)
    assert len(names()) == 1


def test_in_and_out_of_it(home: str, names: Callable[[], list[str]]) -> None:
    keyfile.save(home, ENTROPY, "correct horse")
    keyfile.set_passphrase(home, horse, None, keyring=True)
    assert (keyfile.protection(home), len(names())) == ("keyring", 1)
    keyfile.set_passphrase(home, never, None, keyring=True)
    assert (keyfile.load_entropy(home, never), len(names())) == (ENTROPY, 1)
    keyfile.set_passphrase(home, never, "correct horse")
    assert (keyfile.protection(home), names()) == ("passphrase", [])
    keyfile.set_passphrase(home, horse, None)
    assert keyfile.protection(home) == "none"


def test_two_homes_of_one_account_do_not_share_a_name(tmp_path: Path, names: Callable[[], list[str]]) -> None:
    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    for home in (one, two):
        keyfile.save(home, ENTROPY, keyring=True)
    keyfile.set_passphrase(one, never, None)
    assert (keyfile.load_entropy(two, never), len(names())) == (ENTROPY, 1)


def test_a_second_account_leaves_nothing_in_it(home: str, names: Callable[[], list[str]]) -> None:
    keyfile.save(home, ENTROPY)
    with pytest.raises(Failed, match="there is an account"):
        keyfile.save(home, bytes(32), keyring=True)
    assert names() == []


@pytest.mark.usefixtures("names")
def test_another_secret_under_its_name(home: str) -> None:
    keyfile.save(home, ENTROPY, keyring=True)
    (name,) = [word for word in content(home).decode().split('"') if word.startswith(f"account {PUBLIC.account_id} ")]
    for other in (bytes(32).hex(), "ff", "no hexadecimal"):
        keyring.set_password(ring.SERVICE, name, other)
        with pytest.raises(Damaged):
            keyfile.load(home, never)
    keyring.delete_password(ring.SERVICE, name)
    with pytest.raises(Failed, match=f"the keyring of this system has no key of account {PUBLIC.account_id}") as raised:
        keyfile.load(home, never)
    assert "bakup account recover" in raised.value.hints[0]


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize(("backend", "said"), [(NoKeyring, "cannot be used"), (Forgetful, "keeps nothing")])
def test_no_keyring_at_all(home: str, backend: type[NoKeyring], said: str) -> None:
    keyring.set_keyring(backend())
    with pytest.raises(Failed, match=f"the keyring of this system {said}"):
        keyfile.save(home, ENTROPY, keyring=True)
    assert not keyfile.exists(home)


@pytest.mark.usefixtures("names")
def test_a_keyring_that_went_away(home: str) -> None:
    keyfile.save(home, ENTROPY, keyring=True)
    keyring.set_keyring(NoKeyring())
    with pytest.raises(Failed, match="the keyring of this system cannot be used: no recommended backend") as raised:
        keyfile.load(home, never)
    assert keyfile.load_public(home) == PUBLIC
    assert not any(secret.decode("latin-1") in str(raised.value) for secret in HIDDEN)


def test_without_the_package(home: str) -> None:
    program = (
        "import sys; sys.modules['keyring'] = None\n"
        f"from bakup.account import keyfile; keyfile.save({home!r}, bytes(32), keyring=True)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "the keyring needs a package that is not installed" in done.stderr.splitlines()[-1]


SESSION = """
set -e
printf 'a password' | gnome-keyring-daemon --unlock --components=secrets
bakup account new --keyring --words-file words -q
bakup account show | grep kept
mkdir photos
echo sea > photos/sea
bakup sync photos drive -q
bakup restore drive out -q
cmp photos/sea out/sea
"""


@pytest.mark.peer
def test_the_secret_service(tmp_path: Path) -> None:
    """A session bus with GNOME's keyring, as on a desktop; then no session, as in cron."""
    settings = {"HOME": str(tmp_path), "BAKUP_HOME": str(tmp_path / "home"), "LANG": "C.UTF-8"}
    settings["PYTHON_KEYRING_BACKEND"] = "keyring.backends.SecretService.Keyring"
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    call = {"cwd": tmp_path, "env": {**settings, "PATH": path}, "capture_output": True, "text": True, "timeout": 60}
    done = subprocess.run(["dbus-run-session", "--", "bash", "-c", SESSION], check=False, **call)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stdout + done.stderr
    assert "in the keyring of this system" in done.stdout
    assert not any(secret in (tmp_path / "home" / "account").read_bytes() for secret in HIDDEN)
    done = subprocess.run(["bakup", "restore", "drive", "again"], check=False, **call)  # type: ignore[call-overload]
    assert done.returncode == 1, done.stdout + done.stderr
    assert "error: the keyring of this system cannot be used" in done.stderr


@pytest.mark.usefixtures("names")
def test_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("BAKUP_HOME", str(tmp_path / "home"))
    card = str(tmp_path / "card")
    assert app.run(["account", "new", "--words-file", card, "--keyring", "--passphrase-command", "echo x"]) == 2
    assert "leave out --passphrase-command" in capsys.readouterr().err
    assert app.run(["account", "new", "--words-file", card]) == 0
    assert app.run(["account", "passphrase", "--keyring"]) == 0
    assert re.search(r"^account .* is in the keyring of this system$", capsys.readouterr().out, re.MULTILINE)
    os.unlink(tmp_path / "home" / "account")
    assert app.run(["account", "recover", "--words-file", card, "--keyring"]) == 0
    assert app.run(["account", "show", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["protection"] == "keyring"
    assert app.run(["account", "words", "--words-file", str(tmp_path / "again")]) == 0
    assert (tmp_path / "again").read_text() == Path(card).read_text()
