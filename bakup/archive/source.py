"""A check point as a source: how a target is copied into another, of any layout or account."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from itertools import chain

from bakup.api.ask import Ask
from bakup.api.reports import TargetOptions
from bakup.api.watch import Watch
from bakup.archive.contents import Contents
from bakup.archive.file import ArchiveFile
from bakup.archive.home import Home
from bakup.archive.opening import attach
from bakup.archive.select import choose_checkpoint, choose_source
from bakup.archive.url import parse
from bakup.catalog import history
from bakup.catalog.readers import Readers
from bakup.catalog.rows import Version
from bakup.errors import Damaged, Failed, Untrusted, Usage, Withheld
from bakup.model import Attributes, Dir, Kind, Special, Symlink
from bakup.source.interface import (
    Below,
    Found,
    Journal,
    Large,
    Left,
    Prepared,
    Run,
    Small,
    Stat,
    Stood,
    Unreadable,
)
from bakup.source.tree.filters import Filter, Rules
from bakup.store.counting import Counts

BATCH = 1000


class ArchiveSource:
    """One check point, or a folder of it, by a URL `bakup://PATH?target=...`.

    It is known as the source that was backed up, with all that was recorded of it, so that what comes to the other
    target goes on there. What is damaged is unreadable, and named.

    Raises:
        Usage: there is no `target` in the URL, or an option that means nothing here.
        BakupError: as `attach` and choosing a check point do.
    """

    has_inodes = True
    forks = False  # connections are not for two processes
    lookahead = 0
    leaves_out = False
    vanished = 0

    def __init__(self, url: str, rules: Rules, options: TargetOptions, home: Home, watch: Watch, ask: Ask) -> None:
        path, words = parse(url)
        if "target" not in words:
            raise Usage(f"{url} names no target: bakup://PATH?target=DST", code="usage")
        if rules.files_from is not None or rules.if_present or rules.caches:
            raise Usage(f"of {url} only patterns and sizes can be left out", code="usage")
        self._rules = rules
        self._filter = Filter(rules)
        self._base = path
        with ExitStack() as stack:
            other = words.get("home")
            at_home = stack.enter_context(Home.open(other, command="sync")) if other else home
            attached = stack.enter_context(attach(at_home, words["target"], options, watch, ask))
            self.counts: Counts | None = attached.target.counts
            readers = Readers(at_home.databases)
            reading = attached.layout.reading(readers, attached.row)
            self._contents = stack.enter_context(closing(Contents(readers, attached.row, reading)))
            at = words.get("at", "latest")
            chosen = choose_source(at_home.catalog, attached.row, words.get("source"), words["target"], at)
            row = choose_checkpoint(at_home.catalog, attached.row, chosen, at)
            self._moment = self._contents.moment(row.uuid)
            self._unread = history.unread_at(at_home.catalog, row.id)
            if self._contents.entry(self._moment, path) is None:
                raise Failed(f"there is no {url}", code="source-missing")
            self._open = stack.pop_all()

    @property
    def location(self) -> bytes:
        """Where it was backed up from."""
        return b"/".join(part for part in (self._moment.location.rstrip(b"/"), self._base) if part) or b"/"

    @property
    def host(self) -> str:
        """The computer that it was backed up from."""
        return self._moment.host

    def prepare(self, journal: Journal) -> Prepared:
        """Nothing ever changes in a check point."""
        return Prepared("none", {})

    def restore_state(self, prepared: Prepared) -> None:
        """Nothing was changed."""

    def begin(self) -> None:
        """Nothing: the catalog is read."""

    def close(self) -> None:
        """Let go of the target."""
        self._open.close()

    def entries(self) -> Iterator[Found]:
        """See `source.interface.Source`."""
        return chain.from_iterable(self.batches())

    def batches(self) -> Iterator[list[Found]]:
        """The same in lists of about a thousand."""
        self._filter = Filter(self._rules)
        batch: list[Found] = []
        for version in self._chosen():
            batch.append(self._found(version))
            if version.key in self._unread:
                batch.append(_unread(self._inner(version), self._unread[version.key]))
            if len(batch) >= BATCH:
                yield batch
                batch = []
        yield batch

    def look(self, asked: list[Stood], below: Below) -> list[Found | None]:
        """See `source.interface.Source`: what the pass did not yield is not there."""
        return [None for _ in asked]

    @property
    def excluded(self) -> Mapping[str, Left]:
        """See `source.interface.Source`."""
        return self._filter.excluded

    @property
    def missing(self) -> tuple[bytes, ...]:
        """No paths are asked for by name."""
        return ()

    @property
    def unmatched(self) -> tuple[str, ...]:
        """See `source.interface.Source`."""
        return tuple(self._filter.patterns.unmatched)

    def announce(self, found: Found) -> None:
        """Nothing: who reads one file after the other gets the next packs ahead."""

    def sample(self, found: Found, length: int) -> bytes:
        """See `source.interface.Source`."""
        try:
            return self._file(found).read(0, length)
        except (Damaged, Untrusted, Withheld):
            return b""

    def attributes(self, found: Found) -> Attributes:
        """As they were recorded."""
        return self._version(found.path).attributes

    def entry(self, found: Found) -> Dir | Symlink | Special:
        """As it was recorded."""
        version = self._version(found.path)
        attributes = version.attributes
        if version.kind == Kind.DIR:
            return Dir(found.path, attributes)
        if version.kind == Kind.SYMLINK:
            return Symlink(found.path, attributes, version.extra or b"")
        return Special(found.path, attributes, *version.special)

    def read_small(self, found: Found, limit: int = 0) -> Small:
        """See `source.interface.Source`; it never changes."""
        with _named(found.path):
            return Small(self._file(found).read(0, found.size), self.attributes(found), False)

    def open_large(self, found: Found) -> Large:
        """See `source.interface.Source`."""
        with _named(found.path):
            return ArchivedFile(self._file(found), found.path, self.attributes(found))

    def _chosen(self) -> Iterator[Version]:
        """What the rules leave, in key order."""
        above: list[tuple[bytes, int | None, bool]] = []
        for version in self._contents.below(self._moment, self._base):
            path = self._inner(version)
            while above and not path.startswith(above[-1][0] + b"/"):
                above.pop()
            _, outer, shut = above[-1] if above else (b"", None, False)
            name = path.rpartition(b"/")[2]
            by = outer
            if path and not shut:
                by = self._filter.judge(path, name, version.kind, version.size or 0, outer)
            if version.kind == Kind.DIR and path:
                above.append((path, by, by is not None and not self._filter.patterns.reaches(path, by)))
            if by is None:
                yield version
            elif not shut:
                folder = version.kind == Kind.DIR
                self._filter.count(self._filter.label(by), int(not folder), version.size or 0, folders=int(folder))

    def _inner(self, version: Version) -> bytes:
        return version.path[len(self._base) :].lstrip(b"/")

    def _version(self, path: bytes) -> Version:
        whole = b"/".join(part for part in (self._base, path) if part)
        version = self._contents.entry(self._moment, whole)
        assert version is not None, "the pass yielded it"
        return version

    def _file(self, found: Found) -> ArchiveFile:
        return self._contents.file(self._version(found.path))

    def _found(self, version: Version) -> Found:
        attributes = version.attributes
        ctime_ns, inode = attributes.ctime_ns or attributes.mtime_ns, attributes.inode or 0
        stat = Stat(attributes.mode, inode, version.size or 0, attributes.mtime_ns, ctime_ns)
        size = (version.size or 0) if version.kind == Kind.FILE else 0
        return Found(self._inner(version), int(version.kind), size, attributes.mtime_ns, ctime_ns, inode, stat)


class ArchivedFile:
    """See `source.interface.Large`."""

    def __init__(self, file: ArchiveFile, path: bytes, attributes: Attributes) -> None:
        self.size = file.size
        self._file = file
        self._path = path
        self._attributes = attributes
        self._at = 0

    def __enter__(self) -> ArchivedFile:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def runs(self) -> Iterator[Run]:
        """Data and holes as they were recorded."""
        begin = at = 0
        for extent in self._file.extents():
            if extent.chunk is None:
                if at > begin:
                    yield Run(begin, at - begin, False)
                yield Run(at, extent.length, True)
                begin = at + extent.length
            at += extent.length
        if at > begin:
            yield Run(begin, at - begin, False)

    def seek(self, offset: int) -> None:
        """Go to an offset."""
        self._at = offset

    def readinto(self, buffer: memoryview) -> int:
        """See `source.interface.Large`."""
        with _named(self._path):
            found = self._file.read(self._at, len(buffer))
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)

    def consistent(self) -> bool:
        """It never changes."""
        return True

    def attributes(self) -> Attributes:
        """As they were recorded."""
        return self._attributes


@contextmanager
def _named(path: bytes) -> Iterator[None]:
    try:
        yield
    except (Damaged, Untrusted, Withheld) as error:
        raise Unreadable(path, error.message) from error


def _unread(path: bytes, reason: str) -> Found:
    return Found(path, int(Kind.UNREAD), 0, 0, 0, 0, Stat(0, 0, 0, 0, 0), reason)
