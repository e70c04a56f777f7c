"""The plaintext of a meta region (section 5.3): boxes, check points, ENDs, table, and the rules they keep."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from blake3 import blake3

from bakup.errors import Damaged
from bakup.format.action import Action, check_pad, group_length, single_action, unframe, unpack_action
from bakup.format.box import BOX, OWN, TABLE_LENGTH, BoxHeader, table_span, unpack_table
from bakup.format.codec import Buffer
from bakup.format.constants import (
    CHECKPOINTS_MAX,
    END_LANE,
    LANE_LENGTH,
    META_BOXES_MAX,
    OUTSIDE,
    RAW_ALLOWANCE,
    RAW_RATIO,
    ActionType,
)
from bakup.format.entries import decode_entries
from bakup.format.structures import Kept, decode_checkpoint, decode_end, decode_kept
from bakup.model import AnyEntry, Checkpoint, End, TableRow

Read = Callable[[int, int], memoryview]
"""Gives (position, length) of a region's plaintext; raises Damaged or Truncated."""

_NOT_ENTRIES = (ActionType.PACK, ActionType.CHECKPOINT, ActionType.END, ActionType.CHUNKS, ActionType.PAD)


@dataclass(frozen=True, slots=True)
class HeldCheckpoint:
    """A check point's header as a sector holds it; `content` is that of the CHECKPOINT action."""

    content: bytes
    value: Checkpoint


@dataclass(frozen=True, slots=True)
class MetaBox:
    """A box of a check point: its offset, its header's `position` in the region, BLAKE3 of its content.

    `refused`: why nothing of it can be used; it keeps its place in its lane.
    """

    checkpoint: bytes
    offset: int
    length: int
    position: int
    digest: bytes
    refused: str = ""


@dataclass(slots=True)
class MetaLayout:
    """What a meta region holds, without its entries. `checkpoints` by uuid, `boxes` and `ends` in order.

    `refused`: check points whose header cannot be used, with the reason; none of their boxes is in the lists.
    `others`: what is wrong with boxes of ENDs and of the sector itself. `kept`: positions of boxes with CHUNKS.
    """

    checkpoints: dict[bytes, HeldCheckpoint] = field(default_factory=dict)
    refused: dict[bytes, str] = field(default_factory=dict)
    boxes: list[MetaBox] = field(default_factory=list)
    ends: list[MetaBox] = field(default_factory=list)
    kept: list[MetaBox] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    rows: tuple[TableRow, ...] = ()


def parse_meta(read: Read, meta_length: int, data_length: int, stored_length: int) -> MetaLayout:
    """Parse a meta region by `read`; lengths are the regions' plaintexts in bytes, `stored_length` as stored.

    Looks at all but the entries, which `groups` gives a box at a time. Raises Damaged where the sector cannot be used
    (section 8, R23 to R27); what is wrong in a box is said in the layout.
    """
    layout = MetaLayout()
    tail = TABLE_LENGTH.size
    if meta_length < tail:
        raise Damaged("a meta region without a table")
    position, length = table_span(read(meta_length - tail, tail), meta_length)
    layout.rows = unpack_table(read(position, length), data_length)
    raw = 0
    for count, (at, header) in enumerate(_boxes(read, position)):
        if count >= META_BOXES_MAX:
            raise Damaged(f"there are more than {META_BOXES_MAX:,} boxes")
        content = read(at + BOX.size, header.length)
        if header.offset == OUTSIDE and header.checkpoint != OWN:
            _take_checkpoint(layout, header.checkpoint, content)
        else:
            raw += _take_box(layout, header, at, content)
    if raw > RAW_RATIO * stored_length + RAW_ALLOWANCE:
        raise Damaged(f"{stored_length:,} bytes of metadata unpack to {raw:,}")
    return layout


def groups(content: Buffer) -> Iterator[tuple[AnyEntry, ...] | Damaged]:
    """The entries of a box's content, a GROUP at a time, or what is wrong with it. Raises Damaged for the box."""
    for action in list(unframe(content)):
        if action.type == ActionType.GROUP:
            try:
                yield decode_entries(unpack_action(action))
            except Damaged as error:
                yield error


