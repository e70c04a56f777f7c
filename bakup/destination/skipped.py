"""What could not be set on restored paths: counted, and the first of them named."""

from __future__ import annotations

NOTED = 1000
"""Paths that are kept at most for each thing that was skipped."""


class Skipped:
    """What could not be set: how often, and on which paths first."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.paths: dict[str, list[bytes]] = {}

    def note(self, path: bytes, what: str) -> None:
        """Note one thing that was not set on a path."""
        self.counts[what] = self.counts.get(what, 0) + 1
        kept = self.paths.setdefault(what, [])
        if len(kept) < NOTED:
            kept.append(path)

    def clear(self) -> None:
        """Forget what was noted."""
        self.counts.clear()
        self.paths.clear()

    def merge(self, other: Skipped) -> None:
        """Add what another, of a worker, has noted."""
        for what, count in other.counts.items():
            self.counts[what] = self.counts.get(what, 0) + count
            kept = self.paths.setdefault(what, [])
            kept += other.paths[what][: NOTED - len(kept)]

    def pairs(self) -> tuple[tuple[bytes, str], ...]:
        """(path, what) for reports."""
        return tuple((path, what) for what, kept in self.paths.items() for path in kept)
