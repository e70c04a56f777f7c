"""sector inspect, sector restore: sectors by themselves - what is in them, and all that they can give back."""

from __future__ import annotations

import os
import re
import shlex
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import chain

from msgspec import Struct
from msgspec.structs import replace

from bakup.api.ask import Ask
from bakup.api.objects import HeldFile, SectorReport, SectorRestoreReport
from bakup.api.reports import Count, TargetOptions
from bakup.api.watch import Watch
from bakup.archive.home import Home
from bakup.catalog import database, listing, places, recording
from bakup.catalog.history import SourceRow, extents_of
from bakup.catalog.rows import Version, encode_attributes, version_of
from bakup.destination.folder.folder import Destination
from bakup.errors import BakupError, Damaged, Failed, NoAnswer, Untrusted
from bakup.format.objects import SECTOR_SUFFIX
from bakup.layouts.interface import Held, Seen
from bakup.layouts.restored import Brought, merged
from bakup.layouts.sectors.layout import judge
from bakup.layouts.sectors.recording import record_sector
from bakup.layouts.sectors.restorer import Bringing
from bakup.model import Attributes, Kind, path_key
from bakup.restorer.apart import refuse_out_beside
from bakup.restorer.tree import bring_tree
from bakup.sector.reader import OpenSector, audit_sector, fetch_header, open_sector
from bakup.sector.trust import Trust, owner, signature_good
from bakup.store.opening import is_url, open_object
from bakup.store.target import AtOnce, Target


def inspect(home: Home, file: str, *, target: TargetOptions, watch: Watch, ask: Ask) -> SectorReport:
    """What is in the sector at the path or URL `file`. Header, signature and digests need no account.

    Raises Failed when it is no sector, NoTarget when it is not there.
    """
    with _opened(file, target, watch) as (store, locator, size):
        found = fetch_header(store, locator, size)
        if found is None:
            raise Failed(f"{file} is no sector: it does not begin with BKUP", code="no-sector")
        header = found.header
        audit = audit_sector(store, found)
        meta_good = audit.meta_good()
        data_good = audit.verify_data().good
        public = home.public()
        ours = public is not None and header.public_key is not None and header.public_key.kem == public.kem
        signature = "none" if not header.signed else "good" if signature_good(header) else "bad"
        report = SectorReport(
            uuid=header.uuid,
            version=1,
            total_bytes=size,
            header_bytes=header.length,
            data_bytes=header.data_length,
            meta_bytes=header.meta_length,
            encrypted=header.encrypted,
            signed=header.signed,
            account=owner(header),
            signature=signature,  # type: ignore[arg-type]
            meta_state="good" if meta_good else "damaged",
            data_state="good" if data_good else "damaged",
            exit_code=0 if meta_good and data_good and signature != "bad" else 21,
        )
        if not meta_good or ((header.encrypted or header.signed) and not ours):
            return report
        return _with_holdings(home, report, file, target, watch, ask)


def restore(
    home: Home, files: Sequence[str], out: str, *, target: TargetOptions, watch: Watch, ask: Ask
) -> SectorRestoreReport:
    """Bring back below `out` all that the sectors `files` hold together, complete check points or not.

    What is not whole is kept as NAME.part with its ranges. Several check points get a folder each. Raises Failed when
    `out` is not an empty folder.
    """
    begun = time.monotonic()
    for sector in files:
        refuse_out_beside(sector, out)
    if os.path.lexists(out) and not os.path.isdir(out):
        raise Failed(f"{out} is no folder", hints=("give a new folder",), code="in-the-way")
    if os.path.isdir(out) and os.listdir(out):
        raise Failed(f"{out} is not empty", hints=("give a new folder",), code="in-the-way")
    with tempfile.TemporaryDirectory(prefix="bakup-") as folder:
        connection = database.open_catalog(folder)
        with closing(connection):
            opened, rejected = _load(connection, files, _trust(home, target, ask), target, watch)
            at_once = AtOnce(processes=not any(map(is_url, files)))
            if not opened:
                raise _nothing(rejected)
            restored, partial, lost = [0, 0], [0, 0], []
            for checkpoint, name in _checkpoints(connection):
                place = os.path.join(out, name) if name else out
                brought, unwritten = _bring(connection, checkpoint, opened, place, watch, at_once)
                lost += unwritten
                _sum(restored, brought.files, brought.size)
                for cause in brought.causes():
                    for file in cause.lost:
                        if file.available:
                            _sum(partial, 1, file.available)
                        else:
                            lost.append((file.path, _why(cause.message)))
            return SectorRestoreReport(
                sectors=len(opened),
                restored=Count(*restored),
                partial=Count(*partial),
                not_restored=tuple(lost),
                rejected=tuple((file, error.message) for file, error in rejected),
                elapsed=time.monotonic() - begun,
            )


