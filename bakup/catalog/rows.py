"""Entries -> rows of the catalog, and back. No SQL here: batches of tuples for `executemany`."""

from __future__ import annotations

import os
import sqlite3
import struct
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from blake3 import blake3
from msgspec import Struct, field

from bakup.format.codec import I64_MAX
from bakup.model import (
    AnyEntry,
    Attributes,
    Delete,
    Dir,
    Entry,
    Extent,
    File,
    Kind,
    Part,
    Record,
    Special,
    Symlink,
    ToCome,
    Unread,
    file_size,
    path_key,
)

EXTENT = struct.Struct("<Q32s")
SPECIAL = struct.Struct("<BQ")
HOLE = bytes(32)
EMPTY_DIGEST: bytes = blake3(b"").digest()

_KINDS = {int(kind): kind for kind in Kind}
_encoder = msgspec.msgpack.Encoder()
_attributes = msgspec.msgpack.Decoder(Attributes)


class Rows(Struct):
    """Rows of one batch of entries, in the column order of their tables (migrations/catalog.py).

    `versions`: (key, path, kind, size, mtime_ns, ctime_ns, inode, digest, parted, plain, file_id, attributes,
    extra).
    """

    versions: list[tuple[Any, ...]] = field(default_factory=list)
    parts: list[tuple[Any, ...]] = field(default_factory=list)
    chunks: list[tuple[bytes, int, int, int]] = field(default_factory=list)
    deletes: list[bytes] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    to_come: list[ToCome] = field(default_factory=list)
    unread: list[tuple[Any, ...]] = field(default_factory=list)


def shown(path: bytes) -> str | bytes:
    """A path as the catalog keeps it: text for people where it is UTF-8, else its bytes."""
    try:
        return path.decode("utf-8")
    except UnicodeDecodeError:
        return path


def raw(path: str | bytes) -> bytes:
    """The bytes of a path of the catalog."""
    return path.encode("utf-8") if isinstance(path, str) else path


def known_as(text: str) -> str:
    """A text that a user typed, as databases and check points hold it: of one that is not UTF-8, the bytes that are
    not stand as `\\xe9`."""
    return text if text.isascii() else os.fsencode(text).decode("utf-8", "backslashreplace")


def encode_extents(extents: Iterable[Extent]) -> bytes:
    """Extents as the file digest hashes them (spec section 6.3): runs of `length u64 | chunk id`, zeros for a hole."""
    pack = EXTENT.pack
    return b"".join([pack(extent.length, extent.chunk or HOLE) for extent in extents])


def decode_extents(blob: bytes) -> list[tuple[int, bytes | None]]:
    """(length in bytes, chunk id or None for a hole) of each extent."""
    return [(length, None if chunk == HOLE else chunk) for length, chunk in EXTENT.iter_unpack(blob)]


class PartsDigest:
    """The file digest (spec section 6.3) of extents as the catalog keeps them, a part at a time."""

    def __init__(self) -> None:
        self._running = blake3()
        self._bytes = 0
        self._first = b""

    def add(self, blob: bytes) -> None:
        """The extents of the next part."""
        self._first = self._first or blob[: EXTENT.size]
        self._bytes += len(blob)
        self._running.update(blob)

    def value(self) -> bytes:
        """The id of the only chunk, if that is all; else over all extents."""
        chunk = self._first[EXTENT.size - len(HOLE) :]
        return chunk if self._bytes == EXTENT.size and chunk != HOLE else self._running.digest()


def encode_attributes(attributes: Attributes) -> bytes:
    """Attributes as the catalog keeps them."""
    return _encoder.encode(attributes)


def decode_attributes(encoded: bytes) -> Attributes:
    """What `encode_attributes` made."""
    return _attributes.decode(encoded)


def rows_of(entries: Iterable[AnyEntry], packs: Mapping[int, int]) -> Rows:
    """Rows of `entries`; `packs` maps a data box's offset in its check point to the pack's row id.

    A new extent that names a box that is not there gives no place (spec section 8, R52).
    """
    rows = Rows()
    for entry in entries:
        if type(entry) is File:
            _file(rows, entry, packs)
        else:
            _other(rows, entry, packs)
    return rows


def _file(rows: Rows, entry: File, packs: Mapping[int, int]) -> None:
    extents = entry.extents
    if entry.digest is None:
        parted = 0
        digest = (extents[0].chunk or HOLE) if extents else EMPTY_DIGEST
    else:
        parted, digest = 1, entry.digest
    if parted or file_size(extents) != entry.size:
        # One whose extents do not add up is kept as parts that do not cover it: so it is never whole.
        parted = 1
        rows.parts.append((path_key(entry.path), 0, 0, file_size(extents), encode_extents(extents)))
    _places(rows, extents, packs)
    attributes = entry.attributes
    lone = attributes.link_group is None and attributes.inode_flags is None
    plain = int(lone and not parted and entry.size > 0 and digest != HOLE)
    rows.versions.append(_version(entry.path, Kind.FILE, entry.size, digest, parted, 0, attributes, None, plain))


