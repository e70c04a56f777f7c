"""Reads a sector at a target, in the order that section 4.3 of the format demands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from blake3 import blake3
from msgspec import Struct

from bakup.account.keys import Account, signer_id
from bakup.account.stream import Opener, key_check, region_key
from bakup.errors import Damaged, WrongAccount
from bakup.format.certificate import Certificate
from bakup.format.constants import FIRST_READ, MAGIC
from bakup.format.header import SectorHeader, header_length
from bakup.model import TableRow
from bakup.sector.data import PIECE, BoxContent, DataState, read_boxes, verify_region
from bakup.sector.meta import READ_MAX, MetaRegion, fetch_meta
from bakup.sector.naming import named, sector_name
from bakup.sector.region import Region
from bakup.sector.trust import Trust, judge
from bakup.sector.writer import sector_key_info
from bakup.store.target import Locator, Target

PADDING_READ = READ_MAX
"""Most bytes of padding that are checked with the metadata; more of them are with the data."""


class FoundHeader(Struct, frozen=True):
    """A header as an object has it; nothing of it is believed yet. `size` is the object's, in bytes."""

    locator: Locator
    size: int
    header: SectorHeader
    digest: bytes

    @property
    def padding(self) -> int:
        """Bytes of the object behind the meta region."""
        return self.size - self.header.sector_length


def fetch_header(target: Target, locator: Locator, size: int) -> FoundHeader | None:
    """Step 1: read and parse the header of an object of `size` bytes; None if it is no sector.

    One read of `FIRST_READ` bytes, and one more for a longer header. Raises Damaged or Truncated.
    """
    with named(locator):
        start = target.read(locator, 0, min(FIRST_READ, size))
    if not start.startswith(MAGIC):
        return None
    with named(locator):
        length = header_length(start)
        if length > len(start):
            start += target.read(locator, len(start), length - len(start))
        header = SectorHeader.from_bytes(start[:length])
    return FoundHeader(locator, size, header, blake3(start[:length]).digest())


def read_header(target: Target, locator: Locator, size: int, trust: Trust) -> OpenSector | None:
    """Steps 1 to 4: fetch a header, judge it by `trust`, open the sector key. None if it is no sector.

    Raises Foreign, Untrusted, Damaged or Truncated, whose message begins with the locator.
    """
    found = fetch_header(target, locator, size)
    return None if found is None else open_sector(target, found, trust)


def open_sector(target: Target, found: FoundHeader, trust: Trust) -> OpenSector:
    """Steps 2 to 4 for a header that was fetched. Raises Foreign, Untrusted or Damaged."""
    with named(found.locator):
        certificate = judge(found.header, trust)
        found.header.check_lengths(found.size)
        key = _sector_key(found.header, trust.account)
        return OpenSector(target, found, key, certificate)


def audit_sector(target: Target, found: FoundHeader) -> OpenSector:
    """A sector of whomever, believed in nothing and opened by no key: only its digests can be compared."""
    with named(found.locator):
        found.header.check_lengths(found.size)
        return OpenSector(target, found, None, None)


