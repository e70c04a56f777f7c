"""A run that stores in the plain layout: a sink for each check point, all of them on one spool."""

from __future__ import annotations

from bakup.catalog.database import transaction
from bakup.layouts.atbak.loose import make_loose
from bakup.layouts.atbak.spool import AtbakSpool
from bakup.layouts.atbak.transfer import AtbakSink
from bakup.layouts.interface import Begun, Task
from bakup.source.interface import Source
from bakup.store.target import Target


class AtbakStoring(AtbakSpool):
    """See `bakup.layouts.interface.Storing`."""

    def __init__(self, target: Target, key: bytes | None, task: Task, *, folders: bool, level: int | None) -> None:
        super().__init__(target, key, task, folders=folders, level=level)
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
