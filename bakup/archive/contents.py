"""What check points hold, as names and bytes: what a mount, the servers and fsspec read from."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterator
from threading import Lock

from bakup.archive.file import ArchiveFile, stored_bytes
from bakup.archive.moments import Moment, moments
from bakup.catalog import history
from bakup.catalog.children import versions_in
from bakup.catalog.readers import Readers
from bakup.catalog.rows import Version, encode_attributes
from bakup.errors import Failed
from bakup.layouts.interface import Reader
from bakup.model import Attributes, Kind

Content = tuple[bytes | None, int, int, bytes]
"""What the bytes of a version are known by: file digest, check point, number in it, key."""

Inode = tuple[int | None, bytes | None, bytes | None]
"""What is the same of all names of a file or link in a check point: link group, content."""

LISTED_MAX = 50_000
"""Entries of folders that are kept, about 30 MiB."""
FILES_MAX = 64
"""Files that are kept open."""

ROOT = Version(b"", b"", Kind.DIR, None, None, False, 0, encode_attributes(Attributes()), None, 0, 0, None)
"""Where a check point says nothing of its root, as one of a bucket does."""


class Contents:
    """What check points of a target hold, to be read at any time from any thread. Nothing here writes to it.

    Args:
        readers: of the catalog.
        target_row: the target's row there.
        reading: gives bytes.
    """

    def __init__(self, readers: Readers, target_row: int, reading: Reader) -> None:
        self._readers = readers
        self.target = target_row
        self._reading = reading
        self._guard = Lock()
        self._folders: OrderedDict[tuple[bytes, bytes], dict[bytes, Version]] = OrderedDict()
        self._listed = 0
        self._files: OrderedDict[Content, ArchiveFile] = OrderedDict()
        self._names: dict[bytes, Counter[Inode]] = {}
        self._sizes: dict[Content, int] = {}

    @property
    def findings(self) -> dict[bytes, set[int]]:
        """Damage that was met: uuid of an object -> positions of its packs."""
        return self._reading.findings

    def moments(self) -> tuple[Moment, ...]:
        """The complete check points of now, by time."""
        with self._readers.one() as connection:
            return moments(connection, self.target)

    def moment(self, uuid: bytes) -> Moment:
        """The check point with this uuid. Raises Failed when it is not there, or not complete."""
        for moment in self.moments():
            if moment.uuid == uuid:
                return moment
        raise Failed(f"check point {uuid.hex()[:8]} is not complete", code="no-check-point")

    def entry(self, moment: Moment, path: bytes) -> Version | None:
        """What stands at a path; None where nothing does."""
        above, _, name = path.rpartition(b"/")
        listed = self._folders.get((moment.uuid, above)) if path else None
        if listed is not None:
            return listed.get(name)
        with self._readers.one() as connection:
            found = history.version_at(connection, moment.source, moment.ordinal, path)
        return found or (ROOT if not path else None)

    def folder(self, moment: Moment, path: bytes) -> dict[bytes, Version]:
        """Names in a folder, in the order of the catalog; empty where no folder is."""
        key = moment.uuid, path
        with self._guard:
            listed = self._folders.get(key)
            if listed is not None:
                self._folders.move_to_end(key)
                return listed
        cut = len(path) + 1 if path else 0
        with self._readers.one() as connection:
            found = versions_in(connection, moment.source, moment.ordinal, path)
            listed = {version.path[cut:]: version for version in found}
        with self._guard:
            if key not in self._folders:
                self._folders[key] = listed
                self._listed += len(listed)
            while self._listed > LISTED_MAX and len(self._folders) > 1:
                self._listed -= len(self._folders.popitem(last=False)[1])
        return listed

    def below(self, moment: Moment, path: bytes) -> Iterator[Version]:
        """What stands at a path and below it, in key order."""
        with self._readers.one() as connection:
            yield from history.versions_at(connection, moment.source, moment.ordinal, path)

    def file(self, version: Version) -> ArchiveFile:
        """A file, open; the last ones stay so. Raises Damaged as ArchiveFile does."""
        key = version.digest, version.checkpoint, version.file_id, version.key
        with self._guard:
            found = self._files.get(key)
            if found is not None:
                self._files.move_to_end(key)
                return found
        found = ArchiveFile(self._readers, self._reading, version)
        with self._guard:
            self._files[key] = found
            if len(self._files) > FILES_MAX:
                self._files.popitem(last=False)
        return found

    def names_of(self, moment: Moment, version: Version) -> int:
        """How many names it has in a check point: 1, or more where they are hard links."""
        group = version.attributes.link_group
        if group is None:
            return 1
        counts = self._names.get(moment.uuid)
        if counts is None:
            with self._readers.one() as connection:
                standing = history.versions_at(connection, moment.source, moment.ordinal, plain=False)
                linked = (one for one in standing if one.attributes.link_group is not None)
                counts = self._names[moment.uuid] = Counter(map(_inode, linked))
        return counts[_inode(version)] or 1

    def stored_bytes(self, version: Version) -> int:
        """Bytes of a file that are no hole; of one in parts they are counted once."""
        if not version.parted:
            return stored_bytes(self._readers, version)
        key = version.digest, version.checkpoint, version.file_id, version.key
        found = self._sizes.get(key)
        if found is None:
            found = self._sizes[key] = stored_bytes(self._readers, version)
        return found

    def close(self) -> None:
        """End what is read ahead, and let go of the catalog."""
        self._reading.close()
        self._readers.close()


def _inode(version: Version) -> Inode:
    return version.attributes.link_group, version.digest, version.extra
