"""Sectors on their way to the target, from their first bytes until they are stored.

What of a growing sector is final goes ahead: to the store in parts that nobody sees, or, where the spool lies at the
target, to the disk. Then the order that keeps data safe: it is finished and opened again; its recorder writes it down
as pending; it is put; its recorder writes it down as stored. That runs beside the building of the next sector.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from time import monotonic
from typing import Protocol, TypeVar

from msgspec import Struct, field

from bakup.layouts.interface import Begun
from bakup.sector.naming import object_name
from bakup.sector.trust import Trust
from bakup.sector.verify import verify_finished
from bakup.sector.writer import FinishedSector, SectorWriter
from bakup.store.target import Growing, Locator, Target

WRITE_BACK = 32 << 20
"""Bytes of data after which the disk takes them, where the spool lies at the target: the put then waits for little."""


_STEP_S = 0.5
"""Most seconds of a wait. A signal that comes just as a thread begins to wait for a lock is heeded when that ends."""

Result = TypeVar("Result")


class Flight(Struct):
    """One sector: being built, finished, or being put. `row` in the catalog; `ends`: check points that end in it."""

    writer: SectorWriter
    row: int
    growing: Growing | None
    written_back: list[Future[None]] = field(default_factory=list)
    ends: Sequence[Begun] = ()
    begun: float = 0.0
    finished: Future[FinishedSector] | None = None
    put: Future[Locator] | None = None


class Recorder(Protocol):
    """Writes down how far a sector is. Called by the thread that calls `Flights`."""

    def pending(self, flight: Flight, finished: FinishedSector) -> None:
        """It is whole and verified, and is put when this returns."""

    def stored(self, flight: Flight, finished: FinishedSector, locator: Locator) -> None:
        """It is at the target."""


class Flights:
    """The sectors of a run that are under way, oldest first. Call from one thread."""

    def __init__(self, target: Target, trust: Trust, recorder: Recorder) -> None:
        self._target = target
        self._trust = trust
        self._recorder = recorder
        self._flights: deque[Flight] = deque()
        self._near = target.spool_folder() is not None
        self._finishing = ThreadPoolExecutor(1, thread_name_prefix="finish")
        self._putting = ThreadPoolExecutor(target.at_once.puts, thread_name_prefix="put")

    def begin(self, writer: SectorWriter, row: int) -> Flight:
        """A sector that is being built."""
        return Flight(writer, row, self._target.growing(object_name(writer.uuid), writer.path))

    def grown(self, flight: Flight) -> None:
        """It has new bytes: what is final goes ahead. Raises what an earlier part came to."""
        if flight.growing is not None:
            flight.growing.grown(flight.writer.final)
        elif self._near and flight.writer.data_size >= WRITE_BACK * (len(flight.written_back) + 1):
            flight.written_back.append(self._finishing.submit(flight.writer.write_back))

    def launch(self, flight: Flight, ends: Sequence[Begun]) -> None:
        """It is full. Waits until the target takes another one."""
        self.settle(self._target.at_once.puts - 1)
        flight.ends, flight.begun = ends, monotonic()
        flight.finished = self._finishing.submit(self._finish, flight)
        self._flights.append(flight)

    def poll(self) -> None:
        """Take each sector as far as it can go now."""
        for flight in tuple(self._flights):
            self._advance(flight)

    def settle(self, most: int = 0) -> None:
        """Wait until no more than `most` sectors are on their way."""
        while len(self._flights) > most:
            self.poll()
            if len(self._flights) > most:
                self._advance(self._flights[0], wait=True)

    def close(self, building: Flight | None) -> None:
        """Let go of what is not stored: no spool file of it stays."""
        if self._flights or building is not None:
            self._target.abort()
        for pool in (self._finishing, self._putting):
            pool.shutdown(wait=True, cancel_futures=True)
        for flight in (*self._flights, *((building,) if building is not None else ())):
            flight.writer.abandon()

    def _finish(self, flight: Flight) -> FinishedSector:
        limits = self._target.limits
        with flight.writer as writer:
            for part in flight.written_back:
                part.result()
            finished = writer.finish(alignment=limits.alignment, smallest=limits.smallest)
        if flight.growing is not None:
            flight.growing.grown(finished.size, whole=True)
        verify_finished(finished, self._trust)
        return finished

    def _advance(self, flight: Flight, *, wait: bool = False) -> None:
        if flight.finished is None or not (wait or flight.finished.done()):
            return
        finished = _result(flight.finished)
        if flight.put is None:
            self._recorder.pending(flight, finished)
            flight.put = self._putting.submit(self._put, flight, finished)
        if wait or flight.put.done():
            locator = _result(flight.put)
            self._flights.remove(flight)
            self._recorder.stored(flight, finished, locator)

    def _put(self, flight: Flight, finished: FinishedSector) -> Locator:
        if flight.growing is not None:
            return flight.growing.put()
        return self._target.put_new(finished.name, finished.path)


def _result(future: Future[Result]) -> Result:
    while not future.done():
        wait((future,), _STEP_S)
    return future.result()
