"""Both directions with the real ATBU 0.0.50: it verifies and restores ours, we restore its, byte for byte."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from made_trees import ODD, many, odd_names, snapshot
from programs import Programs

pytestmark = pytest.mark.peer

KEY = bytes(range(32))
MANY = 2_000
BESIDE = len(ODD) + 3
KINDS = [(MANY, KEY, True), (MANY, None, False), (100, KEY, True), (100, KEY, False), (100, None, True)]
NAMES = ["many-encrypted-gzip", "many-plain", "encrypted-gzip", "encrypted", "plain-gzip"]
kinds = pytest.mark.parametrize(("count", "key", "gzip"), KINDS, ids=NAMES)


@kinds
def test_atbu_verifies_and_restores_ours(tmp_path: Path, count: int, key: bytes | None, gzip: bool) -> None:
    source, target, out = tmp_path / "source", tmp_path / "target", tmp_path / "out"
    run = Programs(tmp_path, key)
    many(source, count)
    run.sync(source, target, gzip=gzip)
    run.recover(target)
    if count < MANY or not gzip:
        # ATBU wipes what it unpacked to verify, byte by byte: two thousand files take many minutes.
        assert run.verify(target) == count + BESIDE
    assert run.restore(target, out) == count + BESIDE
    assert snapshot(out) == snapshot(source)


@kinds
def test_we_restore_atbus(tmp_path: Path, count: int, key: bytes | None, gzip: bool) -> None:
    source, target, out = tmp_path / "source", tmp_path / "target", tmp_path / "out"
    run = Programs(tmp_path, key)
    many(source, count)
    run.backup(source, target, gzip=gzip)
    run.bakup("check", target, "--read-data")
    run.bakup("restore", target, out)
    assert len(snapshot(source)) == count + BESIDE
    assert snapshot(out / str(source).lstrip("/")) == snapshot(source)


@pytest.mark.parametrize("forgotten", [False, True], ids=["known", "forgotten"])
def test_atbu_restores_the_second_of_our_check_points(tmp_path: Path, forgotten: bool) -> None:
    """Most of its objects were put by the first; also where the catalog was lost between the two."""
    source, target, out = tmp_path / "source", tmp_path / "target", tmp_path / "out"
    run = Programs(tmp_path, KEY)
    odd_names(source)
    run.sync(source, target, gzip=True)
    if forgotten:
        shutil.rmtree(tmp_path / "bakup-home")
    (source / "zeros").write_bytes(b"others now")
    (source / "empty").unlink()
    run.sync(source, target, gzip=True)
    run.recover(target)
    assert run.verify(target) == BESIDE - 1
    assert run.restore(target, out) == BESIDE - 1
    assert snapshot(out) == snapshot(source)


@pytest.mark.parametrize("key", [KEY, None], ids=["encrypted", "plain"])
def test_atbu_decrypts_ours_without_backup_information(tmp_path: Path, key: bytes | None) -> None:
    """With the configuration that `bakup atbak key show --atbu` prints, where there is a key."""
    source, target, out = tmp_path / "source", tmp_path / "target", tmp_path / "out"
    run = Programs(tmp_path, key)
    odd_names(source)
    run.sync(source, target, gzip=True)
    for file in (target / "zz").iterdir():
        file.unlink()
    config = tmp_path / "atbu.json"
    if key is None:
        config = run.configure(target)
    else:
        config.write_text(run.bakup("atbak", "key", "show", target, "--atbu"))
    run.atbu("decrypt", "--config-file", config, "storage:target", target, out)
    assert snapshot(out / str(source).lstrip("/")) == snapshot(source)


def test_bakup_decrypts_one_of_atbus(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    run = Programs(tmp_path, KEY)
    source.mkdir()
    (source / "notes.txt").write_bytes(b"hello\n" * 1_000)
    run.backup(source, target, gzip=True)
    (one,) = target.glob("*/*.atbake")
    assert "data          good\n" in run.bakup("atbak", "inspect", one)
    run.bakup("atbak", "decrypt", one, tmp_path / "notes.txt")
    assert (tmp_path / "notes.txt").read_bytes() == b"hello\n" * 1_000


def dangling(source: Path) -> None:
    os.symlink("nowhere", source / "link")


def not_utf8(source: Path) -> None:
    with open(os.path.join(os.fsencode(source), b"caf\xe9"), "wb") as file:
        file.write(b"coffee")


@pytest.mark.parametrize("trouble", [dangling, not_utf8])
def test_what_makes_atbu_abort_is_no_trouble_here(tmp_path: Path, trouble: Callable[[Path], None]) -> None:
    source, target, out = tmp_path / "source", tmp_path / "target", tmp_path / "out"
    run = Programs(tmp_path, KEY)
    source.mkdir()
    (source / "notes.txt").write_bytes(b"hello")
    trouble(source)
    theirs = tmp_path / "theirs"
    run.configure(theirs)
    assert run.raw_atbu("backup", "--full", source, theirs).returncode != 0
    run.sync(source, target, gzip=True)
    run.bakup("restore", target, out)
    assert snapshot(out) == snapshot(source)
    assert sorted(os.listdir(os.fsencode(out))) == sorted(os.listdir(os.fsencode(source)))
    run.recover(target)
    assert run.restore(target, tmp_path / "by-atbu") == len(snapshot(source))
