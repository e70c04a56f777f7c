"""What this computer remembers of targets, in state.db: what a target cannot give back."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec import Struct

from bakup.catalog.history import CheckpointRow, SourceRow
from bakup.catalog.rows import known_as

UNITS = {"sectors": "sector", "atbak": "object"}
"""What one object is called, by the layout's name."""
ENOUGH_TO_TELL = 64 << 20
"""Bytes after which a run's time says how fast a target is; with less, only for what is up to four times as much."""


class Remembered(Struct, frozen=True):
    """A target as it was seen last: `sectors` there, when (`seen_ns`), and the protection it was made with."""

    url: str
    account: str
    layout: str
    encrypted: bool
    signed: bool
    sectors: int
    seen_ns: int

    @property
    def unit(self) -> str:
        """What one object is called."""
        return UNITS[self.layout]

    @property
    def units(self) -> str:
        """How many there were: `1 sector was`, `266 sectors were`."""
        return f"{self.sectors:,} {self.unit} was" if self.sectors == 1 else f"{self.sectors:,} {self.unit}s were"


def recall(state: sqlite3.Connection, url: str) -> Remembered | None:
    """What is remembered of the target `url`."""
    row = state.execute(
        "SELECT url, account, layout, encrypted, signed, sectors, seen_ns FROM targets WHERE url = ?", [url]
    ).fetchone()
    if row is None:
        return None
    url, account, layout, encrypted, signed, sectors, seen_ns = row
    return Remembered(url, account, layout, bool(encrypted), bool(signed), sectors, seen_ns)


def remember(
    state: sqlite3.Connection, url: str, *, account: str, layout: str, encrypted: bool, signed: bool, sectors: int
) -> None:
    """Write down how many sectors are at `url` now. Its protection stays as it was first made."""
    state.execute(
        "INSERT INTO targets VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (url) DO UPDATE SET"
        " account = excluded.account, sectors = excluded.sectors, seen_ns = excluded.seen_ns",
        [url, account, layout, int(encrypted), int(signed), sectors, time.time_ns()],
    )


def forget(state: sqlite3.Connection, url: str) -> None:
    """A new target stands at `url`: what was there does not matter any more."""
    for table in ("targets", "heads", "findings", "accepted", "marks", "reads"):
        state.execute(f"DELETE FROM {table} WHERE url = ?", [url])


def set_mark(state: sqlite3.Connection, url: str, mark: str) -> None:
    """A run with this mark begins to put to `url`."""
    state.execute("INSERT OR IGNORE INTO marks VALUES (?, ?)", [url, mark])


def marks(state: sqlite3.Connection, url: str) -> set[str]:
    """Marks of runs that put to `url` and may have left something; they are dead while the home's lock is held."""
    return {mark for (mark,) in state.execute("SELECT mark FROM marks WHERE url = ?", [url])}


def drop_marks(state: sqlite3.Connection, url: str, swept: Iterable[str]) -> None:
    """Nothing is left of these runs."""
    state.executemany("DELETE FROM marks WHERE url = ? AND mark = ?", [(url, mark) for mark in swept])


class Head(Struct, frozen=True):
    """The newest check point of a source that was seen at a target; `away`: another disk stood there since."""

    source: bytes
    signer: bytes
    label: str
    checkpoint: bytes
    sequence: int
    away: bool


def heads(state: sqlite3.Connection, url: str) -> list[Head]:
    """Heads of all sources that were seen at `url`."""
    rows = state.execute(
        "SELECT source, signer, label, checkpoint, sequence, away FROM heads WHERE url = ?"
        " ORDER BY label, source, signer",
        [url],
    )
    return [
        Head(source, signer, label, checkpoint, sequence, bool(away))
        for source, signer, label, checkpoint, sequence, away in rows
    ]


