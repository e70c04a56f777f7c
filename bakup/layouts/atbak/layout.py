"""The plain layout: each file is one .atbak or .atbake object, which ATBU opens too (docs/format/atbak.md)."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bakup.api.costs import LOOKS, ToGetBack
from bakup.api.reports import SyncOptions
from bakup.api.watch import Mark, Watch
from bakup.atbak import checkpoints
from bakup.atbak.naming import path_in
from bakup.atbak.reader import FIRST_READ, READ, OpenObject, open_object
from bakup.catalog import listing, objects
from bakup.catalog.history import SourceRow
from bakup.catalog.readers import Readers
from bakup.catalog.rows import Version
from bakup.catalog.state_db import Remembered
from bakup.errors import BakupError, Damaged, NoAnswer, NoTarget, Usage, Withheld, WrongAccount
from bakup.layouts.atbak import ingest
from bakup.layouts.ingested import Ingested
from bakup.layouts.interface import Bringer, Estimate, Estimated, Held, Protection, Reader, Seen, Storing, Task
from bakup.store.faults import of_all
from bakup.store.target import Target

if TYPE_CHECKING:
    import sqlite3

    from bakup.destination.interface import Out
    from bakup.layouts.interface import MakeBench

GZIP = 4
"""The level of gzip unless another is asked for."""
OBJECT_BYTES = 200
"""Bytes that an object has beside its file's, and its share of the check point's, about."""
TRIED = 3
"""Objects that are opened to see whether the key is theirs."""


class AtbakLayout:
    """See `bakup.layouts.interface.Layout`.

    Args:
        key: 32 bytes for .atbake objects; None without an account or key file.
        folders: objects go below folders of two characters, as ATBU does it in local targets.
    """

    name = "atbak"
    unit = "object"
    inspector = "atbak"

    def __init__(self, target: Target, key: bytes | None, *, folders: bool) -> None:
        self._target = target
        self._key = key
        self._folders = folders
        self._plain = False

    def protection(self, options: SyncOptions, known: Remembered | None) -> Protection:
        """Encrypted, unless the target was made without; never signed."""
        plain = self._plain if known is None else not known.encrypted
        return Protection(options.encrypt and not plain, False, b"")

    def needs_account(self, protection: Protection) -> bool:
        """Only for its key."""
        return protection.encrypt and self._key is None

    def caveat(self, *, encrypted: bool) -> str:
        """What nobody should expect of it."""
        what = "encrypted, not signed" if encrypted else "neither encrypted nor signed"
        return f"this layout is {what}: damage is noticed, forgery is not"

    def estimate(self, options: SyncOptions, work: Estimated) -> Estimate:
        """What gzip leaves. Raises Usage for options that the layout has no use for."""
        if options.pad:
            raise Usage("--pad is for sectors: an object is as large as its file", code="pad")
        if options.sector_size is not None:
            raise Usage("--sector-size is for sectors: an object is as large as its file", code="sector-size")
        if not work.entries:
            return Estimate(0, 0, 0, 0, ToGetBack())
        sample = work.sample() if work.size else b""
        level = self._level(options)
        share = min(1.0, len(zlib.compress(sample, level)) / len(sample)) if sample and level else 1.0
        size, number = round(work.size * share) + OBJECT_BYTES * work.entries, work.files + work.checkpoints
        back = ToGetBack(number, FIRST_READ * number, work.files + size // READ, size)
        return Estimate(size, number, number + work.checkpoints, LOOKS * number, back)

    def to_get_back(self, connection: sqlite3.Connection, target_row: int) -> ToGetBack:
        """The start of each object, check points whole; then each object to its end."""
        return ToGetBack(*objects.reads(connection, target_row, FIRST_READ, READ))

    def expect_trusted(self, connection: sqlite3.Connection, target_row: int, place: str) -> None:
        """Objects that the catalog knows must open with the key. Raises WrongAccount."""
        rows = connection.execute(
            "SELECT locator, size, encrypted FROM sectors WHERE target = ? AND state = 'stored'"
            " ORDER BY encrypted DESC, id DESC LIMIT ?",
            [target_row, TRIED],
        ).fetchall()
        self._plain = bool(rows) and not rows[0][2]
        if rows and rows[0][2] and not any(self._opens(locator, size) for locator, size, _ in rows):
            count = connection.execute(
                "SELECT count(*) FROM sectors WHERE target = ? AND encrypted AND state = 'stored'", [target_row]
            ).fetchone()[0]
            raise self.not_ours(place, [("", count)], writing=False)

    def not_ours(self, place: str, accounts: Sequence[tuple[str, int]], *, writing: bool) -> BakupError:
        """No object opens; whose they are cannot be told."""
        count = sum(number for _, number in accounts)
        if self._key is None:
            return WrongAccount(
                f"{place} holds {count:,} encrypted objects; this computer has no account",
                hints=("with your 24 words: bakup account recover", "with the key in a file: --key-file FILE"),
                code="no-account",
            )
        return WrongAccount(
            f"{place} holds {count:,} encrypted objects, and none opens with this key",
            hints=("with the key in a file: --key-file FILE",),
            code="wrong-account",
        )

    def ingest(
        self,
        connection: sqlite3.Connection,
        target_row: int,
        objects: listing.NewObjects,
        watch: Watch,
        *,
        announce: str = "",
    ) -> Ingested:
        """One read an object; those of check points whole."""
        return ingest.ingest(connection, self._target, target_row, objects, self._key, watch, announce=announce)

    def settle(self, connection: sqlite3.Connection, target_row: int, comparison: listing.Comparison) -> None:
        """Objects of files are managed by hand: those that are not there were removed."""
        listing.settle(connection, comparison)
        objects.remove(connection, target_row)

    def removed(self, connection: sqlite3.Connection, target_row: int) -> list[tuple[str, bytes, int]]:
        """Since files are managed by hand."""
        return objects.removed(connection, target_row)

    def locators(
        self, connection: sqlite3.Connection, target_row: int, source: SourceRow, version: Version
    ) -> list[str]:
        """The one object of the file; one with the same content where that is removed or loose."""
        sha256 = (version.digest if version.size else objects.EMPTY_SHA256) or b""
        own = objects.object_of(connection, target_row, path_in(source.location, version.path), sha256)
        if own is not None:
            return [own.locator]
        return [place.locator for place in objects.places_of(connection, target_row, sha256)[:1]]

    def storing(self, task: Task) -> Storing:
        """Object by object."""
        from bakup.layouts.atbak.writer import AtbakStoring

        key = self._key if task.protection.encrypt else None
        return AtbakStoring(self._target, key, task, folders=self._folders, level=self._level(task.options))

    @property
    def bench(self) -> MakeBench | None:
        """None: objects are numbered and dated by one process."""
        return None

    def bringing(
        self,
        connection: sqlite3.Connection,
        target_row: int,
        destination: Out,
        watch: Watch,
        *,
        partial: bool,
        marks: Mapping[bytes, Mark],
    ) -> Bringer:
        """File by file; `partial` is in vain: half a file cannot be verified."""
        from bakup.layouts.atbak.restorer import AtbakBringing

        return AtbakBringing(connection, target_row, self._target, self._key, destination, watch, marks)

    def reading(self, readers: Readers, target_row: int) -> Reader:
        """A file is verified before its first byte is given away."""
        from bakup.layouts.atbak.restorer import AtbakReading

        return AtbakReading(readers, target_row, self._target, self._key)

    def verify(self, row: listing.SectorRow, rows: Sequence[listing.SectorRow], held: Held | None) -> Seen:
        """The preamble; with `held`, and always of a check point, every byte."""
        seen = Seen(row)
        try:
            opened = open_object(self._target, row.locator, row.size, self._key)
            if opened.preamble.sha256 != row.header_digest:
                raise Damaged(f"{row.locator} is damaged: it holds another file than it did")
        except Withheld as error:
            seen.withhold(error)
            return seen
        except (Damaged, NoTarget) as error:
            if of_all(error):
                raise
            seen.reason = error.message
            return seen
        if checkpoints.is_checkpoint(opened.preamble.path):
            _verify_checkpoint(seen, opened)
        elif held is not None:
            _verify_file(seen, opened)
        return seen

    def _opens(self, locator: str, size: int) -> bool:
        try:
            open_object(self._target, locator, size, self._key)
        except NoAnswer:
            raise
        except BakupError as error:
            return error.code != ingest.NO_KEY
        return True

    def _level(self, options: SyncOptions) -> int | None:
        asked = options.compression
        if asked is None:
            return GZIP
        if asked.kind == "zstd":
            raise Usage("--layout atbak has no zstd", hints=("--compression gzip:LEVEL or none",), code="compression")
        return asked.level if asked.kind == "gzip" else None


def _verify_checkpoint(seen: Seen, opened: OpenObject) -> None:
    try:
        for _ in ingest.read_checkpoint(opened):
            pass
    except Withheld as error:
        seen.withhold(error)
    except (Damaged, NoTarget) as error:
        if of_all(error):
            raise
        seen.reason = error.message


def _verify_file(seen: Seen, opened: OpenObject) -> None:
    seen.chunks = 1
    try:
        for _ in opened.stream():
            pass
    except Withheld as error:
        seen.withhold(error)
    except (Damaged, NoTarget) as error:
        if of_all(error):
            raise
        seen.damaged_chunks = 1
        seen.damage, seen.positions = [0], [0]
