"""What the check points of a run share in the plain layout: names, the spool, workers, counts."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from bakup.atbak.naming import locator_of, new_name
from bakup.atbak.writer import Written, write_object
from bakup.format.preamble import Facts
from bakup.layouts.interface import Task
from bakup.processes import workers
from bakup.store.faults import faults
from bakup.store.target import Target


class AtbakSpool:
    """`folders`: objects go below folders of two characters."""

    def __init__(self, target: Target, key: bytes | None, task: Task, *, folders: bool, level: int | None) -> None:
        self.target = target
        self.key = key
        self.task = task
        self.level = level
        self.pool = ThreadPoolExecutor(workers(), thread_name_prefix="pack")
        self.stored_bytes = 0
        self.stored_objects = 0
        self.checkpoint_objects = 0
        self.host = None
        self._folders = folders

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
