"""What a flow tells while it runs; the command line draws it, programs may ignore it."""

from __future__ import annotations

from typing import Literal, Protocol

from msgspec import Struct

Mark = Literal["+", "-", "M", "U", "T", "!"]
"""`+` new, `-` deleted, `M` content, `U` metadata only, `T` other type, `!` problem."""

Phase = Literal["scanning", "storing", "restoring", "rebuilding", "checking", "listing"]


class Progress(Struct, frozen=True):
    """How far a phase is; totals are None while not known. `sectors_*` count sectors stored, read, checked."""

    phase: Phase
    done_files: int = 0
    total_files: int | None = None
    done_bytes: int = 0
    total_bytes: int | None = None
    done_sectors: int = 0
    total_sectors: int | None = None
    path: bytes = b""
    unit: str = "sector"  # what one of `sectors_*` is called


class Watch(Protocol):
    """Told of progress and events; must return quickly and never raise.

    Only `event` is called from other threads than the flow's main one.
    """

    def progress(self, now: Progress) -> None:
        """A new state of the phase; called often (a few times a second is drawn)."""

    def note(self, message: str) -> None:
        """A `note:` line, shown at once."""

    def warning(
        self, message: str, *, details: tuple[str, ...] = (), hints: tuple[str, ...] = (), code: str = "warning"
    ) -> None:
        """A `warning:` known before the work, with indented lines and hints; shown at once."""

    def left_out(self, message: str, rows: tuple[tuple[str, str], ...], *, code: str) -> None:
        """What could not be read and is left out, (name, reason) each: a warning, and the run cannot end with 0."""

    def path(self, mark: Mark, path: bytes, size: int | None) -> None:
        """One path of the work (`-v`)."""

    def event(self, name: str, **facts: object) -> None:
        """A line of the log and of `-vv`: an event's name and its exact facts; never a secret."""


class Silent:
    """A Watch that ignores everything."""

    def progress(self, now: Progress) -> None:
        """Ignore."""

    def note(self, message: str) -> None:
        """Ignore."""

    def warning(
        self, message: str, *, details: tuple[str, ...] = (), hints: tuple[str, ...] = (), code: str = "warning"
    ) -> None:
        """Ignore."""

    def left_out(self, message: str, rows: tuple[tuple[str, str], ...], *, code: str) -> None:
        """Ignore."""

    def path(self, mark: Mark, path: bytes, size: int | None) -> None:
        """Ignore."""

    def event(self, name: str, **facts: object) -> None:
        """Ignore."""
