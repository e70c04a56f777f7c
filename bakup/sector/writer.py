"""Builds one sector in a spool file: data sealed behind room for the header, metadata in a second spool."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Iterable
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from typing import BinaryIO, Protocol, cast

from blake3 import blake3
from msgspec import Struct

from bakup.account.keys import PublicKeys, seal
from bakup.account.stream import Sealer, key_check, region_key
from bakup.format.action import ACTION, frame, pad_action
from bakup.format.box import BOX, OWN, ROW, TABLE_LENGTH, BoxHeader, pack_table
from bakup.format.codec import Buffer
from bakup.format.constants import (
    BOX_MAX,
    OUTSIDE,
    ROWS_MAX,
    SECTOR_MAX,
    SIGNATURES,
    ActionType,
    SectorFlag,
    SignatureId,
)
from bakup.format.header import EncryptedKey, PublicKeyField, SectorHeader
from bakup.format.structures import Kept, encode_kept
from bakup.model import TableRow
from bakup.sector.naming import object_name
from bakup.sector.region import RegionSpool
from bakup.store.faults import faults

SECTOR_KEY_INFO = b"bakup/1 sector key"
SMALLEST_PAD = BOX.size + ACTION.size
"""Bytes of a PAD's box without zeros."""

_COPIED = 1 << 20


class Signer(Protocol):
    """Who seals and signs: an `Account`, or a writer with the account's kem key and its own signing key."""

    @property
    def public(self) -> PublicKeys:
        """The account's kem key and the signer's public key."""

    def sign(self, message: bytes) -> bytes:
        """The signature of `message`, of the length that the kind of its key has."""


class FinishedSector(Struct, frozen=True):
    """A sector in its spool file, whole. `size` in bytes with padding, `header.sector_length` without."""

    path: str
    uuid: bytes
    header: SectorHeader
    header_digest: bytes
    size: int
    rows: tuple[TableRow, ...]

    @property
    def name(self) -> str:
        """The object's name at a target."""
        return object_name(self.uuid)


_BLOCK = 512
"""Bytes that `st_blocks` counts in."""


