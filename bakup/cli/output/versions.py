"""Versions of paths, in lines and in JSON: what `find` and `history` share."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from bakup.cli.output import listing, machine, numbers
from bakup.cli.output.problems import Problem
from bakup.cli.output.rows import short_id
from bakup.cli.output.style import COLUMN, bold

if TYPE_CHECKING:
    from bakup.api.listings import FoundVersion
    from bakup.model import Entry

_BATCH = 1000
"""So many versions at a time are looked at for the width of their sizes; there may be any number."""
_MODIFIED = f"{'modified':<19}"
_SPECIAL = {1: "fifo", 2: "socket", 3: "device", 4: "device"}


def found_lines(versions: Iterator[FoundVersion], *, exact: bool = False) -> Iterator[str]:
    """A heading, then a line a version: time, size, first and last check point, path."""
    wide = 0
    while batch := list(itertools.islice(versions, _BATCH)):
        sizes = ["" if one.bytes is None else numbers.size(one.bytes, exact=exact) for one in batch]
        first, wide = not wide, max([8, wide, *map(len, sizes)])
        if first:
            yield COLUMN.join((_MODIFIED, f"{'size':>{wide}}", f"{'from':<8}", f"{'to':<8}", "path"))
        for one, size in zip(batch, sizes, strict=True):
            begin, end = bold(short_id(one.first.uuid)), _end(one)
            name = listing.entry_name(one.path, one.entry)
            yield COLUMN.join((f"{_modified(one):<19}", f"{size:>{wide}}", begin, end, name))


def history_lines(versions: Sequence[FoundVersion], *, exact: bool = False) -> list[str]:
    """A heading, then a line a version: time, size or kind, first check point with its time, last one."""
    sizes = [_kind(one.entry) if one.bytes is None else numbers.size(one.bytes, exact=exact) for one in versions]
    wide = max([8, *map(len, sizes)])
    lines = [COLUMN.join((_MODIFIED, f"{'size':>{wide}}", f"{'from':<28}", "to"))]
    for one, size in zip(versions, sizes, strict=True):
        begin = f"{bold(short_id(one.first.uuid))} {numbers.local_time(one.first.time_ns)}"
        lines.append(COLUMN.join((f"{_modified(one):<19}", f"{size:>{wide}}", begin, _end(one).rstrip())))
    return lines


def facts(source: str, one: FoundVersion) -> dict[str, object]:
    """A version in JSON: what `ls` says of an entry, and at which check points it stands."""
    from bakup.api.reports import ListedEntry

    entry = listing.entry_facts(b"", ListedEntry(one.path, one.entry, one.bytes))
    del entry["unread"], entry["reason"]
    return {
        **entry,
        "message_type": "version",
        "source": source,
        "from_check_point": machine.uuid_text(one.first.uuid),
        "from_time": machine.time_text(one.first.time_ns),
        "to_check_point": machine.uuid_text(one.last.uuid),
        "to_time": machine.time_text(one.last.time_ns),
        "current": one.current,
    }


def unknown_problems(unknown: Iterable[str]) -> list[Problem]:
    """What is not known because it is lost with its very names."""
    return [
        Problem("warning", f"not all is known: {cause}", code="not-known", facts=({"reason": cause},))
        for cause in unknown
    ]


def _end(one: FoundVersion) -> str:
    return "latest  " if one.current else bold(short_id(one.last.uuid))


def _modified(one: FoundVersion) -> str:
    return numbers.local_time(one.modified_ns)


def _kind(entry: Entry) -> str:
    from bakup import model

    if isinstance(entry, model.Dir):
        return "folder"
    return _SPECIAL.get(entry.special, "") if isinstance(entry, model.Special) else "link"
