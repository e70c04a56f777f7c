"""Sectors to read: built by the writer, or crafted from plaintexts that the writer would never make."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

from bakup.account.keys import Account, PublicKeys, seal
from bakup.account.stream import Sealer, key_check, region_key, stored_length
from bakup.format.action import group_action, pack_action
from bakup.format.constants import SectorFlag
from bakup.format.entries import encode_entries
from bakup.format.header import EncryptedKey, PublicKeyField, SectorHeader
from bakup.format.structures import encode_checkpoint
from bakup.model import Attributes, Checkpoint, Chunker, Entry, Extent, File
from bakup.sector.reader import OpenSector, read_header
from bakup.sector.trust import Trust
from bakup.sector.writer import FinishedSector, SectorWriter, sector_key_info
from bakup.store.local.folder import FolderTarget

POINT = Checkpoint(
    b"point-uuid-16byt",
    0,
    5,
    b"source-uuid-16by",
    "host",
    b"/home",
    "",
    (),
    1,
    None,
    None,
    None,
    Chunker("c", 1, 2, 3, 4),
)


class Lab:
    """A target in a folder, an account, and sectors in the making."""

    def __init__(self, folder: Path) -> None:
        self.account = Account.from_entropy(b"e" * 32)
        self.other = Account.from_entropy(b"o" * 32)
        self.target = FolderTarget(str(folder / "target"))
        self.target.create()
        self.point = POINT

    def writer(self, account: Any = None, **options: Any) -> SectorWriter:
        writer = SectorWriter(self.target.spool_folder(), account or self.account, **options)
        writer.begin_checkpoint(POINT.uuid, encode_checkpoint(POINT))
        return writer

    def build(self, raws: tuple[bytes, ...] = (b"one" * 50, b"two" * 70), **options: Any) -> FinishedSector:
        """A sector of one check point: a pack and an entry for each of `raws`."""
        finishing = {name: options.pop(name) for name in ("alignment", "smallest") if name in options}
        with self.writer(**options) as writer:
            offset = 0
            for raw in raws:
                pack = pack_action(raw, None)
                writer.add_data(POINT.uuid, offset, pack, len(raw))
                offset += len(pack)
            writer.add_meta(POINT.uuid, 0, group_action(encode_entries(entries(raws)), 3))
            return writer.finish(**finishing)

    def craft(self, data: bytes, meta: bytes, account: Account | None = None, **changes: Any) -> tuple[str, int]:
        """A sealed and signed sector of these two plaintexts, put at the target: locator and size."""
        signer = account or self.account
        uuid, key = os.urandom(16), os.urandom(32)
        regions = [sealed(key, uuid, "data", data), sealed(key, uuid, "meta", meta)]
        public = PublicKeyField(self.account.public.kem, 2, signer.public.signing)
        header = SectorHeader(
            uuid,
            SectorFlag(3),
            len(regions[0]),
            blake3(regions[0]).digest(),
            len(regions[1]),
            blake3(regions[1]).digest(),
            public_key=public,
            encrypted_keys=(
                EncryptedKey(self.account.public.recipient_id, seal(public.kem, key, sector_key_info(uuid, public))),
            ),
            key_check=key_check(key, uuid),
            signature=bytes(3373),
        )
        header = replace(header, **changes)
        header = replace(header, signature=signer.sign(header.signed_message()))
        return self.store(header.to_bytes() + b"".join(regions))

    def store(self, content: bytes, name: str = "crafted.bakup") -> tuple[str, int]:
        """Any bytes as an object."""
        Path(self.target.url, name).write_bytes(content)
        return name, len(content)

    def put(self, finished: FinishedSector) -> tuple[str, int]:
        return self.target.put_new(finished.name, finished.path), finished.size

    def open(self, locator: str, size: int, **trust: Any) -> OpenSector:
        """Read a header as the account; `trust` changes whom to believe."""
        sector = read_header(self.target, locator, size, Trust(**{"account": self.account} | trust))
        assert sector is not None
        return sector

    def content(self, finished: FinishedSector) -> bytes:
        return Path(finished.path).read_bytes()


class Writer:
    """A machine that seals for the account and signs with a key of its own."""

    def __init__(self, account: Account, own: Account) -> None:
        self.public = PublicKeys(account.public.kem, own.public.signing)
        self.sign = own.sign


def entries(raws: tuple[bytes, ...]) -> tuple[Entry, ...]:
    """A file for each of `raws`, each alone in its pack."""
    found, offset = [], 0
    for number, raw in enumerate(raws):
        extent = Extent(len(raw), blake3(raw).digest(), offset, 0)
        found.append(File(b"file%04d" % number, Attributes(), len(raw), (extent,)))
        offset += len(pack_action(raw, None))
    return tuple(found)


def sealed(key: bytes, uuid: bytes, region: Any, plain: bytes) -> bytes:
    """A region's stored bytes."""
    out = bytearray(stored_length(len(plain)))
    Sealer(region_key(key, uuid, region)).seal(memoryview(plain), memoryview(out), 0, True)
    return bytes(out)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = Lab(tmp_path)
    yield made
    made.target.close()


@pytest.fixture
def certified() -> Callable[[Account, Account], Writer]:
    return Writer
