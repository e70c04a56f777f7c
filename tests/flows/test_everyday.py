"""What happens every day around a sync: targets inside sources, other runs beside it, files that change under it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rig import MIB, Answers, Rig, ids, raising
from trees import Tree, noise, snapshot, write

from bakup.api.reports import SyncOptions
from bakup.archive.home import Home
from bakup.errors import Failed, Locked, Usage
from bakup.flows.sync import sync
from bakup.layouts.sectors import dedup


def below(tree: Tree, folder: bytes) -> Tree:
    """A tree without one folder."""
    return {path: node for path, node in tree.items() if path != folder and not path.startswith(folder + b"/")}


def test_a_target_inside_the_source_is_left_out(rig: Rig) -> None:
    rig.target = rig.source / "backup"
    rig.target.mkdir()
    write(rig.source, {"a": b"a", "backup-not": b"b"})
    for _ in range(3):
        report = rig.sync().sources[0]
        rig.assert_restores(below(snapshot(rig.source), b"backup"))
    assert not report.made, "what the target holds is no change"
    assert any("left out" in note for note in rig.watch.notes)


@pytest.mark.parametrize("shape", ["{}/", "{}//", "{}/.", "{}/../source"])
def test_how_the_source_is_typed_means_nothing(rig: Rig, shape: str) -> None:
    write(rig.source, {"a": b"a"})
    rig.sync()
    assert not rig.sync(Path(shape.format(rig.source))).sources[0].made
    with rig.open() as home:
        typed = os.fsencode(shape.format(rig.source))
        report = sync(home, [typed], f"{rig.target}/", SyncOptions(), rig.watch, Answers())
    assert not report.sources[0].made
    assert len({line.source for line in rig.list()}) == 1


def test_a_target_as_source_is_refused(rig: Rig) -> None:
    write(rig.source, {"a": b"a"})
    rig.sync()
    other = rig.folder / "other"
    source, rig.target = rig.target, other
    assert raising(lambda: rig.sync(source), Usage).exit_code == 2  # type: ignore[attr-defined]
    assert not other.exists()


def test_a_source_that_is_not_there(rig: Rig) -> None:
    write(rig.source, {"a": b"a"})
    rig.sync()
    kept = snapshot(rig.source)
    os.rename(rig.source, rig.folder / "unmounted")
    assert raising(rig.sync, Failed).exit_code == 1  # type: ignore[attr-defined]
    rig.assert_restores(kept)


def test_an_empty_source_keeps_what_was_there(rig: Rig) -> None:
    """One that was emptied on purpose: earlier check points still have all."""
    write(rig.source, {"a": b"a", "b/c": b"c"})
    rig.sync()
    kept = snapshot(rig.source)
    first = rig.list()[0].uuid.hex()
    os.rename(rig.source, rig.folder / "unmounted")
    rig.source.mkdir()
    report = rig.sync(allow_empty=True).sources[0]
    assert report.deleted.files == 2
    rig.assert_restores(snapshot(rig.source))
    rig.assert_restores(kept, at=first)


def test_an_empty_tree_comes_back(rig: Rig) -> None:
    rig.sync()
    rig.assert_restores(snapshot(rig.source))
    assert not rig.sync().sources[0].made
    rig.assert_recovers(snapshot(rig.source))


def test_dry_run_stores_nothing_and_makes_nothing(rig: Rig) -> None:
    write(rig.source, {"a": noise(5000)})
    report = rig.sync(dry_run=True)
    assert report.sources[0].new.files == 1
    assert report.estimated_bytes > 4000
    assert not rig.target.exists()
    rig.sync()
    there = rig.sectors()
    write(rig.source, {"b": noise(5000, 1)})
    report = rig.sync(dry_run=True)
    assert (report.sources[0].new.files, report.sources[0].unchanged.files) == (1, 1)
    assert rig.sectors() == there
    assert len(rig.list()) == 1


@contextmanager
def held(rig: Rig) -> Iterator[None]:
    with Home.open(str(rig.home), write=True, command="sync"):
        yield


def test_another_run_is_waited_for_and_then_named(rig: Rig) -> None:
    write(rig.source, {"a": b"a"})
    rig.sync()
    with held(rig), Home.open(str(rig.home), lock_wait=0.2, command="sync") as home:
        begun = time.monotonic()
        with pytest.raises(Locked, match=f"process {os.getpid()}") as caught:
            sync(home, [os.fsencode(rig.source)], str(rig.target), SyncOptions(), rig.watch, Answers())
        assert time.monotonic() - begun >= 0.2
        assert caught.value.exit_code == 11
    assert not rig.sync().sources[0].made


def test_reading_beside_another_run(rig: Rig) -> None:
    write(rig.source, {"a": b"a"})
    rig.sync()
    with held(rig):
        assert len(rig.list()) == 1
        rig.assert_restores(snapshot(rig.source))


def test_a_file_that_changes_while_it_is_read(rig: Rig) -> None:
    """What is stored of it was there at some moment: appended lines are a prefix, nothing else suffers."""
    write(rig.source, {"log": b"", "other": noise(3 * MIB)})
    ends = threading.Event()

    def append() -> None:
        with open(rig.source / "log", "ab", buffering=0) as file:
            number = 0
            while not ends.wait(0.001):
                file.write(b"line %08d\n" % number)
                number += 1

    writer = threading.Thread(target=append)
    writer.start()
    try:
        for _ in range(4):
            time.sleep(0.05)
            rig.sync()
    finally:
        ends.set()
        writer.join()
    whole = (rig.source / "log").read_bytes()
    for at in ids(rig.list()):
        out, report = rig.restore(at=at)
        assert report.causes == ()
        assert whole.startswith((out / "log").read_bytes())
        assert (out / "other").read_bytes() == noise(3 * MIB)
    rig.sync()
    rig.assert_restores(snapshot(rig.source))


def test_a_change_that_leaves_size_and_mtime_is_seen(rig: Rig) -> None:
    write(rig.source, {"a": b"one", "b": b"other"})
    rig.sync()
    facts = (rig.source / "a").stat()
    (rig.source / "a").write_bytes(b"two")
    os.utime(rig.source / "a", ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert rig.sync().sources[0].changed.files == 1
    rig.assert_restores(snapshot(rig.source))


def test_equal_content_is_stored_once(rig: Rig) -> None:
    data = noise(3 * MIB, 5)
    write(rig.source, {f"copy{number}": data for number in range(5)})
    assert rig.sync().stored_bytes < 3.2 * MIB
    second = rig.folder / "second"
    write(second, {"again": data, "joined": data[:MIB] + data})
    assert rig.sync(second).stored_bytes < 2.8 * MIB
    rig.assert_restores(snapshot(second), source="second")


def test_many_small_changes_become_a_full_listing(rig: Rig) -> None:
    """An incremental chain ends when its changes outweigh the listing: no restore needs every check point ever."""
    write(rig.source, {f"file{number}": b"0" for number in range(400)})
    kept = []
    for run in range(6):
        write(rig.source, {f"file{number}": b"%d" % run for number in range(400)})
        rig.sync()
        kept.append((rig.list()[-1].uuid.hex(), snapshot(rig.source)))
    rig.new_home("elsewhere")
    for at, wanted in kept:
        rig.assert_restores(wanted, at=at)
        rig.assert_recovers(wanted, at=at)
    for sector in rig.sectors()[:1]:
        sector.unlink()
    rig.new_home("third")
    rig.assert_restores(kept[-1][1])


def test_a_source_is_given_once(rig: Rig) -> None:
    write(rig.source, {"a": b"a"})
    with pytest.raises(Usage, match="source is given twice"):
        rig.sync(rig.source, Path(f"{rig.source}/."))
    assert not rig.target.exists()


@pytest.mark.usefixtures("small_cuts")
def test_standalone_refers_to_nothing_earlier_however_much_it_is(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dedup, "GENERATION", 20)
    write(rig.source, {f"file{number}": noise(9_000, number) for number in range(60)})
    rig.sync()
    before = rig.sectors()
    rig.sync(standalone=True)
    for path in before:
        path.unlink()
    rig.new_home("elsewhere")
    rig.assert_restores(snapshot(rig.source))
