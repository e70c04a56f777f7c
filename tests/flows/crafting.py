"""Sectors that bakup would never write, signed by whoever holds the keys: check points of given entries and ENDs."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import mock

from blake3 import blake3
from msgspec.structs import replace

from bakup.account.keys import Account, PublicKeys
from bakup.format.action import frame, group_action, pack_action
from bakup.format.certificate import Certificate
from bakup.format.constants import END_LANE, LANE_SHIFT, ActionType
from bakup.format.entries import encode_entries
from bakup.format.structures import encode_checkpoint, encode_end
from bakup.model import (
    Attributes,
    Checkpoint,
    CheckpointRef,
    Chunker,
    Dir,
    End,
    Entry,
    Extent,
    File,
    LaneLine,
    SectorLine,
)
from bakup.sector.writer import FinishedSector, SectorWriter

SOURCE = b"crafted-source-u"
ROOT = Dir(b"", Attributes())


def point(name: str = "evil", **changes: Any) -> Checkpoint:
    """The header of a full check point of a source called `name`."""
    chunker = Chunker("fastcdc-2020", 1, 2, 3, 0)
    made = Checkpoint(
        uuid.uuid4().bytes,
        0,
        time.time_ns(),
        SOURCE,
        name,
        b"/" + name.encode(),
        name,
        (),
        1,
        None,
        None,
        None,
        chunker,
    )
    return replace(made, **changes)


class Writer:
    """A machine that seals for an account and signs with a key of its own, which the account certified."""

    def __init__(self, account: Account, own: Account, name: bytes = b"writer-uuid-16by") -> None:
        self.public = PublicKeys(account.public.kem, own.public.signing)
        self.sign = own.sign
        unsigned = Certificate(2, own.public.signing, name, (SOURCE,), bytes(3373))
        self.certificate = Certificate(
            2, own.public.signing, name, (SOURCE,), account.sign(unsigned.signed_message())
        ).to_bytes()


class Crafted:
    """One check point in the making; `digest` is its own once it has an END."""

    def __init__(self, folder: Path, account: Any, header: Checkpoint | None = None, **options: Any) -> None:
        self.header = header or point()
        self.content = encode_checkpoint(self.header)
        self.digest = b""
        self.boxes: list[tuple[int, bytes]] = []
        self.sectors: list[FinishedSector] = []
        self.sector_uuid: bytes | None = None
        self._folder, self._account, self._options = folder, account, options
        folder.mkdir(exist_ok=True)

    @property
    def ref(self) -> CheckpointRef:
        return CheckpointRef(self.header.uuid, self.digest)

    @property
    def length(self) -> int:
        return max((offset + len(content) for offset, content in self.boxes), default=0)

    def lane(self) -> LaneLine:
        digests = [blake3(self.content).digest(), *(blake3(content).digest() for _, content in sorted(self.boxes))]
        return LaneLine(0, self.length, blake3(b"".join(digests)).digest())

    def box(self, entries: Sequence[Entry], at: int | None = None) -> tuple[int, bytes]:
        """A box of one GROUP, which counts for the lane's digest."""
        made = (self.length if at is None else at, group_action(encode_entries(entries), None))
        self.boxes.append(made)
        return made

    def sector(
        self, boxes: Sequence[tuple[int, bytes]] = (), packs: Sequence[bytes] = (), ends: Sequence[End] = ()
    ) -> Path:
        """A sector with these boxes of entries, packs named from 0, and ENDs."""
        chosen = uuid.UUID(bytes=self.sector_uuid or os.urandom(16))
        with mock.patch.object(uuid, "uuid4", return_value=chosen):
            writer = SectorWriter(str(self._folder), self._account, **self._options)
        with writer:
            writer.begin_checkpoint(self.header.uuid, self.content)
            for name, raw in enumerate(packs):
                writer.add_data(self.header.uuid, name, pack_action(raw, None), len(raw))
            for offset, content in boxes:
                writer.add_meta(self.header.uuid, offset, content)
            for end in ends:
                offset = END_LANE << LANE_SHIFT | end.part
                writer.add_meta(self.header.uuid, offset, frame(ActionType.END, encode_end(end)))
            self.sectors.append(writer.finish())
        return Path(self.sectors[-1].path)

    def end(self, **changes: Any) -> End:
        """An END that lists the sectors that were made so far."""
        lines = tuple(SectorLine(one.uuid, one.header_digest, 1, one.size, b"", b"") for one in self.sectors)
        end = replace(End(self.header.uuid, 0, True, lines, 1, 1, (self.lane(),)), **changes)
        self.digest = blake3(blake3(encode_end(end)).digest()).digest()
        return end

    def whole(self, entries: Sequence[Entry], packs: Sequence[bytes] = ()) -> Path:
        """All of it in one sector."""
        box = self.box(entries)
        return self.sector([box], packs, [self.end()])


def small(path: bytes, content: bytes, box: int = 0, **changes: Any) -> File:
    """A file whose only chunk begins the pack `box`."""
    extent = Extent(len(content), blake3(content).digest(), box, 0)
    return replace(File(path, Attributes(), len(content), (extent,)), **changes)
