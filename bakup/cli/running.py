"""One run of a command: its streams, log, questions, and how its end becomes an exit code."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from bakup import __version__
from bakup.cli.ask import Questions
from bakup.cli.output import names, numbers, signals, style
from bakup.cli.output.console import Console
from bakup.cli.output.log import Log, os_reason
from bakup.cli.output.machine import SCHEMA
from bakup.cli.output.problems import Problem
from bakup.cli.output.watch import Teller
from bakup.cli.parsing.carried import completed
from bakup.cli.parsing.options import Everywhere
from bakup.errors import BakupError, Failed

if TYPE_CHECKING:
    from bakup.archive.home import Home

LEFT_OUT = 3
_AGAIN = "run the same command again: it goes on where it stopped"
_GO_ON = ("sync", "restore")
_WORKS = ("sync", "restore", "check", "rebuild")
_CUT_SHORT = ("no-space", "no-answer")


class Run:
    """What a command function needs besides its own arguments."""

    def __init__(self, command: str, everywhere: Everywhere, arguments: Sequence[str] = ()) -> None:
        self.command = command
        self.arguments = tuple(arguments)
        self.everywhere = everywhere
        self.places: dict[str, str] = {}
        level = -1 if everywhere.quiet else everywhere.verbose
        self.console = Console(level=level, machine=everywhere.json, exact=everywhere.bytes)
        self.console.complete = partial(completed, arguments=self.arguments)
        self.log = Log(everywhere.log_file)
        self.ask = Questions(self.console, everywhere.passphrase_command)
        self.watch = Teller(self.console, self.log)

    @property
    def exact(self) -> bool:
        """Whether `--bytes` wants exact numbers."""
        return self.everywhere.bytes

    @contextmanager
    def home(self, *, write: bool, remember: bool = True) -> Iterator[Home]:
        """The local state as `Home.open` gives it. Raises Locked after `--lock-wait`."""
        from bakup.archive.home import Home

        wait = self.everywhere.lock_wait
        with Home.open(lock_wait=wait, write=write, remember=remember, command=self.command) as home:
            self.watch.is_news = partial(_first_today, home)
            try:
                yield home
            finally:
                self.watch.is_news = None

    def account_home(self) -> str:
        """The folder that holds the account."""
        from bakup.archive.home import home_folder

        return home_folder()

    def finish(self, summary: dict[str, object], exit_code: int) -> int:
        """Write the last object of `--json` and the last line of the log; gives the exit code, 1 for a lost report.

        It is 3 where all else went well and something was left out.
        """
        exit_code = exit_code or (LEFT_OUT if self.watch.has_left_out else 0)
        self.console.object({**self._head("summary", exit_code), **summary, **self.watch.costs.fields()})
        facts = {name: value for name, value in summary.items() if isinstance(value, int | float | str)}
        return self._end(exit_code, facts)

    def fail(self, problem: Problem, exit_code: int) -> int:
        """Tell the error that ends the run; gives the exit code back."""
        self.watch.problem(problem)
        hints = "; ".join(map(self.console.complete, problem.hints))
        facts = {"code": problem.code, "message": problem.message, "hint": hints}
        self.console.object({**self._head("error", exit_code), **facts})
        return self._end(exit_code)

    def ended(self, exit_code: int) -> int:
        """The exit code, which tells when standard output could not be written: 1 in place of 0."""
        lost = self.console.loss()
        if lost is None:
            return exit_code
        message = f"cannot write to standard output: {os_reason(lost)}"
        if exit_code == 0 and self.command in _WORKS:
            message += "\nall else is done"
        self.watch.problem(Problem("error", message, code="output"))
        return exit_code or 1

    def _end(self, exit_code: int, facts: Mapping[str, object] | None = None) -> int:
        exit_code = self.ended(exit_code)
        self.log.write("INFO", "end", {"exit_code": exit_code, **(facts or {})})
        return exit_code

    def tell_status(self) -> None:
        """One line of progress, as SIGUSR1 asks for it."""
        self.watch.when_drawn(self._tell_status)

    def _tell_status(self) -> None:
        line = self.watch.status_line()
        with suppress(RuntimeError):  # the signal came while that very stream was being written
            self.console.plain_error(line or f"bakup {self.command}: nothing to tell yet")

    def close(self) -> None:
        """Leave the terminal clean and everything written."""
        self.watch.wipe()
        if self.log.fault:
            self.watch.problem(Problem("warning", self.log.fault, code="log-file"))
        self.console.flush()
        self.log.close()

    def _head(self, kind: str, exit_code: int) -> dict[str, object]:
        return {"message_type": kind, "schema": SCHEMA, "command": self.command, "exit_code": exit_code}


def _first_today(home: Home, code: str, text: str) -> bool:
    """Whether a warning is to be given; where that cannot be remembered it is."""
    import sqlite3

    from bakup.catalog import state_db

    try:
        return not home.remembers or state_db.first_today(home.state, code, text)
    except (sqlite3.Error, BakupError):
        return True


def guarded(run: Run, function: Callable[[], int]) -> int:
    """Run a command; what it raises becomes a message and an exit code."""
    with signals.handled(run.tell_status):
        return _ended(run, function)


def _ended(run: Run, function: Callable[[], int]) -> int:
    run.log.write("INFO", "begin", {"command": run.command, "version": __version__, **run.places})
    try:
        return function()
    except KeyboardInterrupt as interrupt:
        return _interrupted(run, interrupt)
    except BakupError as error:
        return _failed(run, error)
    except Exception as error:
        if type(error).__module__ == "sqlite3":
            return _failed(run, _local_state(error))
        return unexpected(run, error)
    finally:
        run.close()


def _failed(run: Run, error: BakupError) -> int:
    message = error.message + _what_stays(run, error)
    problem = Problem("error", message, error.details, error.hints, code=error.code)
    code = run.fail(problem, error.exit_code)
    run.console.trace("".join(traceback.format_exception(error)).rstrip())
    return code


def _what_stays(run: Run, error: BakupError) -> str:
    """Reassures with facts when a sync ends before its end (rule 2)."""
    if run.command != "sync":
        return ""
    if not run.watch.stored_sectors:
        return f"\n{_nothing_stored(run)}" if error.code in _CUT_SHORT else ""
    none = "" if run.watch.stored_check_points else "; no check point was completed"
    many = numbers.count(run.watch.stored_sectors, run.watch.unit)
    stay = "is stored and stays good" if run.watch.stored_sectors == 1 else "are stored and stay good"
    return f"\n{many}, {numbers.size(run.watch.stored_bytes, exact=run.exact)}, {stay}{none}"


def _interrupted(run: Run, interrupt: KeyboardInterrupt) -> int:
    if (run.watch.leave() or style.is_terminal(run.console.err)) and not run.ask.gave_up:
        run.console.raw("\n")
    terminated = isinstance(interrupt, signals.Terminated)
    word = "terminated" if terminated else "interrupted"
    hints = (_AGAIN,) if run.watch.last and run.command in _GO_ON else ()
    problem = Problem("error", word + _what_is_done(run), hints=hints, code=word)
    return run.fail(problem, signals.TERMINATED if terminated else signals.INTERRUPTED)


def _what_is_done(run: Run) -> str:
    if run.ask.gave_up:
        return "; no account was made, nothing was stored"
    last = run.watch.last
    if last and last.phase == "restoring":
        return f"; {numbers.count(last.done_files, 'file')} of {last.total_files or 0:,} are restored and whole"
    return _what_is_stored(run)


def _what_is_stored(run: Run) -> str:
    watch = run.watch
    if not watch.stored_sectors:
        return f"; {_nothing_stored(run)}" if run.command == "sync" else ""
    are = "is" if watch.stored_sectors == 1 else "are"
    told = f"{numbers.count(watch.stored_sectors, watch.unit)}, {numbers.size(watch.stored_bytes)}, {are} stored"
    told += f" besides {_earlier(run)}" if watch.stored_before else ""
    return f"; {told}" if watch.stored_check_points else f"; {told}, no check point completed"


def _nothing_stored(run: Run) -> str:
    return f"nothing more was stored; {_earlier(run)} stay good" if run.watch.stored_before else "nothing was stored"


def _earlier(run: Run) -> str:
    return f"{numbers.size(run.watch.stored_before, exact=run.exact)} of earlier runs"


def _local_state(error: Exception) -> BakupError:
    """A database of the BAKUP_HOME that cannot be read or written, or has no room."""
    from bakup.archive.home import home_folder

    folder = home_folder()
    said = str(error).lower()
    if "full" in said:
        hints: tuple[str, ...] = ("make room and run the same command again: it goes on where it stopped",)
        return Failed(f"no space left at {folder}: {said}", hints=hints, code="no-space")
    return Failed(f"cannot use {folder}: {said}", hints=_way_out(folder, said), code="local-state")


def _way_out(folder: str, said: str) -> tuple[str, ...]:
    """What helps: a database that another program holds is whole."""
    from bakup.catalog import database

    if "locked" in said or "busy" in said:
        return ("another program has it open: when that has ended, run the same command again",)
    if not database.is_whole(folder, database.STATE_FILE):
        broken = names.quoted(os.path.join(folder, database.STATE_FILE))
        return (f"state.db is broken; to begin it anew, move it away: mv {broken} {broken}.broken",)
    if not database.is_whole(folder, database.CATALOG_FILE):
        return (f"catalog.db is only a cache, and made again when it is gone: rm {names.quoted(folder)}/catalog.db*",)
    return ()


def unexpected(run: Run, error: Exception) -> int:
    """Tell what nobody foresaw; a traceback only with `-vv` and in the log."""
    trace = "".join(traceback.format_exception(error)).rstrip()
    where = "to see where: the same command with -vv, or with --log-file FILE"
    hint = f"all of it is in {names.quoted(run.log.file)}" if run.log.file else where
    run.log.text(trace)
    code = run.fail(Problem("error", f"unexpected: {_reason(error)}", hints=(hint,), code="unexpected"), 1)
    run.console.trace(trace)
    return code


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        named = f": {names.shown(os.fsencode(error.filename))}" if error.filename is not None else ""
        return os_reason(error) + named
    return str(error) or type(error).__name__
