"""Rows of a report: a label, then a number of files and their size, or words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bakup.cli.output import machine, names, numbers
from bakup.cli.output.problems import Cell
from bakup.cli.output.style import HANG, bold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakup.api.reports import CheckpointLine, Count, Lost, RebuildReport

LABEL = 14
_COUNT = 6
_SIZE = 8
_GAP = "   "


@dataclass(frozen=True, slots=True)
class _Row:
    label: str
    count: Count | None
    text: str


@dataclass(slots=True)
class Rows:
    """Collects rows; those of counts stand with their columns in line."""

    exact: bool = False
    _rows: list[_Row] = field(default_factory=list)

    def count(self, label: str, count: Count, behind: str = "", *, zero: bool = False) -> None:
        """Files and bytes; left out when there are none, unless `zero`."""
        if count.files or count.bytes or zero:
            self._rows.append(_Row(label, count, behind))

    def text(self, label: str, text: str) -> None:
        """Words."""
        self._rows.append(_Row(label, None, text))

    def checkpoint(self, line: CheckpointLine, behind: str = "") -> None:
        """`3f9c2a1e of laptop:/home/ana/Photos, 2026-11-21 18:40:12`."""
        self.text("check point", f"{checkpoint_text(line, ' of ')}{behind}")

    def lines(self) -> list[str]:
        """The rows as lines."""
        counts = [row.count for row in self._rows if row.count]
        count_width = max([_COUNT, *(len(f"{count.files:,}") for count in counts)])
        size_width = max([_SIZE, *(len(numbers.size(count.bytes, exact=self.exact)) for count in counts)])
        label_width = max([LABEL, *(names.cells(row.label) + 1 for row in self._rows if row.count)])
        return [self._line(row, label_width, count_width, size_width) for row in self._rows]

    def _line(self, row: _Row, label_width: int, count_width: int, size_width: int) -> str:
        if row.count is None:
            return f"{row.label:<{LABEL}}{HANG}{row.text}"
        noun = "file " if row.count.files == 1 else "files"
        told = numbers.size(row.count.bytes, exact=self.exact)
        label = names.padded(row.label, label_width)
        return f"{label}{HANG}{row.count.files:>{count_width},} {noun}{_GAP}{told:>{size_width}}{row.text}"


def short_id(uuid: bytes) -> str:
    """The 8 digits by which an id is shown."""
    return uuid[:4].hex()


def checkpoint_text(line: CheckpointLine, joint: str) -> str:
    """A check point's id, source and time."""
    source, moment = names.shown_text(line.source), numbers.local_time(line.time_ns)
    return f"{bold(short_id(line.uuid))}{joint}{source}, {moment}"


def lost_cells(lost: Sequence[Lost], *, exact: bool) -> tuple[tuple[Cell, ...], ...]:
    """A row a file: its name, and how much of it is lost."""
    return tuple((one.path, _lost_text(one, exact)) for one in lost)


def lost_facts(lost: Sequence[Lost], **more: object) -> tuple[dict[str, object], ...]:
    """What `--json` says of lost files, an object a file."""
    return tuple(
        {**more, **machine.path_fields(one.path), "size_bytes": one.bytes, "available_bytes": one.available}
        for one in lost
    )


def rebuilt(rows: Rows, report: RebuildReport) -> None:
    """What a rebuild read: `266 sectors, 2 check points; 532 reads, 12.9 MiB, in 1.1 s`."""
    sectors = numbers.count(report.sectors, report.unit)
    checkpoints = numbers.count(report.checkpoints, "check point")
    reads = numbers.count(report.reads, "read")
    read = numbers.size(report.read_bytes, exact=rows.exact)
    told = numbers.duration(report.elapsed)
    rows.text("rebuilt", f"{sectors}, {checkpoints}; {reads}, {read}, in {told}")


def _lost_text(lost: Lost, exact: bool) -> str:
    gone = numbers.size(lost.bytes - lost.available, exact=exact)
    return f"{gone} of {numbers.size(lost.bytes, exact=exact)}" if lost.available else gone
