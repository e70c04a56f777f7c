"""Which objects of a bucket are backed up, by the same rules as files, and the folders on the way to them."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from bakup.model import Kind
from bakup.source.bucket.ordering import Placed
from bakup.source.interface import Left
from bakup.source.tree.filters import Filter, Rules, Wanted, listed_in


class _Folder(Struct):
    """A folder on the way down. `outer`: what excludes it; `shut`: no exception reaches into it; `told`: yielded."""

    path: bytes
    outer: int | None
    shut: bool
    wanted: Wanted | None
    told: bool


class Chooser:
    """One pass over objects in key order.

    Raises:
        Usage: the rules are wrong.
    """

    def __init__(self, rules: Rules) -> None:
        self._filter = Filter(rules)
        self._unseen = set(listed_in(rules))
        self._way = [_Folder(b"", None, False, self._filter.wanted, False)]

    @property
    def excluded(self) -> dict[str, Left]:
        """What was left out so far, by rule."""
        return self._filter.excluded

    @property
    def unmatched(self) -> list[str]:
        """Patterns that matched nothing so far."""
        return self._filter.patterns.unmatched

    def missing(self) -> tuple[bytes, ...]:
        """Listed paths that were not met."""
        return tuple(sorted(self._unseen))

    def chosen(self, objects: Iterator[Placed]) -> Iterator[tuple[bytes, Placed | None]]:
        """Path and object, in key order, the root first; None: a folder that is only implied."""
        first = next(objects, None)
        root = first if first and not first.path and first.folder else None
        yield b"", root
        self._way[0].told = True
        if first is not None and root is None:
            yield from self._one(first)
        for placed in objects:
            yield from self._one(placed)

    def keeps(self, placed: Placed) -> bool:
        """Whether an object by itself is backed up; they may come in any order."""
        return any(found is not None and found.path == placed.path for _, found in self._one(placed))

    def _one(self, placed: Placed) -> Iterator[tuple[bytes, Placed | None]]:
        parent, _, name = placed.path.rpartition(b"/")
        folder = self._enter(parent)
        self._unseen.discard(placed.path)
        if folder.wanted is not None and name not in folder.wanted:
            return
        if placed.folder:
            below = self._enter(placed.path)
            if not below.told and (below.outer is None or (placed.listed.problem and not below.shut)):
                yield from self._tell(placed)
            return
        by = folder.outer if folder.shut else self._judge(placed.path, Kind.FILE, placed.listed.size, folder)
        if by is not None:
            self._filter.count(self._filter.label(by), 1, placed.listed.size)
            return
        yield from self._tell(None)
        yield placed.path, placed

    def _tell(self, last: Placed | None) -> Iterator[tuple[bytes, Placed | None]]:
        for folder in self._way:
            if not folder.told:
                folder.told = True
                yield folder.path, last if last and last.path == folder.path else None

    def _enter(self, path: bytes) -> _Folder:
        """Go to a folder by way of those above it."""
        way = self._way
        while way[-1].path and way[-1].path != path and not path.startswith(way[-1].path + b"/"):
            way.pop()
        while way[-1].path != path:
            above = way[-1]
            end = path.find(b"/", len(above.path) + 1)
            way.append(self._folder(path if end < 0 else path[:end], above))
        return way[-1]

    def _folder(self, path: bytes, above: _Folder) -> _Folder:
        self._unseen.discard(path)
        name = path.rpartition(b"/")[2]
        wanted = above.wanted.get(name, {}) if above.wanted is not None else None
        if above.shut:
            return _Folder(path, above.outer, True, wanted, False)
        by = self._judge(path, Kind.DIR, 0, above)
        return _Folder(path, by, by is not None and not self._filter.patterns.reaches(path, by), wanted, False)

    def _judge(self, path: bytes, kind: Kind, size: int, folder: _Folder) -> int | None:
        if not self._filter.judges:
            return None
        return self._filter.judge(path, path.rpartition(b"/")[2], kind, size, folder.outer)
