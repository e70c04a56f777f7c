"""What went wrong, collected and grouped by cause, shown after the report (rule 3)."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bakup.cli.output import names
from bakup.cli.output.style import COLUMN, GAP, MARKS, plain

SHOWN_LINES = 20
"""A terminal shows so many lines of a list."""

Cell = str | bytes
"""A cell of a list: bytes are a path and shown as one."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One cause and what it struck, a row each; `least` are the least widths of the columns but the last.

    `facts` are what `--json` says of it: one object for each mapping.
    """

    kind: Literal["error", "warning"]
    message: str
    rows: tuple[tuple[Cell, ...], ...] = ()
    hints: tuple[str, ...] = ()
    least: tuple[int, ...] = ()
    code: str = "warning"
    facts: tuple[Mapping[str, object], ...] = ()

    def lines(self) -> list[str]:
        """The rows with their columns in line."""
        return columns(self.rows, self.least)


def columns(rows: Sequence[tuple[Cell, ...]], least: Sequence[int] = ()) -> list[str]:
    """Rows as lines; without `least`, columns begin at multiples of nine so that lists stand alike."""
    texts = [[_text(cell) for cell in row] for row in rows]
    widths = _widths(texts, least)
    return [_line(row, widths) for row in texts]


def save_list(problem: Problem, lines: Sequence[str]) -> str:
    """Write a whole list into a new file that only its user may read; gives its name."""
    handle, name = tempfile.mkstemp(prefix="bakup-", suffix=".txt")
    with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
        whole = [f"{problem.kind}: {problem.message}", *(f"  {line}" for line in lines)]
        file.writelines(f"{names.safe(plain(line))}\n" for line in whole)
    return name


def _text(cell: Cell) -> str:
    return names.shown(cell) if isinstance(cell, bytes) else names.safe(cell, MARKS)


def _widths(texts: Sequence[Sequence[str]], least: Sequence[int]) -> list[int]:
    most = max((len(row) for row in texts), default=0)
    return [_width(texts, index, least) for index in range(most - 1)]


def _width(texts: Sequence[Sequence[str]], index: int, least: Sequence[int]) -> int:
    longest = max(names.cells(row[index]) for row in texts if len(row) > index) + 2
    if index < len(least):
        return max(least[index], longest)
    return max(27, -(-longest // 9) * 9)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    *first, last = row
    cells = [names.padded(text, width - len(GAP)) for text, width in zip(first, widths, strict=False)]
    return COLUMN.join([*cells, last]).rstrip()