class SectorWriter:
    """One sector being built; sizes in bytes. A build that died is thrown away, never continued.

    Nothing in clear reaches the spool when `encrypt`, and memory is constant but for a row a data box. Raises
    NoTarget or Failed when the spool cannot be written; the caller then calls `abandon`, as `with` does.

    Args:
        spool_folder: a local folder, best one that the target gives.
        place: what the user knows it by, for messages.
        account: None only when neither `encrypt` nor `sign`.
        target_field: the target's own opaque header field, at most 4,096 bytes.
        certificate: a writer's, when `account` is a writer.
        limit: longest sector that `fits` allows.
        expected: bytes that are to be stored in all, for messages.
    """

    def __init__(
        self,
        spool_folder: str,
        account: Signer | None,
        *,
        place: str = "",
        encrypt: bool = True,
        sign: bool = True,
        target_field: bytes | None = None,
        certificate: bytes | None = None,
        limit: int = SECTOR_MAX,
        expected: int = SECTOR_MAX,
    ) -> None:
        self.uuid = uuid.uuid4().bytes
        self.limit = limit
        self._need = min(limit, expected)
        self._account = account
        self._folder = spool_folder
        self._place = place or spool_folder
        key = os.urandom(32) if encrypt else None
        self._header = _header(self.uuid, account, key, sign=sign)
        self._header = replace(self._header, target=target_field, certificate=certificate)
        self._header_length = self._header.length
        self._checkpoints: dict[bytes, bytes] = {}
        self._begun: set[bytes] = set()
        self._rows: list[TableRow] = []
        self.path = os.path.join(spool_folder, object_name(self.uuid))
        with faults(self._place, folder=spool_folder, need=self._need):
            self._file = cast(BinaryIO, open(self.path, "xb", buffering=0, opener=_private))  # noqa: SIM115
            self._meta_file = cast(BinaryIO, tempfile.TemporaryFile(dir=spool_folder, buffering=0))  # noqa: SIM115
            self._file.seek(self._header_length)
        self._data = RegionSpool(self._file, _sealer(key, self.uuid, "data"), beside=True)
        self._meta = RegionSpool(self._meta_file, _sealer(key, self.uuid, "meta"))

    def __enter__(self) -> SectorWriter:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._file.closed:
            self.abandon()

    @property
    def header_length(self) -> int:
        """Bytes that the header will take."""
        return self._header_length

    @property
    def data_size(self) -> int:
        """Plaintext bytes of the data region so far."""
        return self._data.plain

    @property
    def final(self) -> int:
        """Bytes of the spool file, from its start, that change no more but for the header."""
        return self._header_length + self._data.written

    @property
    def meta_size(self) -> int:
        """Plaintext bytes of the meta region so far, without the table."""
        return self._meta.plain

    @property
    def meta_final(self) -> int:
        """Plaintext bytes of the meta region if the sector were finished now."""
        return self._meta.plain + ROW.size * len(self._rows) + TABLE_LENGTH.size

    @property
    def empty(self) -> bool:
        """Whether nothing was added yet."""
        return not (self.data_size or self.meta_size)

    def size_with(self, *, data: Iterable[int] = (), meta: Iterable[int] = ()) -> int:
        """Length of the sector, without padding, if boxes with contents of these lengths were its last.

        Exact, but that CHECKPOINTs which were begun and have no box of metadata yet are counted.
        """
        data, meta = list(data), list(meta)
        waiting = [len(self._checkpoints[one]) for one in self._checkpoints.keys() - self._begun]
        table = ROW.size * (len(self._rows) + len(data)) + TABLE_LENGTH.size
        more_data = sum(data) + BOX.size * len(data)
        more_meta = sum(meta) + sum(waiting) + BOX.size * (len(meta) + len(waiting)) + table
        return self._header_length + self._data.stored_with(more_data) + self._meta.stored_with(more_meta)

    def fits(self, *, data: Iterable[int] = (), meta: Iterable[int] = ()) -> bool:
        """Whether boxes with contents of these lengths still fit the limit, and a table of all data boxes."""
        data = list(data)
        return len(self._rows) + len(data) <= ROWS_MAX and self.size_with(data=data, meta=meta) <= self.limit

    def begin_checkpoint(self, checkpoint: bytes, content: bytes) -> None:
        """Give the content of a check point's CHECKPOINT, to be stored before its first box of metadata."""
        framed = frame(ActionType.CHECKPOINT, content)
        if self._checkpoints.setdefault(checkpoint, framed) != framed:
            raise ValueError("a check point has one header")

    def add_data(self, checkpoint: bytes, offset: int, content: Buffer, raw_length: int) -> int:
        """Add a data box: one framed PACK. `offset` is its name in the check point.

        Returns the box's position in the data region. Raises ValueError over `BOX_MAX`.
        """
        position = self._data.plain
        self._append(self._data, BoxHeader(checkpoint, offset, len(content)), content)
        self._rows.append(TableRow(checkpoint, offset, len(content), position, raw_length))
        return position

    def add_meta(self, checkpoint: bytes, offset: int, content: Buffer) -> None:
        """Add a box of whole GROUPs, or of an END in its lane; `offset` says the lane and the place in it.

        Raises ValueError over `BOX_MAX`, and for a check point that was not begun.
        """
        if checkpoint not in self._begun:
            if checkpoint not in self._checkpoints:
                raise ValueError("begin_checkpoint comes first")
            framed = self._checkpoints[checkpoint]
            self._append(self._meta, BoxHeader(checkpoint, OUTSIDE, len(framed)), framed)
            self._begun.add(checkpoint)
        self._append(self._meta, BoxHeader(checkpoint, offset, len(content)), content)

    def add_pad(self, length: int) -> None:
        """Add a box of zeros that takes `length` bytes of the data region, at least `SMALLEST_PAD`."""
        self.add_data(OWN, OUTSIDE, pad_action(length - BOX.size), 0)

    def add_meta_pad(self, length: int) -> None:
        """Add a box of zeros that takes `length` bytes of the meta region, at least `SMALLEST_PAD`."""
        content = pad_action(length - BOX.size)
        self._append(self._meta, BoxHeader(OWN, OUTSIDE, len(content)), content)

    def add_kept(self, kept: Kept) -> None:
        """Say where chunks are whose entries are in no sector any more (section 5.5)."""
        content = frame(ActionType.CHUNKS, encode_kept(kept))
        self._append(self._meta, BoxHeader(OWN, OUTSIDE, len(content)), content)

    def write_back(self) -> None:
        """Let the disk take what was added so far, which may be called beside `add_data`. Raises as that."""
        with self._faults():
            getattr(os, "fdatasync", os.fsync)(self._file.fileno())

    def finish(self, *, alignment: int = 1, smallest: int = 0) -> FinishedSector:
        """Close the sector: table, digests, signature, zeros up to `smallest` and a multiple of `alignment`.

        Makes nothing durable yet: that is the put's part, which waits for the disk once.
        """
        with self._faults():
            self._meta.append(pack_table(self._rows))
            header = self._signed(self._data.finish(), self._meta.finish())
            size = max(header.sector_length, smallest)
            size += -size % alignment
            _copy(self._meta_file, self._file)
            self._file.truncate(size)
            self._file.seek(0)
            data = header.to_bytes()
            self._file.write(data)
        self._close()
        return FinishedSector(self.path, self.uuid, header, blake3(data).digest(), size, tuple(self._rows))

    def abandon(self) -> None:
        """Throw the build away. Raises nothing: on a dead disk what went wrong before is what is to be told."""
        for step in (self._data.close, self._file.close, self._meta_file.close, lambda: os.unlink(self.path)):
            with suppress(OSError):
                step()

    def _faults(self) -> AbstractContextManager[None]:
        return faults(self._place, folder=self._folder, need=self._need, held=self._held)

    def _held(self) -> int:
        """Bytes of the disk that this build has, and gives back when it is thrown away."""
        files = [file for file in (self._file, self._meta_file) if not file.closed]
        return sum(_BLOCK * getattr(os.fstat(file.fileno()), "st_blocks", 0) for file in files)

    def _append(self, region: RegionSpool, header: BoxHeader, content: Buffer) -> None:
        if not 1 <= header.length <= BOX_MAX:
            raise ValueError(f"a box of {header.length:,} bytes is out of range")
        with self._faults():
            region.append(header.to_bytes(), content)

    def _signed(self, data_digest: bytes, meta_digest: bytes) -> SectorHeader:
        header = replace(
            self._header,
            data_length=self._data.stored,
            data_digest=data_digest,
            meta_length=self._meta.stored,
            meta_digest=meta_digest,
        )
        if not header.signed or self._account is None:
            return header
        return replace(header, signature=self._account.sign(header.signed_message()))

    def _close(self) -> None:
        self._file.close()
        self._meta_file.close()


