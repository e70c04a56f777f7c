"""Progress on a terminal: at most three lines, redrawn ten times a second, gone when done (rule 9)."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, TextIO

from bakup.cli.output import names, numbers

if TYPE_CHECKING:
    from bakup.api.watch import Progress

REDRAW_S = 0.1
FIRST_DRAW_S = 0.2
_WINDOW_S = 20.0
_AFTER_BAR = 28
"""Columns kept for what stands behind the bar."""


class Pace:
    """How fast a phase goes: bytes (else sectors) in a second over the last 20 seconds, and what is left."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self._samples: deque[tuple[float, int]] = deque(maxlen=200)

    @property
    def elapsed(self) -> float:
        """Seconds since the phase began."""
        return time.monotonic() - self.began

    def take(self, now: Progress) -> None:
        """Remember how far the phase is; closer samples than a tenth of a second are dropped."""
        moment = time.monotonic()
        if self._samples and moment - self._samples[-1][0] < REDRAW_S:
            return
        self._samples.append((moment, _done(now)))
        while moment - self._samples[0][0] > _WINDOW_S:
            self._samples.popleft()

    @property
    def rate(self) -> float | None:
        """Units a second, None while it is not known."""
        if len(self._samples) < 2:
            return None
        (first, before), (last, after) = self._samples[0], self._samples[-1]
        return (after - before) / (last - first) if after > before and last > first else None

    def left(self, now: Progress) -> float | None:
        """Seconds to the end at this rate, None while it is not known."""
        total = now.total_sectors if now.total_bytes is None else now.total_bytes
        rate = self.rate
        return None if total is None or not rate else max(0.0, (total - _done(now)) / rate)


class Drawing:
    """Lines that stand on the terminal for the moment; the cursor waits below them."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines = 0

    def draw(self, lines: list[str]) -> None:
        """Put these lines where the last ones stand."""
        up = f"\x1b[{self._lines}A" if self._lines else ""
        self._stream.write(f"\r{up}" + "".join(f"{line}\x1b[K\n" for line in lines) + "\x1b[J")
        self._stream.flush()
        self._lines = len(lines)

    def wipe(self) -> None:
        """Leave nothing of them."""
        if self._lines:
            self._stream.write(f"\r\x1b[{self._lines}A\x1b[J")
            self._stream.flush()
            self._lines = 0

    def leave(self) -> bool:
        """Let them stand for good; gives whether there were any."""
        there = self._lines > 0
        self._lines = 0
        return there


def lines(now: Progress, pace: Pace, width: int, *, unicode: bool = True, colour: bool = False) -> list[str]:
    """What stands on a terminal of `width` columns."""
    head = f"{now.phase}  "
    if _fraction(now) is None:
        return [names.cut(_counting(head, now, width), width - 1)]
    first = _bar_line(head, now, width, unicode=unicode, colour=colour)
    rest = [names.cut(_pieces(now, pace), width - 1 - len(head))]
    if now.path:
        rest.append(names.cut_middle(names.shown(now.path), width - 1 - len(head)))
    if now.total_files is None and now.total_bytes is None:
        return [first]
    return [first, *(" " * len(head) + line for line in rest)]


def one_line(now: Progress, pace: Pace) -> str:
    """Progress as one line of plain text, for SIGUSR1."""
    fraction, left = _fraction(now), pace.left(now)
    head = now.phase if fraction is None else f"{now.phase} {int(fraction * 100)}%"
    end = [] if left is None else [f"{numbers.about(left)} left"]
    return ", ".join([head, *_how_far(now), *_files(now), *end])


def bar(fraction: float, length: int, *, unicode: bool = True) -> tuple[str, str]:
    """The done and the open half of a bar, `length` columns together."""
    full, head, rest = ("━", "╸", "━") if unicode else ("=", ">", "-")
    done = min(length, int(fraction * length))
    if done == length:
        return full * length, ""
    return full * done + head, rest * (length - done - 1)


def _bar_line(head: str, now: Progress, width: int, *, unicode: bool, colour: bool) -> str:
    fraction = _fraction(now) or 0.0
    done, rest = bar(fraction, max(5, width - _AFTER_BAR - len(head)), unicode=unicode)
    drawn = f"\x1b[32m{done}\x1b[0m\x1b[2m{rest}\x1b[0m" if colour else done + rest
    behind = f"  {int(fraction * 100):2d}%  {' '.join(_how_far(now))}"
    return f"{head}{drawn}{names.cut(behind, max(0, width - 1 - len(head) - len(done + rest)))}"


def _counting(head: str, now: Progress, width: int) -> str:
    pieces = []
    if now.done_files:
        pieces.append(numbers.count(now.done_files, "file"))
    if now.done_bytes:
        pieces.append(numbers.size(now.done_bytes))
    if now.done_sectors:
        pieces.append(numbers.count(now.done_sectors, now.unit))
    text = head + "  ".join(pieces)
    if now.path:
        text += "  " + names.cut_middle(names.shown(now.path), max(0, width - 3 - len(text)))
    return text.rstrip()


def _pieces(now: Progress, pace: Pace) -> str:
    return "  ".join([*_files(now), *_speed(now, pace), *_sectors(now)])


def _how_far(now: Progress) -> list[str]:
    if now.total_bytes is not None:
        return [f"{numbers.size(now.done_bytes)} of {numbers.size(now.total_bytes)}"]
    if now.total_sectors is not None:
        return [f"{now.done_sectors:,} of {numbers.count(now.total_sectors, now.unit)}"]
    return [numbers.size(now.done_bytes)] if now.done_bytes else []


def _files(now: Progress) -> list[str]:
    if now.total_files is not None:
        return [f"{now.done_files:,} of {numbers.count(now.total_files, 'file')}"]
    return [numbers.count(now.done_files, "file")] if now.done_files else []


def _speed(now: Progress, pace: Pace) -> list[str]:
    rate, left = pace.rate, pace.left(now)
    speed = [] if rate is None or now.total_bytes is None else [f"{numbers.size(int(rate))}/s"]
    return speed if left is None else [*speed, f"{numbers.about(left)} left"]


def _sectors(now: Progress) -> list[str]:
    if now.phase == "storing":
        return [f"{numbers.count(now.done_sectors, now.unit)} stored"] if now.done_sectors else []
    if now.total_bytes is not None and now.total_sectors is not None:
        return [f"{now.done_sectors:,} of {numbers.count(now.total_sectors, now.unit)}"]
    return []


def _fraction(now: Progress) -> float | None:
    if now.total_bytes:
        return min(1.0, now.done_bytes / now.total_bytes)
    if now.total_sectors:
        return min(1.0, now.done_sectors / now.total_sectors)
    return None


def _done(now: Progress) -> int:
    return now.done_sectors if now.total_bytes is None and now.total_sectors is not None else now.done_bytes
