"""libfuse's loop, run by threads of Python.

`fuse_main`, which mfusepy calls, makes threads that Python does not know: each of their calls costs a new thread state,
more than many answers do. Threads of Python that run the same loop are known. What is called here is libfuse's
documented interface (fuse.h and fuse_lowlevel.h of 3.10 and later).
"""

from __future__ import annotations

import ctypes
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

THREADS = 8
"""Questions that are answered at once."""
LAST_S = 1.0
"""Seconds that threads are waited for at the end."""
_REFUSED = 1


class _Arguments(ctypes.Structure):
    """`struct fuse_args`."""

    _fields_ = (("argc", ctypes.c_int), ("argv", ctypes.POINTER(ctypes.c_char_p)), ("allocated", ctypes.c_int))


class Loop:
    """Stands in for `fuse_main_real` of mfusepy: the same arguments, of which it takes options and the folder."""

    def __init__(self, library: Any) -> None:
        self._library = library
        for name in ("fuse_new", "fuse_get_session"):
            getattr(library, name).restype = ctypes.c_void_p

    def __call__(self, count: int, words: Any, operations: Any, size: int, data: object) -> int:
        """Mount, answer, unmount; 0 unless it could not be mounted, which libfuse then has told."""
        library, folder = self._library, words[count - 1]
        options = [words[at] for at in range(count - 1) if words[at] != b"-f"]
        taken = (ctypes.c_char_p * (len(options) + 1))(*options, None)
        arguments = _Arguments(len(options), taken, 0)
        fuse = ctypes.c_void_p(library.fuse_new(ctypes.byref(arguments), operations, ctypes.c_size_t(size), None))
        if not fuse:
            return _REFUSED
        with _ending() as ended:
            if library.fuse_mount(fuse, folder) != 0:
                return _REFUSED
            if self._answer(ctypes.c_void_p(library.fuse_get_session(fuse)), ended):
                library.fuse_destroy(fuse)
        return 0

    def _answer(self, session: ctypes.c_void_p, ended: Event) -> bool:
        """Until a signal comes, or it is unmounted. Whether every thread came to its end: while files are open none
        does, until the process ends."""

        def loop() -> None:
            self._library.fuse_session_loop(session)
            ended.set()

        threads = [Thread(target=loop, name="fuse", daemon=True) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        ended.wait()
        self._library.fuse_session_unmount(session)
        last = time.monotonic() + LAST_S
        for thread in threads:
            thread.join(max(0.0, last - time.monotonic()))
        return not any(thread.is_alive() for thread in threads)


@contextmanager
def _ending() -> Iterator[Event]:
    """An event that SIGTERM, SIGHUP and ctrl-C set, unless they are ignored."""
    ended = Event()
    numbers = [one for one in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT) if signal.getsignal(one) != signal.SIG_IGN]
    before = {number: signal.signal(number, lambda *_: ended.set()) for number in numbers}
    try:
        yield ended
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
