"""Sources hold still while they are read: what that changes is journaled before, and undone on every way out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from bakup.archive.home import Home
from bakup.catalog import state_db
from bakup.source.interface import Prepared, Source


@contextmanager
def held(home: Home, trees: Sequence[Source]) -> Iterator[None]:
    """Prepare each source; the last is given back first.

    Raises Failed for a source that does not hold still; what was changed until then is given back.
    """
    with ExitStack() as changed:
        for tree in trees:
            holding = _Holding(home, tree)
            changed.callback(holding.give_back)
            holding.prepare()
        yield


class _Holding:
    """One source, and what was done to it."""

    def __init__(self, home: Home, tree: Source) -> None:
        self._home = home
        self._tree = tree
        self._steps: list[Prepared] = []
        self._whole: Prepared | None = None

    def prepare(self) -> None:
        self._whole = self._tree.prepare(self._journal)

    def give_back(self) -> None:
        for step in reversed(self._steps) if self._whole is None else (self._whole,):
            self._tree.restore_state(step)
        if self._steps:
            state_db.clear_journal(self._home.state, self._tree.location)

    def _journal(self, step: Prepared) -> None:
        state_db.add_journal(self._home.state, self._tree.location, step.strategy, step.facts)
        self._steps.append(step)
