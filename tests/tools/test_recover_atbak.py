"""The reader in one file, written from the page alone: it reads what bakup writes, and believes as little."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from bakup.account import words
from bakup.account.keys import Account
from bakup.atbak import writer
from bakup.format.preamble import Facts

KEY = bytes(range(32))
TIME = 1_700_000_000_500_000_000
TOOL = Path(__file__).resolve().parents[2] / "tools" / "recover_atbak.py"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("recover_atbak", TOOL)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def put(
    folder: Path,
    path: bytes,
    data: bytes,
    *,
    name: str = "",
    time: int = TIME,
    key: bytes | None = KEY,
    level: int | None = None,
    piece: int = 10**9,
) -> Path:
    folder.mkdir(exist_ok=True)
    place = folder / (name or f"{len(list(folder.iterdir())):04}.atbak{'e' if key else ''}")
    source: Iterator[bytes] = (data[at : at + piece] for at in range(0, len(data), piece))
    writer.write_object(source, Facts(path, time, time), str(place), key=key, level=level)
    return place


def test_it_imports_nothing_of_bakup() -> None:
    assert "import bakup" not in TOOL.read_text()
    assert "from bakup" not in TOOL.read_text()


@pytest.mark.parametrize("level", [None, 6])
@pytest.mark.parametrize("key", [None, KEY])
def test_sizes(tool: ModuleType, tmp_path: Path, key: bytes | None, level: int | None) -> None:
    for size in (0, 1, 15, 16, 17, 1_000, 70_000, 3_000_000):
        put(tmp_path / "t", b"zeros/%d" % size, bytes(size), key=key, level=level)
        put(tmp_path / "t", b"noise/%d" % size, os.urandom(size), key=key, level=level, piece=100_000)
    (tmp_path / "key").write_text(KEY.hex())
    arguments = ["--key-file", str(tmp_path / "key")] if key else []
    assert tool.main([*arguments, str(tmp_path / "t"), str(tmp_path / "out")]) == 0
    assert len(list(tmp_path.glob("out/*/*"))) == 16
    assert (tmp_path / "out/zeros/70000").read_bytes() == bytes(70_000)
    assert (tmp_path / "out/zeros/70000").stat().st_mtime_ns == TIME


def test_the_newest_of_a_path_by_the_words(
    tool: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    account = Account.from_entropy(KEY)
    for number in (1, 3, 2):
        put(tmp_path / "t", b"notes", b"x" * number, time=TIME + number * 10**9, key=account.atbak_key)
    put(tmp_path / "t", b".bakup/x.checkpoint", b"metadata", key=account.atbak_key)
    (tmp_path / "card").write_text("# a card\n" + " ".join(words.to_words(KEY)))
    arguments = ["--words-file", str(tmp_path / "card"), str(tmp_path / "t")]
    assert tool.main([*arguments, "--list"]) == 0
    assert capsys.readouterr().out == "              3  notes\n"
    assert tool.main([*arguments, str(tmp_path / "out")]) == 0
    assert [path.read_bytes() for path in (tmp_path / "out").iterdir()] == [b"xxx"]


@pytest.mark.parametrize("path", [b"../x", b"/x", b"a/../../x", b"link/x"])
def test_no_path_escapes(tool: ModuleType, tmp_path: Path, path: bytes) -> None:
    put(tmp_path / "t", path, b"x", key=None)
    (tmp_path / "out").mkdir()
    (tmp_path / "outside").mkdir()
    os.symlink("../outside", tmp_path / "out" / "link")
    before = sorted(tmp_path.rglob("*"))
    assert tool.main([str(tmp_path / "t"), str(tmp_path / "out")]) == 3
    assert sorted(tmp_path.rglob("*")) == before


def test_damage_is_named_and_stops_nothing(
    tool: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = put(tmp_path / "t", b"bad", b"x" * 1_000, key=None)
    bad.write_bytes(bad.read_bytes()[:-1])
    locked = put(tmp_path / "t", b"locked", b"x")
    (tmp_path / "t" / "other.atbak").write_bytes(b"%PDF")
    put(tmp_path / "t", b"good", b"x", key=None)
    assert tool.main([str(tmp_path / "t"), str(tmp_path / "out")]) == 3
    told = capsys.readouterr().err
    assert "bad: it holds less than it says" in told
    assert f"{locked}: encrypted, and no key was given" in told
    assert "other.atbak: no .atbak object" in told
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good"]


def test_usage(tool: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        tool.main([str(tmp_path)])
    assert caught.value.code == 2
    assert tool.main(["--key-file", str(tmp_path / "none"), str(tmp_path), "--list"]) == 1
