"""A run that is cut off anywhere leaves earlier check points whole, and the next one goes on from what is stored."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from failing_target import Cut, FailingTarget
from rig import MIB, SECTOR, SMALL_SECTOR, Rig
from trees import Tree, noise, snapshot, write

from bakup.archive import opening
from bakup.errors import StoreError
from bakup.store.opening import open_target


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes the puts of the next runs fail; called without arguments, makes them good again."""

    def fail(when: str = "", number: int = 0, error: BaseException | None = None) -> None:
        def opened(place: str, **more: object) -> object:
            target = open_target(place)
            return FailingTarget(target, when, number, error) if error is not None else target

        monkeypatch.setattr(opening, "open_target", opened)

    return fail


FILES = {f"file{number}": noise(60_000, number) for number in range(12)} | {"big": noise(500_000, 99)}


@pytest.mark.usefixtures("small_cuts")
@pytest.mark.parametrize("error", [Cut(), StoreError("no answer")], ids=["cut", "store-error"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("first", [True, False], ids=["first-run", "later-run"])
def test_a_put_that_fails(rig: Rig, failing: Callable[..., None], when: str, first: bool, error: BaseException) -> None:
    kept: list[tuple[str, Tree]] = []
    if not first:
        write(rig.source, {"before": noise(5000, 77), "file0": b"old"})
        report = rig.sync().sources[0]
        assert report.checkpoint is not None
        kept.append((report.checkpoint.uuid.hex(), snapshot(rig.source)))
    write(rig.source, FILES)
    total = sum(map(len, FILES.values()))
    for number in (1, 2, 3):
        before = {path.name for path in rig.sectors()}
        failing(when, number, error)
        with pytest.raises(type(error)):
            rig.sync(sector_size=SMALL_SECTOR)
        failing()
        assert not list(rig.target.glob(".bakup-spool/*/*.bakup")), "spool files are gone"
        assert len({path.name for path in rig.sectors()} - before) == number - (when == "before")
        for at, wanted in kept:
            rig.assert_restores(wanted, at=at)
    done = 6 - 3 * (when == "before")
    report = rig.sync(sector_size=SMALL_SECTOR)
    assert report.stored_bytes < total - done * SMALL_SECTOR * 0.8 + SMALL_SECTOR, "stored chunks are not sent again"
    judge(rig, kept)


def judge(rig: Rig, kept: list[tuple[str, Tree]]) -> None:
    """The source is stored, earlier check points are whole, here and elsewhere."""
    wanted = snapshot(rig.source)
    rig.assert_restores(wanted)
    for at, before in kept:
        rig.assert_restores(before, at=at)
    report = rig.check(read_data=True)
    assert (report.exit_code, report.checkpoints) == (0, len(kept) + 1)
    assert not rig.sync(sector_size=SMALL_SECTOR if len(rig.sectors()) > 6 else SECTOR).sources[0].made
    here = rig.home
    rig.new_home(f"elsewhere{time.monotonic_ns()}")
    rig.assert_restores(wanted)
    for at, before in kept:
        rig.assert_restores(before, at=at)
    report = rig.check(read_data=True)
    assert (report.exit_code, report.checkpoints) == (0, len(kept) + 1)
    rig.assert_recovers(wanted)
    rig.home = here


@pytest.mark.usefixtures("small_cuts")
@pytest.mark.parametrize("when", ["before", "after"])
def test_the_put_of_an_end_that_is_cut(rig: Rig, failing: Callable[..., None], when: str) -> None:
    write(rig.source, {"a": noise(3000, 1)})
    failing(when, 1, Cut())
    with pytest.raises(Cut):
        rig.sync()
    failing()
    if when == "after":
        # What came whole to the target is a check point, whoever lived to see it.
        (line,) = rig.list()
        rig.assert_restores(snapshot(rig.source), at=line.uuid.hex())
    report = rig.sync().sources[0]
    assert report.made == (when == "before")
    assert len(rig.sectors()) == 1
    judge(rig, [])


@pytest.mark.usefixtures("small_cuts")
def test_a_sector_that_was_pending_comes_later(rig: Rig, failing: Callable[..., None], tmp_path: Path) -> None:
    """A store shows an object only some time after its put: what was struck then is taken in again."""
    write(rig.source, FILES)
    failing("after", 2, Cut())
    with pytest.raises(Cut):
        rig.sync(sector_size=SMALL_SECTOR)
    failing()
    late = rig.sectors()[-1]
    os.rename(late, tmp_path / "late")
    rig.sync(sector_size=SMALL_SECTOR)
    os.rename(tmp_path / "late", late)
    judge(rig, [])


@pytest.mark.usefixtures("small_cuts")
def test_a_cut_run_and_then_another_home(rig: Rig, failing: Callable[..., None]) -> None:
    write(rig.source, FILES)
    failing("after", 3, Cut())
    with pytest.raises(Cut):
        rig.sync(sector_size=SMALL_SECTOR)
    failing()
    first = rig.home
    rig.new_home("second")
    report = rig.sync(sector_size=SMALL_SECTOR)
    assert report.stored_bytes < sum(map(len, FILES.values())) - 2 * SMALL_SECTOR, "its chunks serve this home too"
    judge(rig, [])
    rig.home = first
    judge(rig, [])


@pytest.mark.usefixtures("small_cuts")
def test_a_cut_run_whose_files_are_gone_by_then(rig: Rig, failing: Callable[..., None]) -> None:
    write(rig.source, FILES)
    failing("after", 3, Cut())
    with pytest.raises(Cut):
        rig.sync(sector_size=SMALL_SECTOR)
    failing()
    for name in FILES:
        (rig.source / name).unlink()
    write(rig.source, {"other": b"other"})
    rig.sync(sector_size=SMALL_SECTOR)
    judge(rig, [])


def sync_command(rig: Rig, *options: str) -> subprocess.Popen[bytes]:
    return rig.command("sync", str(rig.source), str(rig.target), "--sector-size", "16MiB", *options)


def wait_for_sectors(rig: Rig, process: subprocess.Popen[bytes], number: int) -> None:
    end = time.monotonic() + 60
    while len(rig.sectors()) < number:
        assert process.poll() is None, process.communicate()[0].decode()
        assert time.monotonic() < end
        time.sleep(0.002)


def big_tree(rig: Rig, run: int) -> None:
    files = {f"big{run}/{number}": noise(3 * MIB, run * 100 + number) for number in range(16)}
    write(rig.source, {**files, "same": b"%d" % run, f"small/{run}": noise(500, run)})


def test_killed_at_random_moments(rig: Rig) -> None:
    """SIGKILL at ten moments spread over a run; after each the next sync succeeds, and all of it comes back."""
    kept: list[tuple[str, Tree]] = []
    write(rig.source, {"first": b"first"})
    report = rig.sync().sources[0]
    assert report.checkpoint is not None
    kept.append((report.checkpoint.uuid.hex(), snapshot(rig.source)))
    big_tree(rig, 0)
    begun = time.monotonic()
    rig.run("sync", str(rig.source), str(rig.target), "--sector-size", "16MiB")
    whole_run = time.monotonic() - begun
    kept.append((rig.list()[-1].uuid.hex(), snapshot(rig.source)))
    moments = random.Random(1)
    killed = 0
    for number in range(1, 11):
        if number in (1, 6):
            big_tree(rig, number)
        write(rig.source, {"same": b"%d" % number, f"small/{number}": noise(500, number)})
        process = sync_command(rig)
        time.sleep(whole_run * moments.uniform(0.1, 1.0))
        process.kill()
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
        rig.assert_restores(kept[-1][1], at=kept[-1][0])
        if number in (3, 5, 8, 10):
            report = rig.sync().sources[0]
            assert report.checkpoint is not None
            kept = [*kept[-1:], (report.checkpoint.uuid.hex(), snapshot(rig.source))]
            for at, wanted in kept:
                rig.assert_restores(wanted, at=at)
            assert not list(rig.target.glob(".bakup-spool/*"))
            for old in rig.source.glob("big*/*"):
                if moments.random() < 0.5:
                    old.unlink()
    assert killed >= 3, "the run was over before it could be killed"
    rig.sync()
    wanted = snapshot(rig.source)
    report_of_check = rig.check(read_data=True)
    assert (report_of_check.exit_code, report_of_check.history) == (0, ())
    rig.new_home("elsewhere")
    rig.assert_restores(wanted)
    rig.assert_recovers(wanted)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_by_the_user(rig: Rig, sent: signal.Signals) -> None:
    kept: list[tuple[str, Tree]] = []
    write(rig.source, {"first": b"first"})
    report = rig.sync().sources[0]
    assert report.checkpoint is not None
    kept.append((report.checkpoint.uuid.hex(), snapshot(rig.source)))
    big_tree(rig, 1)
    process = sync_command(rig, "--limit-upload", "16MiB")  # so that it is under way when the signal comes
    wait_for_sectors(rig, process, 3)
    process.send_signal(sent)
    said = process.communicate(timeout=20)[0].decode()
    assert process.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}[sent], said
    assert "Traceback" not in said
    assert "run the same command again" in said
    assert not list(rig.target.glob(".bakup-spool/*")), "nothing is left in the spool"
    rig.assert_restores(kept[0][1])
    report_of_run = rig.sync()
    assert report_of_run.stored_bytes < 36 * MIB, "what was stored is not sent again"
    judge(rig, kept)
