"""Several worker processes store one source: what is stored and restored is the same as with one."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from rig import SMALL_SECTOR, Rig
from trees import apply, histories, noise, snapshot, write

from bakup.archiver import archiver, hands
from bakup.errors import Failed, Withheld
from bakup.format import structures
from bakup.layouts.sectors import lanes, populate, transfer
from bakup.plan import spool


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers from two files on, for slices of four paths."""
    be_eager(monkeypatch)


def be_eager(monkeypatch: pytest.MonkeyPatch) -> None:
    for place, name, value in (
        (hands, "FILES", 2),
        (hands, "BYTES", 1),
        (hands, "FILES_EACH", 1),
        (spool, "BATCH", 4),
        (spool, "BATCH_BYTES", 64 << 10),
        (lanes, "SHARD_LANES", 2),
    ):
        monkeypatch.setattr(place, name, value)


def some_files(rig: Rig) -> None:
    """Small and large ones, some of them twice in places far apart."""
    files = {f"folder{number % 7}/{number:03}": noise(2_000 + 97 * number, number) for number in range(80)}
    files |= {f"again{number % 5}/{number:03}": noise(2_000 + 97 * number, number) for number in range(0, 80, 3)}
    files |= {f"large{number}": noise(90_000, number % 3) for number in range(5)} | {"empty": b""}
    write(rig.source, files)
    os.symlink("empty", rig.source / "link")
    (rig.source / "no files").mkdir()


def chunks(rig: Rig) -> list[bytes]:
    """Ids of all chunks that are stored, one for each place."""
    with closing(sqlite3.connect(rig.home / "catalog.db")) as catalog:
        return [row[0] for row in catalog.execute("SELECT id FROM chunks ORDER BY id")]


def lanes_of(rig: Rig) -> int:
    """How many lanes workers filled."""
    with closing(sqlite3.connect(rig.home / "catalog.db")) as catalog:
        return int(catalog.execute("SELECT count(*) FROM lanes WHERE lane > 0").fetchone()[0])


def judge(rig: Rig) -> None:
    """The source is stored: here, for a computer that has only the words, and for the independent reader."""
    wanted = snapshot(rig.source)
    rig.assert_restores(wanted)
    assert rig.check(read_data=True).exit_code == 0
    assert not rig.sync().sources[0].made
    here = rig.home
    rig.new_home(f"elsewhere{time.monotonic_ns()}")
    rig.assert_restores(wanted)
    assert rig.check(read_data=True).exit_code == 0
    assert not rig.sync().sources[0].made, "a rebuilt catalog knows all"
    rig.assert_recovers(wanted)
    rig.home = here


@pytest.mark.usefixtures("small_cuts", "eager")
@pytest.mark.parametrize("sector_size", [SMALL_SECTOR, 16 << 20], ids=["many-sectors", "few-sectors"])
def test_any_number_of_workers_stores_the_same_chunks(rig: Rig, sector_size: int) -> None:
    some_files(rig)
    stored, sizes = [], []
    for workers in (1, 2, 7):
        rig.new_home(f"home{workers}")
        rig.target = rig.folder / f"target{workers}"
        report = rig.sync(sector_size=sector_size, workers=workers)
        assert report.sources[0].new.files == 113
        assert [event for event, _ in rig.watch.events].count("sector-stored") == report.stored_sectors
        rig.watch.events.clear()
        stored.append(chunks(rig))
        sizes.append(report.stored_bytes)
        judge(rig)
    assert stored[0] == stored[1] == stored[2], "nothing is stored twice, whoever met it first"
    assert len(set(stored[0])) == len(stored[0])


@pytest.mark.usefixtures("small_cuts", "eager")
def test_several_sources_in_one_run_and_a_spool_elsewhere(rig: Rig) -> None:
    some_files(rig)
    few, more = rig.folder / "few", rig.folder / "more"
    write(few, {"one": noise(3_000, 5)})
    write(more, {f"{number}": noise(3_000, number) for number in range(30)})
    sources = (few, rig.source, more)
    rig.sync(*sources, workers=2, spool=str(rig.folder), sector_size=SMALL_SECTOR)
    assert {path.suffix for path in rig.target.iterdir()} == {".bakup"}, "nothing else is left at the target"
    for source in sources:
        rig.assert_restores(snapshot(source), source=str(source))
        rig.assert_recovers(snapshot(source), "--source", str(source))
    assert rig.check(read_data=True).exit_code == 0
    (rig.source / "folder1" / "001").write_bytes(noise(5_000, 1_000))
    shutil.rmtree(rig.source / "folder2")
    (rig.source / "link").unlink()
    (rig.source / "link").mkdir()
    write(rig.source, {f"link/{number}": noise(1_000, 700 + number) for number in range(9)})
    reports = rig.sync(*sources, workers=3).sources
    assert [report.made for report in reports] == [False, True, False]
    rig.new_home("elsewhere")
    rig.assert_restores(snapshot(rig.source), source=str(rig.source))


