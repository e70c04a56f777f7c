"""What is said at a target beside its backups: notes, which are RECORDs in a small sector of their own.

A note is a check point without END that drops itself: every reader hears its RECORDs, and offers nothing of it
(docs/format/sector.md section 6.6). It is there whole or not at all, since one object is put.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

from msgspec import Struct

from bakup.account.keys import Account
from bakup.archive.archive import Attached
from bakup.archive.home import Home
from bakup.archive.opening import made_with, remember
from bakup.catalog import listing, state_db
from bakup.catalog.database import transaction
from bakup.catalog.history import SourceRow
from bakup.errors import Usage
from bakup.format.action import group_action
from bakup.format.constants import CHECKPOINTS_MAX, DIGEST, RecordType
from bakup.format.entries import encode_entries
from bakup.format.records import encode_forgotten
from bakup.format.structures import encode_checkpoint
from bakup.model import Checkpoint, Record
from bakup.plan.cutting import chunker
from bakup.sector.trust import Trust
from bakup.sector.verify import verify_finished
from bakup.sector.writer import FinishedSector, SectorWriter
from bakup.store.faults import faults
from bakup.store.local.spool import SpoolFolder


class Note(Struct, frozen=True):
    """What is said of one source."""

    source: SourceRow
    records: tuple[Record, ...]


def expect_heard(home: Home, attached: Attached, place: str) -> None:
    """Raises Usage where no reader would hear a note: in the plain layout, and where nobody signs."""
    if attached.layout.name != "sectors":
        raise Usage(f"{place} has the plain layout, in which every object stands for itself", code="layout")
    if not made_with(home, attached)[1]:
        raise Usage(f"{place} is not signed, and what nobody signed is not heard", code="unsigned")


def put_notes(home: Home, attached: Attached, account: Account, notes: Sequence[Note]) -> None:
    """Put notes to the target, and let the catalog hear them. Raises what a put raises; then nothing was said."""
    mark = attached.target.mark
    if mark is not None:
        state_db.set_mark(home.state, attached.url, mark)
    encrypted, signed = made_with(home, attached)
    for start in range(0, len(notes), CHECKPOINTS_MAX):
        with _spool(home, attached) as (folder, place):
            finished = _build(folder, place, attached, account, notes[start : start + CHECKPOINTS_MAX], encrypted)
            verify_finished(finished, Trust(account, accept_plain=True))
            locator = attached.target.put_new(finished.name, finished.path)
        with transaction(home.catalog):
            found = listing.compare_more(home.catalog, attached.row, [(locator, finished.size)])
            attached.layout.ingest(home.catalog, attached.row, found.new, attached.watch)
    remember(home, attached, encrypted=encrypted, signed=signed)


def _build(
    folder: str, place: str, attached: Attached, account: Account, notes: Sequence[Note], encrypt: bool
) -> FinishedSector:
    limits = attached.target.limits
    with SectorWriter(folder, account, place=place, encrypt=encrypt, expected=0) as writer:
        for note in notes:
            checkpoint = _header(note.source)
            writer.begin_checkpoint(checkpoint.uuid, encode_checkpoint(checkpoint))
            dropped = encode_forgotten(((account.public.signer_id, checkpoint.uuid, bytes(DIGEST)),))
            records = (Record(b"", RecordType.FORGET, dropped), *note.records)
            offset = 0
            for record in records:
                content = group_action(encode_entries([record]), None)
                writer.add_meta(checkpoint.uuid, offset, content)
                offset += len(content)
        return writer.finish(alignment=limits.alignment, smallest=limits.smallest)


def _header(source: SourceRow) -> Checkpoint:
    return Checkpoint(
        uuid=uuid.uuid4().bytes,
        flags=0,
        time_ns=time.time_ns(),
        source=source.uuid,
        host=source.host,
        location=source.location,
        name=source.name,
        tags=(),
        sequence=1,
        previous=None,
        based_on=None,
        replaces=None,
        chunker=chunker(0),
    )


@contextmanager
def _spool(home: Home, attached: Attached) -> Iterator[tuple[str, str]]:
    """(a folder for a sector in the making, what the user knows it by)."""
    near = attached.target.spool_folder()
    if near is not None:
        yield near, attached.place
        return
    with faults(home.folder, folder=home.folder):
        made = SpoolFolder(home.folder)
    with closing(made):
        yield made.folder, home.folder
