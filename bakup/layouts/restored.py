"""What came back of a tree, and what did not."""

from __future__ import annotations

from msgspec import Struct, field

from bakup.api.reports import Cause, Lost
from bakup.destination.interface import Part
from bakup.model import Attributes


class Brought(Struct):
    """What came back; `size` in bytes. `lost` by cause; `findings`: sector uuid -> positions of damaged packs."""

    files: int = 0
    size: int = 0
    partial: int = 0
    lost: dict[str, list[Lost]] = field(default_factory=dict)
    findings: dict[bytes, set[int]] = field(default_factory=dict)

    def lose(self, cause: str, path: bytes, size: int, available: int) -> None:
        """A file that is not whole."""
        self.lost.setdefault(cause, []).append(Lost(path, size, available))

    def add(self, other: Brought) -> None:
        """What came back later."""
        self.files += other.files
        self.size += other.size
        self.partial += other.partial
        for cause, files in other.lost.items():
            self.lost.setdefault(cause, []).extend(files)
        for sector, positions in other.findings.items():
            self.findings.setdefault(sector, set()).update(positions)

    def causes(self) -> tuple[Cause, ...]:
        """For the report."""
        return tuple(Cause(cause, tuple(files)) for cause, files in self.lost.items())


class Growing(Struct):
    """A file that comes from several packs: what was written of it, what is still to come."""

    part: Part | None
    left: int
    size: int
    attributes: Attributes
    path: bytes
    ranges: list[tuple[int, int]] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)
    available: int = 0


def merged(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges of (offset, length) in order, those that touch joined."""
    joined: list[tuple[int, int]] = []
    for offset, length in sorted(ranges):
        if joined and sum(joined[-1]) == offset:
            joined[-1] = (joined[-1][0], joined[-1][1] + length)
        else:
            joined.append((offset, length))
    return joined
