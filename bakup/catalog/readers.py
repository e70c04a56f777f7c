"""Connections that only read the catalog, for many threads at once."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from bakup.catalog import database

CACHE_KIB = 4 * 1024
"""Of each connection: there may be many."""


class Readers:
    """As many connections as threads read at once. What another run commits meanwhile is seen by the next `one`."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._idle: deque[sqlite3.Connection] = deque()

    @contextmanager
    def one(self) -> Iterator[sqlite3.Connection]:
        """A connection for this thread alone, until it is given back."""
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = database.reader(self._folder, cache_kib=CACHE_KIB)
        try:
            yield connection
        finally:
            self._idle.append(connection)

    def close(self) -> None:
        """Close those that nobody uses."""
        while self._idle:
            self._idle.pop().close()
