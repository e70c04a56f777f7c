"""Both directions with the real ATBU 0.0.50: it verifies and restores ours, we restore its, byte for byte."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from atbu import Atbu
from driver import bring, store
from trees import ODD, odd_names, real_files, snapshot

from bakup.cli import app

pytestmark = pytest.mark.peer

KEY = bytes(range(32))
MANY = 2_000
KINDS = [(MANY, KEY, 6), (MANY, None, None), (100, KEY, 6), (100, KEY, None), (100, None, 1)]
kinds = pytest.mark.parametrize(("count", "key", "level"), KINDS, ids=lambda value: str(value)[:6])


@kinds
def test_atbu_verifies_and_restores_ours(
    atbu: Atbu, tmp_path: Path, count: int, key: bytes | None, level: int | None
) -> None:
    source, target, out = tmp_path / "source", tmp_path / "target", tmp_path / "out"
    real_files(source, count)
    atbu.configure(target, key)
    stored = store(source, target, key=key, level=level)
    assert stored == count + len(ODD) + 3
    atbu.recover(target)
    if level is None or count < MANY:
        # ATBU wipes what it unpacked to verify byte by byte: two thousand files take many minutes.
        assert f"Total success ............................... {stored}" in atbu.verify(target)
    assert f"Total success ............................... {stored}" in atbu.restore(target, out)
    assert snapshot(out) == snapshot(source)


@kinds
def test_we_restore_atbus(atbu: Atbu, tmp_path: Path, count: int, key: bytes | None, level: int | None) -> None:
    source, target, out = tmp_path / "source", tmp_path / "target", tmp_path / "out"
    real_files(source, count)
    atbu.configure(target, key)
    atbu.backup(source, target, gzip=level is not None)
    assert bring(target, out, key) == count + len(ODD) + 3
    assert snapshot(out / str(source).lstrip("/")) == snapshot(source)


@pytest.mark.parametrize("key", [KEY, None], ids=["encrypted", "plain"])
def test_atbu_decrypts_ours_without_backup_information(atbu: Atbu, tmp_path: Path, key: bytes | None) -> None:
    """With the configuration that `bakup atbak key show --atbu` prints, where there is a key."""
    source, target, out = tmp_path / "source", tmp_path / "target", tmp_path / "out"
    odd_names(source)
    target.mkdir()
    store(source, target, key=key, level=6)
    for file in (target / "zz").iterdir():
        file.unlink()
    config = tmp_path / "atbu.json"
    name = "target"
    if key is None:
        atbu.configure(target, None)
        config = target / ".atbu" / "atbu-config.json"
    else:
        (tmp_path / "key").write_text(key.hex())
        config.write_text(printed(["atbak", "key", "show", str(target), "--atbu", "--key-file", str(tmp_path / "key")]))
        name = next(iter(json.loads(config.read_text())["storage-definitions"]))
    atbu.run("decrypt", "--config-file", config, f"storage:{name}", target, out)
    assert snapshot(out / str(source).lstrip("/")) == snapshot(source)


def printed(arguments: list[str]) -> str:
    read, write = os.pipe()
    saved = os.dup(1)
    os.dup2(write, 1)
    try:
        assert app.run(arguments) == 0
    finally:
        os.dup2(saved, 1)
        os.close(saved)
        os.close(write)
    with os.fdopen(read) as pipe:
        return pipe.read()


def test_bakup_decrypts_one_of_atbus(
    atbu: Atbu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BAKUP_HOME", str(tmp_path / "bakup"))
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    (source / "notes.txt").write_bytes(b"hello\n" * 1_000)
    atbu.configure(target, KEY)
    atbu.backup(source, target, gzip=True)
    (tmp_path / "key").write_text(KEY.hex())
    (one,) = (str(path) for path in target.glob("*/*.atbake"))
    assert app.run(["atbak", "inspect", one, "--key-file", str(tmp_path / "key")]) == 0
    assert "data          good\n" in capsys.readouterr().out
    assert app.run(["atbak", "decrypt", one, str(tmp_path / "out"), "--key-file", str(tmp_path / "key")]) == 0
    assert (tmp_path / "out").read_bytes() == b"hello\n" * 1_000


def dangling(source: Path) -> None:
    os.symlink("nowhere", source / "link")


def not_utf8(source: Path) -> None:
    with open(os.path.join(os.fsencode(source), b"caf\xe9"), "wb") as file:
        file.write(b"coffee")


@pytest.mark.parametrize("trouble", [dangling, not_utf8])
def test_what_makes_atbu_abort_is_no_trouble_here(atbu: Atbu, tmp_path: Path, trouble: Callable[[Path], None]) -> None:
    source, target, out = tmp_path / "source", tmp_path / "target", tmp_path / "out"
    source.mkdir()
    (source / "notes.txt").write_bytes(b"hello")
    trouble(source)
    atbu.configure(tmp_path / "theirs", None)
    assert atbu.raw("backup", "--full", source, tmp_path / "theirs").returncode != 0
    atbu.configure(target, KEY)
    stored = store(source, target, key=KEY, level=6)
    atbu.recover(target)
    atbu.verify(target)
    atbu.restore(target, out)
    assert len(snapshot(out)) == stored
    assert snapshot(out)[b"notes.txt"] == snapshot(source)[b"notes.txt"]
