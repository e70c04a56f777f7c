from __future__ import annotations

import base64
import errno
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakup.account import keyfile, private
from bakup.account.keys import Account
from bakup.errors import BakupError, Damaged, Failed, Usage, WrongAccount

ENTROPY = bytes(range(1, 33))
PUBLIC = Account.from_entropy(ENTROPY).public
SECRETS = [ENTROPY.hex(), base64.b64encode(ENTROPY).decode(), repr(ENTROPY), "correct horse"]


def never(account: str) -> str:
    raise AssertionError("asked for a passphrase")


def horse(account: str) -> str:
    assert account == PUBLIC.account_id
    return "correct horse"


def wrong(account: str) -> str:
    return "battery staple"


@pytest.fixture
def home(tmp_path: Path) -> str:
    return str(tmp_path / "deep" / "home")


@pytest.fixture
def clear(home: str) -> str:
    keyfile.save(home, ENTROPY)
    return home


@pytest.fixture(scope="module")
def sealed_file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Bytes of one file under a passphrase, made once: Argon2id takes its time."""
    folder = tmp_path_factory.mktemp("sealed")
    keyfile.save(str(folder), ENTROPY, "correct horse")
    return (folder / "account").read_bytes()


@pytest.fixture
def sealed(home: str, sealed_file: bytes) -> str:
    os.makedirs(home)
    write(home, sealed_file)
    return home


def write(home: str, data: bytes) -> None:
    path = Path(home, "account")
    path.write_bytes(data)
    path.chmod(0o600)


def edit(home: str, **changes: Any) -> None:
    """Change fields of the file; those of the secret begin with `secret_`."""
    content = json.loads(Path(home, "account").read_bytes())
    for name, value in changes.items():
        if name.startswith("secret_"):
            content["secret"][name.removeprefix("secret_")] = value
        else:
            content[name] = value
    write(home, json.dumps(content).encode())


def mode(path: str | Path) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def test_in_clear_comes_back(clear: str) -> None:
    assert keyfile.load(clear, never).public == PUBLIC
    assert keyfile.load_entropy(clear, never) == ENTROPY
    assert keyfile.load_public(clear) == PUBLIC
    assert not keyfile.has_passphrase(clear)


def test_under_a_passphrase_comes_back(sealed: str) -> None:
    assert keyfile.load(sealed, horse).public == PUBLIC
    assert keyfile.load_entropy(sealed, horse) == ENTROPY
    assert keyfile.load_public(sealed) == PUBLIC
    assert keyfile.has_passphrase(sealed)


def test_under_a_passphrase_there_is_no_secret_in_the_file(sealed_file: bytes) -> None:
    assert ENTROPY not in sealed_file
    assert not any(secret.encode() in sealed_file for secret in SECRETS)


def test_two_files_of_one_account_share_no_secret_bytes(sealed: str, sealed_file: bytes) -> None:
    keyfile.set_passphrase(sealed, horse, "correct horse")
    before, after = json.loads(sealed_file), json.loads(Path(sealed, "account").read_bytes())
    assert all(before["secret"][name] != after["secret"][name] for name in ("salt", "nonce", "ciphertext"))


def test_a_passphrase_is_the_same_in_another_unicode_form(home: str) -> None:
    keyfile.save(home, ENTROPY, "caf\u00e9 \udcff")
    assert keyfile.load_entropy(home, lambda _: "cafe\u0301 \udcff") == ENTROPY


def test_a_wrong_passphrase_is_said_with_the_account(sealed: str) -> None:
    with pytest.raises(WrongAccount) as caught:
        keyfile.load(sealed, wrong)
    assert caught.value.message == f"wrong passphrase for account {PUBLIC.account_id}"
    assert caught.value.exit_code == 12


def test_an_empty_passphrase_is_refused_and_nothing_written(home: str, clear: str) -> None:
    with pytest.raises(Usage, match="empty passphrase"):
        keyfile.set_passphrase(clear, never, "")
    with pytest.raises(Usage, match="empty passphrase"):
        keyfile.save(home + "2", ENTROPY, "")
    assert keyfile.load_entropy(clear, never) == ENTROPY
    assert not keyfile.exists(home + "2")


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_only_the_owner_may_read_it(home: str, umask: int) -> None:
    before = os.umask(umask)
    try:
        keyfile.save(home, ENTROPY)
    finally:
        os.umask(before)
    assert mode(Path(home, "account")) == 0o600
    assert mode(home) == 0o700
    assert os.listdir(home) == ["account"]


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o660, 0o666, 0o610])
def test_a_file_open_to_others_is_refused_with_the_remedy(clear: str, bits: int) -> None:
    path = Path(clear, "account")
    path.chmod(bits)
    with pytest.raises(Failed) as caught:
        keyfile.load_public(clear)
    assert caught.value.hints == (f"chmod 600 {path}",)
    path.chmod(0o400)
    assert keyfile.load_public(clear) == PUBLIC


def test_an_account_is_never_replaced(clear: str) -> None:
    before = Path(clear, "account").read_bytes()
    for entropy in (ENTROPY, bytes(32)):
        with pytest.raises(Failed, match="already"):
            keyfile.save(clear, entropy)
    assert Path(clear, "account").read_bytes() == before
    assert os.listdir(clear) == ["account"]


def test_what_stands_under_the_name_is_never_replaced(home: str) -> None:
    os.makedirs(home)
    os.symlink("nowhere", Path(home, "account"))
    assert keyfile.exists(home)
    with pytest.raises(Failed, match="already"):
        keyfile.save(home, ENTROPY)
    assert os.readlink(Path(home, "account")) == "nowhere"
    assert os.listdir(home) == ["account"]


def test_without_hard_links_it_is_made_exclusively(home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", no_links)
    keyfile.save(home, ENTROPY)
    with pytest.raises(Failed, match="already"):
        keyfile.save(home, bytes(32))
    assert keyfile.load_entropy(home, never) == ENTROPY
    assert mode(Path(home, "account")) == 0o600
    assert os.listdir(home) == ["account"]


def test_no_account_is_said_with_the_remedies(tmp_path: Path) -> None:
    assert not keyfile.exists(str(tmp_path))
    with pytest.raises(Usage) as caught:
        keyfile.load(str(tmp_path), never)
    assert caught.value.code == "no-account"
    assert "bakup account recover" in caught.value.hints[1]


def test_passphrase_is_set_changed_and_removed(clear: str) -> None:
    keyfile.set_passphrase(clear, never, "correct horse")
    assert keyfile.load_entropy(clear, horse) == ENTROPY
    keyfile.set_passphrase(clear, horse, "battery staple")
    assert keyfile.load_entropy(clear, wrong) == ENTROPY
    keyfile.set_passphrase(clear, wrong, None)
    assert keyfile.load_entropy(clear, never) == ENTROPY
    assert mode(Path(clear, "account")) == 0o600
    assert os.listdir(clear) == ["account"]


def test_a_wrong_old_passphrase_changes_nothing(sealed: str, sealed_file: bytes) -> None:
    with pytest.raises(WrongAccount):
        keyfile.set_passphrase(sealed, wrong, None)
    assert Path(sealed, "account").read_bytes() == sealed_file


def test_what_a_killed_run_left_is_removed(clear: str) -> None:
    left = Path(clear, ".account.0123456789abcdef.tmp")
    left.write_bytes(ENTROPY)
    mine = Path(clear, ".account.notes.tmp")
    mine.write_bytes(b"mine")
    keyfile.set_passphrase(clear, never, "correct horse")
    assert sorted(os.listdir(clear)) == [mine.name, "account"]


def test_a_failed_change_leaves_the_old_file(clear: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(Failed, match="No space left"):
        keyfile.set_passphrase(clear, never, "correct horse")
    assert keyfile.load_entropy(clear, never) == ENTROPY
    assert os.listdir(clear) == ["account"]


def test_a_linked_file_stays_linked(clear: str, tmp_path: Path) -> None:
    real = tmp_path / "vault"
    real.mkdir()
    Path(clear, "account").rename(real / "key")
    os.symlink(real / "key", Path(clear, "account"))
    keyfile.set_passphrase(clear, never, "correct horse")
    assert Path(clear, "account").is_symlink()
    assert keyfile.load_entropy(clear, horse) == ENTROPY
    assert os.listdir(real) == ["key"]


def test_an_unreadable_place_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Failed, match="cannot make"):
        keyfile.save(str(tmp_path / "file"), ENTROPY)
    (tmp_path / "account").mkdir()
    with pytest.raises(Failed, match="cannot read"):
        keyfile.load_public(str(tmp_path))


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"null", b"\xff\xfe", b"{" * 9000, b'{"a":' + b"[" * 9000])
def test_a_corrupt_file_is_said_with_the_remedy(clear: str, data: bytes) -> None:
    write(clear, data)
    with pytest.raises(Damaged) as caught:
        keyfile.load(clear, never)
    assert "account recover" in caught.value.hints[0]


def test_a_huge_file_is_refused(clear: str) -> None:
    write(clear, Path(clear, "account").read_bytes() + b" " * 20_000)
    with pytest.raises(Damaged):
        keyfile.load(clear, never)


@pytest.mark.parametrize("at", range(0, 3000, 97))
def test_a_cut_file_is_damaged(clear: str, sealed_file: bytes, at: int) -> None:
    write(clear, sealed_file[: at % len(sealed_file)])
    with pytest.raises(Damaged):
        keyfile.load(clear, never)


@pytest.mark.parametrize(
    "changes",
    [
        {"account": "0000-0000-0000"},
        {"kem": base64.b64encode(bytes(1216)).decode()},
        {"signing": base64.b64encode(bytes(31)).decode()},
        {"secret_entropy": base64.b64encode(bytes(32)).decode()},
        {"secret_entropy": base64.b64encode(bytes(31)).decode()},
        {"secret_entropy": "?"},
        {"secret_protection": "argon2i"},
        {"more": 1},
        {"version": 0},
        {"version": "1"},
    ],
)
def test_fields_that_do_not_fit_are_damage(clear: str, changes: dict[str, Any]) -> None:
    edit(clear, **changes)
    with pytest.raises(Damaged):
        keyfile.load(clear, never)


@pytest.mark.parametrize(
    "changes",
    [
        {"secret_memory_kib": 65_535},
        {"secret_memory_kib": 1_048_577},
        {"secret_memory_kib": 2**70},
        {"secret_passes": 2},
        {"secret_passes": 17},
        {"secret_lanes": 0},
        {"secret_lanes": 17},
        {"secret_salt": base64.b64encode(bytes(15)).decode()},
        {"secret_nonce": base64.b64encode(bytes(13)).decode()},
        {"secret_ciphertext": base64.b64encode(bytes(47)).decode()},
    ],
)
def test_argon2_bounds_are_checked_before_work(sealed: str, changes: dict[str, Any]) -> None:
    edit(sealed, **changes)
    with pytest.raises(Damaged):
        keyfile.load(sealed, never)


def test_other_fields_are_bound_to_the_passphrase(sealed: str) -> None:
    other = Account.from_entropy(bytes(32)).public
    edit(
        sealed,
        account=other.account_id,
        kem=base64.b64encode(other.kem).decode(),
        signing=base64.b64encode(other.signing).decode(),
    )
    with pytest.raises(WrongAccount):
        keyfile.load(sealed, lambda _: "correct horse")


def test_a_newer_version_is_no_damage(clear: str) -> None:
    edit(clear, version=2, secret_new="field")
    with pytest.raises(Failed, match="version 2") as caught:
        keyfile.load(clear, never)
    assert not isinstance(caught.value, Damaged)


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_any_bytes_are_answered(data: bytes) -> None:
    with pytest.raises(Damaged):
        keyfile._decode("home", data)


def test_no_error_shows_a_secret(clear: str, sealed_file: bytes) -> None:
    text = Path(clear, "account").read_bytes()
    spoilt = [text.replace(b'"kem"', b'"kam"'), text[:-30], text.replace(b'"entropy": "', b'"entropy": "?')]
    for data in [*spoilt, sealed_file]:
        write(clear, data)
        with pytest.raises(BakupError) as caught:
            keyfile.load(clear, wrong)
        shown = f"{caught.value!r} {caught.value} {caught.value.hints}"
        assert not any(secret in shown for secret in SECRETS)


def test_no_value_shows_a_secret(clear: str) -> None:
    file = keyfile._load(clear)
    shown = f"{file!r} {file} {keyfile.load(clear, never)!r}"
    assert PUBLIC.account_id in shown
    assert not any(secret in shown for secret in SECRETS)


def test_a_failed_write_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        private.create(str(tmp_path / "new"), b"secret")
    assert os.listdir(tmp_path) == []
