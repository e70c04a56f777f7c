"""Whether a file that stands where one is to be restored has the bytes of it: told by the ids of its chunks, so
that nothing is read from the target."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from hashlib import sha256
from typing import Protocol

from blake3 import blake3
from msgspec import Struct

from bakup.catalog import history
from bakup.catalog.rows import Version
from bakup.destination.interface import Out, object_facts
from bakup.model import Extent

BLOCK = 8 << 20
"""Bytes that are read at a time."""


class Hash(Protocol):
    """Of hashlib's kind."""

    def update(self, data: bytes, /) -> object:
        """Add bytes."""

    def digest(self) -> bytes:
        """Of all of them."""


HASHES: dict[str, Callable[[], Hash]] = {"sectors": blake3, "atbak": sha256}
"""What makes ids of chunks, by the layout's name."""


class Verifier(Struct):
    """Files at `out` beside versions of the catalog."""

    connection: sqlite3.Connection
    out: Out
    hash: Callable[[], Hash]

    def holds(self, version: Version) -> bool:
        """Whether what stands at a file's path has its bytes; no where some of them are known to nobody."""
        offset = 0
        for extent in history.extents_of(self.connection, version):
            if not self._holds(version, offset, extent):
                return False
            offset += extent.length
        return offset == version.size

    def _holds(self, version: Version, offset: int, extent: Extent) -> bool:
        found = self.hash()
        end = offset + extent.length
        while offset < end:
            data = self.out.read(version.path, offset, min(BLOCK, end - offset), object_facts(version.attributes))
            if not data or (extent.chunk is None and data != bytes(len(data))):
                return False
            found.update(data)
            offset += len(data)
        return extent.chunk is None or found.digest() == extent.chunk
