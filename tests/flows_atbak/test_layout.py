"""The layout is asked for once; afterwards the target has it, and a target keeps how it is protected."""

from __future__ import annotations

import pytest
from plain import Plain
from rig import OTHER_ENTROPY, Rig, raising
from trees import snapshot, write

from bakup.api.reports import Compression, TargetOptions
from bakup.errors import Usage, WrongAccount


@pytest.mark.parametrize("forgotten", [(), ("state.db",), ("catalog.db",), ("state.db", "catalog.db")])
def test_later_runs_find_it(plain: Plain, forgotten: tuple[str, ...]) -> None:
    write(plain.source, {"a": b"a"})
    plain.sync()
    plain.forget(*forgotten)
    write(plain.source, {"b": b"b"})
    assert plain.sync(layout=None).unit == "object"
    plain.assert_restores(snapshot(plain.source))
    plain.forget(*forgotten)
    assert isinstance(raising(lambda: plain.sync(layout="sectors"), Usage), Usage)


@pytest.mark.parametrize("forgotten", [(), ("state.db", "catalog.db")])
def test_a_target_of_sectors_keeps_them(rig: Rig, forgotten: tuple[str, ...]) -> None:
    write(rig.source, {"a": b"a"})
    rig.sync()
    rig.forget(*forgotten)
    assert "has the layout sectors" in str(raising(lambda: rig.sync(layout="atbak"), Usage))
    assert not rig.sync(layout="sectors").sources[0].made


@pytest.mark.parametrize("encrypt", [True, False])
def test_it_stays_as_it_was_made(plain: Plain, encrypt: bool) -> None:
    write(plain.source, {"a": b"a"})
    plain.sync(encrypt=encrypt)
    plain.forget("state.db", "catalog.db")
    write(plain.source, {"b": b"b"})
    plain.sync()
    assert {path.suffix for path in plain.objects()} == {".atbake" if encrypt else ".atbak"}


def test_it_is_said_what_it_cannot_promise(plain: Plain) -> None:
    write(plain.source, {"a": b"a"})
    plain.sync()
    assert plain.watch.notes == ["this layout is encrypted, not signed: damage is noticed, forgery is not"]
    plain.sync()
    assert len(plain.watch.notes) == 1, "said once"
    assert plain.check().caveat == plain.watch.notes[0]


@pytest.mark.parametrize("forgotten", [(), ("state.db", "catalog.db")])
def test_another_key_does_not_open_it(plain: Plain, forgotten: tuple[str, ...]) -> None:
    write(plain.source, {"a": b"a", "b": b"b", "c": b"c"})
    plain.sync()
    there = plain.objects()
    (plain.folder / "key").write_text("5a" * 32)
    plain.forget(*forgotten)
    target = TargetOptions(key_file=str(plain.folder / "key"))
    assert "none opens with this key" in str(raising(lambda: plain.sync(target=target), WrongAccount))
    plain.new_home("stranger", OTHER_ENTROPY)
    assert isinstance(raising(plain.list, WrongAccount), WrongAccount)
    plain.forget("account")
    assert "this computer has no account" in str(raising(plain.list, WrongAccount))
    assert plain.objects() == there


def test_compression_is_the_layout_s(plain: Plain) -> None:
    write(plain.source, {"a": b"a" * 9999})
    assert isinstance(raising(lambda: plain.sync(compression=Compression("zstd", 3)), Usage), Usage)
    plain.target = plain.folder / "sectors"
    gzip = Compression("gzip", 3)
    assert isinstance(raising(lambda: plain.sync(compression=gzip, layout="sectors"), Usage), Usage)


def test_a_key_file_is_not_for_sectors(rig: Rig) -> None:
    write(rig.source, {"a": b"a"})
    (rig.folder / "key").write_text("5a" * 32)
    target = TargetOptions(key_file=str(rig.folder / "key"))
    assert "--key-file is for" in str(raising(lambda: rig.sync(target=target), Usage))
