"""Versions of paths across all check points: which there are, and at which check points each stands."""

from __future__ import annotations

import re
import sqlite3
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import translate

from msgspec import Struct

from bakup.catalog.history import CheckpointRow
from bakup.catalog.rows import VERSION_COLUMNS, Version, version_of
from bakup.model import path_key

Match = Callable[[bytes], bool]
"""Whether a key is one of a path that is looked for."""

_ANY_DEPTH = "**"


class Wanted(Struct, frozen=True):
    """What versions are looked for; all that is not None must hold. Sizes in bytes, times in ns; all bounds exclusive.

    Only files have a size.
    """

    match: Match | None = None
    larger_than: int | None = None
    smaller_than: int | None = None
    newer_than_ns: int | None = None
    older_than_ns: int | None = None


class Span(Struct, frozen=True):
    """A version, and the positions in the chain of the check points at which it stands: at least one, ascending."""

    version: Version
    positions: Sequence[int]


class Timeline:
    """The check points of one source, as positions in its chain.

    Args:
        rows: complete check points in the order of the chain, as `history.checkpoints` gives them.
    """

    def __init__(self, rows: Sequence[CheckpointRow]) -> None:
        self.rows = rows
        applied = sorted(range(len(rows)), key=lambda position: rows[position].ordinal)
        self._ordinals = [rows[position].ordinal for position in applied]
        # A history that forks is not applied in the order of its chain.
        self._applied = None if applied == list(range(len(rows))) else applied

    def positions(self, first: int, last: int | None) -> Sequence[int]:
        """Of the check points with ordinals `first` to `last`, None for no end; ascending, may be none."""
        low = bisect_left(self._ordinals, first)
        high = len(self._ordinals) if last is None else bisect_right(self._ordinals, last)
        return range(low, high) if self._applied is None else sorted(self._applied[low:high])


def versions(connection: sqlite3.Connection, source: int, wanted: Wanted) -> Iterator[Version]:
    """Rows of `source` that are looked for, by key and age, streamed; the root is not among them."""
    bounds = {
        "size > ?": wanted.larger_than,
        "size < ?": wanted.smaller_than,
        "mtime_ns > ?": wanted.newer_than_ns,
        "mtime_ns < ?": wanted.older_than_ns,
    }
    used = {condition: bound for condition, bound in bounds.items() if bound is not None}
    where = ["source = ?", "key <> x''", *used]
    if wanted.match is not None:
        connection.create_function("is_wanted", 1, wanted.match, deterministic=True)
        where.append("is_wanted(key)")
    rows = connection.execute(
        f"SELECT {VERSION_COLUMNS} FROM versions WHERE {' AND '.join(where)} ORDER BY key, first",
        [source, *used.values()],
    )
    return map(version_of, rows)


def versions_of(connection: sqlite3.Connection, source: int, path: bytes) -> Iterator[Version]:
    """Rows of one path, oldest first."""
    rows = connection.execute(
        f"SELECT {VERSION_COLUMNS} FROM versions WHERE source = ? AND key = ? ORDER BY first",
        [source, path_key(path)],
    )
    return map(version_of, rows)


def spans(rows: Iterable[Version], timeline: Timeline) -> Iterator[Span]:
    """Rows as check points see them, in the order of `rows`, which is by key and age.

    What no complete check point has is left out; what was only stored again, unchanged, is one version.
    """
    held: Span | None = None
    for version in rows:
        positions = timeline.positions(version.first, version.last)
        if not positions:
            continue
        if held is not None and held.positions[-1] + 1 == positions[0] and is_same(held.version, version):
            held = Span(held.version, [*held.positions, *positions])
            continue
        if held is not None:
            yield held
        held = Span(version, positions)
    if held is not None:
        yield held


def is_same(one: Version, other: Version) -> bool:
    """Whether two rows say the same of the same path."""
    return (one.key, one.kind, one.size, one.digest, one.extra, one.attributes) == (
        other.key,
        other.kind,
        other.size,
        other.digest,
        other.extra,
        other.attributes,
    )


def matcher(globs: Sequence[bytes]) -> Match:
    """Whether a key fits one of `globs`, raw bytes: `*`, `?` and `[...]` as in fnmatch, case counts.

    One without `/` is held against the last name of a path, one with `/` against the whole path, name by name;
    there `**` stands for any number of folders, and a `/` in front for nothing else.
    """
    lasts = [_name(glob) for glob in globs if b"/" not in glob]
    paths = [tuple(map(_segment, _text(glob).removeprefix("/").split("/"))) for glob in globs if b"/" in glob]

    def match(key: bytes) -> bool:
        names = _text(key).split("\0")
        return any(last(names[-1]) for last in lasts) or any(_fits(path, names) for path in paths)

    return match


_Segment = Callable[[str], object] | None


def _segment(text: str) -> _Segment:
    return None if text == _ANY_DEPTH else re.compile(translate(text)).match


def _name(glob: bytes) -> Callable[[str], object]:
    return re.compile(translate(_text(glob))).match


def _fits(path: Sequence[_Segment], names: Sequence[str]) -> bool:
    """All places in `path` to which the names so far may lead are followed at once: `**` costs no more than a name."""
    reached = _with_skipped(path, {0})
    for name in names:
        stays = {at for at in reached if at < len(path) and path[at] is None}
        goes = {at + 1 for at in reached if at < len(path) and (segment := path[at]) is not None and segment(name)}
        reached = _with_skipped(path, stays | goes)
    return len(path) in reached


def _with_skipped(path: Sequence[_Segment], places: set[int]) -> set[int]:
    """The places, and those behind a `**` that stands for nothing."""
    for at, segment in enumerate(path):
        if segment is None and at in places:
            places.add(at + 1)
    return places


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
