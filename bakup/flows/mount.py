"""mount: check points as folders, until they are unmounted."""

from __future__ import annotations

from collections.abc import Callable

from bakup.api.ask import Ask
from bakup.api.reports import TargetOptions
from bakup.api.watch import Watch
from bakup.archive.browse import browse
from bakup.archive.home import Home
from bakup.errors import BakupError
from bakup.mount.operations import Operations
from bakup.mount.session import serve

Report = Callable[[bytes, BakupError], None]
"""Told of a path that cannot be read, and why."""


def mount(
    home: Home,
    dst: str,
    folder: str,
    *,
    target: TargetOptions,
    allow_other: bool,
    began: Callable[[tuple[str, ...]], None],
    report: Report,
    watch: Watch,
    ask: Ask,
) -> None:
    """Show the check points at `dst` below `folder`; returns when they are unmounted.

    `began` is told the names at the top when the mount stands.
    """
    with browse(home, dst, target, watch, ask) as tree:

        def stands() -> None:
            began(tuple(name.decode() for name in sorted(tree.look(), key=_latest_first)))

        serve(Operations(tree, report, stands), folder, dst, allow_other=allow_other)


def _latest_first(name: bytes) -> tuple[bool, bytes]:
    return name != b"latest", name
