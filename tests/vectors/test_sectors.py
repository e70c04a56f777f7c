"""The test vectors of the format (spec section 10), read by bakup and by the independent reader."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bakup.account.keys import Account
from bakup.account.words import from_words
from bakup.errors import Damaged, Untrusted
from bakup.model import File
from bakup.sector.reader import OpenSector, read_header
from bakup.sector.trust import Trust
from bakup.store.local.folder import FolderTarget

FOLDER = Path(__file__).parent / "sectors"
RECOVER = Path(__file__).parents[2] / "tools" / "recover.py"
VECTORS: dict[str, Any] = json.loads((FOLDER / "vectors.json").read_text())
REFUSALS = {"damaged": Damaged, "untrusted": Untrusted}


def trust(accept_plain: bool, accept_unsigned: bool) -> Trust:
    account = Account.from_entropy(from_words(VECTORS["words"]))
    return Trust(account, account.public, accept_plain, accept_unsigned)


def opened(folder: Path, name: str, how: Trust) -> OpenSector | None:
    return read_header(FolderTarget(str(folder)), name, (folder / name).stat().st_size, how)


def test_there_are_vectors() -> None:
    files = {path.name for path in FOLDER.glob("*.bakup")}
    assert files == {vector["file"] for vector in VECTORS["sectors"]}
    assert len(files) == 3
    assert len(VECTORS["refusals"]) == 12


@pytest.mark.parametrize("vector", VECTORS["sectors"], ids=lambda vector: str(vector["file"]))
def test_bakup_reads_it(vector: dict[str, Any]) -> None:
    sector = opened(FOLDER, vector["file"], trust(vector["accept_plain"], vector["accept_unsigned"]))
    assert sector is not None
    meta = sector.meta()
    entries = [entry for box in meta.boxes for group in meta.groups(box) for entry in group]
    assert [entry.path.decode() for entry in entries] == ["", *VECTORS["tree"]]
    [pack] = [bytes(sector.data_box(row)) for row in meta.rows]
    assert pack.hex() == VECTORS["tree"]["hello.txt"]["content"]
    new = [extent for entry in entries if isinstance(entry, File) for extent in entry.extents if extent.box is not None]
    assert len(new) == 1
    assert sector.verify_data(meta.rows).good


@pytest.mark.parametrize("vector", VECTORS["sectors"], ids=lambda vector: str(vector["file"]))
def test_the_independent_reader_reads_it(vector: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "sectors").mkdir()
    shutil.copy(FOLDER / vector["file"], tmp_path / "sectors")
    (tmp_path / "words").write_text(VECTORS["words"])
    options = [f"--{name.replace('_', '-')}" for name in ("accept_plain", "accept_unsigned") if vector[name]]
    command = [sys.executable, str(RECOVER), "--words-file", str(tmp_path / "words"), *options]
    out = tmp_path / "out"
    subprocess.run([*command, str(tmp_path / "sectors"), str(out)], check=True, capture_output=True)
    for path, node in VECTORS["tree"].items():
        if node["kind"] == "file":
            assert (out / path).read_bytes().hex() == node["content"]
            assert (out / path).stat().st_mtime_ns == VECTORS["mtime_ns"]
        elif node["kind"] == "symlink":
            assert (out / path).readlink() == Path(node["target"])
        else:
            assert (out / path).is_dir()


@pytest.mark.parametrize("refusal", VECTORS["refusals"], ids=lambda refusal: f"{refusal['file']}-{refusal['at']}")
def test_a_changed_byte_is_refused(refusal: dict[str, Any], tmp_path: Path) -> None:
    data = bytearray((FOLDER / refusal["file"]).read_bytes())
    data[refusal["at"]] ^= 0x80
    (tmp_path / refusal["file"]).write_bytes(data)
    how = trust(refusal["file"] != "sealed.bakup", refusal["file"] == "plain.bakup")
    if refusal["refusal"] == "not a sector":
        assert opened(tmp_path, refusal["file"], how) is None
        return
    if refusal["refusal"] == "data":
        sector = opened(tmp_path, refusal["file"], how)
        assert sector is not None
        assert not sector.verify_data(sector.meta().rows).good
        return
    with pytest.raises(REFUSALS[refusal["refusal"]]):
        _meta(tmp_path, refusal["file"], how)


def _meta(folder: Path, name: str, how: Trust) -> None:
    sector = opened(folder, name, how)
    assert sector is not None
    sector.meta()


def test_the_worked_example_is_the_plain_vector() -> None:
    page = (Path(__file__).parents[2] / "docs" / "format" / "sector.md").read_text()
    example = page.partition("## 9. A worked example")[2].partition("```")[2].partition("```")[0]
    shown = bytearray()
    for line in example.splitlines():
        start, found, rest = line.partition("  ")
        if found and len(start) == 4:
            assert int(start, 16) == len(shown)
            shown += bytes.fromhex(rest[:47].strip())
    assert bytes(shown) == (FOLDER / "plain.bakup").read_bytes()