def sector_key_info(sector: bytes, key: PublicKeyField) -> bytes:
    """What the sector key's sealing is bound to (section 4.2)."""
    return SECTOR_KEY_INFO + sector + key.signature_id.to_bytes(2, "little") + key.signer


def _header(sector: bytes, account: Signer | None, key: bytes | None, *, sign: bool) -> SectorHeader:
    """The header with room for digests and signature, so that its length is known before the body."""
    flags = SectorFlag.ENCRYPTED if key is not None else SectorFlag(0)
    flags |= SectorFlag.SIGNED if sign else SectorFlag(0)
    if not flags:
        return SectorHeader(sector, flags)
    if account is None:
        raise ValueError("encryption and signature need an account")
    public = account.public
    field = PublicKeyField(public.kem, public.signature_id, public.signing) if sign else PublicKeyField(public.kem)
    keys: tuple[EncryptedKey, ...] = ()
    if key is not None:
        keys = (EncryptedKey(public.recipient_id, seal(public.kem, key, sector_key_info(sector, field))),)
    return SectorHeader(
        sector,
        flags,
        public_key=field,
        encrypted_keys=keys,
        key_check=None if key is None else key_check(key, sector),
        signature=bytes(SIGNATURES[SignatureId(public.signature_id)]) if sign else None,
    )


def _sealer(key: bytes | None, sector: bytes, region: str) -> Sealer | None:
    return None if key is None else Sealer(region_key(key, sector, "data" if region == "data" else "meta"))


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _copy(source: BinaryIO, out: BinaryIO) -> None:
    source.seek(0)
    while piece := source.read(_COPIED):
        view = memoryview(piece)
        while view:
            view = view[out.write(view) :]
