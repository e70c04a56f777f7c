"""How many processors there are to work on, whether other processes may, what a forked one does first, and how it asks
the one that forked it."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

_DEATH = 1
"""`PR_SET_PDEATHSIG` of Linux, the one system that bakup forks on."""
_PARENT = ("SIGINT", "SIGUSR1")
_ENDS = ("SIGTERM", "SIGHUP")


def workers() -> int:
    """Threads or processes that work at a time: as many as there are processors for this process."""
    return max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def worth_forking() -> bool:
    """Whether other processes can be forked here safely, and have a processor to work on."""
    return workers() > 1 and can_fork()


def can_fork() -> bool:
    """Whether other processes can be forked here safely: what other threads hold would be held in those for ever."""
    return sys.platform == "linux" and threading.active_count() == 1


def leave_signals() -> None:
    """Ctrl-C and the question how far it is are the parent's, which ends this process when it has told the user."""
    for name in _PARENT:
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    for name in _ENDS:
        number = getattr(signal, name)
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    _end_with_parent()


def _end_with_parent() -> None:
    """A parent that was killed leaves nobody behind who still writes, or holds what the parent had locked."""
    import ctypes

    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_DEATH, signal.SIGKILL)


class Line:
    """A forked process's line to its parent, which answers what is asked in the order in which it was asked."""

    def __init__(self, connection: Connection[Any, Any]) -> None:
        self._connection = connection
        self._open: deque[list[Any]] = deque()

    def tell(self, *message: object) -> None:
        """Send what needs no answer."""
        self._connection.send(message)

    def ask(self, *message: object) -> Callable[[], Any]:
        """Send a question; what is returned waits for the answer, and gives it once. EOFError: no parent."""
        self._connection.send(message)
        answer: list[Any] = []
        self._open.append(answer)

        def wait() -> Any:
            while not answer:
                self._open.popleft().append(self._connection.recv())
            return answer.pop()

        return wait