@contextmanager
def _opened(file: str, target: TargetOptions, watch: Watch) -> Iterator[tuple[Target, str, int]]:
    """The target, locator and size of one object."""
    _refuse_folder(file)
    store, locator, size = open_object(file, options=target.store, terms=target.terms(watch))
    with closing(store):
        yield store, locator, size


def _refuse_folder(file: str) -> None:
    if is_url(file) or not os.path.isdir(file):
        return
    found = sorted(name for name in os.listdir(file) if name.endswith(SECTOR_SUFFIX))
    one = (f"one of its sectors: bakup sector inspect {shlex.quote(os.path.join(file, found[0]))}",) if found else ()
    every = f"all that is in it: bakup check {shlex.quote(file)}"
    raise Failed(f"{file} is a folder, no sector", hints=(*one, every), code="folder")


def _trust(home: Home, target: TargetOptions, ask: Ask) -> Trust:
    account = home.account(ask) if home.has_account else None
    return Trust(account, account.public if account else None, target.accept_plain, target.accept_unsigned)


def _load(
    connection: sqlite3.Connection, files: Sequence[str], trust: Trust, target: TargetOptions, watch: Watch
) -> tuple[dict[int, OpenSector], list[tuple[str, BakupError]]]:
    """Record the sectors in a catalog of their own; (open sectors by row, [(file, why not)])."""
    row = recording.target_id(connection, "sectors")
    opened: dict[int, OpenSector] = {}
    rejected: list[tuple[str, BakupError]] = []
    with database.transaction(connection):
        for file in files:
            _refuse_folder(file)
            store, locator, size = open_object(file, options=target.store, terms=target.terms(watch))
            try:
                found = fetch_header(store, locator, size)
                if found is None:
                    raise Failed("is no sector")
                sector = open_sector(store, found, trust)
                known = "SELECT id FROM sectors WHERE header_digest = ?", [sector.header_digest]
                if connection.execute(*known).fetchone():
                    continue
                recorded = record_sector(connection, row, file, size, sector, sector.meta())
                if recorded.faults:
                    rejected.append((file, Damaged(f"{sector.name} is damaged: {recorded.faults[0]}")))
                identity = connection.execute(*known).fetchone()[0]
                opened[identity] = sector
            except NoAnswer:
                raise
            except BakupError as error:
                rejected.append((file, error))
    return opened, rejected


def _nothing(rejected: Sequence[tuple[str, BakupError]]) -> BakupError:
    kind = Untrusted if all(error.code in ("unsigned", "plain") for _, error in rejected) else Damaged
    hints = tuple(dict.fromkeys(hint for _, error in rejected for hint in error.hints))
    told = tuple((file, error.message) for file, error in rejected)
    return kind("none of these can be read as a sector of this account", details=told, hints=hints, code="no-sector")


