"""One pass over a tree in key order: the whole work of a run in which nothing changed.

A folder is listed, its names sorted, and looked at by the folder's descriptor, `listing.SLICE` at a time; so
a path costs one system call and one tuple. Memory: of each folder on the way down its names and one slice.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from stat import S_ISDIR
from typing import NamedTuple

from bakup.errors import Failed, Usage
from bakup.model import Kind
from bakup.source.interface import Found, Stat
from bakup.source.tree import listing, paths, recorded
from bakup.source.tree.devices import Devices
from bakup.source.tree.filters import Filter, Rules, Wanted, kept_alone
from bakup.source.tree.listing import Looked

BATCH = 1024
"""Paths from which on a batch is yielded."""

_OTHER = int(Kind.SPECIAL)
_FILE, _DIR, _SYMLINK, _UNREAD = int(Kind.FILE), int(Kind.DIR), int(Kind.SYMLINK), int(Kind.UNREAD)

KINDS = tuple(
    {1: _OTHER, 2: _OTHER, 4: _DIR, 6: _OTHER, 8: _FILE, 10: _SYMLINK, 12: _OTHER}.get(bits, _UNREAD)
    for bits in range(16)
)
"""Kind of a path by the highest four bits of its mode; UNREAD where there is none."""


class _Frame(NamedTuple):
    """A folder on the way down: what of it is still to come, and how what is in it is judged."""

    slices: Iterator[list[Looked]]
    pairs: Iterator[Looked]
    prefix: bytes
    wanted: Wanted | None
    outer: int | None


class Scan:
    """One pass.

    Args:
        base: absolute path of the root, links resolved.
        rules: what is left out.

    Raises:
        Usage: the rules are wrong.
        Failed: the root is not there.
    """

    def __init__(self, base: bytes, rules: Rules) -> None:
        self._base = base
        self._below = os.path.join(base, b"")
        self._filter = Filter(rules)
        self._left_out = left_out(rules)
        self._root = _root(base)
        self.device = self._root.st_dev
        self._devices = Devices(self.device, one=rules.one_file_system)
        self._batch: list[Found] = []
        self._held: list[Found] = []  # excluded folders on the way down, kept only if something in them is
        self._reasons: dict[bytes, str] = {}
        self.excluded = self._filter.excluded
        self.vanished = 0
        self.missing: list[bytes] = []

    @property
    def unmatched(self) -> list[str]:
        """Patterns that matched nothing so far."""
        return self._filter.patterns.unmatched

    def batches(self) -> Iterator[list[Found]]:
        """All paths in key order, in lists of about `BATCH`.

        Raises:
            Failed: the root cannot be listed, or went away meanwhile: what was not found is not deleted then.
        """
        judge = self._filter.judge if self._filter.judges else None
        new = tuple.__new__
        batch, held = self._batch, self._held
        batch.append(found_of(b"", _DIR, self._root))
        stack: list[_Frame] = []
        slices, pairs, prefix, wanted, outer = self._first()
        while True:
            for name, stat in pairs:
                path = prefix + name
                kind = KINDS[stat.st_mode >> 12]
                by = None if judge is None else judge(path, name, kind, stat.st_size, outer)
                if by is not None and self._leaves(by, path, kind, stat):
                    continue
                if held and by is None:
                    self._release()
                if kind == _FILE:
                    kept = _stat(stat)
                    size, mtime_ns, ctime_ns = kept.st_size, kept.st_mtime_ns, kept.st_ctime_ns
                    batch.append(new(Found, (path, kind, size, mtime_ns, ctime_ns, kept.st_ino, kept, "")))
                elif kind != _DIR:
                    batch.append(self._other(path, kind, stat))
                elif below := self._enter(path, stat, by, wanted and wanted[name]):
                    stack.append(_Frame(slices, pairs, prefix, wanted, outer))
                    slices, pairs, prefix, wanted, outer = below
                    break
            else:
                if len(batch) >= BATCH:
                    yield batch[:]
                    batch.clear()
                if following := next(slices, None):
                    pairs = iter(following)
                elif stack:
                    self._leave_folder(prefix[:-1])
                    slices, pairs, prefix, wanted, outer = stack.pop()
                else:
                    break
        self._expect_root()
        yield batch[:]

    def _expect_root(self) -> None:
        found = _root(self._base)
        if (found.st_dev, found.st_ino) != (self._root.st_dev, self._root.st_ino):
            raise Failed(
                f"{os.fsdecode(self._base)} was replaced while it was scanned",
                hints=("was something mounted or moved? run the same command again",),
                code="no-source",
            )

    def _first(self) -> _Frame:
        try:
            slices = self._slices(b"", self._root, self._filter.wanted)
        except OSError as error:
            raise Failed(f"cannot list {os.fsdecode(self._base)}: {paths.reason(error)}") from error
        return _Frame(slices, iter(()), b"", self._filter.wanted, None)

    def _leaves(self, by: int, path: bytes, kind: int, stat: os.stat_result) -> bool:
        """Whether an excluded path is left out: it is, but for a folder that an exception may reach into."""
        if kind == _DIR and self._filter.patterns.reaches(path, by):
            return False
        folders = int(kind == _DIR)
        self._filter.count(self._filter.label(by), 1 - folders, stat.st_size if kind == _FILE else 0, folders=folders)
        self._reasons.pop(path, None)
        return True

    def _release(self) -> None:
        self._batch += self._held
        self._held.clear()

    def _leave_folder(self, path: bytes) -> None:
        if self._held and self._held[-1].path == path:
            self._held.pop()

    def _enter(self, path: bytes, stat: os.stat_result, by: int | None, wanted: Wanted | None) -> _Frame | None:
        """Add a folder to the batch; its frame, or None if there is nothing to look at in it."""
        if self._left_out and (stat.st_dev, stat.st_ino) in self._left_out:
            return None
        try:
            slices = self._slices(path, stat, wanted)
        except OSError as error:
            self._unlisted(path, stat, error)
            return None
        (self._batch if by is None else self._held).append(found_of(path, _DIR, stat))
        return _Frame(slices, iter(()), path + b"/", wanted, by)

    def _slices(self, path: bytes, stat: os.stat_result, wanted: Wanted | None) -> Iterator[list[Looked]]:
        folder = self._below + path
        failed = partial(self._failed, path, wanted is not None)
        if (rule := self._devices.barred(stat.st_dev)) is not None:
            self._filter.count(rule, 0, 0, folders=1)
            return iter(())
        if (alone := kept_alone(folder, self._filter.rules)) is not None:
            self._count_beside(folder, stat, *alone)
            return listing.slices(folder, [alone[1]], failed)
        members = listing.names(folder, stat.st_size) if wanted is None else sorted(wanted)
        return listing.slices(folder, members, failed)

    def _count_beside(self, folder: bytes, stat: os.stat_result, rule: str, kept: bytes) -> None:
        beside = (name for name in listing.names(folder, stat.st_size) if name != kept)
        for part in listing.slices(folder, beside, lambda name, error: None):
            size = sum(stat.st_size for _, stat in part if KINDS[stat.st_mode >> 12] == _FILE)
            folders = sum(KINDS[stat.st_mode >> 12] == _DIR for _, stat in part)
            self._filter.count(rule, len(part) - folders, size, folders=folders)

    def _failed(self, folder: bytes, listed: bool, name: bytes, error: OSError) -> None:
        path = folder + b"/" + name if folder else name
        if not listing.gone(error):
            self._reasons[path] = paths.reason(error)
        elif listed:
            self.missing.append(path)
        else:
            self.vanished += 1

    def _unlisted(self, path: bytes, stat: os.stat_result, error: OSError) -> None:
        if listing.gone(error):
            self.vanished += 1
            return
        self._release()
        self._batch += found_of(path, _DIR, stat), unread_of(path, paths.reason(error))

    def _other(self, path: bytes, kind: int, stat: os.stat_result) -> Found:
        if kind == _UNREAD:
            return unread_of(path, self._reasons.pop(path, "of a kind that is not known"))
        return found_of(path, kind, stat)


def found_of(path: bytes, kind: int, stat: os.stat_result) -> Found:
    """A path of any kind, as its stat says."""
    kept = _stat(stat)
    size = kept.st_size if kind == _FILE else 0
    return Found(path, kind, size, kept.st_mtime_ns, kept.st_ctime_ns, kept.st_ino, kept)


def _stat(found: os.stat_result) -> Stat:
    return Stat(
        found.st_mode,
        recorded.inode(found.st_ino),
        found.st_size,
        recorded.time_ns(found.st_mtime_ns),
        recorded.time_ns(found.st_ctime_ns),
        found.st_dev,
        found.st_nlink,
        found.st_uid,
        found.st_gid,
        getattr(found, "st_rdev", 0),
    )


_NO_STAT = Stat(0, 0, 0, 0, 0)


def unread_of(path: bytes, reason: str) -> Found:
    """A path that cannot be looked at."""
    return Found(path, _UNREAD, 0, 0, 0, 0, _NO_STAT, reason)


def _root(base: bytes) -> os.stat_result:
    shown = os.fsdecode(base)
    try:
        found = os.stat(base)
    except OSError as error:
        raise Failed(f"cannot read {shown}: {paths.reason(error)}", code="no-source") from error
    if not S_ISDIR(found.st_mode):
        raise Usage(f"{shown} is not a folder", code="no-folder")
    return found


def left_out(rules: Rules) -> set[tuple[int, int]]:
    """Device and inode of each folder that is left out whole."""
    return {identity for path in rules.leave_out if (identity := _identity(path))}


def _identity(path: bytes) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
