"""What `find`, `history`, `diff`, `cat` and `stats` take and give back: docs/looking.md. Units as in `reports`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct, field

from bakup.api.reports import CheckpointLine, Path, RebuildReport, TargetOptions, Uuid
from bakup.api.watch import Mark
from bakup.model import Entry, Kind


class FindOptions(Struct, frozen=True):
    """What `find` looks for: all that is given must hold. Bounds are exclusive, sizes in bytes, times as users write
    them."""

    globs: tuple[bytes, ...] = ()
    larger_than: int | None = None
    smaller_than: int | None = None
    newer_than: str | None = None
    older_than: str | None = None
    source: str | None = None
    at: str | None = None  # None: all check points
    target: TargetOptions = field(default_factory=TargetOptions)


class CheckpointTime(Struct, frozen=True):
    """A check point by id and time."""

    uuid: Uuid
    time_ns: int


class FoundVersion(Struct, frozen=True):
    """A version of a path and the first and last check point that have it; `current`: the latest one has it."""

    path: Path
    entry: Entry
    bytes: int | None  # None unless a file
    modified_ns: int
    first: CheckpointTime
    last: CheckpointTime
    current: bool


class FoundIn(Struct, frozen=True):
    """What was found in one source, by path and age, as an iterator."""

    source: str
    versions: Iterator[FoundVersion]


class FindReport(Struct, frozen=True):
    """`find`: a group a source, streamed: each is read to its end before the next."""

    groups: Iterator[FoundIn]
    unknown: tuple[str, ...] = ()  # what is lost with the very names, a line a cause


class HistoryReport(Struct, frozen=True):
    """`history`: versions of one path, oldest first; none if no check point has it."""

    source: str
    path: Path
    versions: tuple[FoundVersion, ...]
    unknown: tuple[str, ...] = ()  # what is lost with the very names, a line a cause


class DiffLine(Struct, frozen=True):
    """A path that differs; `kind` and `bytes` as it is after, of a deleted one as it was; `reason` with mark `!`."""

    mark: Mark
    path: Path
    kind: Kind | None
    bytes: int | None
    reason: str = ""


class DiffReport(Struct, frozen=True):
    """`diff`: what changed from one check point to another, in key order, as an iterator."""

    before: CheckpointLine
    after: CheckpointLine
    lines: Iterator[DiffLine]
    unknown: tuple[str, ...] = ()  # what is lost with the very names, a line a cause


class CatReport(Struct, frozen=True):
    """`cat`: `written` of `bytes` were written, all of them verified. `cause`: why not all; `other_places`: sectors
    that are damaged where another place of the same bytes served; `older`: the file could not be read at this check
    point, this is how it was stored before; `rolled_back`: newer check points that were seen and are gone."""

    checkpoint: CheckpointLine
    path: Path
    bytes: int
    written: int
    cause: str | None = None
    other_places: tuple[str, ...] = ()
    older: bool = False
    rolled_back: tuple[str, ...] = ()


class BundleReport(Struct, frozen=True):
    """`cat --tar` and `--zip`: `written` bytes of the stream; `cause`: why it lacks its end."""

    checkpoint: CheckpointLine
    path: Path
    form: str
    written: int
    cause: str | None = None


class SourceTotals(Struct, frozen=True):
    """A source's row of `stats`: files and bytes of its latest check point, `stored` of all."""

    source: str
    checkpoints: int
    files: int
    bytes: int
    stored: int


class LastCheck(Struct, frozen=True):
    """When a target was verified last on this computer, and the exit code."""

    time_ns: int
    exit_code: int
    read_data: bool


class VersionTotals(Struct, frozen=True):
    """All versions of files; `raw` bytes were stored for them, `packed` after compression."""

    versions: int
    paths: int
    bytes: int
    raw: int
    packed: int


class StatsReport(Struct, frozen=True):
    """`stats`; `versions` is None when asked for one check point."""

    sources: tuple[SourceTotals, ...]
    sectors: int
    missing_sectors: int
    smallest: int
    largest: int
    bytes: int
    last_check: LastCheck | None
    versions: VersionTotals | None
    rebuilt: RebuildReport | None = None
    unit: str = "sector"
    unneeded: int = 0  # bytes that only check points need which were dropped


class Answer(Struct, frozen=True):
    """The answer to a query: names of its columns, and its rows as SQLite gives them, streamed."""

    columns: tuple[str, ...]
    rows: Iterator[tuple[Any, ...]]
