"""Which source and which check point a user means."""

from __future__ import annotations

import os
import re
import shlex
import socket
import sqlite3
import tempfile
import time
from collections.abc import Sequence
from difflib import get_close_matches

from msgspec.structs import replace

from bakup.api.reports import CheckpointLine
from bakup.archive.when import span_of
from bakup.catalog import history, incomplete
from bakup.catalog.database import transaction
from bakup.catalog.history import CheckpointRow, SourceRow
from bakup.catalog.rows import known_as
from bakup.errors import Failed, Usage

ID = re.compile(r"[0-9a-f]{4,32}")
LATEST = re.compile(r"latest(?:~(\d+))?")


def choose_source(connection: sqlite3.Connection, target: int, name: str | None, place: str, at: str = "") -> SourceRow:
    """The source that `name` means: its name, `host:/path`, path, or the last part of that; None if there is but one.

    Of several, the one that has the check point whose id begins with `at`. Of several that are called the same, the one
    that was backed up last until `at`: a sync would go on with it (docs/looking.md).
    Raises Usage when several fit, Failed when none does.
    """
    if _is_id(at) and (apart := _apart(connection, target, name, at)) is not None:
        return apart
    found = history.sources(connection, target)
    if not found:
        begun = incomplete.newest(connection, target)
        raise Failed(
            f"{place} holds no complete check point" + ("; what there is of these can be had" if begun else ""),
            details=tuple((f"{row.uuid.hex()[:8]} of {source.label}",) for source, row in begun),
            hints=(
                f"see why: bakup check {shlex.quote(place)}",
                *(what_is_there(place, row.uuid) for _, row in begun[-1:]),
            ),
            code="nothing",
        )
    if name is not None:
        name = name.rstrip("/") or name  # as it means nothing behind a SRC
        fitting = [source for source in found if name in _whole_names(source)]
        fitting = fitting or [one for one in found if _means(one, name) or _means(one, known_as(name))]
        if not fitting:
            hints = (_instead(name, found),)
            raise Failed(f"no source {name} at {place}", details=_labels(found), hints=hints, code="no-source")
        found = fitting
    if name is None:
        found = [source for source in found if not source.made_up] or found
    if len(found) > 1 and _is_id(at):
        rows = history.checkpoints(connection, target)
        ids = {row.source for row in rows if row.uuid.hex().startswith(_digits(at))}
        having = [source for source in found if source.id in ids]
        if len(having) > 1:
            raise _several(at)
        found = having or found
    if len(found) > 1:
        found = _newest_of_each(connection, target, found, at)
    if len(found) > 1:
        shortest = shlex.quote(_shortest(found[0], history.sources(connection, target)))
        raise Usage(
            f"{len(found)} sources at {place}; which one?",
            details=_labels(found),
            hints=(f"the last part of the path is enough: --source {shortest}",),
            code="which-source",
        )
    return found[0]


def choose_checkpoint(connection: sqlite3.Connection, target: int, source: SourceRow, at: str) -> CheckpointRow:
    """The check point of `source` that `at` means: `latest`, `latest~1`, 4 or more digits of an id, a time or a date.

    Raises Usage for what is none of these, Failed when there is no such check point.
    """
    if stands_apart(source):
        return next(row for row in incomplete.found(connection, target) if incomplete.own_source(row) == source.id)
    rows = history.checkpoints(connection, target, source.id)
    wanted = at.strip().lower()
    if match := LATEST.fullmatch(wanted):
        back = int(match[1] or 0)
        if back >= len(rows):
            raise _none(connection, target, source, at)
        return rows[-1 - back]
    if _is_id(at):
        fitting = [row for row in rows if row.uuid.hex().startswith(_digits(at))]
        if len(fitting) > 1:
            raise _several(at)
        if fitting:
            return fitting[0]
        raise _none(connection, target, source, at)
    moment = span_of(at)[1]
    before = [row for row in rows if row.time_ns <= moment]
    if not before:
        raise _none(connection, target, source, at)
    return before[-1]


def line_of(row: CheckpointRow, source: SourceRow, *, whole: bool = True, unread: int = 0) -> CheckpointLine:
    """A check point as reports show it."""
    return CheckpointLine(
        uuid=row.uuid,
        source=source.label,
        time_ns=row.time_ns,
        files=row.files or 0,
        bytes=row.size or 0,
        stored=row.stored,
        tags=row.tags,
        whole=whole,
        incomplete=row.incomplete,
        unread=unread,
    )


def inner_path(source: SourceRow, path: bytes) -> bytes:
    """A path as inside the source: `.` is the root; an absolute one below the source's own location is understood.

    Raises Usage for one that leaves the source.
    """
    location = source.location.rstrip(b"/")
    if path.startswith(b"/"):
        if path.rstrip(b"/") == location:
            return b""
        if not path.startswith(location + b"/"):
            raise Usage(f"{os.fsdecode(path)} is not in {source.label}", code="outside")
        path = path[len(location) + 1 :]
    parts = [part for part in path.split(b"/") if part not in (b"", b".")]
    if b".." in parts:
        raise Usage(f"{os.fsdecode(path)}: a path in a check point has no ..", code="outside")
    return b"/".join(parts)


