"""The two streams: the report to standard output, everything else to standard error (rules 3 to 5).

What is written is a line: characters in it that would move the cursor are escaped here, whoever put them there.
Whatever stands on the terminal for the moment (progress) is wiped before a line is written.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TextIO

from bakup.cli.output import names, streams, style
from bakup.cli.output.folding import folded
from bakup.cli.output.problems import SHOWN_LINES, Problem, save_list

Wipe = Callable[[], None]

_COMMANDS = ("bakup ", "chmod ")
"""What a hint that is a command and nothing else begins with: it is not folded."""
_MANY = frozenset({"entry", "path", "lost", "file", "version", "change", "data", "row"})
"""Objects of which there may be a million: not flushed one by one."""


class Console:
    """Writes lines; `level` is -1 for `-q`, 0, 1 for `-v`, 2 for `-vv`.

    With `machine`, standard output takes JSON objects and nothing else.
    """

    def __init__(self, *, level: int = 0, machine: bool = False, exact: bool = False) -> None:
        self.level = level
        self.machine = machine
        self.exact = exact
        self.wipe: Wipe = _nothing
        self.complete: Callable[[str], str] = str
        for stream in (sys.stdout, sys.stderr):
            _never_fail_on_letters(stream)

    @property
    def out(self) -> TextIO:
        """Standard output."""
        return sys.stdout

    @property
    def err(self) -> TextIO:
        """Standard error."""
        return sys.stderr

    @property
    def closed(self) -> bool:
        """Whether standard output goes nowhere: nobody reads it any more, or it cannot be written."""
        return streams.goes_nowhere(self.out)

    def loss(self) -> OSError | None:
        """Why standard output could not be written, to be said once."""
        self.flush()
        return streams.loss(self.out)

    @property
    def interactive(self) -> bool:
        """Whether a person can be asked: standard input and standard error are a terminal."""
        return style.is_terminal(sys.stdin) and style.is_terminal(self.err)

    def report(self, *lines: str) -> None:
        """Lines of the report; none with `-q`."""
        if self.level >= 0:
            self.product(*lines)

    def product(self, *lines: str) -> None:
        """Lines that are what a command is for: with `-q` too, not with `--json`."""
        if not self.machine:
            for line in lines:
                self._write_out(line)

    def object(self, facts: Mapping[str, object]) -> None:
        """One JSON object, when `--json` asks for it."""
        if self.machine:
            from bakup.cli.output.machine import line

            self._write_out(line(facts))
            if facts.get("message_type") not in _MANY:
                self.flush()

    def problem(self, problem: Problem) -> None:
        """`error:` or `warning:` with its lines and hints; a long list is cut on a terminal only."""
        self._labelled(problem.kind, problem.message)
        lines = problem.lines()
        self._indented(self._shortened(problem, lines))
        for hint in problem.hints:
            self.hint(hint)

    def note(self, message: str) -> None:
        """A `note:`; none with `-q`."""
        if self.level >= 0:
            self._labelled("note", message)

    def hint(self, text: str) -> None:
        """A `hint:`; further lines are indented. Its command is made complete."""
        head, *command = self._parted(self.complete(text))
        told = command or not head.startswith(_COMMANDS)
        self._write_err(f"{style.HANG if told else ''}hint: {head}", "hint")
        self._indented(command)

    def advice(self, text: str) -> None:
        """A `hint:` after success: for people at a terminal only."""
        if self.level >= 0 and style.is_terminal(self.err):
            self.hint(text)

    def trace(self, text: str) -> None:
        """What `-vv` adds, on standard error."""
        if self.level >= 2:
            self.plain_error(text)

    def ask(self, text: str) -> str:
        """A question and its answer. Raises EOFError when there is none."""
        self.wipe()
        self.raw(names.safe(text))
        answer = sys.stdin.readline()
        if not answer:
            self.err.write("\n")
            raise EOFError
        return answer.rstrip("\r\n")

    def raw(self, text: str) -> None:
        """Text and terminal codes of bakup's own, as they are, to standard error."""
        self.err.write(text)
        self.err.flush()

    def plain_error(self, text: str) -> None:
        """Lines of standard error without a label."""
        for line in text.split("\n"):
            self._write_err(line)

    def _labelled(self, word: str, message: str) -> None:
        head, *rest = message.split("\n")
        self._write_err(f"{style.HANG}{word}: {head}", word)
        self._indented([f"{style.HANG}{line}" for line in rest])

    def _parted(self, hint: str) -> list[str]:
        """A hint's lines: where it is wider than the terminal its command stands alone, to be pasted as a whole."""
        head, colon, command = hint.rpartition(": ")
        fits = not style.is_terminal(self.err) or names.cells(f"hint: {hint}") <= style.width(self.err)
        return hint.split("\n") if fits or not colon or "\n" in hint else [f"{head}:", command]

    def _indented(self, lines: list[str]) -> None:
        for line in lines:
            self._write_err(f"  {line.removeprefix(style.GAP)}")

    def _shortened(self, problem: Problem, lines: list[str]) -> list[str]:
        if len(lines) <= SHOWN_LINES or not style.is_terminal(self.err):
            return lines
        try:
            file = save_list(problem, lines)
        except OSError:  # no room for it: better a long list than half of one
            return lines
        return [*lines[:SHOWN_LINES], f"... and {len(lines) - SHOWN_LINES:,} more in {file}"]

    def _write_out(self, text: str) -> None:
        if self.closed:
            return
        self.wipe()
        colour = style.has_colour(self.out) and not self.machine
        self.out.writelines(f"{line}\n" for line in _ready(self.out, text, colour=colour))
        if style.is_terminal(self.out):
            self.out.flush()

    def raw_out(self, data: memoryview | bytes) -> None:
        """Bytes to standard output, as they are."""
        self.wipe()
        self.out.buffer.write(data)

    def flush(self) -> None:
        """Write out what is buffered."""
        self.out.flush()

    def _write_err(self, text: str, word: str = "") -> None:
        self.wipe()
        self.flush()
        colour = style.has_colour(self.err)
        first, *more = _ready(self.err, text, colour=colour)
        first = style.label(word, colour=colour) + first.removeprefix(f"{word}:") if word else first
        self.err.writelines(f"{line}\n" for line in (first, *more))
        self.err.flush()


def _ready(stream: TextIO, line: str, *, colour: bool) -> list[str]:
    """A line as a stream takes it: on a terminal no wider than that, if it may be folded."""
    if not style.plain(line).isprintable():
        line = names.safe(line, style.MARKS)
    lines = folded(line, style.width(stream)) if style.is_terminal(stream) else [line]
    return [style.painted(one) if colour else style.plain(one) for one in lines]


def _nothing() -> None:
    return None


def _never_fail_on_letters(stream: TextIO) -> None:
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
