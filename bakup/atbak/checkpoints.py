"""What the format cannot hold: a check point's own metadata, as the file of one more object (docs/format/atbak.md
section 6). The stream is what the meta boxes of a sector hold (docs/format/sector.md section 6)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias
from uuid import UUID

from bakup.errors import Damaged, Truncated
from bakup.format.action import ACTION, Action, frame, group_action, unframe, unpack_action
from bakup.format.codec import I64_MAX, Buffer
from bakup.format.constants import BOX_MAX, ActionType
from bakup.format.entries import decode_entries, encode_entries
from bakup.format.structures import decode_checkpoint, decode_end, encode_checkpoint, encode_end
from bakup.model import AnyEntry, Checkpoint, End, Entry, Part, Record, path_key

Item: TypeAlias = Checkpoint | tuple[AnyEntry, ...] | End
"""What a stream holds: first the Checkpoint, then runs of entries in key order, then one or more ENDs."""

PREFIX = b".bakup/"
SUFFIX = b".checkpoint"
GROUP_FLUSH = 1_048_576
"""Bytes of paths, extended attributes and link targets after which a run of entries is closed."""

_LEVEL = 3
_ENTRY_BYTES = 256


def path_of(uuid: bytes) -> bytes:
    """The path in the preamble of a check point's object: `.bakup/<uuid>.checkpoint`."""
    return PREFIX + str(UUID(bytes=uuid)).encode() + SUFFIX


def is_checkpoint(path: bytes) -> bool:
    """Whether a preamble's path is that of a check point's object. A file may be called so too: `decode` tells."""
    return path.startswith(PREFIX) and path.endswith(SUFFIX) and path.count(b"/") == 1


def encode(checkpoint: Checkpoint, entries: Iterable[Entry], ends: Iterable[End]) -> Iterator[bytes]:
    """The stream, a run of about `GROUP_FLUSH` bytes at a time; `entries` in key order, `ends` with their parts."""
    yield frame(ActionType.CHECKPOINT, encode_checkpoint(checkpoint))
    for run in _runs(entries):
        yield group_action(encode_entries(run), _LEVEL)
    for end in ends:
        yield frame(ActionType.END, encode_end(end))


def decode(stream: Iterable[Buffer]) -> Iterator[Item]:
    """The items of a stream, strictly, an action in memory at a time. Raises Damaged or Truncated.

    A run is decoded before what follows it was seen, so whoever takes items drops them all when it raises. The bytes
    of an END are `encode_end(end)`: there is one encoding.
    """
    last, begun, ended = b"", False, False
    for action in _actions(stream):
        item = _item(action)
        if item is None:
            continue
        if isinstance(item, Checkpoint) == begun or (ended and not isinstance(item, End)):
            raise Damaged("the actions of a check point are out of order")
        begun, ended = True, isinstance(item, End)
        if isinstance(item, tuple):
            if path_key(item[0].path) < last:
                raise Damaged("the groups of a check point are out of order")
            last = path_key(item[-1].path)
        yield item
    if not ended:
        raise Truncated("a check point has no end")


def _item(action: Action) -> Item | None:
    if action.type == ActionType.CHECKPOINT:
        return decode_checkpoint(action.content)
    if action.type == ActionType.GROUP:
        return decode_entries(unpack_action(action), chunk_max=I64_MAX)
    if action.type == ActionType.END:
        return decode_end(action.content)
    if action.type in (ActionType.PACK, ActionType.PAD, ActionType.CHUNKS):
        raise Damaged(f"an action of type {action.type:#06x} in a check point")
    return None


def _runs(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    run: list[Entry] = []
    size = 0
    for entry in entries:
        needed = _bound(entry)
        if run and size + needed > GROUP_FLUSH:
            yield run
            run, size = [], 0
        run.append(entry)
        size += needed
    if run:
        yield run


def _bound(entry: Entry) -> int:
    """The most bytes that an entry takes, nearly: what may be long is counted."""
    size = _ENTRY_BYTES + len(entry.path)
    if isinstance(entry, Record):
        return size + len(entry.content)
    if isinstance(entry, Part):
        return size
    found = getattr(entry, "attributes", None)
    if found is not None:
        size += sum(len(name) + len(value) + 10 for name, value in (*found.xattrs, *found.facts))
    return size + len(getattr(entry, "target", b""))


def _actions(stream: Iterable[Buffer]) -> Iterator[Action]:
    """Whole actions, as soon as their last byte is there."""
    held = bytearray()
    for piece in stream:
        held += piece
        while (length := _length(held)) is not None and length <= len(held):
            whole = bytes(held[:length])
            del held[:length]
            yield from unframe(whole)
    if held:
        raise Truncated("a check point is cut short")


def _length(held: bytearray) -> int | None:
    if len(held) < ACTION.size:
        return None
    length = ACTION.size + int(ACTION.unpack_from(held)[3])
    if length > BOX_MAX:
        raise Damaged(f"an action of {length:,} bytes is too long")
    return length
