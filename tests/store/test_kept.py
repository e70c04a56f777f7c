"""Ranges that are kept on disk are those that were read, and ask the store nothing."""

from __future__ import annotations

import random
from pathlib import Path

from bakup.store.counting import CountingTarget
from bakup.store.kept import KeptTarget
from bakup.store.local.folder import FolderTarget


def kept(folder: Path, size: int) -> tuple[KeptTarget, CountingTarget]:
    inner = CountingTarget(FolderTarget(str(folder)))
    return KeptTarget(inner, str(folder), size), inner


def test_read_twice_asked_once(tmp_path: Path) -> None:
    (tmp_path / "object").write_bytes(bytes(range(256)))
    target, inner = kept(tmp_path, 1000)
    assert target.read("object", 5, 10) == target.read("object", 5, 10) == bytes(range(5, 15))
    assert (inner.counts.reads, target.counts.read_bytes) == (1, 10)
    assert target.read("object", 250, 10) == target.read("object", 250, 10) == bytes(range(250, 256))
    target.close()
    assert [path.name for path in tmp_path.iterdir()] == ["object"]


def test_round_and_round(tmp_path: Path) -> None:
    data = random.Random(1).randbytes(5000)
    (tmp_path / "object").write_bytes(data)
    target, inner = kept(tmp_path, 1000)
    chosen = random.Random(2)
    spans = [(chosen.randrange(5000), chosen.choice((1, 30, 333, 400, 1000, 1001))) for _ in range(60)]
    for _ in range(2000):
        offset, length = chosen.choice(spans)
        assert target.read("object", offset, length) == data[offset : offset + length]
    assert inner.counts.reads < 2000
    target.close()
