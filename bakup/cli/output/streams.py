"""Standard streams that cannot fail: what nobody takes goes nowhere, and the work goes on.

A stream that was closed before bakup began is opened on nothing, so that no file which is opened later gets its number.
"""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from typing import TextIO

_IN, _OUT, _ERR = 0, 1, 2


class Lossy(io.FileIO):
    """A descriptor to write to; after an error all of it goes nowhere. `lost` is that error, `told` if it was said."""

    lost: OSError | None = None
    told = False

    def write(self, data: object, /) -> int:
        """Write; what cannot be written counts as written."""
        piece = memoryview(data)  # type: ignore[arg-type]
        while self.lost is None:
            try:
                written = super().write(piece)
            except OSError as error:
                self.lost = error
            else:
                if written is not None:
                    return written
                select.select([], [self], [])  # another program made it not wait
        return piece.nbytes


def stand() -> None:
    """Make the three streams stand whatever they are. Once, before anything else is opened."""
    closed = [number for number in (_IN, _OUT, _ERR) if not _is_open(number)]
    for _ in closed:
        os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest number that is free
    if sys.stdin is None:
        sys.stdin = open(_IN, encoding="utf-8", closefd=False)  # noqa: SIM115 - as long as the process
    if os.name == "posix":
        sys.stdout = _lossy(_OUT, sys.stdout)
        sys.stderr = _lossy(_ERR, sys.stderr)


def goes_nowhere(stream: TextIO) -> bool:
    """Whether an error has ended a stream: nobody takes what is written there."""
    raw = _raw(stream)
    return raw is not None and raw.lost is not None


def loss(stream: TextIO) -> OSError | None:
    """The error that is to be said of a stream, once. A reader that has enough, as `head` has, is none."""
    raw = _raw(stream)
    if raw is None or raw.lost is None or raw.told or raw.lost.errno == errno.EPIPE:
        return None
    raw.told = True
    return raw.lost


def _raw(stream: TextIO) -> Lossy | None:
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    return raw if isinstance(raw, Lossy) else None


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _lossy(number: int, stream: TextIO | None) -> TextIO:
    encoding = "utf-8" if stream is None else stream.encoding
    raw = Lossy(number, "w", closefd=False)
    buffered = io.BufferedWriter(raw)
    lines = number == _ERR or raw.isatty()
    return io.TextIOWrapper(buffered, encoding=encoding, errors="backslashreplace", line_buffering=lines)
