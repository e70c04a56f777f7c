"""The plaintext of a meta region (section 5.3): boxes, check points, ENDs, table, and the rules they keep."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bakup.errors import Damaged
from bakup.format.action import Action, single_action, unframe, unpack_action
from bakup.format.box import BOX, TABLE_LENGTH, BoxHeader, table_span, unpack_table
from bakup.format.codec import Buffer
from bakup.format.constants import OUTSIDE, ActionType
from bakup.format.entries import decode_entries
from bakup.format.structures import decode_checkpoint, decode_end
from bakup.model import Checkpoint, End, Entry, TableRow

Read = Callable[[int, int], memoryview]
"""Gives (position, length) of a region's plaintext; raises Damaged or Truncated."""


@dataclass(frozen=True, slots=True)
class HeldCheckpoint:
    """A check point's header as a sector holds it; `content` is that of the CHECKPOINT action."""

    content: bytes
    value: Checkpoint


@dataclass(frozen=True, slots=True)
class HeldEnd:
    """One END part; the check point digest is BLAKE3 of all parts' `content`, joined."""

    content: bytes
    value: End


@dataclass(frozen=True, slots=True)
class MetaBox:
    """A box of entries: its place in its check point's stream, and its header's `position` in the region."""

    checkpoint: bytes
    offset: int
    length: int
    position: int


@dataclass(slots=True)
class MetaLayout:
    """What a meta region holds, without its entries. `checkpoints` by uuid, `boxes` and `ends` in order."""

    checkpoints: dict[bytes, HeldCheckpoint] = field(default_factory=dict)
    boxes: list[MetaBox] = field(default_factory=list)
    ends: list[HeldEnd] = field(default_factory=list)
    rows: tuple[TableRow, ...] = ()


def parse_meta(read: Read, meta_length: int, data_length: int) -> MetaLayout:
    """Parse a meta region by `read`; lengths are the regions' plaintexts in bytes.

    Decodes all but the entries, which `groups` gives a box at a time. Raises Damaged (section 8).
    """
    layout = MetaLayout()
    tail = TABLE_LENGTH.size
    if meta_length < tail:
        raise Damaged("a meta region without a table")
    position, length = table_span(read(meta_length - tail, tail), meta_length)
    layout.rows = unpack_table(read(position, length), data_length)
    for box in _boxes(read, position):
        content = read(box.position + BOX.size, box.length)
        if box.offset == OUTSIDE:
            _take_checkpoint(layout, box.checkpoint, content)
        else:
            _take_box(layout, box, content)
    return layout


def groups(content: Buffer) -> Iterator[tuple[Entry, ...]]:
    """The entries of a box's content, a GROUP at a time. Raises Damaged."""
    for action in unframe(content):
        if action.type == ActionType.GROUP:
            yield decode_entries(unpack_action(action))


def _boxes(read: Read, end: int) -> Iterator[MetaBox]:
    at = 0
    while at < end:
        if end - at < BOX.size:
            raise Damaged(f"a box at {at:,} is cut short")
        header = BoxHeader.from_bytes(read(at, BOX.size))
        if header.length > end - at - BOX.size:
            raise Damaged(f"a box at {at:,} reaches beyond its region")
        yield MetaBox(header.checkpoint, header.offset, header.length, at)
        at += BOX.size + header.length


def _take_checkpoint(layout: MetaLayout, uuid: bytes, content: memoryview) -> None:
    action = single_action(content)
    if action.type != ActionType.CHECKPOINT:
        raise Damaged(f"an action of type {action.type:#06x} where a check point is expected")
    held = HeldCheckpoint(bytes(action.content), decode_checkpoint(action.content))
    if held.value.uuid != uuid:
        raise Damaged("a check point has another uuid than its box")
    if layout.checkpoints.setdefault(uuid, held).content != held.content:
        raise Damaged("a check point has two headers")


def _take_box(layout: MetaLayout, box: MetaBox, content: memoryview) -> None:
    if box.checkpoint not in layout.checkpoints:
        raise Damaged(f"the box at {box.position:,} has no check point before it")
    for action in unframe(content):
        if action.type == ActionType.END:
            layout.ends.append(_end(action, box.checkpoint))
        elif action.type in (ActionType.PACK, ActionType.CHECKPOINT, ActionType.PAD):
            raise Damaged(f"an action of type {action.type:#06x} in a box of entries")
    layout.boxes.append(box)


def _end(action: Action, uuid: bytes) -> HeldEnd:
    held = HeldEnd(bytes(action.content), decode_end(action.content))
    if held.value.uuid != uuid:
        raise Damaged("an end has another uuid than its box")
    return held
