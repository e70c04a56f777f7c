"""Signals of a run: ctrl-C and SIGTERM end it in order, a second one at once; SIGUSR1 asks how far it is."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from bakup.cli.output import style

INTERRUPTED = 130
TERMINATED = 143

_Handler = Callable[[int, FrameType | None], None]


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP."""


@contextmanager
def handled(tell: Callable[[], None]) -> Iterator[None]:
    """Within it, ctrl-C raises KeyboardInterrupt, SIGTERM and SIGHUP raise Terminated, SIGUSR1 calls `tell`.

    A signal that is ignored (nohup, a background job) stays ignored.
    """
    handlers, interrupted = _handlers(tell)
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        # After the first ctrl-C the second stays immediate until the very end of the process.
        for number, handler in before.items() if not interrupted else ():
            signal.signal(number, handler)


def _handlers(tell: Callable[[], None]) -> tuple[dict[int, _Handler], list[int]]:
    """Handlers by signal; and the signals that have come to end the run, which grows."""
    if threading.current_thread() is not threading.main_thread():
        return {}, []
    interrupted: list[int] = []
    end = _ending(interrupted)

    def status(_number: int, _frame: FrameType | None) -> None:
        tell()

    wanted = {"SIGINT": end, "SIGTERM": end, "SIGHUP": end, "SIGUSR1": status, "SIGINFO": status}
    known = {getattr(signal, name): handler for name, handler in wanted.items() if hasattr(signal, name)}
    heeded = {number: handler for number, handler in known.items() if signal.getsignal(number) != signal.SIG_IGN}
    return heeded, interrupted


def _ending(interrupted: list[int]) -> _Handler:
    def end(number: int, _frame: FrameType | None) -> None:
        if interrupted:
            _leave_at_once(number)
        interrupted.append(number)
        raise KeyboardInterrupt if number == signal.SIGINT else Terminated

    return end


_AT_ONCE = b"interrupted again, ended at once; what is stored is whole, the same command goes on from there\n"


def _leave_at_once(number: int) -> NoReturn:
    start = b"\n" if style.is_terminal(sys.stderr) else b""
    with suppress(OSError):
        os.write(sys.stderr.fileno(), start + b"error: " + _AT_ONCE)
    os._exit(INTERRUPTED if number == signal.SIGINT else TERMINATED)
