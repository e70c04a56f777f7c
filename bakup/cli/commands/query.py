"""`bakup query`: the catalog answers in SQL."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from bakup.cli.command import command
from bakup.cli.output import machine, names, numbers
from bakup.cli.output.style import COLUMN, HANG, bold
from bakup.cli.parsing import places
from bakup.cli.parsing.options import WithTarget, argument, option
from bakup.cli.running import Run
from bakup.errors import Usage

if TYPE_CHECKING:
    from bakup.api.listings import Answer

_ANSWER = "The answer"
_SECONDS = 60.0

TEXT = """
Ask the catalog of DST in SQL: SELECT on its views (docs/catalog.md), or a
ready-made question by its name. Without SQL, or with --list: what there is to
ask. Times are in UTC; "from" and "to" are quoted in SQL.

It reads metadata only and never changes DST, nor the catalog: what is not
SELECT is refused.
"""


def _read_limit(text: str) -> int:
    if not text.isdecimal():
        raise ValueError(f"not a number of rows: {text}; for example 20")
    return int(text)


@dataclass(frozen=True)
class Form:
    """How the answer is written."""

    csv: Annotated[bool, option("--csv", help="as CSV, with exact numbers", group=_ANSWER)] = False
    limit: Annotated[
        int | None, option("--limit", metavar="N", parse=_read_limit, help="only the first N rows (all)", group=_ANSWER)
    ] = None
    time_limit: Annotated[
        float,
        option(
            "--time-limit",
            metavar="TIME",
            parse=numbers.read_duration,
            help="give up after TIME (60s)",
            group=_ANSWER,
        ),
    ] = _SECONDS
    list: Annotated[bool, option("--list", help="the views and the ready-made questions", group=_ANSWER)] = False
    show: Annotated[bool, option("--show", help="the SQL of a ready-made question", group=_ANSWER)] = False


@command(
    "query",
    short="ask the catalog in SQL, or a ready-made question",
    text=TEXT,
    examples=(
        "bakup query /mnt/usb/backup largest --limit 20",
        "bakup query /mnt/usb/backup 'SELECT count(*) FROM files WHERE current'",
    ),
)
def query(
    run: Run,
    dst: places.Target,
    target: WithTarget,
    form: Form,
    *,
    sql: Annotated[str | None, argument("SQL")] = None,
) -> int:
    """Ask."""
    from bakup.catalog.views import QUESTIONS

    place = places.target(dst)
    if sql is None or form.list:
        return _list(run, place)
    ready = sql in QUESTIONS
    if not ready and len(sql.split()) < 2:
        raise Usage(
            f"no ready-made question: {names.shown_text(sql)}",
            hints=(f"those there are: bakup query {names.quoted(place)} --list",),
            code="query",
        )
    asked = QUESTIONS[sql][1] if ready else sql
    if form.show:
        run.console.product(asked)
        return run.finish({"target": place, "sql": asked}, 0)
    from bakup.flows import query as flow

    options = target.options()
    with (
        run.home(write=False) as home,
        flow.query(home, place, asked, seconds=form.time_limit, target=options, watch=run.watch, ask=run.ask) as answer,
    ):
        count = _write(run, answer, form)
    if not form.csv:
        told = f"; SQL: bakup query {names.quoted(place)} {sql} --show" if ready else ""
        run.console.report(f"{HANG}{numbers.count(count, 'row')}{told}")
    return run.finish({"target": place, "columns": list(answer.columns), "rows": count}, 0)


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, exact: bool = False) -> Iterator[str]:
    """Lines of a table: numbers to the right, bytes as sizes, nothing for NULL."""
    cells = [[_cell(name, value, exact) for name, value in zip(columns, row, strict=True)] for row in rows]
    right = [any(isinstance(row[at], int | float) for row in rows) for at in range(len(columns))]
    heads = [names.shown_text(name) for name in columns]
    widths = [max(map(names.cells, column)) for column in zip(heads, *cells, strict=True)]
    for line in [heads, *cells]:
        parts = [
            " " * (width - names.cells(cell)) + cell if is_right else names.padded(cell, width)
            for cell, width, is_right in zip(line, widths, right, strict=True)
        ]
        text = COLUMN.join(parts).rstrip()
        yield bold(text) if line is heads else text


def row_facts(columns: Sequence[str], row: Sequence[Any]) -> dict[str, object]:
    """A row in JSON."""
    values: dict[str, object] = {}
    for name, value in zip(columns, row, strict=True):
        values |= machine.path_fields(value, name) if isinstance(value, bytes) else {name: value}
    return {"message_type": "row", "values": values}


def _write(run: Run, answer: Answer, form: Form) -> int:
    """Gives the number of rows."""
    rows = itertools.islice(answer.rows, form.limit)
    if run.console.machine:
        return _objects(run, answer, rows)
    if form.csv:
        return _csv(run, answer.columns, rows)
    found = list(rows)
    run.console.product(*table(answer.columns, found, exact=run.exact))
    return len(found)


def _objects(run: Run, answer: Answer, rows: Iterable[Sequence[Any]]) -> int:
    count = 0
    for row in rows:
        run.console.object(row_facts(answer.columns, row))
        count += 1
    return count


def _csv(run: Run, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    count = -1  # the head is no row
    for row in itertools.chain([columns], rows):
        line = io.StringIO()
        csv.writer(line).writerow(
            value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value for value in row
        )
        run.console.raw_out(line.getvalue().encode("utf-8", "surrogateescape"))
        count += 1
    return count


def _cell(name: str, value: Any, exact: bool) -> str:
    match value:
        case None:
            return ""
        case bytes():
            return names.shown(value)
        case int() if name in ("size", "bytes") or name.endswith("_bytes"):
            return numbers.size(value, exact=exact)
        case int():
            return f"{value:,}" if not name.endswith("_ns") else str(value)
        case _:
            return names.shown_text(str(value))


def _list(run: Run, place: str) -> int:
    from bakup.catalog.views import ABOUT, QUESTIONS

    told = {name: about for name, (about, _) in QUESTIONS.items()}
    for head, kind, entries in (("views", "view", ABOUT), ("questions", "question", told)):
        run.console.product(bold(head), *(f"{name:<14}{HANG}{about}" for name, about in entries.items()))
        for name, about in entries.items():
            run.console.object({"message_type": kind, "name": name, "about": about})
    return run.finish({"target": place}, 0)
