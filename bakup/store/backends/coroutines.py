"""Coroutines of a store's library, run on fsspec's one event loop from any thread."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import Any, Protocol, TypeVar

from fsspec.asyn import get_loop

from bakup.store.faults import cut_off

Result = TypeVar("Result")

CONNECT_S = 15
"""Seconds for a connection to come about."""
SILENCE_S = 60.0
"""After so many seconds in which nothing moves, a request counts as lost."""
FIRST_S = 15.0
"""The same, before a store has answered anything: its address may be one where nobody ever does."""

_SLOWEST = 16 << 10
"""Bytes a second of the slowest line on which what is in memory still goes up."""
_LEAVE_S = 3
"""Seconds for a last word to the store."""


class Moving(Protocol):
    """A Body or a Sink: knows when something last moved, on the monotonic clock."""

    moved_at: float


class Coroutines:
    """Runs coroutines and can end all of them."""

    def __init__(self) -> None:
        self._running: set[Future[Any]] = set()
        self._guard = threading.Lock()
        self._ended = False
        self._answered = False

    def run(
        self, work: Coroutine[Any, Any, Result], moving: Moving | None = None, size: int = 0, *, answers: bool = True
    ) -> Result:
        """Its result. Raises TimeoutError when nothing moves for SILENCE_S, StoreError when all was ended.

        What moves is seen by `moving`; without it the whole request has that time, and more for `size` bytes that it
        sends from memory. Before anything was answered it is FIRST_S; with `answers` False nobody is asked.
        """
        with self._guard:
            if self._ended:
                work.close()
                raise cut_off()
            silence = SILENCE_S if self._answered else min(FIRST_S, SILENCE_S)
            future = asyncio.run_coroutine_threadsafe(_watched(work, moving, size, silence), get_loop())
            self._running.add(future)
        try:
            found = future.result()
            self._answered = self._answered or answers
            return found
        except CancelledError:
            raise cut_off() from None
        finally:
            with self._guard:
                self._running.discard(future)

    def end(self, last: Coroutine[Any, Any, object] | None = None) -> None:
        """Cancel what runs; nothing runs any more but `last`, which lets go of connections. May be called again."""
        with self._guard:
            again, self._ended = self._ended, True
            for future in self._running:
                future.cancel()
        if last is not None and again:
            last.close()
        elif last is not None:
            with suppress(Exception):
                asyncio.run_coroutine_threadsafe(last, get_loop()).result(timeout=_LEAVE_S)


async def _watched(work: Coroutine[Any, Any, Result], moving: Moving | None, size: int, silence: float) -> Result:
    if moving is None:
        return await asyncio.wait_for(work, silence + size / _SLOWEST)
    task = asyncio.ensure_future(work)
    try:
        while not task.done():
            left = silence - (time.monotonic() - moving.moved_at)
            if left <= 0:
                raise TimeoutError(f"nothing moved for {silence:.0f} s")
            await asyncio.wait((task,), timeout=left)
        return task.result()
    finally:
        task.cancel()
