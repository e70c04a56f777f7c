"""Worker processes for a restore: each opens packs and writes the small files in them, beside the others.

Writing many small files is bound by system calls and by the interpreter's lock, so threads bring little; forked
processes share nothing but the open target. Where a system cannot fork, or other threads run, there are none and the
caller does the work itself.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Generic, TypeVar

from bakup.errors import Failed
from bakup.processes import leave_signals

J = TypeVar("J")
R = TypeVar("R")

_END = object()


class Writers(Generic[J, R]):
    """`count` forked processes that each call `work` on jobs; jobs, results and errors are pickled."""

    def __init__(self, count: int, work: Callable[[J], R]) -> None:
        context = multiprocessing.get_context("fork")
        self._processes = []
        self._connections: list[Connection] = []
        self._given: dict[Connection, J] = {}
        for _ in range(count):
            here, there = context.Pipe()
            process = context.Process(target=_serve, args=(there, work, [*self._connections, here]), daemon=True)
            process.start()
            there.close()
            self._processes.append(process)
            self._connections.append(here)

    def __enter__(self) -> Writers[J, R]:
        return self

    def __exit__(self, *error: object) -> None:
        for connection in self._connections:
            connection.close()
        for process in self._processes:
            if error[0] is not None:
                process.terminate()
            process.join()

    def feed(self, jobs: Iterator[J], timeout: float | None = 0) -> Iterator[tuple[J, R]]:
        """Give a job to each worker that has none; (job, result) of what is done within `timeout` seconds.

        Raises what `work` raised, Failed when a worker died.
        """
        # One job each: two processes that both wait to send to the other would wait for ever.
        for connection in self._connections:
            if connection not in self._given:
                self._give(connection, jobs)
        for ready in wait(list(self._given), timeout):
            assert isinstance(ready, Connection)
            job = self._given.pop(ready)
            try:
                result, error = ready.recv()
            except EOFError:
                raise Failed("a process that wrote files ended before its time", code="worker") from None
            if error is not None:
                raise error
            self._give(ready, jobs)
            yield job, result

    def run(self, jobs: Iterator[J], meanwhile: Iterator[object]) -> Iterator[tuple[J, R]]:
        """(job, result) as they are done, in no order; `meanwhile` goes on, a step at a time, while none is."""
        going_on = True
        while True:
            answers = list(self.feed(jobs, 0 if going_on else None))
            yield from answers
            if not self._given:
                break
            if not answers and going_on:
                going_on = next(meanwhile, _END) is not _END
        for _ in meanwhile:
            pass

    def _give(self, connection: Connection, jobs: Iterator[J]) -> None:
        for job in jobs:
            self._given[connection] = job
            connection.send(job)
            return


def _serve(connection: Connection, work: Callable[[J], R], others: list[Connection]) -> None:
    leave_signals()
    for other in others:
        other.close()
    while True:
        try:
            job = connection.recv()
        except (EOFError, OSError):
            os._exit(0)
        try:
            connection.send((work(job), None))
        except Failed as error:
            connection.send((None, error))
