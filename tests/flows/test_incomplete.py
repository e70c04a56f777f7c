"""A check point without its END: named, never the state of its source, and brought back when asked for by its id."""

from __future__ import annotations

import json
import signal
import time

import pytest
from rig import MIB, Rig
from trees import noise, snapshot, write

from bakup.catalog import incomplete
from bakup.errors import Failed


@pytest.fixture
def cut(rig: Rig) -> tuple[Rig, str]:
    """Three sectors; the one with the END is gone, and all that was known here. With the id of the check point."""
    write(rig.source, {f"{number:02}": noise(4 * MIB, number) for number in range(10)})
    rig.sync()
    return _lose_end(rig)


def _lose_end(rig: Rig) -> tuple[Rig, str]:
    rig.sectors()[-1].unlink()
    rig.forget("catalog.db", "state.db")
    [line] = [one for one in _objects(rig, "ls", code=3) if one["message_type"] == "check_point"]
    return rig, str(line["check_point"])[:8]


def _objects(rig: Rig, command: str, *, code: int) -> list[dict[str, object]]:
    said = rig.run(command, str(rig.target), "--json", code=code).splitlines()
    return [json.loads(line) for line in said if line.startswith("{")]


def test_it_is_listed_with_what_there_is_and_how_to_have_it(cut: tuple[Rig, str]) -> None:
    rig, at = cut
    said = rig.run("ls", str(rig.target), code=3)
    assert "! incomplete" in said
    assert "0 check points, 1 incomplete, " in said
    assert said.rstrip().endswith(f"bakup restore {rig.target} OUT --at {at}")
    found = _objects(rig, "ls", code=3)
    [line] = [one for one in found if one["message_type"] == "check_point"]
    assert (line["incomplete"], line["whole"]) == (True, False)
    assert line["total_bytes"] == 4 * MIB * int(str(line["total_files"]))
    assert line["total_files"]
    assert (found[-1]["check_points"], found[-1]["incomplete"]) == (0, 1)


def test_check_names_it_as_damage(cut: tuple[Rig, str]) -> None:
    rig, at = cut
    said = rig.run("check", str(rig.target), code=21)
    assert f"check point {at} of " in said
    assert f"bakup restore {rig.target} OUT --at {at}" in said


def test_a_plain_restore_tells_of_it(cut: tuple[Rig, str]) -> None:
    rig, at = cut
    for command in (("restore", str(rig.target), str(rig.new_out())), ("ls", str(rig.target), ".")):
        said = rig.run(*command, code=1)
        assert "holds no complete check point" in said
        assert f"bakup restore {rig.target} OUT --at {at}" in said


def test_what_is_there_comes_back_by_its_id(cut: tuple[Rig, str]) -> None:
    rig, at = cut
    out = rig.new_out()
    said = rig.run("restore", str(rig.target), str(out), "--at", at, code=3)
    assert "something may be missing after 0" in said
    there = sorted(path.name for path in out.iterdir())
    assert there == [f"{number:02}" for number in range(len(there))]
    assert 6 <= len(there) < 10
    for name in there:
        assert (out / name).read_bytes() == (rig.source / name).read_bytes()
    assert "00" in rig.run("ls", str(rig.target), ".", "--at", at, code=3)
    assert "00" in rig.run("find", str(rig.target), "00", "--at", at, code=3)
    assert "00" not in rig.run("history", str(rig.target), "09", "--at", at, code=1).splitlines()[-1]
    rig.run("cat", str(rig.target), "00", "--at", at, code=3)


def test_the_next_sync_goes_on_with_its_chunks(cut: tuple[Rig, str]) -> None:
    rig, at = cut
    report = rig.sync()
    assert report.stored_bytes < 30 * MIB
    rig.assert_restores(snapshot(rig.source))
    assert [line.incomplete for line in rig.list_all()] == [False]
    rig.run("restore", str(rig.target), str(rig.new_out()), "--at", at, code=3)
    assert rig.check().exit_code == 0


def test_one_beside_complete_ones_is_a_note(rig: Rig) -> None:
    write(rig.source, {"first": noise(MIB, 1)})
    rig.sync()
    write(rig.source, {f"later{number}": noise(4 * MIB, number) for number in range(8)})
    rig.sync()
    rig.sectors()[-1].unlink()
    rig.forget("catalog.db", "state.db")
    said = rig.run("ls", str(rig.target))
    assert "1 check point, 1 incomplete" in said
    assert "hint:" not in said
    assert "is incomplete" in rig.run("check", str(rig.target))
    out, report = rig.restore()
    assert report.restored.files == 1
    at = next(line.uuid.hex()[:8] for line in rig.list_all() if line.incomplete)
    out = rig.new_out()
    said = rig.run("restore", str(rig.target), str(out), "--at", at, code=3)
    assert "is not part of it" in said
    assert not (out / "first").exists()
    assert (out / "later0").read_bytes() == noise(4 * MIB, 0)


def test_a_first_run_that_was_killed(rig: Rig) -> None:
    write(rig.source, {f"{number:02}": noise(4 * MIB, number) for number in range(40)})
    with rig.command("sync", str(rig.source), str(rig.target), "--sector-size", "16MiB") as process:
        for _ in range(3000):
            if len(rig.sectors()) > 2 or process.poll() is not None:
                break
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    [line] = rig.list_all()
    assert line.incomplete
    assert line.files > 3
    out = rig.new_out()
    rig.run("restore", str(rig.target), str(out), "--at", line.uuid.hex()[:8], code=3)
    assert len(list(out.iterdir())) == line.files


def test_what_another_computer_is_making_is_no_alarm(cut: tuple[Rig, str], monkeypatch: pytest.MonkeyPatch) -> None:
    rig, _ = cut
    monkeypatch.setattr("bakup.archive.select.socket.gethostname", lambda: "another")
    report = rig.check()
    assert (report.exit_code, report.problems) == (0, ())
    assert len(report.incomplete) == 1


def test_nothing_else_reaches_its_entries(cut: tuple[Rig, str]) -> None:
    rig, at = cut
    rig.restore(at=at)
    with rig.open() as home:
        rows = incomplete.found(home.catalog, 1)
        shown = home.catalog.execute("SELECT DISTINCT source FROM versions").fetchall()
    assert shown == [(incomplete.own_source(row),) for row in rows]
    with pytest.raises(Failed, match="no complete check point"):
        rig.restore()
