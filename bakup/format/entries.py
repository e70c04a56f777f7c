"""The entries of a GROUP (section 6.3): decoding, and every rule that one GROUP shows by itself.

Checks of 80,000 entries must not cost more than their decoding, so paths are judged all at once, and what is
left for each entry is a comparison or two a field.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice, pairwise
from operator import lt

import msgspec
from msgspec.msgpack import Decoder

from bakup.errors import Beyond, Damaged
from bakup.format.box import LANES_END
from bakup.format.codec import I64_MAX, U32_MAX, Buffer, decode, encode, expect
from bakup.format.constants import (
    CHUNK_MAX,
    DIGEST,
    ENTRIES_MAX,
    EXTENTS_MAX,
    KINDS_TO_COME,
    MODE_MAX,
    NAMES_MAX,
    PATH_MAX,
)
from bakup.format.records import check_record, understood
from bakup.format.structures import check_facts, expect_known
from bakup.model import (
    AnyEntry,
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
    ToCome,
    Unread,
    file_size,
)

_DEVICES = (SpecialType.CHARACTER, SpecialType.BLOCK)
_RANK = {Delete: 0, File: 1, Part: 1, Dir: 1, Symlink: 1, Special: 1, Unread: 2, Record: 3, ToCome: 4}
_NEVER_ROOT = (File, Part, Symlink, Special)

_decoder: Decoder[tuple[Entry, ...]] = Decoder(tuple[Entry, ...])
_any = Decoder()


def encode_entries(entries: Sequence[Entry]) -> bytes:
    """The array of a GROUP. The caller keeps key order and `GROUP_MAX`; nothing is checked."""
    return encode(entries)


def decode_entries(data: Buffer, *, chunk_max: int = CHUNK_MAX) -> tuple[AnyEntry, ...]:
    """The entries of a GROUP, strictly (section 8, R42 to R48), no chunk longer than `chunk_max`. Raises Damaged.

    Faults that spoil one file only (R49) are left to `entry_problem`.
    """
    entries = _decode(data)
    expect(0 < len(entries) <= ENTRIES_MAX, "a group has no entries, or too many")
    for entry in entries:
        _check_entry(entry, chunk_max)
    _check_paths([entry.path for entry in entries], entries)
    return entries


def expect_understood(entries: Sequence[AnyEntry]) -> None:
    """Raise Beyond if one of `entries` says what must be understood and is not (section 8, R34)."""
    for entry in entries:
        if isinstance(entry, Record):
            if not understood(entry.record):
                raise Beyond(f"a record of type {entry.record:#06x} is known to a newer bakup only")
        elif (attributes := attributes_of(entry)) is not None and attributes.facts:
            expect_known(attributes.facts)


def attributes_of(entry: AnyEntry) -> Attributes | None:
    """What an entry says of its path besides content, if it says anything."""
    if isinstance(entry, Part):
        return entry.closing.attributes if entry.closing else None
    return entry.attributes if isinstance(entry, File | Dir | Symlink | Special) else None


def _decode(data: Buffer) -> tuple[AnyEntry, ...]:
    try:
        return _decode_known(data)
    except Damaged:
        mixed = _decode_mixed(data)
        if mixed is None:
            raise
        return mixed


def _decode_known(data: Buffer) -> tuple[Entry, ...]:
    return decode(_decoder, data, "a group")


def _decode_mixed(data: Buffer) -> tuple[AnyEntry, ...] | None:
    """The entries of a group with kinds to come among them, which stay as `ToCome`; None if there are none."""
    try:
        found = _any.decode(data)
        if not isinstance(found, list) or encode(found) != data:
            return None
    except (msgspec.MsgspecError, UnicodeError, OverflowError, RecursionError):
        return None
    coming = [entry for entry in found if _is_to_come(entry)]
    if not coming:
        return None
    known = iter(_decode_known(encode([entry for entry in found if not _is_to_come(entry)])))
    return tuple(ToCome(entry[1], entry[0]) if _is_to_come(entry) else next(known) for entry in found)


def _is_to_come(entry: object) -> bool:
    if not isinstance(entry, list) or len(entry) < 2 or type(entry[0]) is not int:
        return False
    return entry[0] in KINDS_TO_COME and isinstance(entry[1], bytes) and _is_plain(entry, 16)


def _is_plain(value: object, depth: int) -> bool:
    if isinstance(value, list):
        return depth > 0 and all(_is_plain(one, depth - 1) for one in value)
    return value is None or isinstance(value, bool | int | bytes | str)


def entry_problem(entry: AnyEntry) -> str | None:
    """Why a FILE or PART cannot be whole by its own numbers (section 8, R49), else None."""
    if isinstance(entry, File) and file_size(entry.extents) != entry.size:
        return "its extents do not add up to its size"
    if isinstance(entry, Part) and file_size(entry.extents) != entry.length:
        return "its extents do not add up to the part's length"
    if isinstance(entry, Part) and entry.closing and entry.closing.size != entry.offset + entry.length:
        return "its parts do not add up to its size"
    return None


def _check_entry(entry: AnyEntry, chunk_max: int) -> None:
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
    if len(extents) > 1:
        expect(file_size(extents) <= I64_MAX, "a file's extents are out of range")
    if not 0 <= entry.size <= I64_MAX or (entry.digest is not None and len(entry.digest) != DIGEST):
        raise Damaged("a file's size or digest is out of range")
    follows = not extents or (len(extents) == 1 and extents[0].chunk is not None)
    if follows != (entry.digest is None):
        raise Damaged("a file's digest is missing or not expected")


def _check_part(entry: Part, chunk_max: int) -> None:
    _check_extents(entry.extents, chunk_max)
    closing = entry.closing
    numbers = (entry.file_id, entry.offset, entry.length)
    expect(min(numbers) >= 0 and max(numbers) <= I64_MAX, "a part's number is out of range")
    expect(
        entry.offset + entry.length <= I64_MAX and file_size(entry.extents) <= I64_MAX,
        "a part's extents are out of range",
    )
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
    if found.xattrs:
        names = [name for name, _ in found.xattrs]
        expect(all(one < two for one, two in pairwise(names)), "extended attributes do not ascend")
    if found.facts:
        check_facts(found.facts)


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
            good = good and 0 <= box < LANES_END and 0 <= offset <= I64_MAX
        if not good:
            raise Damaged("an extent is out of range")


def _check_paths(paths: list[bytes], entries: Sequence[AnyEntry]) -> None:
    named = [path for path in paths if path]
    joined = b"\0".join(named)
    expect(not named or joined.count(0) == len(named) - 1, "a path has a NUL byte")
    names = b"\0" + joined.replace(b"/", b"\0") + b"\0"
    refused = (b"\0\0", b"\0.\0", b"\0..\0") if named else ()
    expect(not any(bad in names for bad in refused), "a path has an empty name, `.` or `..`")
    longest = max(map(len, paths))
    expect(longest <= PATH_MAX, "a path is too long")
    if longest >= 2 * NAMES_MAX:
        expect(max(path.count(b"/") for path in paths) < NAMES_MAX, "a path has too many names")
    for entry in islice(entries, len(paths) - len(named)):
        expect(not isinstance(entry, _NEVER_ROOT), "the root is not a directory")
    keys = [path.replace(b"/", b"\0") for path in paths]
    if not all(map(lt, keys, islice(keys, 1, None))):
        _check_order(keys, entries)


def _check_order(keys: list[bytes], entries: Sequence[AnyEntry]) -> None:
    for (key, entry), (next_key, next_entry) in pairwise(zip(keys, entries, strict=True)):
        if key > next_key or (key == next_key and not _may_follow(entry, next_entry)):
            raise Damaged("the entries of a group are out of order")
        if isinstance(next_entry, Part) and next_entry.offset and not (key == next_key and isinstance(entry, Part)):
            raise Damaged("a run of parts does not begin with the first")


def _may_follow(entry: AnyEntry, other: AnyEntry) -> bool:
    if isinstance(entry, Part) and isinstance(other, Part):
        return entry.closing is None and _continues(entry, other)
    if type(entry) is type(other) and isinstance(entry, Record | ToCome):
        return True
    return _RANK[type(entry)] < _RANK[type(other)]


def _continues(part: Part, other: Part) -> bool:
    if part.file_id == other.file_id:
        return other.offset == part.offset + part.length
    return other.offset == 0
