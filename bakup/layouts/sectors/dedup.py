"""Which chunks are stored already, or are about to be."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from bakup.catalog import places
from bakup.layouts.interface import Protection

GENERATION = 80_000
"""Claims of this process that are held in memory; older ones are looked up in the catalog."""
SIEVE_BITS = 26

Answer = Callable[[], Sequence[bytes]]
"""Waits for, and gives, those of the chunks that were asked for that are new."""


class Asked(Protocol):
    """Whom a `Transfer` asks, in the order of its stream. `ahead`: how many answers it may wait for."""

    ahead: int

    def ask(self, chunks: Sequence[bytes]) -> Answer:
        """Claim those of `chunks` (distinct) that nobody holds: who asks stores them."""

    def drained(self) -> None:
        """The chunks of the earliest claim that was not drained yet have their places."""


class Claims:
    """The claims of a run: those without a place in the catalog from memory, others from the catalog.

    `place`: where in the catalog a chunk has to stand so that this run may refer to it.

    Args:
        anew: what earlier runs stored does not count.
    """

    ahead = 0

    def __init__(self, connection: sqlite3.Connection, target: int, protection: Protection, *, anew: bool) -> None:
        self._connection = connection
        self._target = target
        self.place = places.believed(
            signer=protection.signer,
            encrypted=protection.encrypt,
            signed=protection.sign,
            after=places.last_sector(connection) if anew else 0,
        )
        self._recent: set[bytes] = set()
        self._older: set[bytes] = set()
        self._held: set[bytes] = set()
        # Without earlier runs only what this one has let go of can stand in the catalog.
        self._sieve = None if not anew and places.has_chunks(connection, target) else Sieve()

    def ask(self, chunks: Sequence[bytes]) -> Answer:
        """See `Asked`: answered at once."""
        new = self._claim(chunks)
        self._recent.update(new)
        if len(self._recent) > GENERATION:
            # What two generations ago was claimed stands in the catalog by now.
            self._let_go(self._older)
            self._older, self._recent = self._recent, set()
        return lambda: new

    def drained(self) -> None:
        """Nothing: the rows are in the catalog with their packs."""

    def hold(self, chunks: Sequence[bytes]) -> list[bytes]:
        """Those of `chunks` (distinct) that nobody holds; a worker does from now on, until they are let go."""
        new = self._claim(chunks)
        self._held.update(new)
        return new

    def let_go(self, chunks: Iterable[bytes]) -> None:
        """Chunks that were held stand in the catalog now, or are nobody's any more."""
        chunks = list(chunks)
        self._held.difference_update(chunks)
        self._let_go(chunks)

    def _let_go(self, chunks: Iterable[bytes]) -> None:
        if self._sieve is not None:
            self._sieve.add(chunks)

    def _claim(self, chunks: Sequence[bytes]) -> list[bytes]:
        recent, older, held, sieve = self._recent, self._older, self._held, self._sieve
        new = [chunk for chunk in chunks if chunk not in recent and chunk not in older and chunk not in held]
        asked = new if sieve is None else sieve.sift(new)
        if not asked:
            return new
        known = places.known_chunks(self._connection, self._target, asked, self.place)
        return [chunk for chunk in new if chunk not in known] if known else new


class Sieve:
    """Chunks that may be among those that were added: all of those, and, with a million added, one in
    sixty of others.

    A bit for each, by the first bytes of its id: 8 MiB.
    """

    def __init__(self) -> None:
        self._bits = bytearray(1 << SIEVE_BITS - 3)

    def add(self, chunks: Iterable[bytes]) -> None:
        """Ids, 32 bytes each."""
        bits, mask, number = self._bits, (1 << SIEVE_BITS) - 1, int.from_bytes
        for chunk in chunks:
            at = number(chunk[:4], "little") & mask
            bits[at >> 3] |= 1 << (at & 7)

    def sift(self, chunks: Iterable[bytes]) -> list[bytes]:
        """Those that may have been added."""
        bits, mask, number = self._bits, (1 << SIEVE_BITS) - 1, int.from_bytes
        return [chunk for chunk in chunks if bits[(at := number(chunk[:4], "little") & mask) >> 3] & (1 << (at & 7))]
