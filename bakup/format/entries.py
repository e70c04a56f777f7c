"""The entries of a GROUP (section 6.3): decoding, and every rule that one GROUP shows by itself.

Checks of 80,000 entries must not cost more than their decoding, so paths are judged all at once, and what is
left for each entry is a comparison or two a field.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice, pairwise
from operator import lt

from msgspec.msgpack import Decoder

from bakup.errors import Damaged
from bakup.format.codec import I64_MAX, U32_MAX, Buffer, decode, encode, expect
from bakup.format.constants import CHUNK_MAX, DIGEST, EXTENTS_MAX, MODE_MAX, PATH_MAX
from bakup.format.records import check_record
from bakup.model import (
    Attributes,
    Delete,
    Dir,
    Entry,
    Extent,
    File,
    Part,
    Record,
    Special,
    SpecialType,
    Symlink,
    Unread,
    file_size,
)

_DEVICES = (SpecialType.CHARACTER, SpecialType.BLOCK)
_RANK = {Delete: 0, File: 1, Part: 1, Dir: 1, Symlink: 1, Special: 1, Unread: 2, Record: 3}
_NEVER_ROOT = (File, Part, Symlink, Special)

_decoder: Decoder[tuple[Entry, ...]] = Decoder(tuple[Entry, ...])


def encode_entries(entries: Sequence[Entry]) -> bytes:
    """The array of a GROUP. The caller keeps key order and `GROUP_MAX`; nothing is checked."""
    return encode(entries)


def decode_entries(data: Buffer, *, chunk_max: int = CHUNK_MAX) -> tuple[Entry, ...]:
    """The entries of a GROUP, strictly (section 8, items 8 and 9), no chunk longer than `chunk_max`. Raises Damaged.

    Faults that spoil one file only (item 11) are left to `entry_problem`.
    """
    entries = decode(_decoder, data, "a group")
    expect(len(entries) > 0, "a group has no entries")
    for entry in entries:
        _check_entry(entry, chunk_max)
    _check_paths([entry.path for entry in entries], entries)
    return entries


def entry_problem(entry: Entry) -> str | None:
    """Why a FILE or PART cannot be whole by its own numbers (section 8, item 11), else None."""
    if isinstance(entry, File) and file_size(entry.extents) != entry.size:
        return "its extents do not add up to its size"
    if isinstance(entry, Part) and file_size(entry.extents) != entry.length:
        return "its extents do not add up to the part's length"
    if isinstance(entry, Part) and entry.closing and entry.closing.size != entry.offset + entry.length:
        return "its parts do not add up to its size"
    return None


def _check_entry(entry: Entry, chunk_max: int) -> None:
    if isinstance(entry, File):
        _check_file(entry, chunk_max)
    elif isinstance(entry, Dir | Symlink):
        _check_attributes(entry.attributes)
    elif isinstance(entry, Part):
        _check_part(entry, chunk_max)
    elif isinstance(entry, Special):
        _check_special(entry)
    elif isinstance(entry, Record):
        expect(entry.path == b"", "a record has a path")
        check_record(entry.record, entry.content)


def _check_file(entry: File, chunk_max: int) -> None:
    _check_attributes(entry.attributes)
    extents = entry.extents
    _check_extents(extents, chunk_max)
    if not 0 <= entry.size <= I64_MAX or (entry.digest is not None and len(entry.digest) != DIGEST):
        raise Damaged("a file's size or digest is out of range")
    follows = not extents or (len(extents) == 1 and extents[0].chunk is not None)
    if follows != (entry.digest is None):
        raise Damaged("a file's digest is missing or not expected")


def _check_part(entry: Part, chunk_max: int) -> None:
    _check_extents(entry.extents, chunk_max)
    closing = entry.closing
    numbers = (entry.file_id, entry.offset, entry.length)
    expect(min(numbers) >= 0 and max(numbers[1:]) <= I64_MAX, "a part's number is out of range")
    expect(entry.length > 0 or (closing is not None and not entry.extents), "an empty part is not the last")
    if closing is not None:
        _check_attributes(closing.attributes)
        expect(
            0 <= closing.size <= I64_MAX and len(closing.digest) == DIGEST,
            "a file's size or digest is out of range",
        )


def _check_special(entry: Special) -> None:
    _check_attributes(entry.attributes)
    expect(SpecialType.FIFO <= entry.special <= SpecialType.BLOCK, "an unknown special type")
    expect(
        entry.device == 0 or (entry.special in _DEVICES and entry.device > 0),
        "a device number is not expected",
    )


def _check_attributes(found: Attributes) -> None:
    uid, gid, inode = found.uid, found.gid, found.inode
    ctime, birth, link, flags = found.ctime_ns, found.birth_ns, found.link_group, found.inode_flags
    if not (
        0 <= found.mode <= MODE_MAX
        and (uid is None or 0 <= uid <= U32_MAX)
        and (gid is None or 0 <= gid <= U32_MAX)
        and found.mtime_ns <= I64_MAX
        and (ctime is None or ctime <= I64_MAX)
        and (inode is None or inode >= 0)
        and (birth is None or birth <= I64_MAX)
        and (link is None or link >= 0)
        and (flags is None or 0 <= flags <= U32_MAX)
    ):
        raise Damaged("an attribute is out of range")
    if found.xattrs or found.object:
        _check_ascending([name for name, _ in found.xattrs], [name for name, _ in found.object])


def _check_ascending(xattrs: list[bytes], objects: list[str]) -> None:
    expect(all(one < two for one, two in pairwise(xattrs)), "extended attributes do not ascend")
    expect(all(one < two for one, two in pairwise(objects)), "an object's attributes do not ascend")


def _check_extents(extents: tuple[Extent, ...], chunk_max: int) -> None:
    if len(extents) > EXTENTS_MAX:
        raise Damaged(f"an entry of {len(extents):,} extents has too many")
    for extent in extents:
        chunk, box, offset = extent.chunk, extent.box, extent.offset
        if chunk is None:
            good = box is None and offset is None and 0 < extent.length <= I64_MAX
        elif box is None or offset is None:
            good = box is offset and len(chunk) == DIGEST and 0 < extent.length <= chunk_max
        else:
            good = len(chunk) == DIGEST and 0 < extent.length <= chunk_max
            good = good and 0 <= box <= I64_MAX and 0 <= offset <= I64_MAX
        if not good:
            raise Damaged("an extent is out of range")


def _check_paths(paths: list[bytes], entries: Sequence[Entry]) -> None:
    named = [path for path in paths if path]
    joined = b"\0".join(named)
    expect(not named or joined.count(0) == len(named) - 1, "a path has a NUL byte")
    names = b"\0" + joined.replace(b"/", b"\0") + b"\0"
    refused = (b"\0\0", b"\0.\0", b"\0..\0") if named else ()
    expect(not any(bad in names for bad in refused), "a path has an empty name, `.` or `..`")
    expect(max(map(len, paths)) <= PATH_MAX, "a path is too long")
    for entry in islice(entries, len(paths) - len(named)):
        expect(not isinstance(entry, _NEVER_ROOT), "the root is not a directory")
    keys = [path.replace(b"/", b"\0") for path in paths]
    if not all(map(lt, keys, islice(keys, 1, None))):
        _check_order(keys, entries)


def _check_order(keys: list[bytes], entries: Sequence[Entry]) -> None:
    for (key, entry), (next_key, next_entry) in pairwise(zip(keys, entries, strict=True)):
        if key > next_key or (key == next_key and not _may_follow(entry, next_entry)):
            raise Damaged("the entries of a group are out of order")


def _may_follow(entry: Entry, other: Entry) -> bool:
    if isinstance(entry, Part) and isinstance(other, Part):
        return entry.closing is None and _continues(entry, other)
    if isinstance(entry, Record) and isinstance(other, Record):
        return True
    return _RANK[type(entry)] < _RANK[type(other)]


def _continues(part: Part, other: Part) -> bool:
    if part.file_id == other.file_id:
        return other.offset == part.offset + part.length
    return other.offset == 0