def _checkpoints(connection: sqlite3.Connection) -> list[tuple[int, str]]:
    """(check point, folder name below OUT: empty if there is but one)."""
    rows = connection.execute(
        "SELECT c.id, c.uuid, s.id, s.uuid, s.signer, s.host, s.location, s.name, NULL FROM checkpoints c"
        " JOIN sources s ON s.id = c.source ORDER BY c.time_ns, c.id"
    ).fetchall()
    if len(rows) == 1:
        return [(rows[0][0], "")]
    names = []
    for identity, uuid, *source in rows:
        label = SourceRow(*source).label
        names.append((identity, os.path.join(_folder_name(label), uuid.hex()[:8])))
    return names


def _folder_name(label: str) -> str:
    """One name, whatever a header says the source is called: never a path, `..` or too long."""
    return re.sub(r"[^\w.@ -]+", "_", label)[:60].strip("_. ") or "source"


class Staged(Struct, frozen=True):
    """Entries of a check point as they stand in the sectors; files whose closing part is elsewhere among them."""

    connection: sqlite3.Connection
    checkpoint: int

    @property
    def whole(self) -> None:
        """Never."""

    def versions(self, *kinds: Kind, plain: bool = True, descending: bool = False) -> Iterator[Version]:
        """All, or those of `kinds`, in key order or backwards; open files last."""
        rows = self.connection.execute(
            "SELECT key, path, kind, size, digest, parted, file_id, attributes, extra, checkpoint, 0, NULL FROM staged"
            f" WHERE checkpoint = ? ORDER BY key {'DESC' if descending else ''}",
            [self.checkpoint],
        ).fetchall()
        found = chain(map(version_of, rows), self._open_files())
        return (version for version in found if not kinds or version.kind in kinds)

    def _open_files(self) -> Iterator[Version]:
        rows = self.connection.execute(
            "SELECT p.key, p.file_id, max(p.offset + p.length) FROM parts p WHERE p.checkpoint = ? AND p.file_id > 0"
            " AND NOT EXISTS (SELECT 1 FROM staged s WHERE s.checkpoint = p.checkpoint AND s.key = p.key"
            " AND s.kind = 1) GROUP BY p.key, p.file_id ORDER BY p.key",
            [self.checkpoint],
        ).fetchall()
        for key, file_id, size in rows:
            path, facts = key.replace(b"\0", b"/"), encode_attributes(Attributes(mode=0o600))
            yield Version(
                key, path, Kind.FILE, size, None, True, file_id, facts, None, self.checkpoint, first=0, last=None
            )


def _bring(
    connection: sqlite3.Connection,
    checkpoint: int,
    opened: dict[int, OpenSector],
    out: str,
    watch: Watch,
    at_once: AtOnce,
) -> tuple[Brought, list[tuple[bytes, str]]]:
    """What was brought, and (path, why) of what could not be written."""
    target = recording.target_id(connection, "sectors")
    with Destination(out) as destination:
        opener = opened.__getitem__
        brought = bring_tree(
            lambda: Bringing(connection, target, opener, destination, watch, partial=True, at_once=at_once),
            destination,
            Staged(connection, checkpoint),
            lambda version: extents_of(connection, version),
            replaced=False,
        )
        return brought, list(destination.problems)


def _with_holdings(
    home: Home, report: SectorReport, file: str, target: TargetOptions, watch: Watch, ask: Ask
) -> SectorReport:
    """Add what the sector can give back by itself: the account opens it."""
    trust = replace(_trust(home, TargetOptions(), ask), accept_plain=True, accept_unsigned=True)
    with tempfile.TemporaryDirectory(prefix="bakup-") as folder:
        connection = database.open_catalog(folder)
        with closing(connection):
            opened, rejected = _load(connection, [file], trust, target, watch)
            if rejected:
                return replace(report, meta_state="damaged", exit_code=21)
            if report.data_state != "good":
                for row, sector in opened.items():
                    _mark_damage(connection, row, sector)
            held = [
                _sized(home, connection, checkpoint, file)
                for checkpoint, _ in _checkpoints(connection)
                for file in _held_files(connection, checkpoint)
            ]
            whole = [file for file in held if file.whole]
            partial = [file for file in held if not file.whole and file.ranges]
            return replace(
                report,
                checkpoints=tuple(_held_checkpoints(connection)),
                whole=Count(len(whole), sum(file.bytes or 0 for file in whole)),
                partial=Count(len(partial), sum(length for file in partial for _, length in file.ranges)),
                files=tuple(file for file in held if file.whole or file.ranges),
            )