def set_head(state: sqlite3.Connection, url: str, source: SourceRow, head: CheckpointRow) -> None:
    """The newest check point of `source` at `url` is `head`; an older one never replaces a newer."""
    state.execute(
        "INSERT INTO heads (url, source, signer, checkpoint, digest, sequence, label) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET checkpoint = excluded.checkpoint, digest = excluded.digest,"
        " sequence = excluded.sequence, label = excluded.label, away = 0 WHERE excluded.sequence >= heads.sequence",
        [url, source.uuid, source.signer, head.uuid, head.digest, head.sequence, known_as(source.label)],
    )


def set_away(state: sqlite3.Connection, url: str) -> None:
    """Another disk stands at `url`: the sources of the one that stood there are not missed."""
    state.execute("UPDATE heads SET away = 1 WHERE url = ?", [url])


def begin_run(state: sqlite3.Connection, url: str, sources: Sequence[str]) -> list[int]:
    """A sync of `sources` begins; returns a number for each. They share what the run stores."""
    now = time.time_ns()
    cursors = [
        state.execute("INSERT INTO runs (url, source, begun_ns) VALUES (?, ?, ?)", [url, known_as(source), now])
        for source in sources
    ]
    return [int(cursor.lastrowid or 0) for cursor in cursors]


def stored_so_far(state: sqlite3.Connection, runs: Sequence[int], stored_bytes: int, sectors: int) -> None:
    """What open runs, that share sectors, have put until now: for the run that goes on from there."""
    state.executemany(
        "UPDATE runs SET stored_bytes = ?, stored_sectors = ? WHERE id = ?",
        [(stored_bytes, sectors, run) for run in runs],
    )


def end_run(state: sqlite3.Connection, run: int, seconds: float) -> None:
    """A run came to its end, `seconds` after it began to store."""
    state.execute("UPDATE runs SET ended_ns = ?, seconds = ? WHERE id = ?", [time.time_ns(), seconds, run])


def add_upload(state: sqlite3.Connection, url: str, name: str) -> None:
    """The object `name` may go up to `url` in parts from now on."""
    state.execute("INSERT OR IGNORE INTO uploads VALUES (?, ?)", [url, name])


def drop_upload(state: sqlite3.Connection, url: str, name: str) -> None:
    """Nothing is left of its parts: it is stored, or they are thrown away."""
    state.execute("DELETE FROM uploads WHERE url = ? AND name = ?", [url, name])


def uploads(state: sqlite3.Connection, url: str) -> list[str]:
    """Names of objects that went up to `url` in parts and were not stored. The caller holds the lock of the home."""
    return [name for (name,) in state.execute("SELECT name FROM uploads WHERE url = ? ORDER BY name", [url])]


def left_open(state: sqlite3.Connection, url: str, sources: Sequence[str]) -> tuple[int, int] | None:
    """(begun_ns of the last, bytes of all) of the runs of `sources` that put something and did not come to their end.

    Those before the last run of a source that did come to its end count no more.
    """
    runs = {
        (begun_ns, stored)
        for source in map(known_as, sources)
        for begun_ns, stored in state.execute(
            "SELECT begun_ns, stored_bytes FROM runs WHERE url = ? AND source = ? AND ended_ns IS NULL AND stored_bytes"
            " AND id > (SELECT coalesce(max(id), 0) FROM runs WHERE url = ? AND source = ? AND ended_ns IS NOT NULL)",
            [url, source, url, source],
        )
    }
    return (max(runs)[0], sum(stored for _, stored in runs)) if runs else None


