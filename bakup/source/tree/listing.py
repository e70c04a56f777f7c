"""The names in a folder, sorted, and what the system says of each: the innermost part of a scan.

An ordinary folder is listed in memory, about 80 bytes a name. One that may hold very many (its own size says
so) is read in runs of `RUN` names; each is sorted and laid aside in a temporary file without a name, and all
are merged. So 10 million names take some 20 MB of memory and, with 20 bytes a name, 210 MB of that file.
"""

from __future__ import annotations

import errno
import heapq
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby, islice, pairwise
from typing import BinaryIO, TypeAlias

from bakup.source.tree import paths

RUN = 100_000
"""Names of a large folder that are sorted at a time."""

LARGE_FOLDER = 1 << 20
"""Size in bytes of a folder itself from which its names are read in runs."""

SLICE = 512
"""Paths that are looked at at a time, through one descriptor of their folder."""

READ = 1 << 16
"""Bytes read at a time of a run that was laid aside."""

Looked: TypeAlias = tuple[bytes, os.stat_result]
"""A name and its stat; that of a path that could not be looked at is `NO_STAT`."""

NO_STAT = os.stat_result((0,) * 10, dict.fromkeys(("st_mtime_ns", "st_ctime_ns", "st_rdev"), 0))
"""Stands for a stat that failed; its mode is that of no path."""


def names(folder: bytes, size: int) -> Iterable[bytes]:
    """The names in the folder at an absolute path, in order of their bytes, each once: a folder that changes meanwhile,
    or a file system with a fault, may list some twice.

    Args:
        size: of the folder itself, in bytes, as its stat says.

    Raises:
        OSError: it cannot be listed; at once, or (a large one) before the first name is yielded.
    """
    if size < LARGE_FOLDER:
        return sorted(set(paths.list_folder(folder)))
    return _many(folder)


def _many(folder: bytes) -> Iterable[bytes]:
    with paths.scan_folder(folder) as found:
        first = list(islice(found, RUN))
        return sorted(set(first)) if len(first) < RUN else _spilled(sorted(first), found)


def _spilled(run: list[bytes], found: Iterator[bytes]) -> Iterator[bytes]:
    spill = tempfile.TemporaryFile(prefix="bakup-")  # noqa: SIM115 - closed by the last reader
    ends = [0]
    while run:
        spill.write(b"\0".join(run) + b"\0")
        ends.append(spill.tell())
        run = sorted(islice(found, RUN))
    return _merged(spill, ends)


def _merged(spill: BinaryIO, ends: list[int]) -> Iterator[bytes]:
    with spill:
        merged = heapq.merge(*(_laid_aside(spill, *span) for span in pairwise(ends)))
        yield from (name for name, _ in groupby(merged))


def _laid_aside(spill: BinaryIO, offset: int, end: int) -> Iterator[bytes]:
    rest = b""
    while offset < end:
        spill.seek(offset)
        block = spill.read(min(READ, end - offset))
        offset += len(block)
        *whole, rest = (rest + block).split(b"\0")
        yield from whole


def slices(folder: bytes, members: Iterable[bytes], failed: Callable[[bytes, OSError], None]) -> Iterator[list[Looked]]:
    """Names and stats (links not followed), `SLICE` at a time; looked at only when asked for.

    Args:
        folder: absolute path.
        members: names in it.
        failed: told of each name that could not be looked at, just before its slice is yielded; such a name
            has `NO_STAT`, or is left out if it is not there any more.
    """
    if isinstance(members, list) and len(members) <= SLICE:
        if members:
            yield look(folder, members, failed)
        return
    rest = iter(members)
    while part := list(islice(rest, SLICE)):
        yield look(folder, part, failed)


def look(folder: bytes, members: list[bytes], failed: Callable[[bytes, OSError], None]) -> list[Looked]:
    """One slice; see `slices`."""
    if not paths.DESCRIPTORS:
        return _by_path(folder, members, failed)
    try:
        at = paths.open_folder(folder)
    except OSError as error:
        return _none(members, error, failed)
    try:
        stat = os.stat
        return [(name, stat(name, dir_fd=at, follow_symlinks=False)) for name in members]
    except OSError:
        return [looked for name in members if (looked := _look(name, name, at, failed))]
    finally:
        os.close(at)


def _by_path(folder: bytes, members: list[bytes], failed: Callable[[bytes, OSError], None]) -> list[Looked]:
    pairs = ((name, os.path.join(folder, name)) for name in members)
    return [looked for name, path in pairs if (looked := _look(name, path, None, failed))]


def _look(name: bytes, path: bytes, at: int | None, failed: Callable[[bytes, OSError], None]) -> Looked | None:
    try:
        return name, os.stat(path, dir_fd=at, follow_symlinks=False)
    except OSError as error:
        failed(name, error)
        return None if gone(error) else (name, NO_STAT)


def _none(members: list[bytes], error: OSError, failed: Callable[[bytes, OSError], None]) -> list[Looked]:
    for name in members:
        failed(name, error)
    return [] if gone(error) else [(name, NO_STAT) for name in members]


def gone(error: OSError) -> bool:
    """Whether an error says that the path is not there, or that what was a folder on the way is none now."""
    return error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}
