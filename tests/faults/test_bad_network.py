"""A store behind a network that breaks: syncs end well or honestly, and nothing that a check point holds is wrong."""

from __future__ import annotations

import random
import re
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path[:0] = [str(Path(__file__).parents[1] / "acceptance")]

from computer import Computer, Said, ended  # noqa: E402
from likeness import Portrait, assert_alike, portrait  # noqa: E402

from tests.servers.proxy import Faults, Proxy  # noqa: E402

if TYPE_CHECKING:
    from tests.servers.fleet import Fleet
    from tests.servers.served import Served

MIB = 1 << 20
EVERYTHING = Faults(
    rates=(("reset", 0.06), ("truncation", 0.06), ("delay", 0.06), ("500", 0.06), ("503", 0.06), ("403", 0.003)),
    every=30,
    lasting=5,
)
SMALL_SECTORS = ("--sector-size", "16MiB", "--compression", "none")
KNOWN_ENDS = (0, 1, 10)
"""Well; past patience; told 403, which no retry mends."""


class Desk:
    """A computer and a source, and a place in a store behind a proxy. `states`: what each check point must hold."""

    def __init__(self, folder: Path, served: Served, proxy: Proxy, seed: int) -> None:
        self.folder = folder
        self.source = folder / "source"
        self.source.mkdir()
        self.computer = Computer(folder / "home")
        place = served.place()
        near = served.behind(proxy.port)
        self.direct = [place, *served.words()]
        self.through = [place, *near.words(), "--retry-for", "30s"]
        self.states: dict[str, Portrait] = {}
        self._die = random.Random(seed)

    def change(self) -> None:
        """Some files are new, some changed, some gone."""
        for number in self._die.sample(range(60), 12):
            path = self.source / f"{number}"
            if path.exists() and self._die.random() < 0.3:
                path.unlink()
            else:
                path.write_bytes(self._die.randbytes(self._die.choice([10, 5_000, 300_000, 3 * MIB])))

    def sync(self, *options: str) -> Said:
        """Through the proxy, as a process; a check point that it made must hold what the source is now."""
        said = self.computer.run("sync", self.source, *self.through, *SMALL_SECTORS, "--json", *options, code=None)
        if said.code == 0:
            self.states[said.summary["check_point"]] = portrait(self.source)
        return said

    def assert_nothing_lost(self) -> None:
        """On another computer, from the words and the store alone: every byte, every check point."""
        other = Computer(self.folder / "other")
        other.run("check", *self.direct, "--read-data")
        for at, wanted in self.states.items():
            out = self.folder / "out"
            other.call("restore", self.direct[0], out, *self.direct[1:], "--at", at)  # half an hour makes 500 of them
            assert_alike(out, wanted)
            shutil.rmtree(out)


@pytest.fixture
def proxy(fleet: Fleet) -> Iterator[Proxy]:
    with Proxy(fleet["ceph"].port, seed=1).running() as running:
        yield running


@pytest.fixture
def desk(tmp_path: Path, fleet: Fleet, proxy: Proxy) -> Desk:
    return Desk(tmp_path, fleet["ceph"], proxy, seed=1)


@pytest.mark.parametrize(
    "seconds", [pytest.param(180, marks=pytest.mark.peer), pytest.param(1_800, marks=pytest.mark.soak)]
)
def test_syncs_while_everything_goes_wrong(desk: Desk, proxy: Proxy, seconds: int) -> None:
    proxy.faults = EVERYTHING
    end, ends = time.monotonic() + seconds, []
    while time.monotonic() < end:
        desk.change()
        said = desk.sync()
        assert said.code in KNOWN_ENDS, said
        assert "unexpected" not in said.err, said
        ends.append(said.code)
    proxy.faults = Faults()
    desk.sync()
    assert len(desk.states) > 2, ends
    assert ends.count(0) > len(ends) / 2, ends
    assert {"reset", "truncation", "delay", "500", "503", "black-out"} <= proxy.done.keys()
    desk.assert_nothing_lost()
    counted = {code: ends.count(code) for code in KNOWN_ENDS}
    print(f"{len(ends)} syncs in {seconds} s by exit code: {counted}; {len(desk.states)} check points, all whole")
    print(f"{proxy.requests.total():,} requests; gone wrong: {dict(proxy.done)}")


def first_sector_stored(desk: Desk, *options: str) -> object:
    """A sync that has one of its sectors at the store, and goes on."""
    for number in range(16):
        (desk.source / f"large{number}").write_bytes(random.Random(number).randbytes(5 * MIB))
    words = ["sync", desk.source, *desk.through, *SMALL_SECTORS, "-v", "--parallel", "1", *options]
    return desk.computer.start(*words)


@pytest.mark.peer
def test_a_network_that_comes_back(desk: Desk, proxy: Proxy) -> None:
    with ended(first_sector_stored(desk, "--limit-upload", "8MiB")) as run:  # type: ignore[arg-type]
        assert run.stdout is not None
        assert any(line.startswith(b"sector ") for line in run.stdout)
        proxy.black_out(10)
        out, err = run.communicate(timeout=120)
    assert run.returncode == 0, out + err
    assert desk.sync().summary["check_point_new"] is False
    desk.assert_nothing_lost()


@pytest.mark.peer
def test_a_network_that_stays_away(desk: Desk, proxy: Proxy) -> None:
    with ended(first_sector_stored(desk, "--limit-upload", "8MiB", "--retry-for", "5s")) as run:  # type: ignore[arg-type]
        assert run.stdout is not None
        before = [next(line for line in run.stdout if line.startswith(b"sector "))]
        proxy.black_out(0)
        proxy.dark = True
        began = time.monotonic()
        out, err = run.communicate(timeout=120)
    assert run.returncode == 1, out + err
    assert time.monotonic() - began < 40
    stored = len(before) + out.count(b"sector ")
    told = err.decode()
    assert "error: no answer from s3://" in told
    assert re.search(
        rf"^  {stored} sectors?, .* stored and stays? good; no check point was completed$", told, re.MULTILINE
    )
    assert "hint: when it answers, run the same command again: it goes on where it stopped" in told
    proxy.dark = False
    again = desk.sync()
    assert again.code == 0, again
    assert again.summary["stored_bytes"] < (80 - 16 * stored + 8) * MIB
    desk.assert_nothing_lost()


@pytest.mark.peer
def test_the_contract_holds_over_a_long_way(desk: Desk, fleet: Fleet) -> None:
    served = fleet["ceph"]
    with Proxy(served.port, round_trip=0.08).running() as far:
        began = time.monotonic()
        desk.computer.run("target", "test", served.url, *served.behind(far.port).words())
        assert time.monotonic() - began > 2
        assert far.requests["PUT"] > 10
