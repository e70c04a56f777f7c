"""An object that goes up in parts, several at once. A part that is up is not sent again when another fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, wait
from contextlib import suppress
from functools import partial

from bakup.store.backend import PART, TakesParts, Upload
from bakup.store.patience import Patience
from bakup.store.wire import Body, Wire


def send(backend: TakesParts, key: str, spool: str, size: int, pool: Executor, patience: Patience, wire: Wire) -> None:
    """Store the file `spool` of `size` bytes as `key`; what could not be finished is thrown away at the store.

    Raises FileExistsError if there is such an object, or it cannot be told, else what `Patience.ask` raises.
    """
    wire.count("puts")
    upload = patience.ask(lambda: backend.begin(key, size))
    try:
        jobs = [
            partial(_part, backend, upload, spool, number, offset, patience, wire)
            for number, offset in enumerate(range(0, size, PART))
        ]
        parts = [job() for job in jobs] if backend.in_order else _at_once(jobs, pool)
        wire.count("puts")
        patience.ask(lambda: backend.finish(upload, parts))
    except BaseException:
        wire.count("deletes")
        with suppress(Exception):
            backend.abort(upload)
        raise


def _part(
    backend: TakesParts, upload: Upload, spool: str, number: int, offset: int, patience: Patience, wire: Wire
) -> str:
    def request() -> str:
        wire.count("puts")
        with Body(spool, offset, min(PART, upload.size - offset), wire) as body:
            return backend.part(upload, number, offset, body)

    return patience.ask(request)


def _at_once(jobs: Sequence[Callable[[], str]], pool: Executor) -> list[str]:
    sent = [pool.submit(job) for job in jobs]
    try:
        return [part.result() for part in sent]
    except BaseException:
        for part in sent:
            part.cancel()
        wait(sent, timeout=5)
        raise
