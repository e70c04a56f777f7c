"""What of a check point is restored: all of it, or what paths and globs mean."""

from __future__ import annotations

import re
import sqlite3
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Set

from msgspec import Struct
from msgspec.structs import replace

from bakup.api.reports import RestoreOptions
from bakup.catalog import history
from bakup.catalog.history import CheckpointRow, SourceRow
from bakup.catalog.rows import Version
from bakup.model import Kind, path_key

MANY = 10_000
"""Files that globs mean and that are looked up one by one; of more, all names are gone through each time."""


class Chosen(Struct):
    """Versions in key order, again and again from the catalog.

    All of a check point without `roots` and `patterns`. `roots`: keys of which all is meant, the outermost alone, in
    order. `patterns`: globs; what is below a folder that one means is below a root. `folders`: on the way to what they
    mean. `missing`: paths and globs that were asked for too, where nothing is.
    """

    connection: sqlite3.Connection
    source: SourceRow
    checkpoint: CheckpointRow
    roots: tuple[bytes, ...] = ()
    patterns: tuple[re.Pattern[bytes], ...] = ()
    folders: Set[bytes] = frozenset()
    missing: tuple[bytes, ...] = ()
    latest: bool = True

    @property
    def whole(self) -> tuple[int, int] | None:
        """See `bringing_tree.Tree`."""
        return None if self.roots or self.patterns else (self.source.id, self.checkpoint.ordinal)

    def versions(self, *kinds: Kind, plain: bool = True, descending: bool = False) -> Iterator[Version]:
        """The versions, of `kinds` if given, each once; folders on the way to a path are among them."""
        if self.roots and not self.patterns:
            return self._of_roots(kinds, plain=plain, descending=descending)
        every = self._below(b"", kinds, plain=plain, descending=descending)
        return filter(self.wants, every) if self.patterns else every

    def _of_roots(self, kinds: tuple[Kind, ...], *, plain: bool, descending: bool) -> Iterator[Version]:
        """What is at and below each root, with the folders on the way that none before it had, or, backwards, none
        after it has."""
        for number in range(len(self.roots) - 1, -1, -1) if descending else range(len(self.roots)):
            root, before = self.roots[number], self.roots[number - 1] if number else None
            way = self._way(root, before) if not kinds or Kind.DIR in kinds else []
            inside = self._below(root.replace(b"\0", b"/"), kinds, plain=plain, descending=descending)
            if descending:
                yield from inside
                yield from reversed(way)
            else:
                yield from way
                yield from inside

    def _way(self, root: bytes, before: bytes | None) -> list[Version]:
        """The folders that a root is in, the outermost first, without those that the root before it is in as well."""
        ends = [at for at in range(len(root)) if root[at] == 0]
        keys = [b""] if root and before is None else []
        keys += [root[:at] for at in ends if before is None or not before.startswith(root[: at + 1])]
        found = (
            history.version_at(self.connection, self.source.id, self.checkpoint.ordinal, key.replace(b"\0", b"/"))
            for key in keys
        )
        return [version for version in found if version is not None and version.kind == Kind.DIR]

    def _below(self, path: bytes, kinds: tuple[Kind, ...], *, plain: bool, descending: bool) -> Iterator[Version]:
        return history.versions_at(
            self.connection,
            self.source.id,
            self.checkpoint.ordinal,
            path,
            kinds=kinds,
            plain=plain,
            descending=descending,
        )

    def has(self, path: bytes) -> bool:
        """Whether something is stored at or below a path, or it could not be read."""
        there = next(self._below(path, (), plain=True, descending=False), None)
        return there is not None or path_key(path) in self.unread()

    def unread(self) -> dict[bytes, str]:
        """Keys of all paths that could not be read at the check point, with the reasons."""
        return history.unread_at(self.connection, self.checkpoint.id)

    def look_alikes(self) -> set[bytes]:
        """See `history.look_alikes`."""
        ranges = (b"",) if self.patterns or not self.roots else self.roots
        found = (
            history.look_alikes(self.connection, self.source.id, self.checkpoint.ordinal, key.replace(b"\0", b"/"))
            for key in ranges
        )
        return set().union(*found)

    def matching(self, patterns: Collection[re.Pattern[bytes]]) -> tuple[set[re.Pattern[bytes]], Chosen]:
        """Those of `patterns` that mean something, and what they mean."""
        found: set[re.Pattern[bytes]] = set()
        folders: set[bytes] = set()
        roots: set[bytes] = set()
        files: set[bytes] = set()
        previous, root = b"", None
        for path, version in self._each() if patterns else ():
            inside = root is not None and path.startswith(root + b"/")
            wanted = [pattern for pattern in patterns if not inside or pattern not in found]
            for part in _unseen(previous, path):
                fitting = [pattern for pattern in wanted if pattern.match(part)]
                found.update(fitting)
                if fitting and not inside:
                    _add_above(folders, part)
                    if version is None or version.kind == Kind.DIR or part != path:
                        root, inside = part, True
                        roots.add(path_key(part))
                    elif len(files) <= MANY:
                        files.add(path_key(part))
            previous = path
        if len(files) <= MANY:
            return found, replace(self, roots=outermost(roots | files))
        return found, replace(self, roots=outermost(roots), patterns=tuple(found), folders=folders)

    def _each(self) -> Iterator[tuple[bytes, Version | None]]:
        """Every path but the root: those that could not be read, then what is stored, in key order."""
        yield from ((key.replace(b"\0", b"/"), None) for key in sorted(self.unread()) if key)
        yield from ((version.path, version) for version in self.versions() if version.path)

    def means(self, path: bytes) -> bool:
        """Whether a path was asked for, or a folder above it."""
        if self.whole:
            return True
        key = path_key(path)
        nearest = bisect_right(self.roots, key) - 1
        if nearest >= 0 and _at_or_below(key, self.roots[nearest]):
            return True
        return bool(path) and any(pattern.match(path) for pattern in self.patterns)

    def amends(self, path: bytes, options: RestoreOptions) -> bool:
        """Whether a folder that stood there takes the attributes that are stored: where paths were asked for, only what
        was asked for, and only if all is to be as it was."""
        always = options.overwrite == "always"
        if self.whole or b"" in self.roots:
            return always or bool(path)
        return always and self.means(path)

    def wants(self, version: Version) -> bool:
        """Whether a version of the check point is one of these."""
        path = version.path
        return path in self.folders or self.means(path) or (version.kind == Kind.DIR and self._on_the_way(path))

    def _on_the_way(self, path: bytes) -> bool:
        if not path:
            return bool(self.roots)
        inside = path_key(path) + b"\0"
        following = bisect_left(self.roots, inside)
        return following < len(self.roots) and self.roots[following].startswith(inside)


def outermost(keys: Iterable[bytes]) -> tuple[bytes, ...]:
    """Keys in order, without those that are below another."""
    kept: list[bytes] = []
    for key in sorted(set(keys)):
        if not kept or not _at_or_below(key, kept[-1]):
            kept.append(key)
    return tuple(kept)


def _at_or_below(key: bytes, root: bytes) -> bool:
    return not root or key == root or key.startswith(root + b"\0")


def _unseen(previous: bytes, path: bytes) -> list[bytes]:
    """A path and the folders it is in, the outermost first, without those that the path before it is in as well."""
    parts = [path]
    parent = path.rpartition(b"/")[0]
    while parent and previous != parent and not previous.startswith(parent + b"/"):
        parts.append(parent)
        parent = parent.rpartition(b"/")[0]
    return parts[::-1]


def _add_above(folders: set[bytes], path: bytes) -> None:
    """Add the folders that a path is in, the root too; those of one that was added are there already."""
    while path and (path := path.rpartition(b"/")[0]) not in folders:
        folders.add(path)
