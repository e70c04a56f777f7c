"""Any tree and any history of changes comes back from the plain layout: with its catalog, and without."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plain import Plain, tables
from rig import ids
from trees import Tree, apply, histories, noise, snapshot, write

from bakup.api.reports import Compression, TargetOptions

CUTS = (1, 15, 4096, 65_536)
OPTIONS = st.fixed_dictionaries(
    {
        "standalone": st.booleans(),
        "always": st.booleans(),
        "checksum": st.booleans(),
        "compression": st.sampled_from([None, Compression("gzip", 1), Compression("none")]),
    }
)
CI = settings(
    deadline=None,
    max_examples=20,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    print_blob=True,
)


@given(histories(CUTS), st.lists(OPTIONS, min_size=1, max_size=4), st.booleans())
@CI
def test_any_history_comes_back(history: list[Any], each: list[dict[str, Any]], encrypt: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        plain = Plain(Path(folder))
        kept: list[tuple[str, Tree]] = []
        for number, changes in enumerate(history):
            apply(plain.source, changes)
            report = plain.sync(encrypt=encrypt, allow_empty=True, **each[number % len(each)]).sources[0]
            assert report.checkpoint is not None
            if report.made:
                kept.append((report.checkpoint.uuid.hex(), snapshot(plain.source)))
        judge(plain, kept)


def judge(plain: Plain, kept: list[tuple[str, Tree]]) -> None:
    """Each check point comes back, before and after a rebuild, which makes the same catalog."""
    for at, wanted in kept:
        plain.assert_restores(wanted, at=at)
    assert plain.check(read_data=True).exit_code == 0
    before = dict(tables(plain))
    plain.forget("catalog.db", "state.db")
    assert plain.rebuild().rejected == ()
    assert dict(tables(plain)) == before
    assert ids(plain.list()) == [at for at, _ in kept]
    for at, wanted in kept:
        plain.assert_restores(wanted, at=at)
    assert plain.check(read_data=True).exit_code == 0


def test_what_atbu_cannot_hold_comes_back(plain: Plain) -> None:
    """A dangling link, names that are not UTF-8, attributes, an empty folder, hard links, a file of many reads."""
    write(plain.source, {"big": noise(9_000_000), "zero": b"", "a/b": b"b"})
    (plain.source / "empty").mkdir(mode=0o711)
    (plain.source / "dangling").symlink_to("nowhere")
    for name in (b"caf\xe9", b"new\nline", b"a,b=c", b"\xff" * 100):
        (plain.source / os.fsdecode(name)).write_bytes(name)
    os.link(plain.source / "zero", plain.source / "zero too")
    os.setxattr(plain.source / "big", "user.a", b"\x00\xff")
    os.chmod(plain.source / "a/b", 0o640)
    os.mkfifo(plain.source / "pipe")
    with (plain.source / "sparse").open("wb") as file:
        file.truncate(20_000_000)
        file.seek(10_000_000)
        file.write(b"x")
    plain.sync()
    wanted = snapshot(plain.source)
    plain.assert_restores(wanted)
    assert len(plain.objects()) == 9 + 1, "a file each, and the check point"
    plain.forget("catalog.db", "state.db")
    plain.assert_restores(wanted)


def test_two_sources_come_back(plain: Plain) -> None:
    other = plain.folder / "other"
    other.mkdir()
    for folder, text in ((plain.source, b"a"), (other, b"b")):
        write(folder, {"same": text, "equal": b"equal"})
    plain.sync(plain.source, other)
    assert len(plain.objects()) == 4 + 2, "each path has its own object"
    for name, folder in (("source", plain.source), ("other", other)):
        plain.assert_restores(snapshot(folder), source=name)


@pytest.mark.parametrize("compression", [Compression("gzip", 9), Compression("none")])
def test_with_a_key_file_no_account_is_needed(plain: Plain, compression: Compression) -> None:
    write(plain.source, {"a": b"text " * 1000})
    (plain.folder / "key").write_text("5a" * 32)
    target = TargetOptions(key_file=str(plain.folder / "key"))
    plain.forget("account")
    plain.sync(target=target, compression=compression)
    plain.forget("catalog.db", "state.db")
    plain.assert_restores(snapshot(plain.source), target=target)
    assert not plain.sync(target=target).sources[0].made
    assert not list(plain.home.glob("account*"))
