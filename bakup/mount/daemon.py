"""Going on in the background once the work has begun well."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable


def in_background(work: Callable[[Callable[[], None]], int], log: str) -> int:
    """Do `work` in a forked process, and return when it calls what it is given, or when it ends.

    Until that call it has the terminal: it can ask and tell. From then on its problems are appended to the file `log`,
    and no terminal that is closed ends it. Gives 0, or the exit code if it ended before.
    """
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        os._exit(work(lambda: _leave(write, log)))
    os.close(write)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # the child has it too, and tells
    try:
        if os.read(read, 1):
            return 0
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) % 256
    finally:
        signal.signal(signal.SIGINT, before)
        os.close(read)


def _leave(write: int, log: str) -> None:
    os.setsid()
    os.chdir("/")
    nowhere = os.open(os.devnull, os.O_RDWR)
    try:
        problems = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    except OSError:  # a mount needs no log
        problems = nowhere
    for stream, to in enumerate((nowhere, nowhere, problems)):
        os.dup2(to, stream)
    os.write(write, b"1")
    os.close(write)


def default_signals() -> None:
    """SIGTERM, SIGHUP and ctrl-C as the system has them, unless they are ignored: libfuse unmounts when they come."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
