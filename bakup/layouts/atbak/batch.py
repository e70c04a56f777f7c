"""Objects of files in the making, and the entries that wait for them."""

from __future__ import annotations

from concurrent.futures import Future

from msgspec import Struct, field

from bakup.atbak.naming import uuid_of
from bakup.atbak.writer import Written
from bakup.catalog.objects import ObjectRow
from bakup.format.preamble import Facts
from bakup.model import Attributes, Entry, Extent, File

GROUP_OBJECTS = 32
GROUP_BYTES = 512 << 10
"""A worker gets so many files at once, or so many bytes: handing over costs more than a small file."""


class Group(Struct):
    """Files that one worker writes, as (content, facts, file in the spool), and what came of them."""

    files: list[tuple[bytes, Facts, str]] = field(default_factory=list)
    size: int = 0
    done: Future[list[Written]] = field(default_factory=Future)

    def add(self, data: bytes, facts: Facts, spool: str) -> int:
        """The number of the file."""
        self.files.append((data, facts, spool))
        self.size += len(data)
        return len(self.files) - 1

    @property
    def full(self) -> bool:
        """Whether it is to be written now."""
        return len(self.files) >= GROUP_OBJECTS or self.size >= GROUP_BYTES


class Making(Struct):
    """An object in the spool, or on its way there."""

    name: str
    spool: str
    facts: Facts
    size: int
    group: Group
    number: int

    def written(self) -> Written:
        """Waits for it."""
        return self.group.done.result()[self.number]

    def row(self, locator: str, written: Written, *, encrypted: bool) -> ObjectRow:
        """How the catalog has it."""
        return ObjectRow(
            uuid_of(self.name),
            locator,
            written.stored,
            written.size,
            written.sha256,
            self.facts.path,
            self.facts.modified_ns,
            encrypted,
            None if written.iv is None else written.iv + (written.body_sha256 or b""),
        )


class Piece(Struct):
    """An entry, in key order, and the object that it waits for."""

    path: bytes
    entry: Entry | None = None
    attributes: Attributes = field(default_factory=Attributes)
    making: Making | None = None

    def ready(self, written: Written | None) -> Entry:
        """The entry, once its object is written."""
        if self.entry is not None:
            return self.entry
        assert written is not None
        extents = (Extent(written.size, written.sha256),) if written.size else ()
        return File(self.path, self.attributes, written.size, extents)
