"""serve: check points over HTTP, until the end is asked for."""

from __future__ import annotations

from collections.abc import Callable

from bakup.api.ask import Ask
from bakup.api.reports import TargetOptions
from bakup.api.watch import Watch
from bakup.archive.browse import browse
from bakup.archive.home import Home
from bakup.errors import BakupError
from bakup.serve.server import Listening
from bakup.serve.server import serve as answer


def serve(
    home: Home,
    dst: str,
    where: Listening,
    *,
    webdav: bool,
    target: TargetOptions,
    began: Callable[[str, int], None],
    report: Callable[[bytes, BakupError], None],
    watch: Watch,
    ask: Ask,
) -> None:
    """Answer requests for the check points at `dst`; returns when ctrl-C or SIGTERM came."""
    with browse(home, dst, target, watch, ask) as tree:
        answer(tree, where, webdav=webdav, began=began, report=report, watch=watch)
