"""Check points without their END: never the state of a source, but what there is of one can be looked at.

For that its entries are put into `versions` under a source of its own, which no other question reaches: the check
point's row id, negative.
"""

from __future__ import annotations

import sqlite3

from bakup.catalog import lanes, recording
from bakup.catalog.history import MINE_OF_SECTOR, CheckpointRow, SourceRow, sources
from bakup.catalog.recording import VERSION_VALUES
from bakup.catalog.rows import unclosed
from bakup.format.constants import LANE_SHIFT

ORDINAL = 1
"""Where its entries stand, in the source of its own."""

_FOUND = (
    "SELECT c.id, c.uuid, c.source, c.sequence, c.time_ns, coalesce(f.files, 0), coalesce(f.bytes, 0), c.based_on,"
    f" (SELECT coalesce(sum({MINE_OF_SECTOR}), 0) FROM sectors k WHERE k.target = s.target AND k.state = 'stored'"
    " AND k.id IN (SELECT sector FROM boxes WHERE checkpoint = c.id))"
    " FROM checkpoints c JOIN sources s ON s.id = c.source LEFT JOIN (SELECT checkpoint, count(DISTINCT key) AS files,"
    " sum(size) AS bytes FROM staged WHERE kind = 1 GROUP BY checkpoint) f ON f.checkpoint = c.id"
    " WHERE s.target = ? AND c.complete = 0 AND c.ordinal IS NULL AND c.refused IS NULL AND c.hidden IS NULL"
    " AND EXISTS (SELECT 1 FROM boxes b JOIN sectors k ON k.id = b.sector WHERE b.checkpoint = c.id"
    " AND k.state = 'stored') ORDER BY c.source, c.sequence, c.time_ns, c.uuid"
)


def found(connection: sqlite3.Connection, target: int) -> list[CheckpointRow]:
    """All that are there, by source, oldest first; those that a run of this BAKUP_HOME is making are not among them."""
    return [
        CheckpointRow(
            id=identity,
            uuid=uuid,
            source=source,
            ordinal=ORDINAL,
            sequence=sequence,
            time_ns=time_ns,
            digest=b"",
            files=files,
            size=size,
            tags=(),
            entries_lost=0,
            previous=None,
            based_on=based_on,
            stored=stored,
            incomplete=True,
        )
        for identity, uuid, source, sequence, time_ns, files, size, based_on, stored in connection.execute(
            _FOUND, [target]
        )
    ]


def newest(connection: sqlite3.Connection, target: int) -> list[tuple[SourceRow, CheckpointRow]]:
    """Those that no complete check point of their source came after, with that source."""
    last = dict(
        connection.execute(
            "SELECT c.source, max(c.time_ns) FROM checkpoints c JOIN sources s ON s.id = c.source"
            " WHERE s.target = ? AND c.complete = 1 GROUP BY c.source",
            [target],
        )
    )
    by_id = {source.id: source for source in sources(connection, target, complete=False)}
    return [
        (by_id[row.source], row) for row in found(connection, target) if row.time_ns > last.get(row.source, -(1 << 63))
    ]


def own_source(row: CheckpointRow) -> int:
    """The source under which the entries of an incomplete check point can be looked at."""
    return -row.id


def show(connection: sqlite3.Connection, row: CheckpointRow) -> None:
    """Make versions of what counts of its entries; its large files without a closing part are among them."""
    boxes, headers = lanes.boxes_of(connection, row.id)
    counting = [box.offset for box in lanes.held(boxes, headers, None, revoked=False).boxes]
    source = own_source(row)
    connection.execute("DELETE FROM versions WHERE source = ?", [source])
    connection.execute("DROP TABLE IF EXISTS temp.counting")
    connection.execute("CREATE TEMP TABLE counting (place INTEGER PRIMARY KEY)")
    connection.executemany("INSERT OR IGNORE INTO counting VALUES (?)", ((place,) for place in counting))
    connection.execute(
        f"INSERT OR REPLACE INTO versions (source, first, checkpoint, {VERSION_VALUES})"
        f" SELECT ?, ?, checkpoint, {VERSION_VALUES} FROM staged WHERE checkpoint = ?"
        " AND place IN (SELECT place FROM counting) ORDER BY key, place, rowid",
        [source, ORDINAL, row.id],
    )
    there = f"SELECT 1 FROM versions v WHERE v.source = {source} AND v.key = p.key AND v.kind = 1"
    recording.add_entries(
        connection, unclosed(connection, row.id, there), checkpoint=row.id, source=source, ordinal=ORDINAL
    )


def spans(connection: sqlite3.Connection, row: CheckpointRow) -> list[tuple[bytes | None, bytes | None]]:
    """Between which paths something may be missing, by gaps in its lanes; None: from the first on, or to the last."""
    boxes, headers = lanes.boxes_of(connection, row.id)
    counting = sorted(
        box.offset for box in lanes.held(boxes, headers, None, revoked=False).boxes if box.offset != lanes.HEADER
    )
    lengths = {box.offset: box.length for box in boxes}
    paths = {
        place: (bytes(first).replace(b"\0", b"/"), bytes(last).replace(b"\0", b"/"))
        for place, first, last in connection.execute(
            "SELECT place, min(key), max(key) FROM staged WHERE checkpoint = ? GROUP BY place", [row.id]
        )
    }
    told: list[tuple[bytes | None, bytes | None]] = []
    at, before, lane = 0, None, 0
    for place in counting:
        if place >> LANE_SHIFT != lane:
            told.append((before, None))
            lane, before = place >> LANE_SHIFT, None
            at = lane << LANE_SHIFT
        first, last = paths.get(place, (before, before))
        if place > at:
            told.append((before, first))
        at, before = place + lengths[place], last
    return [*told, (before, None)]
