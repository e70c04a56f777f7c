"""Objects that no check point names are a source of their own, whose check points are made up by their times."""

from __future__ import annotations

import shutil

import pytest
from plain import NOON, SECOND, Plain
from rig import raising
from trees import snapshot, write

from bakup.errors import Failed

HOSTILE = (b"../../escaped", b"/etc/escaped", b"a/../../escaped", b"a//escaped", b"./escaped", b"..")


def test_what_another_program_wrote_comes_back(plain: Plain) -> None:
    plain.put(b"home/ana/a", b"a")
    plain.put(b"home/ana/empty", b"")
    [line] = plain.list()
    assert (line.source, line.files, line.bytes) == ("loose objects", 2, 1)
    assert line.time_ns == NOON
    out, _ = plain.restore()
    assert {path: node.data for path, node in snapshot(out).items() if node.kind == "file"} == {
        b"home/ana/a": b"a",
        b"home/ana/empty": b"",
    }
    assert (out / "home/ana/a").stat().st_mtime_ns == NOON
    assert plain.check(read_data=True).exit_code == 0


def test_versions_are_told_apart_by_their_times(plain: Plain) -> None:
    for hour, text in ((2, b"second"), (3, b"third"), (1, b"first")):
        plain.put(b"often", text, NOON + hour * 3600 * SECOND)
    plain.put(b"twice", b"new", NOON + 9)
    plain.put(b"twice", b"old", NOON)
    plain.put(b"once", b"once")
    plain.put(b"once", b"once", NOON + 5)
    states = []
    for line in plain.list():
        out, _ = plain.restore(at=line.uuid.hex())
        states.append({path.name: path.read_bytes() for path in out.iterdir()})
    assert states == [
        {"often": b"first", "twice": b"old", "once": b"once"},
        {"often": b"second", "twice": b"old", "once": b"once"},
        {"often": b"third", "twice": b"new", "once": b"once"},
    ]


def test_they_do_not_stand_in_the_way_of_a_source(plain: Plain) -> None:
    write(plain.source, {"a": b"a"})
    plain.sync(encrypt=False)
    plain.put(b"other", b"other")
    assert {line.source for line in plain.list()} > {"loose objects"}
    plain.assert_restores(snapshot(plain.source))
    assert not plain.sync().sources[0].made
    assert plain.check(read_data=True).exit_code == 0


def test_they_may_come_and_go(plain: Plain) -> None:
    """No made-up check point is ever missed."""
    paths = [plain.put(b"one", b"%d" % number, NOON + number) for number in range(3)]
    assert len(plain.list()) == 3
    write(plain.source, {"a": b"a"})
    plain.sync()
    paths[0].unlink()
    paths[2].unlink()
    plain.rebuild()
    assert [line.files for line in plain.list() if line.source == "loose objects"] == [1]
    plain.sync()
    assert plain.check().exit_code == 0


def test_files_of_a_check_point_whose_object_is_gone(plain: Plain) -> None:
    write(plain.source, {"a": b"a", "b/c": b"c"})
    plain.sync()
    for path in plain.of_checkpoints():
        path.unlink()
    plain.new_home("elsewhere")
    out, _ = plain.restore()
    found = out / str(plain.source).lstrip("/")
    assert (found / "a").read_bytes() == b"a"
    assert (found / "b/c").read_bytes() == b"c"


@pytest.mark.parametrize("path", HOSTILE)
def test_a_hostile_path_never_leaves_the_destination(plain: Plain, path: bytes) -> None:
    plain.put(b"good", b"good")
    hostile = plain.put_raw(path, b"bad")
    before = snapshot(plain.folder)
    out, _ = plain.restore()
    assert sorted(found.name for found in out.iterdir()) == ["good"]
    assert any(hostile.name in told for told in plain.watch.details), "named"
    shutil.rmtree(out)
    after = snapshot(plain.folder)
    assert {name for name in set(after) - set(before) if not name.startswith(b"home")} == set()
    assert plain.check().exit_code == 20


def test_only_a_hostile_path(plain: Plain) -> None:
    plain.put_raw(b"../escaped", b"bad")
    assert isinstance(raising(plain.list, Failed), Failed)
