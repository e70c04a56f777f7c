"""A run that stores in the plain layout: what the sinks of its sources share."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from bakup.atbak.naming import locator_of, new_name
from bakup.atbak.writer import Written, write_object
from bakup.catalog.database import transaction
from bakup.flows.atbak_loose import make_loose
from bakup.flows.atbak_sink import AtbakSink
from bakup.flows.layouts import Begun, Task
from bakup.flows.processors import workers
from bakup.format.preamble import Facts
from bakup.source.interface import Source
from bakup.store.faults import faults
from bakup.store.target import Target


class AtbakStoring:
    """See `bakup.flows.layouts.Storing`. `folders`: objects go below folders of two characters."""

    def __init__(self, target: Target, key: bytes | None, task: Task, *, folders: bool, level: int | None) -> None:
        self.target = target
        self.key = key
        self.task = task
        self.level = level
        self.pool = ThreadPoolExecutor(workers(), thread_name_prefix="pack")
        self.stored_bytes = 0
        self.stored_objects = 0
        self.checkpoint_objects = 0
        self._folders = folders
        self._sinks: list[AtbakSink] = []

    def __enter__(self) -> AtbakStoring:
        return self

    def __exit__(self, *error: object) -> None:
        self.pool.shutdown(wait=True, cancel_futures=True)
        for sink in self._sinks:
            sink.close()

    def begin(self, begun: Begun, source: Source) -> AtbakSink:
        """Its object is put when it ends."""
        sink = AtbakSink(self, begun, source)
        self._sinks.append(sink)
        return sink

    def flush(self) -> None:
        """Nothing waits any more. Objects that no check point named until now may be named."""
        with transaction(self.task.connection):
            make_loose(self.task.connection, self.task.target_row)

    def new_object(self) -> tuple[str, str]:
        """(name of a new object, file in the spool for it)."""
        name = new_name(encrypted=self.key is not None)
        return name, self.spool(name)

    def spool(self, name: str) -> str:
        """A file in the spool."""
        return os.path.join(self.task.spool, name)

    def write(self, pieces: Iterable[bytes | memoryview], facts: Facts, spool: str) -> Written:
        """Write one object into the spool."""
        with faults(self.task.spool_place, folder=self.task.spool):
            return write_object(pieces, facts, spool, key=self.key, level=self.level)

    def locator(self, name: str) -> str:
        """Where an object goes."""
        return locator_of(name, folders=self._folders)

    def count(self, sizes: Iterable[int]) -> None:
        """Objects of so many bytes are stored."""
        for size in sizes:
            self.stored_bytes += size
            self.stored_objects += 1
        self.task.on_put(self.stored_bytes, self.stored_objects)
