"""Several sectors on their way to a store at once."""

from __future__ import annotations

import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from rig import SMALL_SECTOR, Rig
from trees import noise, snapshot, write

from bakup.archive import opening
from bakup.errors import Failed
from bakup.layouts.sectors import upload
from bakup.sector.trust import Trust
from bakup.sector.verify import verify_finished
from bakup.sector.writer import FinishedSector
from bakup.store.opening import open_target
from bakup.store.target import AtOnce, Target


class Slow:
    """Passes all to a local target, slowly, and likes three puts at once."""

    at_once = AtOnce(puts=3)

    def __init__(self, inner: Target) -> None:
        self._inner = inner
        self._guard = threading.Lock()
        self.under_way = self.most = 0
        self.order: list[tuple[str, int]] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def put_new(self, name: str, spool: str) -> str:
        with self._guard:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            self.order.append((name, self.under_way))
        time.sleep(0.05)
        try:
            return self._inner.put_new(name, spool)
        finally:
            with self._guard:
                self.under_way -= 1


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Slow]]:
    made: list[Slow] = []

    def opened(place: str, **_: object) -> Slow:
        made.append(Slow(open_target(place)))
        return made[-1]

    monkeypatch.setattr(opening, "open_target", opened)
    yield made
    monkeypatch.undo()


@pytest.mark.usefixtures("small_cuts")
def test_sectors_go_up_at_once_and_the_end_goes_last(rig: Rig, slow: list[Slow]) -> None:
    write(rig.source, {f"file{number}": noise(90_000, number) for number in range(20)})
    report = rig.sync(sector_size=SMALL_SECTOR)
    assert report.stored_sectors >= 5
    assert slow[0].most == 3
    assert slow[0].order[-1][1] == 1, "nothing else is under way when the END goes"
    rig.assert_restores(snapshot(rig.source))
    rig.forget("catalog.db")
    rig.assert_restores(snapshot(rig.source))


@pytest.mark.usefixtures("small_cuts", "slow")
def test_the_end_tells_each_sector_by_its_digest(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a sector takes to be finished while the next ones are filled."""

    def verify(finished: FinishedSector, trust: Trust) -> None:
        time.sleep(0.1)
        verify_finished(finished, trust)

    monkeypatch.setattr(upload, "verify_finished", verify)
    write(rig.source, {f"file{number}": noise(90_000, number) for number in range(20)})
    rig.sync(sector_size=SMALL_SECTOR)
    with closing(sqlite3.connect(rig.home / "catalog.db")) as catalog:
        *lines, end = catalog.execute("SELECT header_digest, bytes FROM lines ORDER BY position").fetchall()
    assert len(lines) >= 4
    assert all(digest and size for digest, size in lines)
    assert end == (None, 0)


class Refusing(Slow):
    """Takes two sectors and refuses the others."""

    def put_new(self, name: str, spool: str) -> str:
        if len(self.order) == 2:
            raise Failed("takes nothing more")
        return super().put_new(name, spool)


@pytest.mark.usefixtures("small_cuts")
def test_a_run_that_ends_leaves_no_spool_files(rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    write(rig.source, {f"file{number}": noise(90_000, number) for number in range(20)})
    with monkeypatch.context() as patch:
        patch.setattr(opening, "open_target", lambda place, **_: Refusing(open_target(place)))
        with pytest.raises(Failed, match="takes nothing more"):
            rig.sync(sector_size=SMALL_SECTOR, spool=str(spool))
    assert list(spool.iterdir()) == []
    rig.sync(sector_size=SMALL_SECTOR, spool=str(spool))
    assert list(spool.iterdir()) == []
    rig.assert_restores(snapshot(rig.source))


class Lasting(Slow):
    """Takes long for a put, unless the run ends; ctrl-C comes without waking the thread that waits for it."""

    def __init__(self, inner: Target) -> None:
        super().__init__(inner)
        self.aborted = threading.Event()

    def put_new(self, name: str, spool: str) -> str:
        time.sleep(0.2)
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        if self.aborted.wait(30):
            raise Failed("was cut off")
        return super().put_new(name, spool)

    def abort(self) -> None:
        self.aborted.set()


def test_ctrl_c_is_heeded_whenever_it_comes(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the wait for a put begins, above all: then nothing would wake it."""
    write(rig.source, {"file": b"content"})
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(opening, "open_target", lambda place, **_: Lasting(open_target(place)))
            with pytest.raises(KeyboardInterrupt):
                rig.sync()
    finally:
        signal.signal(signal.SIGINT, before)
    assert rig.sectors() == []
    rig.sync()
    rig.assert_restores(snapshot(rig.source))