def rate(state: sqlite3.Connection, url: str, planned: int) -> float | None:
    """Bytes stored a second in the last runs at `url` that stored enough to tell for `planned`; None without any."""
    row = state.execute(
        "SELECT sum(stored_bytes), sum(seconds) FROM (SELECT stored_bytes, seconds FROM runs WHERE url = ?"
        " AND ended_ns IS NOT NULL AND stored_bytes >= ? ORDER BY id DESC LIMIT 5)",
        [url, min(ENOUGH_TO_TELL, max(1, planned // 4))],
    ).fetchone()
    return row[0] / row[1] if row and row[0] and row[1] else None


def first_today(state: sqlite3.Connection, code: str, text: str) -> bool:
    """Whether a warning was not given yet on this day of the local calendar; from now on it was."""
    today = time.strftime("%Y-%m-%d", time.localtime(time.time()))
    state.execute("DELETE FROM said WHERE day <> ?", [today])
    return state.execute("INSERT OR IGNORE INTO said VALUES (?, ?, ?)", [today, code, text]).rowcount > 0


WHOLE_PACK = -1
YET_CHUNKS = -2
"""Stand for a chunk in findings: all of the pack is damaged; it is not as it was written, and yet its chunks are."""


def add_findings(
    state: sqlite3.Connection,
    url: str,
    sector: bytes,
    positions: Iterable[int],
    reason: str,
    *,
    chunk: int = WHOLE_PACK,
) -> None:
    """Damage at `positions` (of data boxes' content) of a sector; -1 stands for the sector as a whole."""
    add_chunk_findings(state, url, sector, ((position, chunk) for position in positions), reason)


def add_chunk_findings(
    state: sqlite3.Connection, url: str, sector: bytes, places: Iterable[tuple[int, int]], reason: str
) -> None:
    """Damaged chunks of a sector, by (position of the pack, offset in it)."""
    now = time.time_ns()
    state.executemany(
        "INSERT OR REPLACE INTO findings VALUES (?, ?, ?, ?, ?, ?)",
        [(url, sector, position, chunk, reason, now) for position, chunk in places],
    )


def clear_findings(state: sqlite3.Connection, url: str, sector: bytes) -> None:
    """A sector was verified whole again."""
    state.execute("DELETE FROM findings WHERE url = ? AND sector = ?", [url, sector])


def findings(state: sqlite3.Connection, url: str) -> dict[bytes, list[tuple[int, int]]]:
    """Sector uuid -> (position, chunk) found damaged at `url`."""
    found: dict[bytes, list[tuple[int, int]]] = {}
    for sector, position, chunk in state.execute(
        "SELECT sector, position, chunk FROM findings WHERE url = ? ORDER BY sector, position, chunk", [url]
    ):
        found.setdefault(bytes(sector), []).append((int(position), int(chunk)))
    return found


def accept(state: sqlite3.Connection, url: str, what: Iterable[str]) -> None:
    """These losses at `url`, each named exactly, are known and accepted."""
    now = time.time_ns()
    state.executemany("INSERT OR IGNORE INTO accepted VALUES (?, ?, ?)", [(url, one, now) for one in what])


def accepted(state: sqlite3.Connection, url: str) -> dict[str, int]:
    """What was accepted at `url`, and when."""
    return dict(state.execute("SELECT what, accepted_ns FROM accepted WHERE url = ?", [url]))


def add_reads(state: sqlite3.Connection, url: str, objects: Iterable[bytes]) -> None:
    """Every byte of these objects (uuids) was read and judged now."""
    now = time.time_ns()
    state.executemany("INSERT OR REPLACE INTO reads VALUES (?, ?, ?)", [(url, one, now) for one in objects])


def reads(state: sqlite3.Connection, url: str) -> dict[bytes, int]:
    """When each object at `url` was read last, in ns; those that never were are not in it."""
    return dict(state.execute("SELECT object, read_ns FROM reads WHERE url = ?", [url]))


def add_check(state: sqlite3.Connection, url: str, *, read_data: bool, exit_code: int) -> None:
    """A check of `url` ended."""
    state.execute(
        "INSERT INTO checks (url, time_ns, read_data, exit_code) VALUES (?, ?, ?, ?)",
        [url, time.time_ns(), int(read_data), exit_code],
    )


def add_journal(state: sqlite3.Connection, source: bytes, strategy: str, facts: Mapping[str, str]) -> None:
    """Before a source is changed for a backup: by which strategy, and what undoes it."""
    told = msgspec.json.encode(facts).decode()
    state.execute(
        "INSERT INTO journal (source, strategy, facts, begun_ns) VALUES (?, ?, ?, ?)",
        [source, strategy, told, time.time_ns()],
    )


def clear_journal(state: sqlite3.Connection, source: bytes) -> None:
    """A source is as it was."""
    state.execute("DELETE FROM journal WHERE source = ?", [source])
