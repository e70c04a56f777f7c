"""`bakup atbak`: one object from a path, with a key file or the account."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bakup.account.keys import Account
from bakup.atbak import checkpoints, writer
from bakup.cli import app
from bakup.flows import account as accounts
from bakup.format.preamble import Facts
from bakup.model import Checkpoint, Chunker, End

KEY = bytes(range(32))
NAME = "ab" * 32 + ".atbake"
TIME = 1_700_000_000_123_456_789
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs a command in a folder of its own; exit code, standard output, standard error."""
    monkeypatch.setenv("BAKUP_HOME", str(tmp_path / "home"))
    (tmp_path / "key").write_text(KEY.hex())
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = app.run(["atbak", *arguments])
        return (code, *capsys.readouterr())

    return run


def put(folder: Path, data: bytes, path: bytes = b"home/ana/notes.txt", key: bytes | None = KEY) -> str:
    (folder / "ab").mkdir(parents=True, exist_ok=True)
    name = folder / "ab" / (NAME if key else NAME[:-1])
    name.unlink(missing_ok=True)
    writer.write_object([data], Facts(path, TIME, TIME), str(name), key=key, level=6)
    return str(name)


def test_inspect(call: Call, tmp_path: Path) -> None:
    code, out, err = call("inspect", put(tmp_path / "t", b"hello" * 120), "--key-file", "key")
    assert (code, err) == (0, "")
    assert out == (
        f"object        {NAME}\n"
        "path          home/ana/notes.txt\n"
        "file          600 B, modified 2023-11-14 23:13:20\n"
        f"sha256        {hashlib.sha256(b'hello' * 120).hexdigest()}\n"
        "stored        243 B, gzip\n"
        "protection    encrypted, not signed: damage is noticed, forgery is not\n"
        "data          good\n"
    )


def test_inspect_damage(call: Call, tmp_path: Path) -> None:
    name = Path(put(tmp_path / "t", b"hello" * 1_000, key=None))
    data = name.read_bytes()
    name.write_bytes(data[:-4])
    code, out, _ = call("inspect", str(name))
    assert code == 21
    assert "data          damaged: " in out
    code, out, _ = call("inspect", str(name), "--json")
    facts = json.loads(out)
    assert (code, facts["exit_code"], facts["data_state"], facts["encrypted"]) == (21, 21, "damaged", False)
    name.write_bytes(b"%PDF")
    code, _, err = call("inspect", str(name))
    assert code == 21
    assert err.startswith(f"error: {NAME[:-1]} is damaged: its header has version 37, not 1")


def test_inspect_a_check_points_object(call: Call, tmp_path: Path) -> None:
    uuid = bytes.fromhex("c05e77d2") + bytes(12)
    point = Checkpoint(
        uuid, 0, 5, b"source-uuid-16by", "h", b"/x", "", (), 1, None, None, None, Chunker("none", 0, 0, 0, 0)
    )
    stream = b"".join(checkpoints.encode(point, (), (End(uuid, 0, True, (), 0, 0),)))
    name = put(tmp_path / "t", stream, checkpoints.path_of(uuid), key=None)
    code, out, _ = call("inspect", name)
    assert code == 0
    assert "holds         what the format lacks of check point c05e77d2\n" in out
    name = put(tmp_path / "t", b"another file", checkpoints.path_of(uuid), key=None)
    code, out, _ = call("inspect", name)
    assert code == 0
    assert "holds" not in out


def test_no_key_and_another(call: Call, tmp_path: Path) -> None:
    name = put(tmp_path / "t", b"hello")
    code, _, err = call("inspect", name)
    assert code == 12
    assert "is encrypted, and there is no key here\n" in err
    assert "hint: with the key in a file: --key-file FILE\n" in err
    (tmp_path / "other").write_text("00" * 32)
    code, _, err = call("inspect", name, "--key-file", "other")
    assert code == 21
    assert "it does not open: another key, or damage at its beginning" in err


