"""libfuse's loop, run by threads of Python.

`fuse_main`, which mfusepy calls, makes threads that Python does not know: each of their calls costs a new thread state,
more than many answers do. Threads of Python that run the same loop are known. What is called here is libfuse's
documented interface (fuse.h and fuse_lowlevel.h of 3.10 and later).
"""

from __future__ import annotations

import ctypes
from threading import Thread
from typing import Any

THREADS = 8
"""Questions that are answered at once."""
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
        try:
            if library.fuse_mount(fuse, folder) != 0:
                return _REFUSED
            try:
                self._answer(ctypes.c_void_p(library.fuse_get_session(fuse)))
            finally:
                library.fuse_unmount(fuse)
        finally:
            library.fuse_destroy(fuse)
        return 0

    def _answer(self, session: ctypes.c_void_p) -> None:
        library = self._library
        library.fuse_set_signal_handlers(session)
        threads = [Thread(target=library.fuse_session_loop, args=(session,), name="fuse") for _ in range(THREADS - 1)]
        for thread in threads:
            thread.start()
        library.fuse_session_loop(session)  # until a signal comes, or it is unmounted
        library.fuse_session_unmount(session)  # which ends the others
        for thread in threads:
            thread.join()
        library.fuse_remove_signal_handlers(session)