def what_is_there(place: str, uuid: bytes) -> str:
    """The hint for a check point without its END."""
    return f"to bring back what is there: bakup restore {shlex.quote(place)} OUT --at {uuid.hex()[:8]}"


DAY_NS = 86_400 * 10**9


def is_lacking(source: SourceRow, row: CheckpointRow) -> bool:
    """Whether its source has nothing complete, and it is not what another computer began within a day and may still
    be making."""
    elsewhere = source.host not in ("", socket.gethostname())
    return source.current is None and not (elsewhere and time.time_ns() - row.time_ns < DAY_NS)


def stands_apart(source: SourceRow) -> bool:
    """Whether a chosen source is a check point without its END, of that source alone."""
    return source.id < 0


def _apart(connection: sqlite3.Connection, target: int, name: str | None, at: str) -> SourceRow | None:
    """The source of a check point without its END that `at` means, with nothing in it but that; None: no such one."""
    if any(row.uuid.hex().startswith(_digits(at)) for row in history.checkpoints(connection, target)):
        return None
    sources = {one.id: one for one in history.sources(connection, target, complete=False)}
    fitting = [
        row
        for row in incomplete.found(connection, target)
        if row.uuid.hex().startswith(_digits(at)) and (name is None or _means(sources[row.source], name))
    ]
    if len(fitting) > 1:
        raise _several(at)
    if not fitting:
        return None
    with transaction(connection):
        incomplete.show(connection, fitting[0])
    return replace(sources[fitting[0].source], id=incomplete.own_source(fitting[0]), current=None)


def _digits(at: str) -> str:
    return at.strip().lower().replace("-", "")


def _is_id(at: str) -> bool:
    """Whether it may be the beginning of a check point's id, with or without its hyphens; no date is."""
    return bool(ID.fullmatch(_digits(at))) and not re.fullmatch(r"\d{4}-\d\d-\d\d", at.strip())


def _whole_names(source: SourceRow) -> set[str]:
    location = os.fsdecode(source.location)
    return {source.label, source.name, location, location.rstrip("/")}


def _means(source: SourceRow, name: str) -> bool:
    """Whether `name` is one of its names, or the end of its path."""
    return name in _whole_names(source) or name in _endings(source)


def _endings(source: SourceRow) -> list[str]:
    """What its path may be called for short: `data`, `a/data`, ..."""
    parts = os.fsdecode(source.location).strip("/").split("/")
    return ["/".join(parts[-length:]) for length in range(1, len(parts) + 1)]


def _shortest(source: SourceRow, sources: Sequence[SourceRow]) -> str:
    """The shortest name that means this source and no other."""
    others = [one for one in sources if one.label != source.label]
    names = [name for name in (source.name, *_endings(source)) if name]
    return next((name for name in names if not any(_means(one, name) for one in others)), source.label)


def _instead(name: str, sources: Sequence[SourceRow]) -> str:
    """A source that is called nearly so; else what any is called for short."""
    known = [_shortest(one, sources) for one in sources]
    if close := get_close_matches(name, known, 1, 0.5):
        return f"did you mean: --source {shlex.quote(close[0])}"
    return f"the last part of the path is enough: --source {shlex.quote(known[0])}"


def _labels(sources: Sequence[SourceRow]) -> tuple[tuple[str | bytes, ...], ...]:
    return tuple((os.fsencode(source.label),) for source in sources)


def _newest_of_each(
    connection: sqlite3.Connection, target: int, sources: Sequence[SourceRow], at: str
) -> list[SourceRow]:
    """Of the sources that are one by uuid or name, the one backed up last until `at`; signed ones come first.

    There are several of one uuid after several signers (spec section 6.4), of one name where two computers made the
    target at once, or where it was made anew because nothing there could be read.
    """
    dated = at and not _is_id(at) and not LATEST.fullmatch(at.strip().lower())
    last = history.last_times(connection, target, span_of(at)[1] if dated else None)
    found = sorted(
        sources, key=lambda one: (one.id in last, bool(one.signer), last.get(one.id, 0), one.uuid), reverse=True
    )
    found = [one for place, one in enumerate(found) if all(one.uuid != better.uuid for better in found[:place])]
    found = [one for place, one in enumerate(found) if all(one.label != better.label for better in found[:place])]
    return [source for source in sources if source in found]


def _several(at: str) -> Usage:
    return Usage(f"several check points begin with {at}", hints=("give more digits of it",), code="which-check-point")


def restore_at(place: str, at: str) -> str:
    """The hint for one who gave a check point in place of OUT."""
    out = os.path.join(tempfile.gettempdir(), "try")
    return f"of that check point: bakup restore {shlex.quote(place)} {out} --at {at}"


def _none(connection: sqlite3.Connection, target: int, source: SourceRow, at: str) -> Failed:
    (place,) = connection.execute("SELECT url FROM targets WHERE id = ?", [target]).fetchone()
    return Failed(
        f"no check point {at} of {source.label}",
        hints=(f"see which there are: bakup ls {shlex.quote(place)}",),
        code="no-check-point",
    )
