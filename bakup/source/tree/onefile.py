"""One file as a source: a folder that nobody sees, with that file in it under the name that the user gave."""

from __future__ import annotations

import os
from collections.abc import Iterator

from msgspec.structs import replace

from bakup.model import Attributes, Kind
from bakup.source.interface import Below, Found, Left, Stat, Stood
from bakup.source.tree import paths
from bakup.source.tree.filters import Filter, Rules
from bakup.source.tree.scan import KINDS, found_of, unread_of
from bakup.source.tree.tree import LocalTree

FOLDER_MODE = 0o755


class LocalFile(LocalTree):
    """A file (`interface.Source`); a symbolic link to one is followed, and gives the name. It may be gone.

    Args:
        path: of the file.
        rules: what is left out.

    Raises:
        Usage: a rule is wrong.
    """

    def __init__(self, path: str | bytes, rules: Rules) -> None:
        self._location = os.path.abspath(os.fsencode(path))
        self._file = os.path.realpath(self._location)
        self._name = os.path.basename(self._location)
        roots = (os.path.dirname(self._location), os.path.dirname(self._file))
        self._rules = replace(rules, roots=roots)
        self._filter = Filter(self._rules)
        self.device = 0

    def begin(self) -> None:
        """Nothing: it is one look."""

    def close(self) -> None:
        """Nothing is open."""

    def batches(self) -> Iterator[list[Found]]:
        """See `interface.Source`."""
        self._filter = Filter(self._rules)
        found = self._found()
        mtime_ns = found.mtime_ns if found is not None else 0
        stat = Stat(0o040000 | FOLDER_MODE, 0, 0, mtime_ns, mtime_ns)
        root = Found(b"", int(Kind.DIR), 0, mtime_ns, mtime_ns, 0, stat)
        yield [root] if found is None else [root, found]

    def _found(self) -> Found | None:
        wanted = self._filter.wanted
        if wanted is not None and self._name not in wanted:
            return None
        try:
            stat = os.lstat(self._file)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            return unread_of(self._name, paths.reason(error))
        self.device = stat.st_dev
        found = found_of(self._name, KINDS[stat.st_mode >> 12], stat)
        by = self._filter.judge(self._name, self._name, found.kind, found.size, None)
        if by is None:
            return found if found.kind == Kind.FILE else None
        self._filter.count(self._filter.label(by), 1, found.size)
        return None

    def look(self, asked: list[Stood], below: Below) -> list[Found | None]:
        """See `interface.Source`."""
        return [self._found() if path == self._name else None for path, _ in asked]

    @property
    def excluded(self) -> dict[str, Left]:
        """What the last pass left out, by rule."""
        return self._filter.excluded

    @property
    def vanished(self) -> int:
        """The file is there or not."""
        return 0

    @property
    def missing(self) -> tuple[bytes, ...]:
        """Listed paths that are not the file's name."""
        return tuple(sorted((self._filter.wanted or {}).keys() - {self._name}))

    @property
    def unmatched(self) -> tuple[str, ...]:
        """Patterns that matched nothing in the last pass."""
        return tuple(self._filter.patterns.unmatched)

    def _absolute(self, path: bytes) -> bytes:
        return self._file

    def attributes(self, found: Found) -> Attributes:
        """See `interface.Source`. The folder has no owner, and changes with the file alone."""
        if found.kind == Kind.DIR:
            return Attributes(FOLDER_MODE, mtime_ns=found.mtime_ns, ctime_ns=found.ctime_ns, inode=0)
        return super().attributes(found)
