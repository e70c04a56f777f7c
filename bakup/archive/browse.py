"""A target as a tree that stands for long: the lock is let go, and the target is looked at again now and then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from bakup.api.ask import Ask
from bakup.api.reports import TargetOptions
from bakup.api.watch import Silent, Watch
from bakup.archive.contents import Contents
from bakup.archive.findings import remember_findings
from bakup.archive.home import Home
from bakup.archive.opening import attach
from bakup.archive.tree import Tree
from bakup.catalog.readers import Readers
from bakup.errors import BakupError
from bakup.store.opening import is_url

HERE_S, REMOTE_S = 2.0, 60.0
"""Seconds between two looks at a target here, and at one over the network."""


@contextmanager
def browse(home: Home, place: str, options: TargetOptions, watch: Watch, ask: Ask) -> Iterator[Tree]:
    """Open the target at `place` for reading by any number of threads, until the end of the block.

    Other runs may use the BAKUP_HOME meanwhile. Raises what `attach` raises.
    """
    with attach(home, place, options, watch, ask) as attached:
        home.unlock()
        readers = Readers(home.databases)
        reading = attached.layout.reading(readers, attached.row)
        contents = Contents(readers, attached.row, reading)
        look = partial(_look_again, home, place, replace(options, cache=None), ask, watch, contents)
        try:
            yield Tree(contents, look, REMOTE_S if is_url(place) else HERE_S)
        finally:
            if contents.findings:
                look()
            contents.close()


def _look_again(home: Home, place: str, options: TargetOptions, ask: Ask, watch: Watch, contents: Contents) -> None:
    """Take in what came to the target, and write down what was found damaged, if no other run is at it."""
    if not home.remembers:
        return
    try:
        with home.again() as again:
            if again.try_lock():
                with attach(again, place, options, Silent(), ask) as attached:
                    remember_findings(again, attached, contents.findings, "found by a reader")
    except BakupError as error:
        watch.event("refresh", error=error.message)
