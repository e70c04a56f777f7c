"""Progress: three lines that are redrawn in place and vanish."""

from __future__ import annotations

import re
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from bakup.api.watch import Progress
from bakup.cli.output import names, progress
from bakup.cli.output.progress import Pace

MIB, GIB = 1024**2, 1024**3
BAR_41 = "━━━━━━━━━━━━━━━━━╸━━━━━━━━━━━━━━━━━━━━━━━━━"

STORING = Progress(
    "storing",
    done_files=23_118,
    total_files=56_204,
    done_bytes=int(27.65 * GIB),
    total_bytes=int(67.4 * GIB),
    done_sectors=107,
    path=b"2025/07/Sardinia/DSC04411.ARW",
)


class Steady(Pace):
    """274 MiB/s and 149 seconds left."""

    @property
    def rate(self) -> float:
        return 274 * MIB

    def left(self, now: Progress) -> float:
        return 149.0


def test_storing() -> None:
    assert progress.lines(STORING, Steady(), 80) == [
        f"storing  {BAR_41}  41%  27.6 GiB of 67.4 GiB",
        "         23,118 of 56,204 files  274 MiB/s  2 min 29 s left  107 sectors stored",
        "         2025/07/Sardinia/DSC04411.ARW",
    ]


def test_scanning_has_no_bar() -> None:
    now = Progress("scanning", done_files=41_237, done_bytes=int(48.8 * GIB), path=b"2025/03")
    assert progress.lines(now, Pace(), 80) == ["scanning  41,237 files  48.8 GiB  2025/03"]


def test_rebuilding_counts_sectors() -> None:
    now = Progress("rebuilding", done_sectors=219, total_sectors=266)
    assert progress.lines(now, Pace(), 80) == [
        "rebuilding  ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╸━━━━━━━  82%  219 of 266 sectors"
    ]


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    now = Progress("storing", 10**7, 10**8, 10**15, 10**16, 10**5, None, "写真/".encode() * 60 + b"\xff")
    assert all(names.cells(line) < width for line in progress.lines(now, Steady(), width))


def test_the_bar_ends_full_and_may_be_ascii() -> None:
    assert progress.bar(1.0, 5) == ("━━━━━", "")
    assert progress.bar(0.0, 5) == ("╸", "━━━━")
    assert progress.bar(0.5, 5, unicode=False) == ("==>", "--")


def test_one_line_for_a_signal() -> None:
    line = progress.one_line(STORING, Steady())
    assert line == "storing 41%, 27.6 GiB of 67.4 GiB, 23,118 of 56,204 files, 2 min 29 s left"


def test_pace_needs_two_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(100))
    monkeypatch.setattr("bakup.cli.output.progress.time.monotonic", lambda: float(next(clock)))
    pace = Pace()
    assert pace.rate is None
    for done in (0, 100, 200):
        pace.take(Progress("storing", done_bytes=done, total_bytes=400))
    assert pace.rate == 100.0
    assert pace.left(Progress("storing", done_bytes=200, total_bytes=400)) == 2.0


RUN = """
import sys, time
from bakup.cli.parsing.options import Everywhere
from bakup.cli.running import Run, guarded
from bakup.api.watch import Progress
run = Run("sync", Everywhere())
def work():
    {work}
    return 0
sys.exit(guarded(run, work))
"""
STEP = """
    for step in range({steps}):
        now = Progress("storing", step, 100, step << 20, 100 << 20, step // 10, None, b"a/%d" % step)
        run.watch.progress(now)
        time.sleep({pause})
"""


def script(work: str) -> list[str]:
    return [sys.executable, "-c", RUN.replace("{work}", work.strip())]


def steps(number: int, pause: float = 0.02) -> str:
    return STEP.format(steps=number, pause=pause)


def test_progress_is_three_lines_and_vanishes(terminal: Callable[..., Any]) -> None:
    at = terminal(script(steps(60) + "    run.console.report('stored        all')\n"))
    lines = at.until("files")
    assert [lines[0][:9], lines[1][:9], lines[2][:11]] == ["storing  ", "         ", "         a/"]
    assert len(lines) == 3
    assert at.finish() == 0
    assert at.lines == ["stored        all"]


def test_at_most_ten_redraws_a_second(terminal: Callable[..., Any]) -> None:
    begun = time.monotonic()
    at = terminal(script(steps(100, 0.01)))
    assert at.finish() == 0
    assert 3 <= at.written.count(b"storing") <= 2 + 10 * (time.monotonic() - begun)


def test_a_note_stands_above_the_progress(terminal: Callable[..., Any]) -> None:
    at = terminal(script(steps(40) + "    run.watch.note('one')\n" + steps(40)))
    lines = at.until("note: one")
    lines = at.until("a/")
    assert at.finish() == 0
    assert at.lines == ["note: one"]
    assert lines[0] == "note: one" or lines[0].startswith("storing")


def test_a_dumb_terminal_gets_no_progress(terminal: Callable[..., Any]) -> None:
    at = terminal(script(steps(40)), TERM="dumb")
    assert at.finish() == 0
    assert at.written == b""


def test_no_color_keeps_motion_and_drops_colour(terminal: Callable[..., Any]) -> None:
    at = terminal(script(steps(40)), NO_COLOR="1")
    assert at.finish() == 0
    assert b"storing" in at.written
    assert b"m" not in at.written.replace(b"MiB", b"").replace(b"min", b"")


def test_a_locale_without_utf8_gets_an_ascii_bar(terminal: Callable[..., Any]) -> None:
    at = terminal(script(steps(40)), PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert "storing  =" in "\n".join(at.until("==>"))
    assert at.finish() == 0


def test_a_signal_asks_how_far(terminal: Callable[..., Any]) -> None:
    at = terminal(script(steps(80)))
    at.until("a/")
    at.process.send_signal(signal.SIGUSR1)
    assert at.finish() == 0
    [line] = at.lines
    assert re.fullmatch(r"storing \d+%, .* of 100 MiB, \d+ of 100 files(, \d+ s left)?", line)


def test_ctrl_c_leaves_the_progress_and_says_what_is_stored(terminal: Callable[..., Any]) -> None:
    stored = "    run.watch.event('sector-stored', sector=bytes(16), bytes=268435456, s=0.5)\n"
    at = terminal(script(stored + steps(500)))
    at.until("a/")
    at.type("\x03")
    assert at.finish() == 130
    lines = at.lines
    assert [lines[0][:8], lines[3]] == ["storing ", "^C"]
    assert lines[4:] == [
        "error: interrupted; 1 sector, 256 MiB, is stored, no check point completed",
        "hint: run the same command again: it goes on where it stopped",
    ]


def test_a_second_ctrl_c_is_immediate(terminal: Callable[..., Any]) -> None:
    undo = "        run.watch.note('undoing')\n        time.sleep(60)\n"
    at = terminal(script(f"    try:\n        run.watch.note('go')\n        time.sleep(60)\n    finally:\n{undo}"))
    at.until("note: go")
    at.type("\x03")
    # The terminal shows ^C at once; a signal that comes before the first was heeded is the same signal.
    at.until("note: undoing")
    at.type("\x03")
    assert at.finish(timeout=50) == 130


def test_terminated(terminal: Callable[..., Any]) -> None:
    at = terminal(script(steps(500)))
    at.until("a/")
    at.process.send_signal(signal.SIGTERM)
    assert at.finish() == 143
    assert any(line.startswith("error: terminated; nothing was stored") for line in at.lines)
