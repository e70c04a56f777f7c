"""Rates, slices of files, and the end of a run."""

import itertools
import os
import threading
import time
from pathlib import Path

import pytest

from bakup.errors import StoreError
from bakup.store.limited import limited
from bakup.store.opening import open_target
from bakup.store.target import Terms
from bakup.store.wire import Body, Rate, Sink, Wire


class Clock:
    """Time as `bakup.store.wire` sees it: it passes where something waits, unless it `stands`."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.stands = False
        self.waits: list[float] = []
        self._guard = threading.Lock()

    def monotonic(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        with self._guard:
            self.waits.append(seconds)
            self.now += 0 if self.stands else seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("bakup.store.wire.time", clock)
    monkeypatch.setattr(Wire, "wait", lambda _, seconds: clock.wait(seconds))
    return clock


def test_a_body_is_its_slice(tmp_path: Path) -> None:
    content = os.urandom(700_000)
    file = tmp_path / "f"
    file.write_bytes(content)
    wire = Wire()
    with Body(str(file), 100, 600_000, wire) as body:
        assert len(body) == 600_000
        assert body.read(10) == content[100:110]
        body.seek(0)
        assert b"".join(iter(lambda: body.read(200_000), b"")) == content[100:600_100]
        assert body.seek(0, os.SEEK_END) == 600_000
        assert body.read(1) == b""
    assert wire.counts.put_bytes == 600_010


def test_what_only_hashes_is_no_traffic(tmp_path: Path, clock: Clock) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"x" * 1000)
    wire = Wire(upload=100)
    with Body(str(file), 0, 1000, wire) as body:
        body.counted = False
        assert len(body.read()) == 1000
    assert wire.counts.put_bytes == 0
    assert clock.waits == []


def test_a_body_that_a_library_closed_can_be_sent_again(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"content")
    with Body(str(file), 0, 7, Wire()) as body:
        assert body.read() == b"content"
        body.close()
        body.seek(0)
        assert body.read() == b"content"


def test_a_rate_is_smooth(tmp_path: Path, clock: Clock) -> None:
    file = tmp_path / "f"
    file.write_bytes(bytes(300_000))
    moments = [clock.now]
    with Body(str(file), 0, 300_000, Wire(upload=300_000)) as body:
        while body.read(1 << 20):
            moments.append(clock.now)
    assert moments[-1] - moments[0] == pytest.approx(1.0)
    assert len(moments) > 16
    assert max(later - earlier for earlier, later in itertools.pairwise(moments)) < 1 / 15


def test_a_rate_is_for_all_threads_together(clock: Clock) -> None:
    """The clock stands still meanwhile, so each waits for all that went before it."""
    clock.stands = True
    wire = Wire(download=1_000_000)

    def take() -> None:
        sink = Sink(wire)
        for _ in range(10):
            sink.take(bytes(12_500))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(clock.waits) == pytest.approx([0.0125 * count for count in range(1, 41)])
    assert wire.counts.read_bytes == 500_000


def test_idle_time_is_not_saved_up(clock: Clock) -> None:
    rate = Rate(1000)
    rate.delay(10)
    clock.now += 0.2
    assert rate.delay(1000) == pytest.approx(1.0)


def test_cut_ends_what_waits() -> None:
    wire = Wire(upload=10)
    threading.Timer(0.2, wire.cut).start()
    begun = time.monotonic()
    with pytest.raises(StoreError, match="cut off"):
        wire.sent(1000)
    assert time.monotonic() - begun < 1000 / 10


def test_a_local_target_keeps_its_rate(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    spool.write_bytes(bytes(200_000))
    target = open_target(str(tmp_path / "t"), create=True, terms=Terms(upload=400_000, download=400_000))
    begun = time.monotonic()
    target.put_new("a.bakup", str(spool))
    assert time.monotonic() - begun > 0.45
    begun = time.monotonic()
    assert len(target.read("a.bakup", 0, 200_000)) == 200_000
    assert time.monotonic() - begun > 0.45
    assert not target.at_once.processes
    plain = open_target(str(tmp_path / "t"))
    assert limited(plain, Terms()) is plain
