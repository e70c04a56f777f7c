"""A rig whose target has the plain layout, and the objects in it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from peaks import peak_bytes
from rig import Rig

from bakup.account.keys import Account
from bakup.api.reports import SyncReport
from bakup.atbak import checkpoints
from bakup.atbak.keys import account_key
from bakup.atbak.naming import locator_of, new_name
from bakup.atbak.reader import OpenObject, open_object
from bakup.atbak.writer import write_object
from bakup.format.preamble import Facts, Preamble, format_header, format_preamble
from bakup.store.local.folder import FolderTarget

SECOND = 10**9
NOON = 1_700_000_000 * SECOND


class Plain(Rig):
    """See `rig.Rig`."""

    def sync(self, *sources: Path, **options: object) -> SyncReport:
        """Back up; the layout is asked for every time, as a cron line does it."""
        return super().sync(*sources, **{"layout": "atbak", "sector_size": None, **options})

    def objects(self) -> list[Path]:
        """All objects, by name."""
        return sorted(self.target.rglob("*.atbak*"))

    def key(self) -> bytes:
        """The account's, by the words that every rig has."""
        return account_key(Account.from_entropy(bytes(range(32))))

    def opened(self, path: Path, key: bytes | None = None) -> OpenObject:
        """An object by its path."""
        return open_object(FolderTarget(str(path.parent)), path.name, path.stat().st_size, key or self.key())

    def of(self, name: str) -> list[Path]:
        """Objects of the files with this path in the source."""
        wanted = os.fsencode(self.source).lstrip(b"/") + b"/" + name.encode()
        return [path for path in self.objects() if self.opened(path).preamble.path == wanted]

    def of_checkpoints(self) -> list[Path]:
        """Objects that hold check points."""
        return [path for path in self.objects() if checkpoints.is_checkpoint(self.opened(path).preamble.path)]

    def put(self, path: bytes, data: bytes, modified_ns: int = NOON) -> Path:
        """An object that another program wrote."""
        place = self._place()
        write_object([data], Facts(path, modified_ns, modified_ns), str(place))
        return place

    def put_raw(self, path: bytes, data: bytes) -> Path:
        """As `put`, whatever the path is."""
        preamble = Preamble(Facts(path, NOON, NOON), len(data), hashlib.sha256(data).digest())
        place = self._place()
        place.write_bytes(format_header(None) + format_preamble(preamble) + data)
        return place

    def peak(self, *arguments: str) -> int:
        """Run the `bakup` command; the most memory that it held, in KiB."""
        return peak_bytes(self.home, *arguments) // 1024

    def _place(self) -> Path:
        place = self.target / locator_of(new_name(encrypted=False), folders=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        return place


def tables(rig: Rig) -> Iterator[tuple[str, list[tuple[object, ...]]]]:
    """What a catalog says of check points, versions and objects, without row numbers and the order they came in."""
    with rig.open() as home:
        for name, sql in {
            "check points": "SELECT uuid, sequence, complete, digest, files, bytes, entries_lost FROM checkpoints",
            "versions": "SELECT v.key, v.kind, v.size, v.digest, v.attributes, f.uuid, l.sequence FROM versions v"
            " JOIN checkpoints f ON f.ordinal = v.first LEFT JOIN checkpoints l ON l.ordinal = v.last",
            "objects": "SELECT s.uuid, s.size, s.state, s.header_digest, s.encrypted, p.raw_length, p.checkpoint"
            " FROM sectors s LEFT JOIN packs p ON p.sector = s.id",
            "lines": "SELECT c.uuid, l.position, l.sector, l.header_digest, l.entries, l.bytes, l.first_path"
            " FROM lines l JOIN checkpoints c ON c.id = l.checkpoint",
        }.items():
            yield name, sorted(home.catalog.execute(sql).fetchall(), key=repr)
