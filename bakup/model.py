"""The values that all rooms share: entries, extents, check points. All frozen, none does any I/O.

Field order is the wire order of docs/format/sector.md section 6; `bakup.format.structures` encodes them.
Paths are raw bytes with `/` between names, the root is `b""`; times are nanoseconds since 1970 UTC.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import TypeAlias

from msgspec import Struct


class Kind(enum.IntEnum):
    """First element of an entry (section 6.3)."""

    FILE = 1
    PART = 2
    DIR = 3
    SYMLINK = 4
    SPECIAL = 5
    DELETE = 6
    UNREAD = 7
    RECORD = 8


class SpecialType(enum.IntEnum):
    """What a SPECIAL entry is (section 6.3)."""

    FIFO = 1
    SOCKET = 2
    CHARACTER = 3
    BLOCK = 4


class Attributes(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """What is recorded of a path besides its content; None = not known (section 6.3)."""

    mode: int = 0o755
    uid: int | None = None
    gid: int | None = None
    user: str | None = None
    group: str | None = None
    mtime_ns: int = 0
    ctime_ns: int | None = None
    inode: int | None = None
    birth_ns: int | None = None
    link_group: int | None = None
    inode_flags: int | None = None
    xattrs: tuple[tuple[bytes, bytes], ...] = ()
    facts: tuple[tuple[str, bytes], ...] = ()


class Extent(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """A run of a file: *new* (all four), *known* (no place) or *hole* (no chunk); `length` in bytes."""

    length: int
    chunk: bytes | None = None
    box: int | None = None
    offset: int | None = None


class Closing(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """What the last PART of a file adds: size in bytes and the file digest."""

    attributes: Attributes
    size: int
    digest: bytes


class File(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False, tag=1):
    """A whole file. `digest` is None where it follows from at most one extent."""

    path: bytes
    attributes: Attributes
    size: int
    extents: tuple[Extent, ...]
    digest: bytes | None = None


class Part(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False, tag=2):
    """A part of a large file; `offset` and `length` in bytes of the file."""

    path: bytes
    file_id: int
    offset: int
    length: int
    extents: tuple[Extent, ...]
    closing: Closing | None = None


class Dir(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False, tag=3):
    """A directory."""

    path: bytes
    attributes: Attributes


class Symlink(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False, tag=4):
    """A symbolic link; `target` is raw bytes."""

    path: bytes
    attributes: Attributes
    target: bytes


class Special(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False, tag=5):
    """A FIFO, socket or device; `device` is `major << 32 | minor`."""

    path: bytes
    attributes: Attributes
    special: int
    device: int


class Delete(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False, tag=6):
    """The path and all below it are gone, or of another kind."""

    path: bytes


class Unread(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False, tag=7):
    """The path was there but could not be read."""

    path: bytes
    reason: str


class Record(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False, tag=8):
    """What only the account or the check point's signer may say (section 6.6)."""

    path: bytes
    record: int
    content: bytes


class ToCome(Struct, frozen=True, gc=False):
    """An entry of a kind that only a newer bakup knows (section 6.3): something of this path is not restored."""

    path: bytes
    kind: int


Entry: TypeAlias = File | Part | Dir | Symlink | Special | Delete | Unread | Record
AnyEntry: TypeAlias = Entry | ToCome


class CheckpointRef(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """A check point by uuid and digest (section 6.2)."""

    uuid: bytes
    digest: bytes


class Replaced(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """A check point that another one lists anew; `signer` is a signer id, or zeros for none."""

    signer: bytes
    uuid: bytes
    digest: bytes


class Chunker(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """How large files were cut; sizes in bytes."""

    name: str
    min: int
    nominal: int
    max: int
    seed: int


class Checkpoint(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """The header of a check point (section 6.1)."""

    uuid: bytes
    flags: int
    time_ns: int
    source: bytes
    host: str
    location: bytes
    name: str
    tags: tuple[str, ...]
    sequence: int
    previous: CheckpointRef | None
    based_on: bytes | None
    replaces: Replaced | None
    chunker: Chunker
    facts: tuple[tuple[str, bytes], ...] = ()

    @property
    def incremental(self) -> bool:
        """Whether entries are changes to the state of `based_on`."""
        return bool(self.flags & 1)


class SectorLine(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """One sector of a check point, as its END lists it (section 6.2); `size` in bytes."""

    uuid: bytes
    header_digest: bytes | None
    entries: int
    size: int
    first_path: bytes
    last_path: bytes


class LaneLine(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """One lane of a check point: bytes of its metadata, and the digest over its boxes' digests (section 6.2)."""

    lane: int
    length: int
    digest: bytes


class End(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """A part of what completes a check point (section 6.2); `files` and `size` (bytes) count the whole source."""

    uuid: bytes
    part: int
    last: bool
    sectors: tuple[SectorLine, ...]
    files: int
    size: int
    lanes: tuple[LaneLine, ...] = ()
    facts: tuple[tuple[str, bytes], ...] = ()


class TableRow(Struct, frozen=True):
    """One box of a data region (section 5.3); offsets and lengths in bytes of plaintext."""

    checkpoint: bytes
    offset: int
    length: int
    position: int
    raw_length: int


def path_key(path: bytes) -> bytes:
    """The bytes by which paths are ordered (section 2)."""
    return path.replace(b"/", b"\0")


def file_size(extents: Iterable[Extent]) -> int:
    """Sum of the extents' lengths, in bytes."""
    return sum(extent.length for extent in extents)