@pytest.fixture
def deadly(monkeypatch: pytest.MonkeyPatch):
    """Called with numbers: so many messages of workers into a run, one of those that are left is killed."""

    def kill_at(*moments: int, seed: int = 0) -> None:
        chance, honest, killed = random.Random(seed), hands.Hands.messages, set[int]()

        def messages(self: hands.Hands):
            for count, heard in enumerate(honest(self), 1):
                alive = [hand.pid for hand in self.hands if hand.pid not in killed]
                if count in moments and alive:
                    killed.add(pid := chance.choice(alive))
                    os.kill(pid, signal.SIGKILL)
                yield heard

        monkeypatch.setattr(hands.Hands, "messages", messages)

    return kill_at


@pytest.mark.usefixtures("small_cuts", "eager")
@pytest.mark.parametrize("seed", range(12))
def test_a_worker_that_dies_loses_nothing(rig: Rig, deadly, seed: int) -> None:
    some_files(rig)
    chance = random.Random(seed)
    deadly(*sorted(chance.sample(range(1, 160), 2)), seed=seed)
    report = rig.sync(sector_size=chance.choice([SMALL_SECTOR, 16 << 20]), workers=3)
    assert report.sources[0].new.files == 113
    assert report.sources[0].checkpoint is not None
    assert report.sources[0].checkpoint.files == 113
    judge(rig)


