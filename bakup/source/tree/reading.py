"""Reading files that may change meanwhile. What is here keeps no state: it is called from many threads."""

from __future__ import annotations

import errno
import io
import os
import stat
import time
from collections.abc import Iterator

from msgspec.structs import replace

from bakup.model import Attributes
from bakup.source.interface import Found, Grown, Run, Small, Unreadable, Vanished
from bakup.source.tree import attributes, listing, paths, recorded, statx

WAITS_S = (0.02, 0.1, 0.0)
"""A file that changes is read again so often, with so many seconds after each time."""

SETTLED_NS = 20_000_000
"""A file changed so shortly ago may change again without a new time, as systems keep file times in ticks of
up to 10 ms: only what is read later than this counts as a consistent read."""

COARSE_NS = 2_020_000_000
"""The same where a time is one of whole seconds, as all are on old and simple file systems: FAT counts by two."""

READ_ON = 1 << 16
"""Bytes that are asked for beyond the size that a system tells: it may be wrong."""

_SECOND_NS = 1_000_000_000
_ENDLESS = 1 << 62

_new = tuple.__new__
_NO_ATIME: int = getattr(os, "O_NOATIME", 0)
_CHANGED_KIND = {errno.ELOOP, errno.ENXIO, errno.ENODEV, errno.EISDIR}


def open_file(path: bytes, shown: bytes, flags: int = paths.FILE_FLAGS) -> int:
    """Descriptor of the path for reading, its access time untouched where the system allows.

    Args:
        path: absolute.
        shown: the same below the source's root, for errors.
        flags: of open(2).

    Raises:
        Vanished: it is gone, or of another kind.
        Unreadable: it cannot be opened.
    """
    try:
        try:
            return paths.open_path(path, flags | _NO_ATIME)
        except PermissionError as error:
            if error.errno != errno.EPERM:
                raise
            return paths.open_path(path, flags)
    except OSError as error:
        raise failure(shown, error) from error


def failure(path: bytes, error: OSError) -> Vanished | Unreadable:
    """What an error says about a path of the source."""
    if listing.gone(error) or error.errno in _CHANGED_KIND:
        return Vanished(path)
    return Unreadable(path, paths.reason(error))


def read_small(path: bytes, found: Found, device: int, limit: int) -> Small:
    """See `Source.read_small`; `path` is absolute, `device` that of the source's root."""
    descriptor = open_file(path, found.path)
    try:
        unsettled = fresh(found.ctime_ns)
        data = os.read(descriptor, found.size + 1)  # one more: some systems tell a size that is not the file's
        now = statx.look(descriptor)
        if unsettled or now[:4] != found[2:6] or len(data) != found.size:
            return _read_again(descriptor, found, device, limit)
        facts = attributes.of_descriptor(descriptor, found.stat, device, now.birth_ns)
        return _new(Small, (data, facts, False))
    except OSError as error:
        raise failure(found.path, error) from error
    finally:
        os.close(descriptor)


def fresh(ctime_ns: int) -> bool:
    """Whether a read that begins now may miss a change that leaves no trace."""
    return 0 <= time.time_ns() - ctime_ns < _settles_ns(ctime_ns)


def coarse(time_ns: int) -> bool:
    """Whether a time is one of whole seconds."""
    return time_ns % _SECOND_NS == 0


def _settles_ns(ctime_ns: int) -> int:
    return COARSE_NS if coarse(ctime_ns) else SETTLED_NS


def _read_again(descriptor: int, found: Found, device: int, limit: int) -> Small:
    """The file as one consistent read; else as it was read last, with the facts from before that read.

    What two reads in a row give is what is there, whatever the system tells of size and times meanwhile.
    """
    read: list[bytes] = []
    for wait_s in WAITS_S:
        before, last = _settled(descriptor), read[-1:]
        unsettled = fresh(before.st_ctime_ns)
        data = _read_whole(descriptor, before, found.path, limit)
        now = statx.look(descriptor)
        read = [data]
        steady = not unsettled and len(data) == before.st_size and now[:4] == _facts(before)
        if steady or last == read:
            break
        time.sleep(wait_s)
    facts = attributes.of_descriptor(descriptor, before, device, now.birth_ns)
    return Small(data, facts if steady else replace(facts, ctime_ns=None), not steady and last != read)


def _settled(descriptor: int) -> os.stat_result:
    """The open file's stat, a moment later if it was changed just now."""
    found = os.fstat(descriptor)
    if not fresh(found.st_ctime_ns):
        return found
    settled_ns = found.st_ctime_ns + _settles_ns(found.st_ctime_ns)
    time.sleep(max(SETTLED_NS, settled_ns - time.time_ns()) / 1e9)
    return os.fstat(descriptor)


