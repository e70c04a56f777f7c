"""Objects are managed by hand: what the user removes is told, no damage, and not stored again."""

from __future__ import annotations

import os

import pytest
from plain import Plain, tables
from rig import Rig
from trees import assert_equal, noise, snapshot, write

FILES = {"keep": b"keep", "prune": b"prune me", "same": b"prune me"}


def pruned(plain: Plain) -> None:
    write(plain.source, FILES)
    plain.sync()
    for path in plain.of("prune"):
        path.unlink()


@pytest.mark.parametrize("forgotten", [(), ("catalog.db", "state.db")])
def test_a_removed_object_is_told_and_is_no_damage(plain: Plain, forgotten: tuple[str, ...]) -> None:
    pruned(plain)
    plain.forget(*forgotten)
    for read_data in (False, True):
        report = plain.check(read_data=read_data)
        assert (report.exit_code, report.problems, report.lost.files) == (0, (), 0)
        [line] = report.removed
        assert line.path.endswith(b"/source/prune")


@pytest.mark.parametrize("forgotten", [(), ("catalog.db", "state.db")])
def test_it_is_not_stored_again(plain: Plain, forgotten: tuple[str, ...]) -> None:
    pruned(plain)
    plain.forget(*forgotten)
    assert not plain.sync().sources[0].made
    write(plain.source, {"new": b"new"})
    report = plain.sync().sources[0]
    assert (report.new.files, report.stored_again.files, report.unchanged.files) == (1, 0, 3)
    assert not plain.of("prune")
    assert len(plain.check().removed) == 1


def test_unless_all_is_read_again(plain: Plain) -> None:
    pruned(plain)
    plain.sync(checksum=True)
    assert len(plain.of("prune")) == 1


def test_other_objects_of_the_same_content_serve(plain: Plain) -> None:
    pruned(plain)
    plain.assert_restores(snapshot(plain.source))


def test_a_restore_names_what_was_removed(plain: Plain) -> None:
    write(plain.source, {"keep": b"keep", "prune": b"prune me"})
    plain.sync()
    for path in plain.of("prune"):
        path.unlink()
    out, report = plain.restore()
    [cause] = report.causes
    assert (cause.message, [file.path for file in cause.lost]) == ("removed from the target", [b"prune"])
    assert sorted(path.name for path in out.iterdir()) == ["keep"]


def test_what_is_put_back_is_there_again(plain: Plain) -> None:
    write(plain.source, FILES)
    plain.sync()
    before = dict(tables(plain))
    [path] = plain.of("prune")
    data = path.read_bytes()
    path.unlink()
    assert len(plain.check().removed) == 1
    path.write_bytes(data)
    assert plain.check().removed == ()
    assert dict(tables(plain)) == before


def test_the_object_of_a_check_point_is_missed(plain: Plain) -> None:
    """The next sync makes up for it: its check point lists everything."""
    write(plain.source, FILES)
    plain.sync()
    write(plain.source, {"later": b"later"})
    first = plain.of_checkpoints()
    plain.sync()
    [last] = set(plain.of_checkpoints()) - set(first)
    last.unlink()
    assert plain.check().exit_code != 0
    assert plain.sync().sources[0].made
    wanted = snapshot(plain.source)
    plain.assert_restores(wanted)
    plain.new_home("elsewhere")
    plain.assert_restores(wanted)


def test_damage_costs_one_file_and_is_stored_again(plain: Plain) -> None:
    write(plain.source, FILES | {"large": b"x" * 6_000_000})
    plain.sync()
    for path in plain.of("keep") + plain.of("large"):
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
    assert plain.check().exit_code == 0, "the preambles are whole"
    out, report = plain.restore()
    assert report.not_restored.files == 2
    assert sorted(path.name for path in out.iterdir()) == ["prune", "same"]
    report = plain.check(read_data=True)
    assert (report.exit_code, len(report.problems)) == (21, 2)
    assert plain.sync().sources[0].stored_again.files == 2
    plain.assert_restores(snapshot(plain.source))


@pytest.mark.parametrize("encrypt", [True, False], ids=["encrypted", "plain"])
@pytest.mark.parametrize("removed", [True, False], ids=["removed-before", "there-before"])
def test_an_object_that_was_cut_is_damage(plain: Plain, encrypt: bool, removed: bool) -> None:
    write(plain.source, {"keep": b"keep", "large": noise(100_000)})
    plain.sync(encrypt=encrypt)
    [path] = plain.of("large")
    data = path.read_bytes()
    if removed:
        path.unlink()
        assert len(plain.check().removed) == 1
    path.write_bytes(data[:50_000])
    for read_data in (False, True):
        report = plain.check(read_data=read_data)
        assert (report.exit_code, report.lost.files, report.removed) == (21, 1, ())
    assert plain.sync(encrypt=encrypt).sources[0].stored_again.files == 1
    plain.assert_restores(snapshot(plain.source), refusals=True)
    assert plain.check(read_data=True).lost.files == 0
    assert not plain.sync(encrypt=encrypt).sources[0].made
    os.unlink(path)
    assert plain.check(read_data=True).exit_code == 0


def test_damage_of_the_last_object_of_a_content_is_no_removal(plain: Plain) -> None:
    pruned(plain)
    [path] = plain.of("same")
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    report = plain.check(read_data=True)
    assert (report.exit_code, report.lost.files) == (21, 2), "what was removed could be had until now"
    assert plain.sync().sources[0].stored_again.files == 2
    plain.assert_restores(snapshot(plain.source))


@pytest.mark.parametrize("start", [b"evil", b"BKUP"])
@pytest.mark.parametrize("name", ["evil.bakup", "5e6b0266-e9be-453f-841d-f9e6c1574042.bakup"])
def test_an_odd_sector_does_not_make_it_a_target_of_sectors(plain: Plain, name: str, start: bytes) -> None:
    write(plain.source, {"a": b"a", "b/c": b"c"})
    plain.sync()
    (plain.target / name).write_bytes(start + bytes(9000))
    plain.new_home("elsewhere")
    assert f"{name} is no object of this layout" in plain.run("ls", str(plain.target))
    out, report = plain.restore()
    assert report.restored.files == 2
    assert_equal(snapshot(out), snapshot(plain.source))
    assert not plain.sync().sources[0].new.files


def test_odd_objects_do_not_make_a_target_of_sectors_a_plain_one(rig: Rig) -> None:
    write(rig.source, {"a": b"a"})
    rig.sync()
    (rig.target / f"{'ab' * 32}.atbak").write_bytes(b"\x01\x00 odd")
    rig.new_home("elsewhere")
    assert rig.restore()[1].restored.files == 1


def test_nothing_is_decrypted_among_objects(plain: Plain) -> None:
    write(plain.source, {"a": b"a"})
    plain.sync()
    for out in (plain.target, plain.target / "x"):
        said = plain.run("atbak", "decrypt", str(plain.of("a")[0]), str(out), code=2)
        assert "DST" in said
