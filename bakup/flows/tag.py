"""tag: gives a check point other tags, by a record at the target: nothing that is there is changed."""

from __future__ import annotations

from collections.abc import Iterable

from bakup.api.ask import Ask
from bakup.api.reports import CheckpointLine, TargetOptions
from bakup.api.watch import Watch
from bakup.archive.home import Home
from bakup.archive.notes import Note, expect_heard, put_notes
from bakup.archive.opening import attach
from bakup.archive.select import choose_checkpoint, choose_source, line_of
from bakup.catalog import history
from bakup.catalog.belief import NONE
from bakup.catalog.rows import known_as
from bakup.errors import Usage
from bakup.format.constants import RecordType
from bakup.format.records import encode_tagged
from bakup.model import Record


def tag(
    home: Home,
    dst: str,
    at: str,
    *,
    add: Iterable[str],
    remove: Iterable[str],
    source: str | None,
    target: TargetOptions,
    watch: Watch,
    ask: Ask,
) -> CheckpointLine:
    """The check point `at` with its tags as they are then. Nothing is written when they are so already.

    Raises Usage for a check point without its END, and where no record is heard.
    """
    home.lock(home.lock_wait)
    with attach(home, dst, target, watch, ask) as attached:
        expect_heard(home, attached, dst)
        connection = home.catalog
        chosen = choose_source(connection, attached.row, source, dst, at)
        row = choose_checkpoint(connection, attached.row, chosen, at)
        if row.incomplete:
            raise Usage(f"check point {row.uuid.hex()[:8]} has no end, and gets no tags", code="incomplete")
        tags = tuple(sorted({*row.tags, *map(known_as, add)} - {*map(known_as, remove)}))
        if tags == row.tags:
            return line_of(row, chosen)
        version = history.version_of_tags(connection, attached.row, row) + 1
        said = encode_tagged(((chosen.signer or NONE, row.uuid, row.digest, version, tags),))
        note = Note(chosen, (Record(b"", RecordType.TAGS, said),))
        put_notes(home, attached, home.account(ask), [note])
        return line_of(choose_checkpoint(connection, attached.row, chosen, row.uuid.hex()), chosen)
