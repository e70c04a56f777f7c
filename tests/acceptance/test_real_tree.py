"""Debian's Linux source and a file over 2 GB: backed up, all that is local lost, brought back by 24 words; twice."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from computer import ROOT, Computer
from likeness import Portrait, differences, portrait

from bakup.api.reports import AccountCard, RebuildReport, TargetOptions
from bakup.api.watch import Silent
from bakup.archive import opening
from bakup.archive.home import Home
from bakup.errors import Usage
from bakup.flows.rebuild import rebuild
from bakup.sector.reader import fetch_header
from bakup.store.counting import CountingTarget, Counts
from bakup.store.opening import open_target
from bakup.store.target import Target
from bench import corpus

pytestmark = pytest.mark.peer

META_READ = 8 << 20
"""Metadata of a sector that one read may bring, in bytes."""
SEGMENT = 65_552
"""Stored bytes of one segment of a data region."""
SMALLEST_BIG = 2 << 30


class Nobody:
    """An Ask to which nobody answers."""

    def new_account(self, card: AccountCard) -> None:
        raise Usage("nobody is there")

    def use_folder(self, target: str, files: int) -> bool:
        return False

    def allow_empty(self, said: str) -> bool:
        return False

    def passphrase(self, account: str) -> str:
        raise Usage("nobody is there")

    def given_passphrase(self) -> str | None:
        return None


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print how long it took."""
    begun = time.monotonic()
    yield
    print(f"{what}: {time.monotonic() - begun:.1f} s", flush=True)


@pytest.fixture(scope="module")
def sources() -> dict[Path, Portrait]:
    """The bench's files, made on first use where `make bench` keeps them, and what they look like."""
    real = corpus.prepare(os.environ.get("BAKUP_BENCH_DIR") or os.path.expanduser("~/.cache/bakup-bench"))
    with timed("\nlooking at the sources"):
        found = {Path(folder): portrait(Path(folder)) for folder in (real.tree, real.big)}
    assert max(look.size for look in found[Path(real.big)].values()) > SMALLEST_BIG
    return found


@pytest.fixture(scope="module")
def computer(sources: dict[Path, Portrait]) -> Iterator[Computer]:
    """A computer that has backed up both and lost its BAKUP_HOME since: it has the words. The target is beside it."""
    with tempfile.TemporaryDirectory(prefix="bakup-acceptance-") as folder:
        computer = Computer(Path(folder) / "home")
        for source in sources:
            with timed(f"sync of {source.name}"):
                computer.run("sync", source, Path(folder) / "target")
        shutil.rmtree(computer.home)
        yield computer


@pytest.fixture
def out(computer: Computer) -> Iterator[Path]:
    """Where a restore goes; removed after it."""
    place = computer.home.with_name("out")
    yield place
    shutil.rmtree(place, ignore_errors=True)


def assert_alike(found: Path, wanted: Portrait) -> None:
    wrong = differences(portrait(found), wanted)
    assert not wrong, f"{len(wrong)} paths differ\n" + "\n".join(wrong[:20])


def test_a_rebuild_reads_two_ranges_a_sector(computer: Computer, monkeypatch: pytest.MonkeyPatch) -> None:
    computer.run("account", "recover", "--words-file", computer.words)
    target = str(computer.home.with_name("target"))
    opened: list[CountingTarget] = []

    def counting(inner: Target) -> CountingTarget:
        opened.append(CountingTarget(inner, keep_ranges=True))
        return opened[-1]

    monkeypatch.setattr(opening, "CountingTarget", counting)
    with Home.open(str(computer.home), write=True, command="rebuild") as home:
        report = rebuild(home, target, target=TargetOptions(), watch=Silent(), ask=Nobody())
    (counted,) = opened
    _judge_reads(open_target(target), counted.counts, report)


def _judge_reads(target: Target, counts: Counts, report: RebuildReport) -> None:
    """Two ranges a sector and one more for each further 8 MiB of metadata; not one segment of a data region."""
    total = beside = 0
    for locator, size in target.list():
        found = fetch_header(target, locator, size)
        assert found is not None
        first, *rest = counts.ranges[locator]
        data = range(found.header.data_start, found.header.meta_start)
        assert len(rest) == -(-(found.header.meta_length + found.padding) // META_READ), (locator, rest)
        assert all(offset >= data.stop for offset, _ in rest), f"data of {locator} were read: {rest}"
        assert not data or sum(first) < data.start + min(SEGMENT, len(data)), (
            f"a segment of {locator} was read: {first}"
        )
        beside += sum(first) - data.start
        total += size
    assert counts.reads == sum(map(len, counts.ranges.values())) == report.reads
    print(
        f"\nrebuild: {report.sectors} sectors, {total:,} bytes; {report.reads} reads, {report.read_bytes:,} bytes, in"
        f" {report.elapsed:.2f} s; data regions: 0 segments, {beside:,} bytes that came with the headers"
    )


def test_all_comes_back_by_the_words(sources: dict[Path, Portrait], computer: Computer, out: Path) -> None:
    target = computer.home.with_name("target")
    for source, wanted in sources.items():
        with timed(f"\nrestore of {source.name}"):
            computer.run("restore", target, out, "--source", source.name)
        assert_alike(out, wanted)
        shutil.rmtree(out)
    with timed("check --read-data"):
        computer.run("check", target, "--read-data")


def test_all_comes_back_without_bakup(sources: dict[Path, Portrait], computer: Computer, out: Path) -> None:
    reader = [sys.executable, str(ROOT / "tools" / "recover.py"), "--words-file", str(computer.words)]
    for source, wanted in sources.items():
        with timed(f"\ntools/recover.py of {source.name}"):
            target = computer.home.with_name("target")
            subprocess.run([*reader, str(target), str(out), "--source", str(source)], check=True, timeout=300)
        assert_alike(out, wanted)
        shutil.rmtree(out)
