"""What a forked process does first."""

from __future__ import annotations

import signal
from contextlib import suppress

_DEATH = 1
"""`PR_SET_PDEATHSIG` of Linux, the one system that bakup forks on."""
_PARENT = ("SIGINT", "SIGUSR1")
_ENDS = ("SIGTERM", "SIGHUP")


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
