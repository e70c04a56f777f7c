"""What of a check point is restored, and what stands in its way."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from itertools import chain

from msgspec import Struct, field

from bakup.catalog import history
from bakup.catalog.history import CheckpointRow, SourceRow
from bakup.catalog.rows import Version
from bakup.errors import Failed
from bakup.flows.reports import RestoreOptions
from bakup.model import Kind, path_key
from bakup.source.out import Out
from bakup.source.outplace import OutPlace


class Chosen(Struct):
    """What of a check point is restored: versions in key order, again and again from the catalog.

    All of it without `paths` and `patterns`. `missing`: paths and globs that were asked for too, where nothing is.
    """

    connection: sqlite3.Connection
    source: SourceRow
    checkpoint: CheckpointRow
    paths: tuple[bytes, ...] = ()
    patterns: tuple[re.Pattern[bytes], ...] = ()
    missing: tuple[bytes, ...] = ()
    latest: bool = True

    @property
    def whole(self) -> tuple[int, int] | None:
        """See `bringing_tree.Tree`."""
        return None if self.paths or self.patterns else (self.source.id, self.checkpoint.ordinal)

    def versions(self, *kinds: Kind, plain: bool = True, descending: bool = False) -> Iterator[Version]:
        """The versions, of `kinds` if given, each once; folders on the way to a path are among them."""
        every = history.versions_at(
            self.connection, self.source.id, self.checkpoint.ordinal, kinds=kinds, plain=plain, descending=descending
        )
        return filter(self._wanted, every) if self.paths or self.patterns else every

    def has(self, path: bytes) -> bool:
        """Whether something is stored at or below a path, or it could not be read."""
        there = history.versions_at(self.connection, self.source.id, self.checkpoint.ordinal, path)
        return path_key(path) in self.unread() or next(there, None) is not None

    def unread(self) -> dict[bytes, str]:
        """Keys of all paths that could not be read at the check point, with the reasons."""
        return history.unread_at(self.connection, self.checkpoint.id)

    def matching(self, patterns: Collection[re.Pattern[bytes]]) -> set[re.Pattern[bytes]]:
        """Those of `patterns` that mean something."""
        found: set[re.Pattern[bytes]] = set()
        unread = (key.replace(b"\0", b"/") for key in self.unread())
        stored = (version.path for version in self.versions())
        for path in chain(unread, stored) if patterns else ():
            found.update(pattern for pattern in patterns if pattern not in found and _matches(pattern, path))
        return found

    def means(self, path: bytes) -> bool:
        """Whether a path was asked for, or a folder above it."""
        if not self.paths and not self.patterns:
            return True
        if any(not wanted or path == wanted or path.startswith(wanted + b"/") for wanted in self.paths):
            return True
        return any(_matches(pattern, path) for pattern in self.patterns)

    def _wanted(self, version: Version) -> bool:
        path = version.path
        on_the_way = version.kind == Kind.DIR and any(
            not path or wanted.startswith(path + b"/") for wanted in self.paths
        )
        return on_the_way or self.means(path)


class Survey(Struct):
    """What stands at the destination beside what is wanted there."""

    equal: list[int] = field(default_factory=lambda: [0, 0])
    kept: list[int] = field(default_factory=lambda: [0, 0])
    todo: list[int] = field(default_factory=lambda: [0, 0])
    conflicts: list[tuple[bytes, str]] = field(default_factory=list)
    equal_paths: set[bytes] = field(default_factory=set)
    kept_paths: set[bytes] = field(default_factory=set)


def surveyed(chosen: Chosen, place: OutPlace, options: RestoreOptions) -> Survey:
    survey = Survey()
    if place.is_empty():
        if options.dry_run:
            for version in chosen.versions():
                _compare(survey, None, version, options)
        return survey
    with place.open() as destination:
        for version in chosen.versions():
            _compare(survey, destination, version, options)
    return survey


def _compare(survey: Survey, destination: Out | None, version: Version, options: RestoreOptions) -> None:
    path, kind, size = version.path, version.kind, version.size or 0
    counted = [1, size] if kind == Kind.FILE else [0, 0]
    state = "absent"
    if destination is not None:
        state = destination.compare(
            path,
            kind,
            size,
            version.attributes.mtime_ns,
            target=(version.extra or b"") if kind == Kind.SYMLINK else b"",
            device=version.special[1] if kind == Kind.SPECIAL else 0,
            facts=version.attributes.object,
        )
    if state == "equal":
        if kind != Kind.DIR:
            survey.equal_paths.add(path)
            _add(survey.equal, counted)
    elif state == "absent" or options.overwrite == "always" or (options.overwrite, state) == ("if-newer", "older"):
        _add(survey.todo, counted)
    elif options.overwrite is not None:
        survey.kept_paths.add(path)
        _add(survey.kept, counted)
    else:
        survey.conflicts.append((path, f"here it is {'of another kind' if state == 'other kind' else state}"))


def _add(count: list[int], more: Sequence[int]) -> None:
    count[0] += more[0]
    count[1] += more[1]


def in_the_way(out: str, chosen: Chosen, survey: Survey) -> Failed:
    number = len(survey.conflicts)
    files = "1 file" if number == 1 else f"{number:,} files"
    differ = "differs" if number == 1 else "differ"
    return Failed(
        f"{files} in {out} {differ} from {chosen.checkpoint.uuid.hex()[:8]}; nothing was written",
        details=tuple(survey.conflicts),
        hints=("--overwrite always, never, or if-newer (replaces what is older here)",),
        code="in-the-way",
    )


def _matches(pattern: re.Pattern[bytes], path: bytes) -> bool:
    """Whether a glob means the path or a folder above it."""
    while path:
        if pattern.match(path):
            return True
        path = path.rpartition(b"/")[0]
    return False
