"""Single paths of a tree, looked at by their names and judged by the rules of a pass.

A listing of a folder that changes meanwhile may leave out names that were there all the time (POSIX readdir leaves that
open): only what is not there by its name is gone.
"""

from __future__ import annotations

import os
from itertools import groupby
from typing import NamedTuple

from bakup.model import Kind
from bakup.source.interface import Below, Found
from bakup.source.tree import listing, paths
from bakup.source.tree.devices import Devices
from bakup.source.tree.filters import Filter, Rules, Wanted, kept_alone
from bakup.source.tree.scan import KINDS, found_of, left_out, unread_of


class _Folder(NamedTuple):
    """A folder on the way down; `outer`: the pattern that excludes it, if an exception reaches in; `wanted`: of the
    names in it."""

    path: bytes
    outer: int | None
    wanted: Wanted | None


class ByName:
    """Of paths in key order, few calls a path; nothing is asked of what is below a folder that is gone.

    Args:
        base: absolute path of the root, links resolved.
        rules: what is left out.
        device: of the root.
        below: asked of a folder that is excluded itself, and kept for what is in it.
    """

    def __init__(self, base: bytes, rules: Rules, device: int, below: Below) -> None:
        self._root = os.path.join(base, b"")
        self._filter = Filter(rules)
        self._left_out = left_out(rules)
        self._devices = Devices(device, one=rules.one_file_system)
        self._below = below
        self._way = [_Folder(b"", None, self._filter.wanted)]
        self._gone: bytes | None = None

    def look(self, asked: list[bytes]) -> list[Found | None]:
        """What is at each path; None if that is nothing, or is left out."""
        found: list[Found | None] = []
        for parent, members in groupby(asked, key=lambda path: path.rpartition(b"/")[0]):
            found += self._together(parent, list(members))
        return found

    def _together(self, parent: bytes, members: list[bytes]) -> list[Found | None]:
        folder = None if self._is_gone(parent) else self._enter(parent)
        if folder is None:
            return [None] * len(members)
        names = {path: path.rpartition(b"/")[2] for path in members}
        wanted = [name for name in names.values() if folder.wanted is None or name in folder.wanted]
        stats, failed = _stats(self._root + parent, wanted)
        found: list[Found | None] = []
        for path, name in names.items():
            one = unread_of(path, failed[name]) if name in failed else self._judged(folder, path, name, stats.get(name))
            if one is None:
                self._gone = path
            found.append(one)
        return found

    def _is_gone(self, path: bytes) -> bool:
        return self._gone is not None and (path == self._gone or path.startswith(self._gone + b"/"))

    def _enter(self, path: bytes) -> _Folder | None:
        """The folder at a path, or None if nothing in it is backed up."""
        way = self._way
        while way[-1].path and way[-1].path != path and not path.startswith(way[-1].path + b"/"):
            way.pop()
        while way[-1].path != path:
            above = way[-1]
            end = path.find(b"/", len(above.path) + 1)
            following = self._folder(path if end < 0 else path[:end], above)
            if following is None:
                return None
            way.append(following)
        return way[-1]

    def _folder(self, path: bytes, above: _Folder) -> _Folder | None:
        name = path.rpartition(b"/")[2]
        stats, failed = _stats(self._root + above.path, [name])
        if failed:  # so will what is in it, and that is not gone
            return _Folder(path, None, None)
        stat = stats.get(name)
        if stat is None or KINDS[stat.st_mode >> 12] != Kind.DIR or self._devices.barred(stat.st_dev):
            self._gone = path
            return None
        by = self._judge(above, path, name, Kind.DIR, 0)
        wanted = None if above.wanted is None else above.wanted.get(name)
        if (alone := kept_alone(self._root + path, self._filter.rules)) is not None:
            wanted = {alone[1]: None}
        return _Folder(path, by, wanted)

    def _judged(self, folder: _Folder, path: bytes, name: bytes, stat: os.stat_result | None) -> Found | None:
        if stat is None:
            return None
        found = found_of(path, KINDS[stat.st_mode >> 12], stat)
        if found.kind == Kind.DIR and (stat.st_dev, stat.st_ino) in self._left_out:
            return None
        by = self._judge(folder, path, name, found.kind, found.size)
        if by is None:
            return found
        if found.kind != Kind.DIR or not self._filter.patterns.reaches(path, by):
            return None
        return found if any(self.look([inside])[0] for inside in self._below(path)) else None

    def _judge(self, folder: _Folder, path: bytes, name: bytes, kind: int, size: int) -> int | None:
        return self._filter.judge(path, name, kind, size, folder.outer) if self._filter.judges else None


def _stats(folder: bytes, names: list[bytes]) -> tuple[dict[bytes, os.stat_result], dict[bytes, str]]:
    """Stats of those names in a folder that are there, and why others cannot be looked at."""
    failed: dict[bytes, str] = {}

    def fail(name: bytes, error: OSError) -> None:
        if not listing.gone(error):
            failed[name] = paths.reason(error)

    return dict(listing.look(folder, names, fail)) if names else {}, failed
