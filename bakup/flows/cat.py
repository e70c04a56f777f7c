"""cat: one file as a stream. Each chunk is compared with its id before a byte of it is given away."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing

from bakup.api.ask import Ask
from bakup.api.listings import CatReport
from bakup.api.reports import TargetOptions
from bakup.api.watch import Watch
from bakup.archive.findings import remember_findings
from bakup.archive.gaps import not_there
from bakup.archive.guard import rolled_back
from bakup.archive.home import Home
from bakup.archive.nearby import did_you_mean
from bakup.archive.opening import attach
from bakup.archive.select import choose_checkpoint, choose_source, inner_path, line_of
from bakup.archive.unknown import unknown
from bakup.catalog import damage, difference, history
from bakup.catalog.history import CheckpointRow, SourceRow
from bakup.catalog.readers import Readers
from bakup.catalog.rows import Version
from bakup.errors import Damaged, Failed, Untrusted
from bakup.layouts.interface import Reader
from bakup.layouts.sectors.reader import SOMEWHERE, Piece
from bakup.model import Extent, Kind, path_key
from bakup.sector.naming import sector_name

Write = Callable[[Piece, bool], None]
"""Takes the next bytes of the file; True when they are a hole's zeros."""


def cat(
    home: Home,
    dst: str,
    path: bytes,
    write: Write,
    *,
    source: str | None,
    at: str,
    target: TargetOptions,
    watch: Watch,
    ask: Ask,
) -> CatReport:
    """Give the file `path` of a check point to `write`, in order, verified; stops at the first byte that is lost.

    Raises Failed when there is no such file; what `write` raises ends it.
    """
    with attach(home, dst, target, watch, ask) as attached:
        connection = home.catalog
        chosen = choose_source(connection, attached.row, source, dst, at)
        row = choose_checkpoint(connection, attached.row, chosen, at)
        rows = history.checkpoints(connection, attached.row, chosen.id)
        newest = rows[-1:] == [row]
        chain = history.chain_of(history.checkpoints(connection, attached.row, chosen.id, hidden=True), row)
        lost = unknown(home, attached, chain, every=False, newest=newest, sources={chosen.id})
        version = _file(connection, chosen, row, inner_path(chosen, path), lost)
        with closing(Readers(home.databases)) as readers:
            reading = attached.layout.reading(readers, attached.row)
            try:
                written, cause = _pour(reading, history.extents_of(connection, version), write)
            finally:
                reading.close()
                remember_findings(home, attached, reading.findings, "found by cat")
        size = version.size or 0
        if cause == SOMEWHERE:
            cause = _gone(connection, attached.row, version)
        return CatReport(
            line_of(row, chosen),
            version.path,
            size,
            written,
            cause,
            () if cause else tuple(sector_name(sector) for sector in reading.findings),
            difference.unread_above(connection, row.id, version.key),
            tuple(rolled_back(home, attached, {chosen.id})) if newest else not_there(connection, row),
        )


def _pour(reading: Reader, extents: Iterable[Extent], write: Write) -> tuple[int, str | None]:
    """How many bytes were written, and why not more."""
    written = 0
    pieces = reading.pieces(extents)
    while True:
        try:
            piece, hole = next(pieces)
        except StopIteration:
            return written, None
        except (Damaged, Untrusted) as error:
            return written, error.message
        write(piece, hole)
        written += len(piece)


def _gone(connection: sqlite3.Connection, target: int, version: Version) -> str:
    """Which sector held the part of the file that is not known."""
    [uuid] = connection.execute("SELECT uuid FROM checkpoints WHERE id = ?", [version.checkpoint]).fetchone()
    gone = {
        line.told
        for line in damage.missing_lines(connection, target)
        if line.checkpoint == uuid and path_key(line.first_path) <= version.key <= path_key(line.last_path) + b"\xff"
    }
    return gone.pop() if len(gone) == 1 else SOMEWHERE


def _file(
    connection: sqlite3.Connection, source: SourceRow, row: CheckpointRow, path: bytes, lost: Sequence[str]
) -> Version:
    version = history.version_at(connection, source.id, row.ordinal, path)
    shown = path.decode("utf-8", "backslashreplace") or "."
    if version is None:
        not_known = tuple((cause,) for cause in lost)
        raise Failed(
            f"no {shown} in {row.uuid.hex()[:8]} of {source.label}",
            hints=did_you_mean(connection, source.id, row.ordinal, path),
            details=not_known,
            code="no-path",
        )
    if version.kind == Kind.DIR:
        raise Failed(f"{shown} is a folder", code="folder")
    if version.kind == Kind.SYMLINK:
        link = (version.extra or b"").decode("utf-8", "backslashreplace")
        raise Failed(f"{shown} is a link to {link}", code="link")
    if version.kind != Kind.FILE:
        raise Failed(f"{shown} has no content", code="special")
    return version
