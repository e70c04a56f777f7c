"""A tree of the local file systems as a source."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain

from msgspec.structs import replace

from bakup.model import Attributes, Dir, Kind, Special, SpecialType, Symlink
from bakup.source.interface import Below, Found, Journal, Left, Prepared, Small, Stood, Unreadable
from bakup.source.tree import attributes, paths, reading, statx
from bakup.source.tree.ahead import Ahead
from bakup.source.tree.byname import ByName
from bakup.source.tree.filters import Rules
from bakup.source.tree.scan import Scan

SMALL_LIMIT = 8 << 20
"""Bytes that a file may have grown to since the scan and still be read whole (the format's longest chunk)."""

_ALL = Rules()
_SPECIAL = {0o010000: SpecialType.FIFO, 0o140000: SpecialType.SOCKET, 0o020000: SpecialType.CHARACTER}


class LocalTree:
    """A folder and all below it (`interface.Source`), read where it stands: strategy `none`.

    Args:
        root: the folder; a symbolic link to one is followed.
        rules: what is left out.

    Raises:
        Usage: the root is no folder, or a rule is wrong.
        Failed: the root cannot be read.
    """

    def __init__(self, root: str | bytes, rules: Rules = _ALL) -> None:
        self._location = os.path.abspath(os.fsencode(root))
        self._base = os.path.realpath(self._location)
        self._below = os.path.join(self._base, b"")
        self._rules = replace(rules, roots=(self._location, self._base))
        self._scan: Scan | Ahead = Scan(self._base, self._rules)
        self._begun: Ahead | None = None
        self._names: ByName | None = None
        self.device = self._scan.device

    @property
    def location(self) -> bytes:
        """Absolute path, as the user named it."""
        return self._location

    @property
    def host(self) -> str:
        """This computer's name."""
        return socket.gethostname()

    @property
    def leaves_out(self) -> bool:
        """A folder is told of by its path."""
        return False

    def prepare(self, journal: Journal) -> Prepared:
        """Nothing: files are compared before and after each read instead."""
        return Prepared("none", {})

    def restore_state(self, prepared: Prepared) -> None:
        """Nothing was changed."""

    def begin(self) -> None:
        """See `interface.Source`."""
        if self._begun is None:
            with suppress(OSError):  # no process more for us: the pass is made here
                self._begun = Ahead(self._base, self._rules)

    def close(self) -> None:
        """End a pass that is under way."""
        if isinstance(self._scan, Ahead):
            self._scan.close()
        if self._begun is not None:
            self._begun.close()

    def entries(self) -> Iterator[Found]:
        """All paths in key order; see `interface.Source`."""
        return chain.from_iterable(self.batches())

    def batches(self) -> Iterator[list[Found]]:
        """The same in lists of about a thousand. Each call is a new pass, with new counts."""
        begun, self._begun = self._begun, None
        self._names = None
        self._scan = begun or Scan(self._base, self._rules)
        return self._scan.batches()

    def look(self, asked: list[Stood], below: Below) -> list[Found | None]:
        """See `interface.Source`."""
        if self._names is None:
            self._names = ByName(self._base, self._rules, self.device, below)
        return self._names.look([path for path, _ in asked])

    @property
    def excluded(self) -> dict[str, Left]:
        """What the last pass left out, by rule."""
        return self._scan.excluded

    @property
    def vanished(self) -> int:
        """Paths that went away during the last pass."""
        return self._scan.vanished

    @property
    def missing(self) -> tuple[bytes, ...]:
        """Paths of `files_from` that the last pass did not find."""
        return tuple(self._scan.missing)

    @property
    def unmatched(self) -> tuple[str, ...]:
        """Patterns that matched nothing in the last pass."""
        return tuple(self._scan.unmatched)

    def _absolute(self, path: bytes) -> bytes:
        return self._below + path if path else self._base

    def attributes(self, found: Found) -> Attributes:
        """See `interface.Source`. Owner, mode and times are those of the scan."""
        try:
            return self._attributes(self._absolute(found.path), found)
        except OSError as error:
            raise reading.failure(found.path, error) from error

    def _attributes(self, path: bytes, found: Found) -> Attributes:
        if found.kind not in {Kind.FILE, Kind.DIR}:
            return attributes.of_path(path, found.stat, self.device)
        flags = paths.FOLDER_FLAGS if found.kind == Kind.DIR else paths.FILE_FLAGS
        try:
            descriptor = reading.open_file(path, found.path, flags)
        except Unreadable:
            return attributes.of_path(path, found.stat, self.device)
        try:
            birth = statx.look(descriptor).birth_ns
            return attributes.of_descriptor(descriptor, found.stat, self.device, birth)
        finally:
            os.close(descriptor)

    has_inodes = True
    lookahead = 0
    forks = True
    counts = None

    def announce(self, found: Found) -> None:
        """Nothing: the system reads ahead."""

    def sample(self, found: Found, length: int) -> bytes:
        """See `interface.Source`."""
        try:
            with open(self._absolute(found.path), "rb", buffering=0) as file:
                return file.read(length) or b""
        except OSError:
            return b""

    def entry(self, found: Found) -> Dir | Symlink | Special:
        """See `interface.Source`."""
        facts = self.attributes(found)
        if found.kind == Kind.DIR:
            return Dir(found.path, facts)
        if found.kind == Kind.SYMLINK:
            return Symlink(found.path, facts, self._target(found))
        return Special(found.path, facts, *special(found))

    def _target(self, found: Found) -> bytes:
        try:
            return paths.read_link(self._absolute(found.path))
        except OSError as error:
            raise reading.failure(found.path, error) from error

    def read_small(self, found: Found, limit: int = SMALL_LIMIT) -> Small:
        """See `interface.Source`."""
        return reading.read_small(self._absolute(found.path), found, self.device, limit)

    def open_large(self, found: Found) -> reading.LargeFile:
        """See `interface.Source`."""
        return reading.LargeFile(self._absolute(found.path), found, self.device)


def special(found: Found) -> tuple[int, int]:
    """Type (`model.SpecialType`) and device (`major << 32 | minor`, 0 for FIFOs and sockets) of a SPECIAL."""
    kind = _SPECIAL.get(found.stat.st_mode & 0o170000, SpecialType.BLOCK)
    if kind in {SpecialType.FIFO, SpecialType.SOCKET}:
        return kind, 0
    number = found.stat.st_rdev
    return kind, os.major(number) << 32 | os.minor(number)