def _other(rows: Rows, entry: AnyEntry, packs: Mapping[int, int]) -> None:
    match entry:
        case Part():
            _part(rows, entry, packs)
        case Dir():
            rows.versions.append(_version(entry.path, Kind.DIR, None, None, 0, 0, entry.attributes, None))
        case Symlink():
            rows.versions.append(_version(entry.path, Kind.SYMLINK, None, None, 0, 0, entry.attributes, entry.target))
        case Special():
            extra = SPECIAL.pack(entry.special, entry.device)
            rows.versions.append(_version(entry.path, Kind.SPECIAL, None, None, 0, 0, entry.attributes, extra))
        case Delete():
            rows.deletes.append(path_key(entry.path))
        case Unread():
            rows.unread.append((path_key(entry.path), shown(entry.path), entry.reason))
        case Record():
            rows.records.append(entry)
        case ToCome():
            rows.to_come.append(entry)
        case File():
            pass


def _part(rows: Rows, entry: Part, packs: Mapping[int, int]) -> None:
    _places(rows, entry.extents, packs)
    key, size = path_key(entry.path), file_size(entry.extents)
    # One whose extents do not add up to its length covers nothing: so its file is never whole.
    size = size if size == entry.length else 0
    rows.parts.append((key, entry.file_id, entry.offset, size, encode_extents(entry.extents)))
    if (closing := entry.closing) is not None:
        rows.versions.append(
            _version(
                entry.path,
                Kind.FILE,
                closing.size,
                closing.digest,
                1,
                entry.file_id,
                closing.attributes,
                None,
            )
        )


def _places(rows: Rows, extents: Iterable[Extent], packs: Mapping[int, int]) -> None:
    for extent in extents:
        if extent.box is not None and (pack := packs.get(extent.box)) is not None:
            rows.chunks.append((extent.chunk, pack, extent.offset, extent.length))  # type: ignore[arg-type]


def _version(
    path: bytes,
    kind: Kind,
    size: int | None,
    digest: bytes | None,
    parted: int,
    file_id: int,
    attributes: Attributes,
    extra: bytes | None,
    plain: int = 0,
) -> tuple[Any, ...]:
    return (
        path.replace(b"/", b"\0"),
        shown(path),
        int(kind),
        size,
        attributes.mtime_ns,
        attributes.ctime_ns,
        None if attributes.inode is None else attributes.inode & I64_MAX,
        digest,
        parted,
        plain,
        file_id,
        encode_attributes(attributes),
        extra,
    )


class Version(Struct, frozen=True, gc=False):
    """A path's version, as the catalog has it. `digest` is the id of the only chunk unless `parted`."""

    key: bytes
    path: bytes
    kind: Kind
    size: int | None
    digest: bytes | None
    parted: bool
    file_id: int
    encoded: bytes
    extra: bytes | None
    checkpoint: int
    first: int
    last: int | None

    @property
    def attributes(self) -> Attributes:
        """Decoded at each call: most readers need them once or never."""
        return decode_attributes(self.encoded)

    @property
    def special(self) -> tuple[int, int]:
        """(type, device) of a SPECIAL."""
        kind, device = SPECIAL.unpack(self.extra or b"")
        return kind, device

    def entry(self, extents: tuple[Extent, ...]) -> Entry:
        """The entry that says the same, with `extents` all known or holes; for listings and for storing again."""
        match self.kind:
            case Kind.FILE:
                size = self.size or 0
                return File(self.path, self.attributes, size, extents, self.digest if self.parted else None)
            case Kind.DIR:
                return Dir(self.path, self.attributes)
            case Kind.SYMLINK:
                return Symlink(self.path, self.attributes, self.extra or b"")
            case _:
                return Special(self.path, self.attributes, *self.special)


VERSION_COLUMNS = "key, path, kind, size, digest, parted, file_id, attributes, extra, checkpoint, first, last"


def version_of(row: tuple[Any, ...]) -> Version:
    """A Version from VERSION_COLUMNS."""
    key, path, kind, size, digest, parted, file_id, encoded, extra, checkpoint, first, last = row
    return Version(
        key, raw(path), _KINDS[kind], size, digest, bool(parted), file_id, encoded, extra, checkpoint, first, last
    )


def unclosed(connection: sqlite3.Connection, checkpoint: int, there: str) -> Rows:
    """Files of which a check point has parts, and `there` (a query on them, `p`) finds no closing part."""
    rows = connection.execute(
        "SELECT p.key, p.file_id, max(p.offset + p.length) FROM parts p WHERE p.checkpoint = ? AND p.file_id > 0"
        f" AND NOT EXISTS ({there}) GROUP BY p.key, p.file_id",
        [checkpoint],
    ).fetchall()
    attributes = encode_attributes(Attributes(mode=0o600))
    versions = [
        (key, shown(key.replace(b"\0", b"/")), 1, size, 0, None, None, None, 1, 0, file_id, attributes, None)
        for key, file_id, size in rows
    ]
    return Rows(versions=versions)