def _facts(found: os.stat_result) -> tuple[int, int, int, int]:
    modified, changed = recorded.time_ns(found.st_mtime_ns), recorded.time_ns(found.st_ctime_ns)
    return found.st_size, modified, changed, recorded.inode(found.st_ino)


def _read_whole(descriptor: int, before: os.stat_result, shown: bytes, limit: int) -> bytes:
    if not stat.S_ISREG(before.st_mode):
        raise Vanished(shown)
    if before.st_size > limit:
        raise Grown(shown, before.st_size)
    os.lseek(descriptor, 0, os.SEEK_SET)
    parts: list[bytes] = []
    size = 0
    while part := os.read(descriptor, max(before.st_size - size, 0) + READ_ON):
        parts.append(part)
        size += len(part)
        if size > limit:
            raise Grown(shown, size)
    return b"".join(parts)


class LargeFile:
    """A file open for one sequential read (`interface.Large`).

    Args:
        path: absolute.
        found: as the scan found it.
        device: of the source's root.

    Raises:
        Vanished, Unreadable: as `open_file`.
    """

    def __init__(self, path: bytes, found: Found, device: int) -> None:
        self._path = found.path
        self._device = device
        descriptor = open_file(path, found.path)
        try:
            self._opened = _settled(descriptor)
            if not stat.S_ISREG(self._opened.st_mode):
                raise Vanished(found.path)
            self._file = io.FileIO(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        _read_ahead(descriptor)
        self._unsettled = fresh(self._opened.st_ctime_ns)
        self.size = self._opened.st_size
        self._whole = True

    def __enter__(self) -> LargeFile:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def runs(self) -> Iterator[Run]:
        """The runs that tile the file, and one more without an end if it goes on behind the size that the system tells.

        Holes are looked for only if it has fewer blocks than bytes. What is added meanwhile is not read.
        """
        told = self.size
        blocks: int | None = getattr(self._opened, "st_blocks", None)
        if blocks is None or blocks * 512 >= told or not hasattr(os, "SEEK_HOLE"):
            yield from ((Run(0, told, False),) if told else ())
        else:
            yield from self._sparse_runs()
        if self._goes_on(told) and os.fstat(self._file.fileno()).st_size == told:
            self.size = _ENDLESS
            yield Run(told, _ENDLESS, False)

    def _goes_on(self, offset: int) -> bool:
        try:
            return bool(os.pread(self._file.fileno(), 1, offset))
        except OSError as error:
            raise failure(self._path, error) from error

    def _sparse_runs(self) -> Iterator[Run]:
        offset = 0
        while offset < self.size:
            data = self._next(offset, os.SEEK_DATA)
            if data > offset:
                yield Run(offset, data - offset, True)
            offset = self._next(data, os.SEEK_HOLE) if data < self.size else data
            if offset > data:
                yield Run(data, offset - data, False)

    def _next(self, offset: int, whence: int) -> int:
        """Where data, or a hole, begins from an offset on; the position for reading stays."""
        position = self._file.tell()
        try:
            return min(self._file.seek(offset, whence), self.size)
        except OSError as error:
            if error.errno == errno.ENXIO:  # none before the end
                return self.size
            raise failure(self._path, error) from error
        finally:
            self._file.seek(position)

    def seek(self, offset: int) -> None:
        """Go to an offset in bytes."""
        self._file.seek(offset)

    def readinto(self, buffer: memoryview) -> int:
        """Fill as much of the buffer as there is, up to `size`; 0 at the end."""
        position = self._file.tell()
        try:
            count = self._file.readinto(buffer[: max(0, self.size - position)]) or 0
        except OSError as error:
            raise failure(self._path, error) from error
        if not count and len(buffer) and position != self.size:
            self._whole = False
            self.size = position
        return count

    def consistent(self) -> bool:
        """Whether the file is what it was when it was opened, and as long as the system told."""
        return self._whole and not self._unsettled and _facts(os.fstat(self._file.fileno())) == _facts(self._opened)

    def attributes(self) -> Attributes:
        """The facts of the moment of opening; without ctime if it changed since."""
        descriptor = self._file.fileno()
        try:
            birth = statx.look(descriptor).birth_ns
            facts = attributes.of_descriptor(descriptor, self._opened, self._device, birth)
        except OSError as error:
            raise failure(self._path, error) from error
        return facts if self.consistent() else replace(facts, ctime_ns=None)


def _read_ahead(descriptor: int) -> None:
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_SEQUENTIAL)
