"""Thousands of check points: the work grows with their number, not with its square. Work is counted, not timed."""

from __future__ import annotations

import socket
import sqlite3
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from blake3 import blake3
from rig import ENTROPY, Answers, Rig
from trees import write

from bakup.account.keys import Account
from bakup.api.listings import FindOptions
from bakup.api.reports import TargetOptions
from bakup.catalog import database
from bakup.flows.diff import diff
from bakup.flows.find import find, history
from bakup.flows.stats import stats
from bakup.format.action import frame, group_action
from bakup.format.constants import END_LANE, ActionType
from bakup.format.entries import encode_entries
from bakup.format.structures import INCREMENTAL, encode_checkpoint, encode_end
from bakup.model import Attributes, Checkpoint, CheckpointRef, Chunker, Dir, End, LaneLine, SectorLine, Symlink
from bakup.sector.writer import SectorWriter

FEW, MANY = 100, 400
PER_SECTOR = 2
STEPS = 1000
"""Instructions of SQLite's machine between two counts."""


def chained(rig: Rig, number: int) -> None:
    """A target with `number` incremental check points of one source, each of one link more; many in a sector."""
    account = Account.from_entropy(ENTROPY)
    source, location = uuid.uuid4().bytes, str(rig.source).encode()
    previous: CheckpointRef | None = None
    rig.target.mkdir()
    begun = time.time_ns() - number * 10**9
    for start in range(0, number, PER_SECTOR):
        with SectorWriter(str(rig.target), account) as writer:
            for at in range(start, start + PER_SECTOR):
                point = Checkpoint(
                    uuid=uuid.uuid4().bytes,
                    flags=INCREMENTAL if previous else 0,
                    time_ns=begun + at * 10**9,
                    source=source,
                    host=socket.gethostname(),
                    location=location,
                    name="",
                    tags=(),
                    sequence=at + 1,
                    previous=previous,
                    based_on=previous.uuid if previous else None,
                    replaces=None,
                    chunker=Chunker("fastcdc-2020", 1, 2, 3, 0),
                )
                link = Symlink(f"link{at:06}".encode(), Attributes(), b"x")
                entries = [link] if previous else [Dir(b"", Attributes()), link]
                header = encode_checkpoint(point)
                writer.begin_checkpoint(point.uuid, header)
                group = group_action(encode_entries(entries), None)
                writer.add_meta(point.uuid, 0, group)
                line = SectorLine(writer.uuid, None, len(entries), 0, entries[0].path, entries[-1].path)
                digest = blake3(blake3(header).digest() + blake3(group).digest()).digest()
                end = encode_end(End(point.uuid, 0, True, (line,), 0, 0, (LaneLine(0, len(group), digest),)))
                writer.add_meta(point.uuid, END_LANE << 40, frame(ActionType.END, end))
                previous = CheckpointRef(point.uuid, blake3(blake3(end).digest()).digest())
            writer.finish()


class Work:
    """Counts what is done: instructions of SQLite, and calls and loops of Python."""

    def __init__(self) -> None:
        self.steps = 0
        self.lines = 0

    def count_step(self) -> int:
        self.steps += 1
        return 0


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Work]:
    """What is counted now is the last of these."""
    counting = [Work()]
    real = database.open_catalog

    def counted(folder: str) -> sqlite3.Connection:
        connection = real(folder)
        connection.set_progress_handler(counting[-1].count_step, STEPS)
        return connection

    monkeypatch.setattr(database, "open_catalog", counted)
    return counting


COMMANDS: dict[str, Callable[[Rig], object]] = {
    "rebuild": lambda rig: rig.rebuild(),
    "check": lambda rig: rig.check(),
    "ls": lambda rig: rig.list(),
    "restore": lambda rig: rig.restore(at="latest~1"),
    "stats": lambda rig: _with(rig, lambda home, more: stats(home, str(rig.target), source=None, at=None, **more)),
    "history": lambda rig: _with(
        rig, lambda home, more: history(home, str(rig.target), b"link000000", source=None, at=None, **more)
    ),
    "find": lambda rig: _with(
        rig,
        lambda home, more: [
            list(group.versions)
            for group in find(
                home, str(rig.target), FindOptions(globs=(b"link*",)), watch=more["watch"], ask=more["ask"]
            ).groups
        ],
    ),
    "diff": lambda rig: _with(
        rig, lambda home, more: list(diff(home, str(rig.target), "latest~5", "latest", source=None, **more).lines)
    ),
    "damaged ls": lambda rig: _without_one(rig, rig.list),
    "damaged check": lambda rig: _without_one(rig, rig.check),
    "sync": lambda rig: rig.sync(),
}


def _with(rig: Rig, call: Callable[..., object]) -> object:
    with rig.open() as home:
        return call(home, {"target": TargetOptions(), "watch": rig.watch, "ask": Answers()})


def _without_one(rig: Rig, call: Callable[[], object]) -> object:
    sector = rig.sectors()[1]
    content = sector.read_bytes()
    sector.unlink()
    try:
        return call()
    finally:
        sector.write_bytes(content)


def measured(rig: Rig, opened: list[Work], number: int) -> dict[str, tuple[int, int]]:
    """Work of each command on a chain of `number` check points: (SQLite, Python)."""
    chained(rig, number)
    write(rig.source, {"new": b"new"})
    found = {}
    for name, command in COMMANDS.items():
        work = Work()
        opened.append(work)

        def profile(frame: object, event: str, argument: object, work: Work = work) -> None:
            work.lines += event in ("call", "c_call")

        sys.setprofile(profile)
        try:
            command(rig)
        finally:
            sys.setprofile(None)
        found[name] = work.steps, work.lines
    return found


def test_work_grows_as_the_chain_does(tmp_path: Path, opened: list[Work]) -> None:
    results: list[dict[str, tuple[int, int]]] = []
    for number in (FEW, MANY):
        folder = tmp_path / str(number)
        folder.mkdir()
        results.append(measured(Rig(folder), opened, number))
    few, many = results
    times = MANY / FEW
    for name in COMMANDS:
        for kind, before, after in zip(("SQLite", "Python"), few[name], many[name], strict=True):
            assert after <= 1.6 * times * max(before, 20), f"{name}: {kind} did {before} and then {after}"
