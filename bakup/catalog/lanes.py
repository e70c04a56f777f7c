"""What a check point's lanes hold, of the boxes that were found (spec section 6.2)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from blake3 import blake3
from msgspec import Struct

from bakup.format.constants import LANE_LENGTH, LANE_SHIFT, WAYS_MAX
from bakup.model import LaneLine

HEADER = -1
"""Offset under which a check point's header stands among its boxes."""

COVERED = (
    "(EXISTS (SELECT 1 FROM lanes n WHERE n.checkpoint = {checkpoint}) AND NOT EXISTS (SELECT 1 FROM lanes n"
    " WHERE n.checkpoint = {checkpoint} AND n.length > (SELECT coalesce(sum(length), 0) FROM (SELECT DISTINCT b.offset,"
    " b.length FROM boxes b JOIN sectors k ON k.id = b.sector WHERE b.checkpoint = n.checkpoint"
    f" AND b.offset >= n.lane << {LANE_SHIFT} AND b.offset < (n.lane + 1) << {LANE_SHIFT}"
    " AND k.state IN ('stored', 'pending')))))"
)
"""Whether boxes in sectors that are there reach over all lanes of a check point: then no entry of it is lost."""


class Box(Struct, frozen=True):
    """One content at one offset; `named`: in a sector that END names by its header digest. `length` in bytes."""

    offset: int
    length: int
    digest: bytes
    named: bool = False


class Held(Struct):
    """The boxes that count, in order; `damaged`: not all of them can be told from others; `gaps`: something is lost."""

    boxes: list[Box]
    damaged: bool = False
    gaps: bool = False


def held(boxes: Iterable[Box], headers: Sequence[Box], lanes: Sequence[LaneLine] | None, *, revoked: bool) -> Held:
    """What counts of a check point's `boxes`, by lane; `lanes` is None when its END is not known.

    `headers`: its header, or several that contradict each other; the one that counts comes first in the result.
    `revoked`: boxes that END names count alone where a digest cannot be compared.
    """
    found: dict[int, list[Box]] = {}
    for box in boxes:
        found.setdefault(box.offset >> LANE_SHIFT, []).append(box)
    whole = Held([])
    lines = lanes if lanes is not None else [LaneLine(lane, LANE_LENGTH, b"") for lane in {0, *found}]
    for line in sorted(lines, key=lambda line: line.lane):
        end = (line.lane << LANE_SHIFT) + line.length
        there = [box for box in found.get(line.lane, ()) if box.offset + box.length <= end]
        heads = _preferred(headers) if line.lane == 0 else []
        lane = _lane(there, heads, line, known=lanes is not None, revoked=revoked)
        whole.boxes += lane.boxes
        whole.damaged |= lane.damaged
        whole.gaps |= lane.gaps
    return whole


def _lane(boxes: Sequence[Box], heads: Sequence[Box], line: LaneLine, *, known: bool, revoked: bool) -> Held:
    start = line.lane << LANE_SHIFT
    at: dict[int, list[Box]] = {
        offset: _preferred(list(same))
        for offset, same in groupby(sorted(boxes, key=lambda box: (box.offset, box.digest)), lambda box: box.offset)
    }
    if known and (way := _way(at, heads, start, line)) is not None:
        return Held(way)
    walked, gaps, contradicted = _walk(at, heads, start, line.length if known else None)
    if known and not gaps and not contradicted:
        return Held([], damaged=True)
    if revoked:
        walked = [box for box in walked if box.named]
    return Held(walked, damaged=contradicted, gaps=gaps)


def _preferred(same: Sequence[Box]) -> list[Box]:
    named = [box for box in same if box.named]
    return sorted(named or same, key=lambda box: box.digest)


def _way(at: Mapping[int, list[Box]], heads: Sequence[Box], start: int, line: LaneLine) -> list[Box] | None:
    """The boxes from 0 to the lane's length whose digests give its digest, of at most WAYS_MAX tried."""
    tried = 0
    end = start + line.length
    # Depth first, without recursion: each frame holds the candidates that are left at its offset.
    frames: list[Iterator[Box]] = [iter(heads or [Box(HEADER, 0, b"")])]
    way: list[Box] = []
    while frames:
        box = next(frames[-1], None)
        if box is None:
            frames.pop()
            if way:
                way.pop()
            continue
        way.append(box)
        following = start if box.offset == HEADER else box.offset + box.length
        if following < end and following in at:
            frames.append(iter(at[following]))
            continue
        tried += 1
        if following == end and blake3(b"".join([one.digest for one in way])).digest() == line.digest:
            return [one for one in way if one.digest]
        if tried >= WAYS_MAX:
            return None
        way.pop()
    return None


def _walk(
    at: Mapping[int, list[Box]], heads: Sequence[Box], start: int, length: int | None
) -> tuple[list[Box], bool, bool]:
    """(boxes up to the first contradiction, whether there are gaps, whether there is a contradiction)."""
    if len(heads) > 1:
        return [], False, True
    walked, gaps, position = list(heads), False, start
    for offset in sorted(at):
        if offset < position:
            continue
        gaps |= offset > position
        if len(at[offset]) > 1:
            return walked, gaps, True
        walked.append(at[offset][0])
        position = offset + at[offset][0].length
    return walked, gaps or (length is not None and position < start + length), False


def boxes_of(connection: sqlite3.Connection, checkpoint: int) -> tuple[list[Box], list[Box]]:
    """(boxes of entries, headers) that were found of a check point, each content once."""
    rows = connection.execute(
        "SELECT b.offset, b.length, b.digest, max(EXISTS (SELECT 1 FROM lines l WHERE l.checkpoint = b.checkpoint"
        " AND l.header_digest = s.header_digest)) FROM boxes b JOIN sectors s ON s.id = b.sector"
        " WHERE b.checkpoint = ? GROUP BY b.offset, b.length, b.digest ORDER BY b.offset, b.digest",
        [checkpoint],
    ).fetchall()
    found = [Box(offset, length, digest, bool(named)) for offset, length, digest, named in rows]
    return [box for box in found if box.offset != HEADER], [box for box in found if box.offset == HEADER]


def sectors_missing(connection: sqlite3.Connection, checkpoint: int) -> bool:
    """Whether a sector that END lists is not there: then that tells what a gap lost."""
    row = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM lines l JOIN checkpoints c ON c.id = l.checkpoint JOIN sources o"
        " ON o.id = c.source WHERE l.checkpoint = ? AND NOT EXISTS (SELECT 1 FROM sectors s WHERE s.target = o.target"
        " AND s.uuid = l.sector AND s.header_digest IS coalesce(l.header_digest, s.header_digest)"
        " AND s.state IN ('stored', 'pending')))",
        [checkpoint],
    ).fetchone()
    return bool(row[0])


def lanes_of(connection: sqlite3.Connection, checkpoint: int) -> list[LaneLine]:
    """The lanes that a check point's END lists; none if it is not known."""
    rows = connection.execute("SELECT lane, length, digest FROM lanes WHERE checkpoint = ? ORDER BY lane", [checkpoint])
    return [LaneLine(*row) for row in rows]
