"""What a flow tells, told on: drawn on a terminal, written as JSON, appended to the log."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from bakup.cli.output import machine, names, numbers, progress, style
from bakup.cli.output.console import Console
from bakup.cli.output.costs import Costs
from bakup.cli.output.log import Log, event_text
from bakup.cli.output.problems import Problem
from bakup.cli.output.progress import Drawing, Pace

if TYPE_CHECKING:
    from collections.abc import Callable

    from bakup.api.watch import Mark, Progress

_STATUS_S = 1.0
_SECTOR_STORED = "sector-stored"
_OBJECTS_STORED = "objects-stored"
_CHECK_POINT_STORED = "check-point-stored"
_CONTINUED = "continued"
_SPACE = "space"
_UNMATCHED = "pattern-unmatched"
_REQUESTS = "requests"
_NO_ANSWER = "no-answer"


class Teller:
    """A `bakup.api.watch.Watch`; also counts what is stored, for the message of an interruption."""

    def __init__(self, console: Console, log: Log) -> None:
        self.console = console
        self.stored_sectors = 0
        self.stored_bytes = 0
        self.stored_check_points = 0
        self.stored_before = 0
        self.has_left_out = False
        self.costs = Costs()
        self.unit = "sector"
        self.last: Progress | None = None
        self.is_news: Callable[[str, str], bool] | None = None
        self._log = log
        self._guard = threading.RLock()
        self._pace = Pace()
        self._next_draw = 0.0
        self._next_status = 0.0
        self._drawing = Drawing(console.err)
        self._drawing_now = False
        self._after_drawing: Callable[[], None] | None = None
        self._draws = console.level >= 0 and style.is_terminal(console.err) and style.can_move()
        self._reports = console.machine and console.level >= 0
        console.wipe = self._drawing.wipe

    @property
    def lists_paths(self) -> bool:
        """Whether a line a path is wanted."""
        return self.console.level >= 1

    def progress(self, now: Progress) -> None:
        """Draw or write how far a phase is, not too often."""
        if self.last is None or self.last.phase != now.phase:
            self._pace = Pace()
            self._next_status = self._pace.began
            self._next_draw = self._pace.began + progress.FIRST_DRAW_S
        self.last = now
        self._pace.take(now)
        self._tell(now, time.monotonic())

    def note(self, message: str) -> None:
        """A note, shown at once."""
        self.console.note(message)
        self.console.object({"message_type": "note", "message": message})
        self._log.write("INFO", "note", {"message": message})

    def warning(
        self, message: str, *, details: tuple[str, ...] = (), hints: tuple[str, ...] = (), code: str = "warning"
    ) -> None:
        """A warning that no exit code tells of, shown at once; with `-q` the same one is shown once a day."""
        rows = tuple((names.shown_text(line),) for line in details)
        facts = {"message": message, "details": list(details)} if details else {"message": message}
        problem = Problem("warning", message, rows, hints, code=code, facts=(facts,))
        text = "\n".join((message, *details))
        known = self.console.level < 0 and self.is_news is not None and not self.is_news(code, text)
        self.problem(problem, shown=not known)

    def left_out(self, message: str, rows: tuple[tuple[str, str], ...], *, code: str) -> None:
        """A warning; the exit code tells of it too."""
        self.has_left_out = True
        facts = tuple({"name": name, "reason": why} for name, why in rows)
        shown = tuple((names.shown_text(name), names.safe(why)) for name, why in rows)
        self.problem(Problem("warning", message, shown, code=code, facts=facts))

    def problem(self, problem: Problem, *, shown: bool = True) -> None:
        """A problem to standard error if it is `shown`, to JSON and to the log."""
        if shown:
            self.console.problem(problem)
        self._write(problem)
        for facts in problem.facts:
            self.console.object({"message_type": "warning", "code": problem.code, **facts})

    def _write(self, problem: Problem) -> None:
        """To the log: a line for each path or sector that is struck, else the message and what stands below it."""
        level = "WARN" if problem.kind == "warning" else "ERROR"
        struck = [facts for facts in problem.facts if "message" not in facts]
        for facts in struck:
            self._log.write(level, str(facts.get("code", problem.code)), machine.as_logged(facts))
        if not struck:
            self._log.write(level, problem.code, {"message": problem.message.replace("\n", "; ")})
            for line in problem.lines():
                self._log.text(style.plain(line))

    def path(self, mark: Mark, path: bytes, size: int | None) -> None:
        """One path of the work, with `-v`."""
        if not self.lists_paths:
            return
        self.console.report(path_line(mark, path, size, exact=self.console.exact))
        fields = machine.path_fields(path)
        self.console.object({"message_type": "path", "mark": mark, **fields, "size_bytes": size})

    def event(self, name: str, **facts: object) -> None:
        """One event to the log; with `-vv` to standard error. From any thread."""
        with self._guard:
            self._event(name, facts)

    def _event(self, name: str, facts: dict[str, object]) -> None:
        self._log.write("INFO", name, facts)
        self.console.trace(event_text(name, facts))
        if name == _SECTOR_STORED:
            self._sector_stored(facts)
        elif name == _OBJECTS_STORED:
            self._objects_stored(facts)
        elif name == _CHECK_POINT_STORED:
            self.stored_check_points += 1
        elif name == _CONTINUED:
            self._continued(facts)
        elif name == _REQUESTS:
            self.costs.take(facts)
        elif name == _UNMATCHED:
            self._unmatched(str(facts.get("pattern", "")))
        elif name == _SPACE:
            self._little_space(facts)
        elif name == _NO_ANSWER:
            self._silent(facts)

    def status_line(self) -> str | None:
        """Progress as one line, None before there is any."""
        return None if self.last is None else progress.one_line(self.last, self._pace)

    def when_drawn(self, do: Callable[[], None]) -> None:
        """Do something at once, or, in a signal that came while the progress was being drawn, right after that."""
        if self._drawing_now:
            self._after_drawing = do
        else:
            do()

    def wipe(self) -> None:
        """Take the progress off the terminal."""
        self._drawing.wipe()

    def leave(self) -> bool:
        """Let the progress stand, as after ctrl-C; gives whether there was any."""
        return self._drawing.leave()

    def _tell(self, now: Progress, moment: float) -> None:
        if self._reports and moment >= self._next_status:
            self._next_status = moment + _STATUS_S
            self.console.object(_status(now, self._pace))
        if self._draws and moment >= self._next_draw:
            self._next_draw = moment + progress.REDRAW_S
            self._draw(now)

    def _draw(self, now: Progress) -> None:
        with self._guard:
            self._draw_lines(now)

    def _draw_lines(self, now: Progress) -> None:
        err = self.console.err
        width, unicode, colour = style.width(err), style.is_unicode(err), style.has_colour(err)
        self._put(progress.lines(now, self._pace, width, unicode=unicode, colour=colour))

    def _put(self, lines: list[str]) -> None:
        self._drawing_now = True
        try:
            self._drawing.draw(lines)
        finally:
            self._drawing_now = False
        after, self._after_drawing = self._after_drawing, None
        if after is not None:
            after()

    def _silent(self, facts: dict[str, object]) -> None:
        """What stands in place of the progress until the store answers."""
        target, attempt, silent = facts.get("target"), facts.get("attempt"), facts.get("s")
        if self._draws and isinstance(silent, float):
            told = f"no answer from {names.shown_text(str(target))} for {silent:.0f} s, try {attempt}"
            self._put([names.cut(told, style.width(self.console.err) - 1)])

    def _sector_stored(self, facts: dict[str, object]) -> None:
        stored = facts.get("bytes")
        self.stored_sectors += 1
        self.stored_bytes += stored if isinstance(stored, int) else 0
        sector = facts.get("sector")
        if self.console.level >= 1 and isinstance(sector, bytes) and isinstance(stored, int):
            told = numbers.size(stored, exact=self.console.exact)
            self.console.report(f"{style.HANG}sector {style.bold(str(machine.uuid_text(sector)))} stored, {told}")
            self.console.flush()  # with the paths before it: whoever reads a pipe or a file sees how far it is

    def _objects_stored(self, facts: dict[str, object]) -> None:
        number, stored = facts.get("objects"), facts.get("bytes")
        self.unit = "object"
        self.stored_sectors += number if isinstance(number, int) else 0
        self.stored_bytes += stored if isinstance(stored, int) else 0

    def _continued(self, facts: dict[str, object]) -> None:
        begun, stored = facts.get("begun_ns"), facts.get("bytes")
        if isinstance(begun, int) and isinstance(stored, int):
            self.stored_before = stored
            told = numbers.size(stored, exact=self.console.exact)
            self.note(f"going on from the run of {numbers.local_time(begun)}; {told} need not be sent")

    def _unmatched(self, pattern: str) -> None:
        """An exception that means nothing is worth a word always: what it names is not backed up."""
        option = "--include" if pattern.startswith("!") else "--exclude"
        if self.console.level >= 1 or option == "--include":
            self.note(f"{option} {pattern.removeprefix('!')} has no effect: it matched nothing, or a later one decides")

    def _little_space(self, facts: dict[str, object]) -> None:
        at, to = names.shown_text(str(facts.get("target", ""))), facts.get("to", "store")
        needed, free = facts.get("needed_bytes"), facts.get("free_bytes")
        if isinstance(needed, int) and isinstance(free, int):
            exact = self.console.exact
            told = f"about {numbers.size(needed, exact=exact)} to {to}, {numbers.size(free, exact=exact)} free"
            self.warning(f"{told} at {at}", code=_SPACE)
        needed, free = facts.get("needed_files"), facts.get("free_files")
        if isinstance(needed, int) and isinstance(free, int):
            self.warning(f"about {numbers.count(needed, 'name')} to {to}, room for {free:,} at {at}", code=_SPACE)


def path_line(mark: str, path: bytes, size: int | None, *, exact: bool = False) -> str:
    """A line of `-v`, as in `diff`: mark, size, path."""
    told = "" if size is None else numbers.size(size, exact=exact)
    return style.COLUMN.join((f"{mark}{style.GAP}{told:>8}", names.shown(path)))


def _status(now: Progress, pace: Pace) -> dict[str, object]:
    facts = {
        "message_type": "status",
        "phase": now.phase,
        "done_files": now.done_files,
        "total_files": now.total_files,
        "done_bytes": now.done_bytes,
        "total_bytes": now.total_bytes,
        "done_sectors": now.done_sectors,
        "total_sectors": now.total_sectors,
        "elapsed_s": machine.seconds(pace.elapsed),
        "left_s": machine.seconds(pace.left(now)),
    }
    return {name: value for name, value in facts.items() if value is not None}