def test_the_accounts_key_opens(call: Call, tmp_path: Path) -> None:
    draft = accounts.draft(None)
    accounts.keep(str(tmp_path / "home"), draft, None)
    account = Account.from_entropy(draft.entropy)
    name = put(tmp_path / "t", b"hello", key=account.atbak_key)
    assert call("decrypt", name, "out.txt")[0] == 0
    assert (tmp_path / "out.txt").read_bytes() == b"hello"
    assert call("key", "show", "t")[:2] == (0, account.atbak_key.hex() + "\n")


def test_decrypt(call: Call, tmp_path: Path) -> None:
    name = put(tmp_path / "t", b"hello")
    code, out, err = call("decrypt", name, "new.txt", "--key-file", "key")
    assert (code, err) == (0, "")
    assert out.startswith(f"decrypted     5 B to {tmp_path}/new.txt, in ")
    found = (tmp_path / "new.txt").stat()
    assert (found.st_mtime_ns, found.st_mode & 0o777) == (TIME, 0o600)
    (tmp_path / "new.txt").write_bytes(b"mine")
    code, _, err = call("decrypt", name, "new.txt", "--key-file", "key")
    assert (code, err) == (1, f"error: {tmp_path}/new.txt is there already\nhint: to replace it: --overwrite\n")
    assert (tmp_path / "new.txt").read_bytes() == b"mine"
    assert call("decrypt", name, "new.txt", "--key-file", "key", "--overwrite")[0] == 0
    assert (tmp_path / "new.txt").read_bytes() == b"hello"


def test_decrypt_into_a_folder(call: Call, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    name = put(tmp_path / "t", b"hello", key=None)
    code, out, _ = call("decrypt", name, "out")
    assert code == 0
    assert "5 B to out/home/ana/notes.txt, in " in out
    assert (tmp_path / "out/home/ana/notes.txt").read_bytes() == b"hello"
    assert call("decrypt", name, "none/new.txt")[2].startswith(f"error: there is no folder {tmp_path}/none\n")


@pytest.mark.parametrize("path", [b"../escaped", b"/tmp/escaped", b"a/../../escaped", b"link/escaped", b"a//b"])
def test_no_path_escapes(call: Call, tmp_path: Path, path: bytes) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "outside").mkdir()
    os.symlink(tmp_path / "outside", tmp_path / "out" / "link")
    name = put(tmp_path / "t", b"hello", path, key=None)
    before = sorted(tmp_path.rglob("*"))
    code, _, err = call("decrypt", name, "out")
    assert code in (1, 21)
    assert err.startswith("error: ")
    assert sorted(tmp_path.rglob("*")) == before


def test_nothing_stands_under_its_name_before_it_is_verified(call: Call, tmp_path: Path) -> None:
    name = Path(put(tmp_path / "t", os.urandom(50_000), key=None))
    name.write_bytes(name.read_bytes()[:-1] + b"x")
    (tmp_path / "kept").write_bytes(b"mine")
    code, _, err = call("decrypt", str(name), "kept", "--overwrite")
    assert code == 21
    assert "not those of the sha256" in err
    assert (tmp_path / "kept").read_bytes() == b"mine"
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_key_show(call: Call, tmp_path: Path) -> None:
    put(tmp_path / "t", b"hello")
    assert call("key", "show", "t", "--key-file", "key") == (0, KEY.hex() + "\n", "")
    code, out, _ = call("key", "show", "t", "--key-file", "key", "--atbu")
    assert code == 0
    assert json.loads(out)["storage-definitions"]["t"]["container"] == str(tmp_path / "t")
    assert json.loads(call("key", "show", "t", "--key-file", "key", "--json")[1])["key"] == KEY.hex()
    assert call("key", "show", "t")[0] == 12
    (tmp_path / "other").write_text("00" * 32)
    code, _, err = call("key", "show", "t", "--key-file", "other")
    assert (code, err.splitlines()[0]) == (12, "error: this key does not open t")


def test_key_show_where_nothing_is_encrypted(call: Call, tmp_path: Path) -> None:
    put(tmp_path / "t", b"hello", key=None)
    code, out, err = call("key", "show", "t", "--key-file", "key")
    assert (code, out) == (1, "")
    assert "holds no .atbake objects" in err
