"""Reading objects of the plain layout into the catalog: the preamble of each, and check points whole."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from blake3 import blake3

from bakup.api.watch import Progress, Watch
from bakup.atbak import checkpoints
from bakup.atbak.naming import uuid_of
from bakup.atbak.reader import OpenObject, open_object
from bakup.catalog import objects, recording
from bakup.catalog.listing import NewObjects
from bakup.catalog.objects import ObjectRow
from bakup.catalog.rows import rows_of
from bakup.errors import BakupError, Damaged, StoreError, Withheld, WrongAccount
from bakup.format.objects import SECTOR_SUFFIX, is_object
from bakup.format.preamble import safe_path
from bakup.format.structures import encode_checkpoint, encode_end
from bakup.layouts.atbak.loose import make_loose
from bakup.layouts.ingested import Gone, Ingested, apply_complete, aside
from bakup.model import Checkpoint, End
from bakup.store.faults import OBJECT_MISSING
from bakup.store.target import Locator, Target

NO_KEY = "atbak-key"
"""Code of the error for an object that the key does not open."""
NO_OBJECT = "no-atbak"
"""Code of the error for what is no object of this layout."""

Result = OpenObject | Gone | BakupError | None


def ingest(
    connection: sqlite3.Connection,
    target: Target,
    target_row: int,
    listed: NewObjects,
    key: bytes | None,
    watch: Watch,
    *,
    announce: str = "",
) -> Ingested:
    """See `bakup.layouts.interface.Layout.ingest`."""
    found = Ingested()
    unopened: list[tuple[Locator, int, str]] = []
    with ThreadPoolExecutor(target.at_once.heads, thread_name_prefix="read") as pool:
        for done, (locator, size, result) in enumerate(_read_all(pool, target, listed, key), 1):
            if announce and isinstance(result, OpenObject):
                watch.note(announce)
                announce = ""
            if isinstance(result, BakupError) and result.code == NO_KEY:
                unopened.append((locator, size, result.message))
            else:
                _take(connection, target_row, locator, size, result, found)
            watch.progress(Progress("rebuilding", done_sectors=done, total_sectors=len(listed), unit="object"))
            if result is None and locator.endswith(SECTOR_SUFFIX):
                watch.note(f"{locator} is no object of this layout; it is left aside")
    _settle_unopened(connection, target_row, unopened, found)
    found.applied = apply_complete(connection, target_row)
    objects.settle(connection, target_row)
    found.applied += make_loose(connection, target_row)
    return found


def read_checkpoint(opened: OpenObject) -> Iterator[checkpoints.Item]:
    """The items of a check point's object; to be dropped all when it raises Damaged."""
    return checkpoints.decode(opened.stream())


def _read_all(
    pool: ThreadPoolExecutor, target: Target, listed: NewObjects, key: bytes | None
) -> Iterator[tuple[Locator, int, Result]]:
    waiting: deque[tuple[Locator, int, Future[Result]]] = deque()
    for locator, size in listed:
        waiting.append((locator, size, pool.submit(_read, target, locator, size, key)))
        if len(waiting) >= 2 * target.at_once.heads:
            first = waiting.popleft()
            yield *first[:2], first[2].result()
    while waiting:
        first = waiting.popleft()
        yield *first[:2], first[2].result()


def _read(target: Target, locator: Locator, size: int, key: bytes | None) -> Result:
    if not is_object(locator):
        return None
    try:
        return open_object(target, locator, size, key)
    except (Damaged, WrongAccount) as error:
        return None if error.code == NO_OBJECT else error
    except Withheld as error:
        return error
    except StoreError as error:
        if error.code != OBJECT_MISSING:
            raise
        return Gone()


def _take(
    connection: sqlite3.Connection, target_row: int, locator: Locator, size: int, result: Result, found: Ingested
) -> None:
    reason: tuple[str, str] | None
    if isinstance(result, Gone):
        return
    if isinstance(result, Withheld):
        found.withheld.append((locator, result.why))
        reason = aside(result)
    elif result is None:
        found.others += 1
        reason = "no sector", ""
    elif isinstance(result, BakupError):
        reason = "damaged", result.message
    else:
        reason = _record(connection, target_row, locator, size, result, found)
    if reason is None:
        found.sectors += 1
        return
    if reason[0] == "damaged":
        found.damaged.append((locator, reason[1]))
    recording.add_other(connection, target_row, locator, size, *reason)


