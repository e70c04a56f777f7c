"""Reading sectors into the catalog: a rebuild reads all of a target, any other command those it does not know yet."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from msgspec import Struct

from bakup.api.watch import Progress, Watch
from bakup.catalog import recording
from bakup.catalog.listing import NewObjects
from bakup.errors import Damaged, Foreign, StoreError, Untrusted, Withheld
from bakup.format.header import UUID_AT
from bakup.layouts.ingested import Gone, Ingested, apply_complete, aside
from bakup.layouts.sectors.recording import record_sector, sift
from bakup.sector.meta import MetaRegion
from bakup.sector.naming import reason, sector_name
from bakup.sector.reader import OpenSector, fetch_header, open_sector
from bakup.sector.trust import Trust, owner
from bakup.store.faults import OBJECT_MISSING
from bakup.store.target import Locator, Target

AHEAD_MAX = 1 << 20
"""Longest stored metadata, in bytes, of which many are read at once."""


def ingest(
    connection: sqlite3.Connection,
    target: Target,
    target_row: int,
    objects: NewObjects,
    trust: Trust,
    watch: Watch,
    *,
    announce: str = "",
) -> Ingested:
    """Look at `objects` (locator, size in bytes), record the sectors among them and apply what they complete.

    As many are read at once as the target likes; each holds its metadata in memory.
    Runs in the caller's transaction. `announce` is noted when the first sector of ours is met.
    """
    found = Ingested()
    foreign = sum(not locator.endswith(".bakup") for locator, _ in objects)
    if foreign and "://" in target.url:
        watch.note(f"reading the first 16 KiB of {foreign:,} object{'s' * (foreign > 1)} under {target.url}")
    with ThreadPoolExecutor(target.at_once.heads, thread_name_prefix="read") as pool:
        for done, (locator, size, result) in enumerate(_read_all(pool, target, objects, trust), 1):
            if announce and isinstance(result, tuple):
                watch.note(announce)
                announce = ""
            other = _take(connection, target_row, locator, size, result, found)
            if other:
                claimed = result.sector if isinstance(result, Refusal) else None
                recording.add_other(connection, target_row, locator, size, *other, sector=claimed)
            watch.progress(Progress("rebuilding", done_sectors=done, total_sectors=len(objects)))
    found.applied = apply_complete(
        connection,
        target_row,
        lambda checkpoint, silent: sift(connection, target_row, checkpoint, silent, target, trust),
    )
    return found


class OthersSector(Struct, frozen=True):
    """A sector of another account, by that account's id."""

    account: str


class Refusal(Struct, frozen=True):
    """Why an object that begins like a sector is not believed; `sector`: the uuid that it claims, if that is there."""

    error: Damaged | Untrusted
    sector: bytes | None


Result = tuple[OpenSector, MetaRegion | None] | OthersSector | Gone | Refusal | Withheld | None
"""Metadata that are long are read by the caller, so that there are never many of them in memory."""


def _read_all(
    pool: ThreadPoolExecutor, target: Target, objects: Iterable[tuple[Locator, int]], trust: Trust
) -> Iterator[tuple[Locator, int, Result]]:
    waiting: deque[tuple[Locator, int, Future[Result]]] = deque()
    for locator, size in objects:
        waiting.append((locator, size, pool.submit(_read, target, locator, size, trust)))
        if len(waiting) >= target.at_once.heads:
            yield _settled(waiting)
    while waiting:
        yield _settled(waiting)


def _settled(waiting: deque[tuple[Locator, int, Future[Result]]]) -> tuple[Locator, int, Result]:
    locator, size, future = waiting.popleft()
    return locator, size, future.result()


def _read(target: Target, locator: Locator, size: int, trust: Trust) -> Result:
    return _caught(target, locator, size, lambda: _opened(target, locator, size, trust))


def _opened(target: Target, locator: Locator, size: int, trust: Trust) -> Result:
    header = fetch_header(target, locator, size)
    if header is None:
        return None
    try:
        opened = open_sector(target, header, trust)
    except Foreign:
        return OthersSector(owner(header.header) or "that certified a writer")
    return opened, opened.meta() if opened.header.meta_length <= AHEAD_MAX else None


def _caught(target: Target, locator: Locator, size: int, work: Callable[[], Result]) -> Result:
    try:
        return work()
    except Withheld as error:
        return error
    except (Damaged, Untrusted) as error:
        return Refusal(error, _claimed(target, locator, size))
    except StoreError as error:
        if error.code != OBJECT_MISSING:
            raise
        return Gone()


def _claimed(target: Target, locator: Locator, size: int) -> bytes | None:
    start = target.read(locator, 0, min(size, UUID_AT.stop))
    return start[UUID_AT] if len(start) == UUID_AT.stop else None


def _take(
    connection: sqlite3.Connection,
    target_row: int,
    locator: Locator,
    size: int,
    result: Result,
    found: Ingested,
) -> tuple[str, str] | None:
    """Record what was read; returns (reason, detail) for what is no sector of ours."""
    match result:
        case None:
            found.others += 1
            return "no sector", ""
        case Gone():
            return None
        case Withheld():
            found.withheld.append((locator, result.why))
            return aside(result)
        case OthersSector(account):
            found.foreign += 1
            found.foreign_accounts[account] = found.foreign_accounts.get(account, 0) + 1
            return "foreign", account
        case Refusal():
            return _refused(locator, result, found)
        case (opened, None):
            later = _caught(opened.target, locator, size, lambda: (opened, opened.meta()))
            return _take(connection, target_row, locator, size, later, found)
        case (opened, meta):
            return _record(connection, target_row, locator, size, opened, meta, found)


def _refused(locator: Locator, refusal: Refusal, found: Ingested) -> tuple[str, str]:
    error = refusal.error
    why = reason(error, locator)
    if refusal.sector is not None:
        why = why.removeprefix(f"{sector_name(refusal.sector)} ")
    if isinstance(error, Untrusted):
        found.untrusted.append((locator, why))
        return "untrusted" if error.code in ("unsigned", "plain") else "forged", why
    found.damaged.append((locator, why))
    return "damaged", why


def _record(
    connection: sqlite3.Connection,
    target_row: int,
    locator: Locator,
    size: int,
    opened: OpenSector,
    meta: MetaRegion,
    found: Ingested,
) -> tuple[str, str] | None:
    known = connection.execute(
        "SELECT id, state FROM sectors WHERE target = ? AND uuid = ? AND header_digest = ?",
        [target_row, opened.uuid, opened.header_digest],
    ).fetchone()
    if known is not None and known[1] == "missing":
        # It was moved: names are never trusted, nor needed.
        recording.move_sector(connection, known[0], locator, size)
        found.sectors += 1
        return None
    if known is not None:
        return "duplicate", opened.uuid.hex()
    recorded = record_sector(connection, target_row, locator, size, opened, meta)
    found.late |= recorded.late
    found.sectors += 1
    if recorded.faults:
        found.damaged.append((locator, f"{opened.name} is damaged: {recorded.faults[0]}"))
    return None
