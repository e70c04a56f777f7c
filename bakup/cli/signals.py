"""Signals of a run: ctrl-C and SIGTERM end it in order, a second one at once; SIGUSR1 asks how far it is."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from bakup.cli import style

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
    before = {number: signal.signal(number, handler) for number, handler in _handlers(tell).items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _handlers(tell: Callable[[], None]) -> dict[int, _Handler]:
    if threading.current_thread() is not threading.main_thread():
        return {}
    end = _ending()

    def status(_number: int, _frame: FrameType | None) -> None:
        tell()

    wanted = {"SIGINT": end, "SIGTERM": end, "SIGHUP": end, "SIGUSR1": status, "SIGINFO": status}
    known = {getattr(signal, name): handler for name, handler in wanted.items() if hasattr(signal, name)}
    return {number: handler for number, handler in known.items() if signal.getsignal(number) != signal.SIG_IGN}


def _ending() -> _Handler:
    ended = False

    def end(number: int, _frame: FrameType | None) -> None:
        nonlocal ended
        if ended:
            _leave_at_once(number)
        ended = True
        raise KeyboardInterrupt if number == signal.SIGINT else Terminated

    return end


def _leave_at_once(number: int) -> NoReturn:
    if style.is_terminal(sys.stderr):
        os.write(sys.stderr.fileno(), b"\n")
    os._exit(INTERRUPTED if number == signal.SIGINT else TERMINATED)