@pytest.mark.usefixtures("small_cuts", "eager")
def test_when_all_workers_die_the_next_run_goes_on(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    some_files(rig)
    honest = hands.Hands.messages

    def messages(self: hands.Hands):
        for hand, message in honest(self):
            if message is not None and message[0] == "stored":
                for other in self.hands:
                    os.kill(other.pid, signal.SIGKILL)
            yield hand, message

    monkeypatch.setattr(hands.Hands, "messages", messages)
    with pytest.raises(Failed, match="ended before their time"):
        rig.sync(sector_size=SMALL_SECTOR, workers=3)
    monkeypatch.setattr(hands.Hands, "messages", honest)
    assert rig.sectors()
    report = rig.sync(sector_size=SMALL_SECTOR, workers=3)
    assert report.sources[0].made
    assert len(set(chunks(rig))) == len(chunks(rig)), "what was stored is not stored again"
    judge(rig)


@pytest.mark.usefixtures("small_cuts", "eager")
@pytest.mark.parametrize("standalone", [False, True], ids=["first", "standalone"])
def test_what_a_dead_worker_claimed_and_nobody_has(rig: Rig, monkeypatch: pytest.MonkeyPatch, standalone: bool) -> None:
    """Two slices hold the same; who claimed it dies, and its files are others by then: the other slice is stored anew,
    also where an older sector, which does not count, has its chunks."""
    same = {f"{number}": noise(3_000, number) for number in range(4)}
    write(rig.source, {f"{folder}{name}": data for folder in "ab" for name, data in same.items()})
    write(rig.source, {f"c{number:02}": noise(3_000, 50 + number) for number in range(20)})
    if standalone:
        rig.sync()
    honest, first = hands.Hands.messages, list[hands.Hand]()

    def messages(self: hands.Hands):
        heard = honest(self)
        asked = [next(heard) for _ in self.hands]  # so each has one of the first slices
        assert all(message is not None and message[0] == "slice" for _, message in asked)
        yield from asked
        for hand, message in heard:
            if message is not None and message[0] == "claim" and hand.slice and hand.slice.batch < 2:
                if len(first) == 1 and hand is not first[0]:
                    folder = "ab"[first[0].slice.batch] if first[0].slice else ""
                    # The last one lies in the slice after it, whose worker may have read it.
                    its = [name for name in same if name != "3"]
                    write(rig.source, {f"{folder}{name}": noise(4_000, 90 + int(name)) for name in its})
                    os.kill(first[0].pid, signal.SIGKILL)
                first.append(hand)
            yield hand, message

    monkeypatch.setattr(hands.Hands, "messages", messages)
    report = rig.sync(workers=3, standalone=standalone)
    monkeypatch.setattr(hands.Hands, "messages", honest)
    assert report.sources[0].made
    assert len(first) > 1
    with closing(sqlite3.connect(rig.home / "catalog.db")) as catalog:
        query = "SELECT lane FROM lanes WHERE checkpoint = (SELECT max(checkpoint) FROM lanes)"
        taken = {row[0] for row in catalog.execute(query)}
    assert {2, 6} <= taken, "both slices were stored in their second lanes"
    judge(rig)


@pytest.mark.usefixtures("small_cuts", "eager")
def test_an_end_with_more_lines_than_one_part_has(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers store more sectors than one part of an END lists, while the sector that it goes into is open."""
    for place in (populate, structures):
        monkeypatch.setattr(place, "LINES_MAX", 3)
    few = rig.folder / "few"
    write(few, {"one": noise(3_000, 5)})
    some_files(rig)
    report = rig.sync(few, rig.source, workers=2, sector_size=SMALL_SECTOR)
    assert report.stored_sectors > 4
    rig.new_home("elsewhere")
    for source in (few, rig.source):
        rig.assert_restores(snapshot(source), source=str(source))
    assert rig.check(read_data=True).exit_code == 0


@pytest.mark.usefixtures("small_cuts", "eager")
def test_an_error_of_a_worker_that_cannot_be_sent(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    some_files(rig)

    def read_small(*_: object) -> None:
        raise Withheld("folder1/001", "it is somewhere else", code="withheld")

    monkeypatch.setattr(transfer.Transfer, "_small", read_small)
    with pytest.raises(Failed, match="folder1/001: it is somewhere else"):
        rig.sync(workers=2)


def many_files(rig: Rig) -> None:
    """So many that a run starts workers by itself."""
    chance = random.Random(0)
    write(rig.source, {f"{number % 90}/{number}": chance.randbytes(1_000) for number in range(8_200)})


def workers_of(process: subprocess.Popen[bytes]) -> list[int]:
    """Processes that a run has forked and that are alive."""
    try:
        return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def begun(rig: Rig, *options: str) -> subprocess.Popen[bytes]:
    """A run whose workers are at work."""
    places = (str(rig.source), str(rig.target))
    process = rig.command("sync", *places, "--sector-size", "16MiB", "--workers", "3", *options)
    while len(workers_of(process)) < 3:
        assert process.poll() is None, "no workers were started"
        time.sleep(0.005)
    return process


def assert_dead(pids: list[int]) -> None:
    """No worker outlives its run."""
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < deadline, "a worker outlived its run"
        time.sleep(0.02)


@pytest.mark.parametrize("moments", [(0.1, 0.5), pytest.param((), marks=pytest.mark.soak)], ids=["two", "sixty"])
def test_a_run_that_is_killed_goes_on(rig: Rig, moments: tuple[float, ...]) -> None:
    many_files(rig)
    chance = random.Random(1)
    for moment in moments or [chance.uniform(0, 1.5) for _ in range(60)]:
        with begun(rig) as process:
            pids = workers_of(process)
            time.sleep(moment)
            process.kill()
        assert_dead(pids)
        if chance.random() < 0.3:
            shutil.rmtree(rig.target)
    rig.sync(sector_size=16 << 20)
    assert not list(rig.target.glob(".bakup-spool/*/*.bakup"))
    assert rig.check(read_data=True).exit_code == 0
    rig.assert_recovers(snapshot(rig.source))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl-c", "term"])
def test_a_run_that_is_asked_to_end(rig: Rig, number: signal.Signals, code: int) -> None:
    many_files(rig)
    (rig.source / "slow").write_bytes(os.urandom(64 << 20))  # so that the run cannot be over when the signal comes
    with begun(rig, "--compression", "zstd:19") as process:
        pids = workers_of(process)
        time.sleep(0.2)
        process.send_signal(number)
        said = process.communicate(timeout=60)[0].decode()
    assert process.returncode == code, said
    assert_dead(pids)
    assert not list(rig.target.glob(".bakup-spool/*/*.bakup"))
    assert rig.sync().sources[0].made
    assert rig.check(read_data=True).exit_code == 0


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories((1, 4096, 8192, 65_536)))
def test_any_history(tmp_path_factory: pytest.TempPathFactory, history) -> None:
    """Each check point comes back, whatever changed between them, and from sectors alone."""
    with pytest.MonkeyPatch.context() as patch:
        from rig import cut_small

        cut_small(patch)
        be_eager(patch)
        patch.setattr(spool, "BATCH", 2)
        patch.setattr(archiver, "hands_for", lambda jobs, most: (2, jobs))
        rig = Rig(tmp_path_factory.mktemp("any"))
        kept = []
        for number, changes in enumerate(history):
            apply(rig.source, changes)
            report = rig.sync(sector_size=SMALL_SECTOR, allow_empty=True, standalone=number == 3).sources[0]
            if report.made and report.checkpoint is not None:
                kept.append((report.checkpoint.uuid.hex(), snapshot(rig.source)))
        if kept:
            assert lanes_of(rig), "workers were used"
        for at, wanted in kept:
            rig.assert_restores(wanted, at=at)
        assert rig.check(read_data=True).exit_code == 0
        rig.new_home("elsewhere")
        for at, wanted in kept:
            rig.assert_restores(wanted, at=at)
            rig.assert_recovers(wanted, at=at)
        shutil.rmtree(rig.folder)