def _mark_damage(connection: sqlite3.Connection, row: int, sector: OpenSector) -> None:
    """Find out which of its chunks are as they were."""
    seen = Seen(listing.sector(connection, row))
    chunks = connection.execute(
        "SELECT p.position, c.offset, c.length, c.id FROM chunks c JOIN packs p ON p.id = c.pack WHERE p.sector = ?",
        [row],
    )
    held: Held = {}
    for position, offset, length, chunk in chunks:
        held.setdefault(position, []).append((offset, length, chunk))
    sector.verify_data(sector.meta().rows, lambda found: judge(seen, [], found, held))
    places.mark_damaged(connection, recording.target_id(connection, "sectors"), sector.uuid, seen.positions)
    places.mark_chunks(connection, row, seen.bad_chunks)


def _sized(home: Home, connection: sqlite3.Connection, checkpoint: int, file: HeldFile) -> HeldFile:
    """With the whole file's size, if its end stands in another sector and the catalog here knows it."""
    if file.bytes is not None:
        return file
    (uuid,) = connection.execute("SELECT uuid FROM checkpoints WHERE id = ?", [checkpoint]).fetchone()
    row = home.catalog.execute(
        "SELECT v.size FROM versions v JOIN checkpoints c ON c.source = v.source AND c.uuid = ?"
        " WHERE v.key = ? AND v.first <= c.ordinal AND (v.last IS NULL OR v.last >= c.ordinal)",
        [uuid, path_key(file.path)],
    ).fetchone()
    return file if row is None else replace(file, bytes=row[0])


def _held_checkpoints(connection: sqlite3.Connection) -> Iterator[tuple[bytes, str, int]]:
    for checkpoint, uuid, *source in connection.execute(
        "SELECT c.id, c.uuid, s.id, s.uuid, s.signer, s.host, s.location, s.name, NULL FROM checkpoints c"
        " JOIN sources s ON s.id = c.source ORDER BY c.time_ns"
    ).fetchall():
        boxes = connection.execute(
            "SELECT (SELECT count(*) FROM boxes WHERE checkpoint = ?)"
            " + (SELECT count(*) FROM packs WHERE checkpoint = ?)",
            [checkpoint, uuid],
        ).fetchone()[0]
        yield uuid, SourceRow(*source).label, boxes


def _held_files(connection: sqlite3.Connection, checkpoint: int) -> Iterator[HeldFile]:
    for version in Staged(connection, checkpoint).versions(Kind.FILE):
        ranges, position = [], 0
        for extent in extents_of(connection, version):
            if extent.chunk is None or _have(connection, extent.chunk):
                ranges.append((position, extent.length))
            position += extent.length
        joined = tuple(merged(ranges))
        open_end = version.digest is None
        whole = not open_end and joined == (((0, version.size or 0),) if version.size else ())
        yield HeldFile(version.path, None if open_end else version.size, joined, whole)


def _have(connection: sqlite3.Connection, chunk: bytes) -> bool:
    found = connection.execute(
        "SELECT 1 FROM chunks c JOIN packs p ON p.id = c.pack JOIN sectors s ON s.id = p.sector"
        f" WHERE c.id = ? AND {places.READABLE}",
        [chunk],
    )
    return found.fetchone() is not None


def _why(cause: str) -> str:
    return cause if "damaged" in cause else "its chunks stand in other sectors"


def _sum(count: list[int], files: int, size: int) -> None:
    count[0] += files
    count[1] += size