def end_of(content: Buffer) -> tuple[bytes, End]:
    """The END of a box of its lane: the action's content, and what it says. Raises Damaged."""
    action = _only(content, ActionType.END)
    return bytes(action.content), decode_end(action.content)


def kept_of(content: Buffer) -> Kept:
    """What a CHUNKS says. Raises Damaged."""
    return decode_kept(_only(content, ActionType.CHUNKS).content)


def _boxes(read: Read, end: int) -> Iterator[tuple[int, BoxHeader]]:
    at = 0
    while at < end:
        if end - at < BOX.size:
            raise Damaged(f"a box at {at:,} is cut short")
        header = BoxHeader.from_bytes(read(at, BOX.size))
        header.check_meta()
        if header.length > end - at - BOX.size:
            raise Damaged(f"a box at {at:,} reaches beyond its region")
        yield at, header
        at += BOX.size + header.length


def _take_checkpoint(layout: MetaLayout, uuid: bytes, content: memoryview) -> None:
    if uuid in layout.checkpoints or uuid in layout.refused:
        raise Damaged("a check point stands twice in a sector")
    if len(layout.checkpoints) + len(layout.refused) >= CHECKPOINTS_MAX:
        raise Damaged(f"there are more than {CHECKPOINTS_MAX:,} check points")
    try:
        action = _only(content, ActionType.CHECKPOINT)
        held = HeldCheckpoint(bytes(action.content), decode_checkpoint(action.content))
        if held.value.uuid != uuid:
            raise Damaged("a check point has another uuid than its box")
    except Damaged as error:
        layout.refused[uuid] = error.message
    else:
        layout.checkpoints[uuid] = held


def _take_box(layout: MetaLayout, header: BoxHeader, at: int, content: memoryview) -> int:
    """Take in a box of entries, of an END, or of the sector itself; raw bytes of its GROUPs."""
    own, end = header.offset == OUTSIDE, header.lane == END_LANE
    if not own and header.checkpoint not in layout.checkpoints:
        if header.checkpoint in layout.refused:
            return 0
        raise Damaged(f"the box at {at:,} has no check point before it")
    raw, refused = 0, ""
    try:
        if own:
            _look_at_own(layout, header, at, content)
        elif end:
            _look_at_end(header, content)
        else:
            raw = _look_at_entries(content)
    except Damaged as error:
        refused = error.message
    if not own:
        box = MetaBox(header.checkpoint, header.offset, header.length, at, blake3(content).digest(), refused)
        (layout.ends if end else layout.boxes).append(box)
    if refused and (own or end):
        layout.others.append(f"the box at {at:,}: {refused}")
    return raw


def _look_at_own(layout: MetaLayout, header: BoxHeader, at: int, content: memoryview) -> None:
    action = single_action(content)
    if action.type == ActionType.PAD:
        check_pad(action)
    elif action.type == ActionType.CHUNKS:
        kept_of(content)
        layout.kept.append(MetaBox(header.checkpoint, header.offset, header.length, at, b""))
    elif action.type in ActionType.__members__.values():
        raise Damaged(f"an action of type {action.type:#06x} in a box of the sector itself")


def _look_at_end(header: BoxHeader, content: memoryview) -> None:
    _, end = end_of(content)
    if end.uuid != header.checkpoint or end.part != header.offset % LANE_LENGTH:
        raise Damaged("an end is not that of its box")


def _look_at_entries(content: memoryview) -> int:
    raw = 0
    for action in unframe(content):
        if action.type in _NOT_ENTRIES:
            raise Damaged(f"an action of type {action.type:#06x} in a box of entries")
        if action.type == ActionType.GROUP:
            raw += group_length(action)
    return raw


def _only(content: Buffer, kind: ActionType) -> Action:
    action = single_action(content)
    if action.type != kind:
        raise Damaged(f"an action of type {action.type:#06x} where {kind.name} is expected")
    return action
