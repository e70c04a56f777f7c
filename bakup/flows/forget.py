"""forget: decides which check points are kept, and says at the target that the others are dropped. Deletes nothing."""

from __future__ import annotations

import shlex
import sqlite3
import time
from collections.abc import Iterable, Sequence

from msgspec import Struct

from bakup.api.ask import Ask
from bakup.api.retention import ForgetOptions, ForgetReport, Judged
from bakup.api.watch import Watch
from bakup.archive.archive import Attached
from bakup.archive.home import Home
from bakup.archive.notes import Note, expect_heard, put_notes
from bakup.archive.opening import attach
from bakup.archive.select import choose_checkpoint, choose_source, line_of
from bakup.catalog import history, live
from bakup.catalog.belief import NONE
from bakup.catalog.history import CheckpointRow, SourceRow
from bakup.errors import Usage
from bakup.format.constants import DIGEST, RecordType
from bakup.format.records import encode_forgotten
from bakup.model import Record
from bakup.retention.policy import Point, decide

NAMED_AT_ONCE = 16_384
"""Check points that one RECORD names."""


class _Choice(Struct, frozen=True):
    source: SourceRow
    row: CheckpointRow
    kept_by: tuple[str, ...]


def forget(home: Home, dst: str, options: ForgetOptions, *, watch: Watch, ask: Ask) -> ForgetReport:
    """Drop check points at `dst`; with `dry_run` only say which.

    Raises Usage when the latest one of a source is named without `even_latest`, or where nothing can be dropped.
    """
    home.lock(home.lock_wait)
    with attach(home, dst, options.target, watch, ask) as attached:
        expect_heard(home, attached, dst)
        connection = home.catalog
        named = bool(options.at)
        choices = (
            _named(connection, attached, dst, options) if named else _by_policy(connection, attached, dst, options)
        )
        dropped = [one for one in choices if not one.kept_by]
        unneeded = live.unneeded(connection, attached.row, (one.row.id for one in dropped)).packs
        if dropped and not options.dry_run:
            put_notes(home, attached, home.account(ask), [*_notes(dropped)])
        judged = tuple(Judged(line_of(one.row, one.source), one.kept_by) for one in choices)
        return ForgetReport(judged, unneeded, options.dry_run, attached.rebuilt)


def _by_policy(connection: sqlite3.Connection, attached: Attached, dst: str, options: ForgetOptions) -> list[_Choice]:
    sources = history.sources(connection, attached.row)
    if options.source is not None or not sources:
        sources = [choose_source(connection, attached.row, options.source, dst)]
    now = time.time_ns()
    found: list[_Choice] = []
    for source in sources:
        rows = history.checkpoints(connection, attached.row, source.id)
        chain = [Point(row.uuid, row.time_ns, row.tags) for row in rows]
        verdicts = decide(chain, options.policy, now_ns=now, even_latest=options.even_latest)
        found += [_Choice(source, row, one.reasons) for row, one in zip(rows, verdicts, strict=True)]
    return found


def _named(connection: sqlite3.Connection, attached: Attached, dst: str, options: ForgetOptions) -> list[_Choice]:
    dropped: dict[int, _Choice] = {}
    for at in options.at:
        source = choose_source(connection, attached.row, options.source, dst, at)
        row = choose_checkpoint(connection, attached.row, source, at)
        dropped[row.id] = _Choice(source, row, ())
    sources = {one.source.id: one.source for one in dropped.values()}
    rows = {source: history.checkpoints(connection, attached.row, source) for source in sources if source > 0}
    _spare_latest(dst, options, dropped, rows.values())
    kept = [
        _Choice(sources[row.source], row, ("not named",))
        for every in rows.values()
        for row in every
        if row.id not in dropped
    ]
    order = {row.id: at for at, row in enumerate(row for every in rows.values() for row in every)}
    return sorted((*kept, *dropped.values()), key=lambda one: order.get(one.row.id, len(order)))


def _spare_latest(
    dst: str, options: ForgetOptions, dropped: dict[int, _Choice], chains: Iterable[Sequence[CheckpointRow]]
) -> None:
    for rows in chains:
        latest = dropped.get(rows[-1].id)
        if latest is not None and not options.even_latest:
            ids = shlex.join(word for at in options.at for word in ("--at", at))
            raise Usage(
                f"{latest.row.uuid.hex()[:8]} is the latest check point of {latest.source.label}",
                hints=(f"to drop it all the same: bakup forget {shlex.quote(dst)} {ids} --even-latest",),
                code="latest",
            )


def _notes(dropped: Sequence[_Choice]) -> Iterable[Note]:
    by_source: dict[int, list[_Choice]] = {}
    for one in dropped:
        by_source.setdefault(one.row.source, []).append(one)
    for choices in by_source.values():
        names = sorted((one.source.signer or NONE, one.row.uuid, one.row.digest or bytes(DIGEST)) for one in choices)
        parts = (names[start : start + NAMED_AT_ONCE] for start in range(0, len(names), NAMED_AT_ONCE))
        records = tuple(Record(b"", RecordType.FORGET, encode_forgotten(tuple(part))) for part in parts)
        yield Note(choices[0].source, records)
