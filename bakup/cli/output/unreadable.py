"""What readers of a mount or a server met and could not have."""

from __future__ import annotations

from threading import Lock

from bakup.cli.output import names
from bakup.cli.output.problems import Problem
from bakup.cli.output.watch import Teller
from bakup.errors import BakupError

_TOLD_MAX = 10_000
"""Paths of which it is remembered that they were told."""


class Unreadable:
    """Tells each path that cannot be read, once a cause; from any thread."""

    def __init__(self, watch: Teller) -> None:
        self._watch = watch
        self._told: set[tuple[bytes, str]] = set()
        self._guard = Lock()

    def report(self, path: bytes, error: BakupError) -> None:
        """A path, and why."""
        with self._guard:
            if (path, error.message) in self._told or len(self._told) >= _TOLD_MAX:
                return
            self._told.add((path, error.message))
            message = f"{names.shown(path)} cannot be read\n{error.message}"
            self._watch.problem(Problem("warning", message, code=error.code))