def _settle_unopened(
    connection: sqlite3.Connection, target_row: int, unopened: list[tuple[Locator, int, str]], found: Ingested
) -> None:
    """What the key does not open is damaged if it opens others, else another key's."""
    opens = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM sectors WHERE target = ? AND encrypted AND state = 'stored')", [target_row]
    ).fetchone()[0]
    for locator, size, message in unopened:
        if opens:
            found.damaged.append((locator, message))
            recording.add_other(connection, target_row, locator, size, "damaged", message)
        else:
            found.foreign += 1
            recording.add_other(connection, target_row, locator, size, "foreign")


def _record(
    connection: sqlite3.Connection, target_row: int, locator: Locator, size: int, opened: OpenObject, found: Ingested
) -> tuple[str, str] | None:
    """Rows of one object; returns (reason, detail) for what is none of ours."""
    uuid, sha256 = uuid_of(locator), opened.preamble.sha256
    known = connection.execute(
        "SELECT id, state, header_digest, locator, size FROM sectors WHERE target = ? AND uuid = ?", [target_row, uuid]
    ).fetchone()
    if known is not None and known[3] == locator:
        return "damaged", f"{locator} is damaged: it has {size:,} bytes and had {known[4]:,}"
    if known is not None and known[1] in ("missing", "removed") and known[2] == sha256:
        recording.move_sector(connection, known[0], locator, size)
        return None
    if known is not None:
        return "duplicate", uuid.hex()
    connection.execute("SAVEPOINT object")
    try:
        if checkpoints.is_checkpoint(opened.preamble.path):
            _record_checkpoint(connection, target_row, locator, size, opened)
        else:
            _record_file(connection, target_row, locator, size, opened)
    except Damaged as error:
        connection.execute("ROLLBACK TO object")
        return "damaged", error.message
    finally:
        connection.execute("RELEASE object")
    return None


def _record_file(
    connection: sqlite3.Connection, target_row: int, locator: Locator, size: int, opened: OpenObject
) -> None:
    preamble = opened.preamble
    path = safe_path(preamble.path)
    row = ObjectRow(
        uuid_of(locator),
        locator,
        size,
        preamble.size,
        preamble.sha256,
        path,
        preamble.facts.modified_ns,
        opened.encrypted,
        opened.iv,
    )
    objects.add_objects(connection, target_row, [row], state="stored", checkpoint=objects.NO_CHECKPOINT)


def _record_checkpoint(
    connection: sqlite3.Connection, target_row: int, locator: Locator, size: int, opened: OpenObject
) -> None:
    items = read_checkpoint(opened)
    checkpoint = next(items, None)
    if not isinstance(checkpoint, Checkpoint):
        raise Damaged(f"{locator} is damaged: it holds no check point")
    sector = recording.add_sector(
        connection,
        target_row,
        uuid_of(locator),
        locator=locator,
        size=size,
        state="stored",
        header_digest=opened.preamble.sha256,
        signer=b"",
        encrypted=opened.encrypted,
        signed=False,
    )
    source = recording.source_id(connection, target_row, checkpoint, b"")
    row = recording.checkpoint_id(connection, source, checkpoint, blake3(encode_checkpoint(checkpoint)).digest())
    recording.add_box(connection, sector, row, 0, opened.preamble.size, opened.preamble.sha256)
    if not connection.execute("SELECT complete FROM checkpoints WHERE id = ?", [row]).fetchone()[0]:
        _record_items(connection, row, source, items)


def _record_items(connection: sqlite3.Connection, row: int, source: int, items: Iterator[checkpoints.Item]) -> None:
    digest = blake3()
    lines = 0
    for item in items:
        if isinstance(item, End):
            digest.update(blake3(encode_end(item)).digest())
            recording.add_lines(connection, row, lines, item.sectors)
            lines += len(item.sectors)
            if item.last:
                recording.close_checkpoint(connection, row, digest.digest(), item.files, item.size)
        elif not isinstance(item, Checkpoint):
            recording.add_entries(connection, rows_of(item, {}), checkpoint=row, source=source, ordinal=None)
