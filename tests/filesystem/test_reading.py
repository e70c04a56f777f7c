"""Files of a check point by fsspec: found, listed, read at any place, never written."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.dirfs import DirFileSystem
from rig import Rig
from trees import noise

from bakup.errors import Failed
from bakup.filesystem import BakupFileSystem

MIB = 1 << 20


def opened(rig: Rig, **words: object) -> BakupFileSystem:
    more = {"home": str(rig.home), "skip_instance_cache": True, **words}
    return fsspec.filesystem("bakup", target=str(rig.target), **more)  # type: ignore[no-any-return]


def fill(rig: Rig) -> bytes:
    data = noise(3 * MIB) + bytes(MIB) + noise(MIB, 1)
    (rig.source / "2026" / "11").mkdir(parents=True)
    (rig.source / "2026" / "what?.txt").write_text("a question")
    (rig.source / "2026" / "11" / "notes.csv").write_text("name,size\nboat,4\nregatta,3\n")
    (rig.source / "big").write_bytes(data)
    (rig.source / "empty").write_bytes(b"")
    (rig.source / "caf\udce9").write_bytes(b"latin")
    (rig.source / "link").symlink_to("2026/11/notes.csv")
    (rig.source / "nowhere").symlink_to("gone")
    rig.sync()
    return data


def test_by_a_url_alone(rig: Rig) -> None:
    fill(rig)
    (rig.source / "2026" / "11" / "notes.csv").write_text("new")
    rig.sync()
    url = f"bakup://2026/11/notes.csv?target={rig.target}&home={rig.home}"
    with fsspec.open(url, "rt") as file:
        assert file.read() == "new"
    with fsspec.open(f"{url}&at=latest~1", "rt", newline="") as file:
        assert [row["name"] for row in csv.DictReader(file)] == ["boat", "regatta"]


def test_names_and_facts(rig: Rig) -> None:
    data = fill(rig)
    fs = opened(rig)
    assert fs.ls("", detail=False) == ["2026", "big", "caf\udce9", "empty", "link", "nowhere"]
    assert fs.glob("2026/*/*.csv") == fs.glob("bakup://**/notes.csv") == ["2026/11/notes.csv"]
    assert fs.find("2026") == ["2026/11/notes.csv", "2026/what?.txt"]
    assert fs.cat_file("2026/what?.txt") == b"a question"
    assert fs.isdir("2026")
    assert fs.isfile("big")
    assert not fs.exists("2027")
    assert fs.du("") >= len(data)
    big = os.stat(rig.source / "big")
    told = fs.info("big")
    assert (told["size"], told["mode"], told["uid"]) == (len(data), big.st_mode & 0o7777, big.st_uid)
    assert fs.modified("big").timestamp() == pytest.approx(big.st_mtime)
    assert fs.info("link")["destination"] == b"2026/11/notes.csv"
    assert fs.cat_file("link").startswith(b"name,size")
    assert fs.cat_file("caf\udce9") == b"latin"
    assert fs.cat_file("empty") == b""


def test_ranges_from_many_threads(rig: Rig) -> None:
    data = fill(rig)
    fs = opened(rig)
    spans = [(at, at + length) for at in range(0, len(data), 500_000) for length in (1, 70_000, 2 * MIB)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda span: fs.cat_file("big", *span), spans))
    assert found == [data[start:stop] for start, stop in spans]
    assert fs.cat_file("big", -5) == data[-5:]
    with fs.open("big") as file:
        file.seek(3 * MIB - 10)
        assert file.read(20) == data[3 * MIB - 10 : 3 * MIB + 10]
    inner = DirFileSystem("2026", fs)
    assert inner.cat_file("what?.txt") == b"a question"


def test_it_stays_the_check_point_that_it_was(rig: Rig) -> None:
    fill(rig)
    fs = opened(rig)
    (rig.source / "big").write_bytes(b"small now")
    report = rig.sync().sources[0]
    assert fs.size("big") == 5 * MIB
    assert report.checkpoint is not None
    assert opened(rig, at=report.checkpoint.uuid.hex()[:8]).cat_file("big") == b"small now"
    with pytest.raises(Failed, match="no check point latest~9"):
        opened(rig, at="latest~9")


@pytest.mark.parametrize(
    "change",
    [
        lambda fs: fs.pipe("new", b"x"),
        lambda fs: fs.rm("big"),
        lambda fs: fs.mkdir("new"),
        lambda fs: fs.mv("big", "other"),
        lambda fs: fs.open("big", "ab").write(b""),
    ],
)
def test_nothing_is_written(rig: Rig, change: Callable[[BakupFileSystem], object]) -> None:
    fill(rig)
    before = {path.name: path.read_bytes() for path in rig.target.iterdir()}
    with pytest.raises(OSError, match="read-only"):
        change(opened(rig))
    assert {path.name: path.read_bytes() for path in rig.target.iterdir()} == before


def test_damage_is_an_error_and_no_bytes(rig: Rig) -> None:
    fill(rig)
    [sector] = rig.target.glob("*.bakup")
    raw = bytearray(sector.read_bytes())
    raw[2 * MIB] ^= 1
    Path(sector).write_bytes(raw)
    with pytest.raises(OSError, match="is damaged"):
        opened(rig).cat_file("big")


def test_from_the_plain_layout(rig: Rig) -> None:
    data = noise(MIB)
    (rig.source / "a").write_bytes(data)
    rig.sync(layout="atbak", sector_size=None)
    fs = opened(rig)
    assert fs.cat_file("a", 1000, 2000) == data[1000:2000]


def test_opened_in_one_thread_and_let_go_in_another(rig: Rig) -> None:
    fill(rig)
    with ThreadPoolExecutor(1) as pool:
        fs = pool.submit(opened, rig).result()
    assert fs.isfile("big")
    fs._close()
