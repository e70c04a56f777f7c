"""Worker processes that carry out a plan side by side: each pulls slices of it, and stores them in lanes of their own.

The main process gives out the slices, owns catalog, claims and END, and adds up what the workers count. A slice of a
worker that died is given to another, in another lane: an END names only the lanes that count.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import Any, NoReturn

from msgspec import Struct, field
from msgspec.structs import replace

from bakup.api.watch import Mark, Silent
from bakup.archiver.scanning import Job
from bakup.archiver.storing import Counted, SourceStoring
from bakup.catalog import recording
from bakup.catalog.database import reader
from bakup.errors import Failed
from bakup.format.constants import LANES
from bakup.layouts.checkpoint_writer import Outcome
from bakup.layouts.interface import Begun, Bench, MakeBench, Making
from bakup.model import LaneLine
from bakup.processes import Line, leave_signals, workers

FILES = 8_000
"""Files to read from which on workers are worth their start, and ..."""
BYTES = 16 << 20
"""... raw bytes, or ..."""
FILES_EACH = 4_000
"""... files that each of them has at least."""
ATTEMPTS = 4
"""Lanes that a slice may take: so often it is given out."""
_BATCHES = LANES // ATTEMPTS
"""More of a plan have no lanes. (Two thousand million paths.)"""
_WAIT_S = 0.5


class Slice(Struct, frozen=True):
    """A batch of a job's plan (both by number), and the lane that takes it."""

    job: int
    batch: int
    lane: int


class SliceStored(Struct):
    """What became of a slice: its lane (None: nothing of it was to be stored), and the sectors that hold it."""

    slice: Slice
    lane: LaneLine | None
    sectors: frozenset[bytes]
    counted: Counted
    read: Outcome
    paths: list[tuple[Mark, bytes, int | None]]
    files: int
    bytes: int


class Hand(Struct, eq=False):
    """A worker: its process, the slice it has, what it has stored of the job, and how far it is with the slice.

    `waiting`: it has asked for a slice; `flushed`: all its sectors are stored.
    """

    number: int
    pid: int
    connection: Any
    slice: Slice | None = None
    stored: list[tuple[Slice, frozenset[bytes]]] = field(default_factory=list)
    waiting: bool = False
    flushed: bool = True
    files: int = 0
    bytes: int = 0


class Hands:
    """`count` forked processes for these jobs. Made while the databases are closed and no other thread runs.

    Args:
        databases: the folder of the catalog.
    """

    def __init__(self, count: int, jobs: Sequence[Job], bench: MakeBench, making: Making, databases: str) -> None:
        self.jobs = jobs
        self.hands: list[Hand] = []
        for number in range(count):
            here, there = Pipe()
            pid = os.fork()
            if pid == 0:
                others = [here, *(hand.connection for hand in self.hands)]
                _serve(there, others, lambda line: _work(line, jobs, bench, making, databases))
            there.close()
            self.hands.append(Hand(number, pid, here))

    def __enter__(self) -> Hands:
        return self

    def __exit__(self, *error: object) -> None:
        for hand in self.hands:
            hand.connection.close()  # one that waits for a slice ends
            if error[0] is not None:
                with suppress(ProcessLookupError):
                    os.kill(hand.pid, signal.SIGKILL)
        for hand in self.hands:
            os.waitpid(hand.pid, 0)
        self.hands = []

    def send(self, hand: Hand, answer: object) -> None:
        """Answer what a worker asked. One that is dead is found so by `messages`."""
        with suppress(OSError):
            hand.connection.send(answer)

    def messages(self) -> Iterator[tuple[Hand, tuple[Any, ...] | None]]:
        """What workers tell and ask, for ever; None from one that died, which is gone then."""
        while True:
            by_connection = {hand.connection: hand for hand in self.hands}
            for ready in wait(list(by_connection), _WAIT_S):
                hand = by_connection[ready]
                try:
                    message = hand.connection.recv()
                except (EOFError, OSError):
                    self._bury(hand)
                    message = None
                yield hand, message

    def _bury(self, hand: Hand) -> None:
        with suppress(ProcessLookupError):
            os.kill(hand.pid, signal.SIGKILL)
        os.waitpid(hand.pid, 0)
        hand.connection.close()
        self.hands.remove(hand)


def hands_for(jobs: Sequence[Job], asked: int | None) -> tuple[int, Sequence[Job]]:
    """How many workers, and for which jobs; fewer than two: none are worth it. `asked`: so many, where any are."""
    large = [job for job in jobs if job.tree.forks and job.files_to_store >= FILES and job.spool.batches < _BATCHES]
    if asked is not None:
        return asked if large else 0, large
    size = sum(job.bytes_to_store for job in large)
    files = sum(job.files_to_store for job in large)
    worth = max(size // BYTES, files // FILES_EACH)
    return min(workers(), worth), large


def _serve(
    connection: Connection[Any, Any], others: Sequence[Connection[Any, Any]], work: Callable[[Line], NoReturn]
) -> NoReturn:
    """The whole life of a worker."""
    code = 1
    try:
        leave_signals()
        for other in others:
            other.close()
        gc.freeze()
        line = Line(connection)
        try:
            work(line)
        except (EOFError, ConnectionError):
            code = 0  # there is nothing more to do, or nobody who asks for it
        except BaseException as error:
            line.tell("failed", _portable(error))
    finally:
        os._exit(code)


def _portable(error: BaseException) -> BaseException:
    """The error, or what it says where it cannot go to another process as it is."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    except Exception:
        return Failed(str(error) or type(error).__name__, code="worker")
    return error


def _work(line: Line, jobs: Sequence[Job], make: MakeBench, making: Making, folder: str) -> NoReturn:
    catalog = reader(folder)
    watch = _Forwarding(line)
    bench = make(replace(making, watch=watch), line, catalog)
    while True:
        given = line.ask("slice")()
        if given is None:
            bench.flush()
            line.tell("flushed")
            continue
        part, begun = given
        stored = _stored(line, bench, jobs[part.job], part, begun, catalog, watch)
        line.tell("done", stored)


class _Forwarding(Silent):
    """Sends events to the main process, and keeps what is told of the paths of a slice."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._paths: list[tuple[Mark, bytes, int | None]] = []

    def path(self, mark: Mark, path: bytes, size: int | None) -> None:
        """One path of the slice."""
        self._paths.append((mark, path, size))

    def event(self, name: str, **facts: object) -> None:
        """An event of the worker."""
        self._line.tell("event", name, facts)

    def take_paths(self) -> list[tuple[Mark, bytes, int | None]]:
        """Those of the slice."""
        paths, self._paths = self._paths, []
        return paths


def _stored(
    line: Line,
    bench: Bench,
    job: Job,
    part: Slice,
    begun: Begun,
    catalog: sqlite3.Connection,
    watch: _Forwarding,
) -> SliceStored:
    def progress() -> None:
        line.tell("progress", storing.done_files, sink.done_bytes, sink.path)

    sink = bench.begin(begun, job.tree, part.lane, progress)
    storing = SourceStoring(catalog, job, begun, sink, watch, progress)
    storing.carry_out(job.items(part.batch))
    sink.finish()
    recording.add_replaced(bench.rows, begun.row, storing.replaced)
    lane, sectors = bench.end()
    return SliceStored(
        part, lane, sectors, storing.counted, sink.outcome, watch.take_paths(), storing.done_files, sink.done_bytes
    )