class OpenSector:
    """A sector that may be read. Holds no bytes of it; several threads may read at once."""

    def __init__(self, target: Target, found: FoundHeader, key: bytes | None, certificate: Certificate | None) -> None:
        header = found.header
        self.locator = found.locator
        self.header = header
        self.header_digest = found.digest
        self.certificate = certificate
        self.uuid = header.uuid
        self.name = sector_name(header.uuid)
        self.target = target
        self._padding = found.padding
        data, meta = _opener(key, header.uuid, "data"), _opener(key, header.uuid, "meta")
        encrypted = header.encrypted
        self.data_region = Region(header.data_start, header.data_length, encrypted=encrypted, opener=data)
        self.meta_region = Region(header.meta_start, header.meta_length, encrypted=encrypted, opener=meta)

    @property
    def readable(self) -> bool:
        """Whether the account's key opened it, or it is plain."""
        return self.data_region.readable

    @property
    def signer(self) -> bytes:
        """Signer id of who signed; empty for an unsigned sector."""
        key = self.header.public_key
        return signer_id(key.signature_id, key.signer) if key is not None and self.header.signed else b""

    def meta(self) -> MetaRegion:
        """Step 5: the metadata, in one read, and one more for each further 8 MiB.

        Raises Damaged or Truncated, WrongAccount if the sector key was not opened.
        """
        self._expect_readable()
        with named(self.name):
            padding = self._padding if self._padding <= PADDING_READ else 0
            read = fetch_meta(self._fetch, self.meta_region, self.header.meta_digest, padding)
            meta = MetaRegion(read, self.meta_region, self.data_region.plain, self.name)
            self._check_sources(meta)
            return meta

    def data_box(self, row: TableRow) -> memoryview | bytes:
        """The chunks of one PACK, unpacked; only the segments that cover it are read.

        Of a damaged one what is left, if anything: so each chunk is to be compared with its id. Raises Damaged.
        """
        for found in self.data_boxes([row]):
            if found.damage is not None and not found.raw:
                raise found.damage
            return found.raw
        raise AssertionError("a row gives a box")

    def data_boxes(self, rows: Iterable[TableRow]) -> Iterator[BoxContent]:
        """The chunks of several PACKs, in order of `rows`; neighbours come with one read of at most 16 MiB.

        A box that is damaged is told as such, and the next ones follow. Raises Damaged for a row beyond the
        region.
        """
        self._expect_readable()
        with named(self.name):
            for found in read_boxes(self._fetch, self.data_region, rows):
                yield self._named_damage(found)

    def verify_data(
        self, rows: Iterable[TableRow] = (), on_box: Callable[[BoxContent], None] | None = None
    ) -> DataState:
        """Read every byte of the data region, and padding that `meta` left out; goes on after damage.

        `on_box` gets each box of `rows` (a table as `meta` gives it), unpacked or with its damage. Without it
        only digest, segments and box headers are checked; without the account's key, the digest.
        """
        tell = None if on_box is None else lambda found: on_box(self._named_damage(found))
        state = verify_region(self._fetch, self.data_region, self.header.data_digest, tuple(rows), tell)
        if self._padding > PADDING_READ and not self._padding_good():
            raise Damaged(f"{self.name} is damaged: the padding is not zeros")
        return state

    def meta_good(self) -> bool:
        """Whether the stored metadata are what the header says; needs no key."""
        region = self.meta_region
        hasher = blake3()
        for offset in range(0, region.stored, READ_MAX):
            hasher.update(self._fetch(region.start + offset, min(READ_MAX, region.stored - offset)))
        return hasher.digest() == self.header.meta_digest

    def _fetch(self, offset: int, length: int) -> bytes:
        return self.target.read(self.locator, offset, length)

    def _padding_good(self) -> bool:
        start = self.header.sector_length
        for at in range(0, self._padding, PIECE):
            piece = self._fetch(start + at, min(PIECE, self._padding - at))
            if piece.count(0) != len(piece):
                return False
        return True

    def _named_damage(self, found: BoxContent) -> BoxContent:
        if found.damage is None:
            return found
        damage = found.damage
        message = f"{self.name} is damaged {damage.message}"
        return BoxContent(found.row, found.raw, type(damage)(message, code=damage.code), found.framed)

    def _expect_readable(self) -> None:
        if not self.readable:
            raise WrongAccount(
                f"{self.name} opens only with the account's words", hints=("with your 24 words: bakup account recover",)
            )

    def _check_sources(self, meta: MetaRegion) -> None:
        if self.certificate is None:
            return
        meta.keep_sources(self.certificate.sources)


def _sector_key(header: SectorHeader, account: Account | None) -> bytes | None:
    if not header.encrypted or account is None or header.public_key is None:
        return None
    info = sector_key_info(header.uuid, header.public_key)
    last = Damaged("its key was not sealed for this account", code="sealed-key")
    for field in header.encrypted_keys:
        if field.recipient != account.public.recipient_id:
            continue
        try:
            key = account.open_sealed(field.sealed, info)
        except Damaged as error:
            last = error
            continue
        if key_check(key, header.uuid) != header.key_check:
            raise Damaged("another key was sealed for this account than for others", code="key-check")
        return key
    raise last


def _opener(key: bytes | None, sector: bytes, region: str) -> Opener | None:
    return None if key is None else Opener(region_key(key, sector, "data" if region == "data" else "meta"))
