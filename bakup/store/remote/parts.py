"""An object that goes up in parts, several at once. A part that is up is not sent again when another fails."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future, wait
from contextlib import suppress
from typing import ParamSpec, TypeVar

from bakup.store.backend import PART, TakesParts, Upload
from bakup.store.remote.patience import Patience
from bakup.store.wire import Body, Wire

Given = ParamSpec("Given")
Result = TypeVar("Result")


class Sending:
    """One object and its spool file, of which parts may go before it is whole. Called by one thread at a time.

    Args:
        look: is called before anything is sent; what it raises ends the sending.
    """

    def __init__(
        self,
        backend: TakesParts,
        key: str,
        spool: str,
        pool: Executor,
        patience: Patience,
        wire: Wire,
        look: Callable[[], None] = lambda: None,
    ) -> None:
        self._backend = backend
        self._key = key
        self._spool = spool
        self._pool = _InTurn() if backend.in_order else pool
        self._patience = patience
        self._wire = wire
        self._look = look
        self._size = 0
        self._upload: Future[Upload] | None = None
        self._parts: dict[int, Future[str]] = {}
        self._next = 1

    @property
    def begun(self) -> bool:
        """Whether anything was sent."""
        return self._upload is not None

    def grown(self, final: int) -> None:
        """Send the parts that end before byte `final`, all but the first. Raises what an earlier one came to."""
        while (self._next + 1) * PART <= final:
            for part in self._parts.values():
                if part.done():
                    part.result()
            self._send(self._next, PART)
            self._next += 1

    def whole(self, size: int) -> None:
        """Send all parts of a file of `size` bytes that are not sent yet."""
        self._size = size
        for number, offset in enumerate(range(0, size, PART)):
            if number not in self._parts:
                self._send(number, min(PART, size - offset))

    def finish(self, size: int) -> None:
        """All parts of a file of `size` bytes become one object; what cannot be finished is thrown away at the store.

        Raises FileExistsError if there is such an object, or it cannot be told, else what `Patience.ask` raises.
        """
        try:
            self.whole(size)
            parts = [self._parts[number].result() for number in sorted(self._parts)]
            upload = self._begun()
            self._wire.count("puts")
            self._patience.ask(lambda: self._backend.finish(upload, parts))
        except BaseException:
            self._throw_away()
            raise

    def _send(self, number: int, length: int) -> None:
        if self._upload is None:
            # First in the pool's queue, so parts that wait for it hold up nobody.
            self._upload = self._pool.submit(self._begin)
        self._parts[number] = self._pool.submit(self._part, number, length)

    def _begin(self) -> Upload:
        self._look()
        self._wire.count("puts")
        return self._patience.ask(lambda: self._backend.begin(self._key, self._size))

    def _begun(self) -> Upload:
        assert self._upload is not None
        return self._upload.result()

    def _part(self, number: int, length: int) -> str:
        upload = self._begun()
        return self._patience.ask(lambda: self._request(upload, number, length))

    def _request(self, upload: Upload, number: int, length: int) -> str:
        self._wire.count("puts")
        with Body(self._spool, number * PART, length, self._wire) as body:
            return self._backend.part(upload, number, number * PART, body)

    def _throw_away(self) -> None:
        for part in self._parts.values():
            part.cancel()
        wait(self._parts.values(), timeout=5)
        with suppress(Exception):
            upload = self._begun()
            self._wire.count("deletes")
            self._backend.abort(upload)


class _InTurn(Executor):
    """Runs what it is given at once, in the caller's thread; errors are the caller's too."""

    def submit(self, fn: Callable[Given, Result], /, *args: Given.args, **kwargs: Given.kwargs) -> Future[Result]:
        done: Future[Result] = Future()
        done.set_result(fn(*args, **kwargs))
        return done
