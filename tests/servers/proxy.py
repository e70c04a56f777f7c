"""A proxy before an HTTP store: a longer way, not a narrower one; faults by a seeded die; a count of requests."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal

from tests.servers.running import HOST

Fault = Literal["reset", "truncation", "delay", "500", "503", "403"]

PIECE = 1 << 18
_HEAD = 1 << 16
_IN_FLIGHT = 1 << 10
"""Pieces on their way, at most: far more than a window at any speed of loopback."""


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong: `rates` is the chance of each fault, a request; times in seconds.

    Black-outs come every `every` seconds on average (never when 0) and last up to `lasting`; then nobody answers.
    """

    rates: tuple[tuple[Fault, float], ...] = ()
    most_delay: float = 2.0
    every: float = 0.0
    lasting: float = 0.0


NONE = Faults()


class Proxy:
    """Listens at `port` while it runs; `faults` and `dark` (nobody answers) may be changed meanwhile."""

    def __init__(self, upstream: int, round_trip: float = 0.0, seed: int = 0) -> None:
        self.faults = NONE
        self.dark = False
        self.requests: Counter[str] = Counter()
        self.done: Counter[str] = Counter()
        self.port = 0
        self._upstream = upstream
        self._one_way = round_trip / 2
        self._die = random.Random(seed)
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()

    @contextmanager
    def running(self) -> Iterator[Proxy]:
        """Serve until the end of the block."""
        thread = threading.Thread(target=self._loop.run_forever, name="proxy")
        thread.start()
        try:
            self._call(self._begin()).result()
            yield self
        finally:
            self._call(self._end()).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            self._loop.close()

    def black_out(self, seconds: float) -> None:
        """Cut all connections and answer nobody for so long."""
        self._call(self._black_out(seconds)).result()

    def _call(self, work: Coroutine[Any, Any, None]) -> Future[None]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _begin(self) -> None:
        self._server = await asyncio.start_server(self._accepted, HOST, 0, limit=_HEAD)
        self.port = self._server.sockets[0].getsockname()[1]
        self._keep(self._weather())

    async def _end(self) -> None:
        self._server.close()
        self._cut()
        for task in (tasks := list(self._tasks)):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _keep(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _weather(self) -> None:
        """Black-outs by themselves."""
        while True:
            await asyncio.sleep(0.5)
            if self.faults.every and self._die.random() < 0.5 / self.faults.every:
                self.done["black-out"] += 1
                await self._black_out(self._die.uniform(0, self.faults.lasting))

    async def _black_out(self, seconds: float) -> None:
        self.dark = True
        self._cut()
        await asyncio.sleep(seconds)
        self.dark = False

    def _cut(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        self._keep(self._served(reader, writer))

    async def _served(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there: asyncio.StreamWriter | None = None
        answers: asyncio.Task[None] | None = None
        try:
            if self.dark:
                return
            await asyncio.sleep(2 * self._one_way)  # of the connection itself
            back, there = await asyncio.open_connection(HOST, self._upstream, limit=PIECE)
            self._open.add(there)
            answers = self._keep(self._answers(back, writer))
            await self._asked(reader, writer, there)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            if answers is not None:
                answers.cancel()
            for one in (writer, there):
                if one is not None:
                    self._open.discard(one)
                    one.transport.abort()

    async def _asked(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, there: asyncio.StreamWriter
    ) -> None:
        """Requests one after the other, each with its fault, if any."""
        way = _Way(there, self._one_way)
        self._keep(way.carry())
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.requests[head.split(b" ", 1)[0].decode()] += 1
                if not await self._survives(head, reader, writer, way):
                    return
        finally:
            await way.put(b"")

    async def _survives(
        self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: _Way
    ) -> bool:
        """Pass one request on; False when a fault ends the connection."""
        fault = self._fault()
        if fault in ("500", "503", "403"):
            writer.write(f"HTTP/1.1 {fault} Fault\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
            await writer.drain()
            await asyncio.sleep(0.05)
            return False
        if fault == "delay":
            await asyncio.sleep(self._die.uniform(0, self.faults.most_delay))
        size = _body_size(head)
        await way.put(head)
        left = self._die.randrange(size + 1) if fault == "reset" else size
        while left and (piece := await reader.read(min(PIECE, left))):
            await way.put(piece)
            left -= len(piece)
        if fault == "truncation":
            await asyncio.sleep(2 * self._one_way + self._die.uniform(0, 0.05))
        return fault not in ("reset", "truncation")

    def _fault(self) -> Fault | None:
        thrown = self._die.random()
        for fault, rate in self.faults.rates:
            if thrown < rate:
                self.done[fault] += 1
                return fault
            thrown -= rate
        return None

    async def _answers(self, back: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        way = _Way(writer, self._one_way)
        carrying = self._keep(way.carry())
        with suppress(OSError):
            while piece := await back.read(PIECE):
                await way.put(piece)
        await way.put(b"")
        await carrying
        writer.transport.abort()


class _Way:
    """One direction: what is put in comes out later, as fast as it came."""

    def __init__(self, writer: asyncio.StreamWriter, delay: float) -> None:
        self._writer = writer
        self._delay = delay
        self._pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_IN_FLIGHT)

    async def put(self, piece: bytes) -> None:
        """Set out; nothing ends the way."""
        await self._pieces.put((time.monotonic() + self._delay, piece))

    async def carry(self) -> None:
        """Arrive, until the end of the way."""
        with suppress(OSError):
            while True:
                due, piece = await self._pieces.get()
                if not piece:
                    return
                if (wait := due - time.monotonic()) > 0:
                    await asyncio.sleep(wait)
                self._writer.write(piece)
                await self._writer.drain()


def _body_size(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
        assert not line.startswith(b"transfer-encoding:"), head
    return 0
