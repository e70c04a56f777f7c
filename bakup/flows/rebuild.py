"""rebuild: the catalog of a target again, from the target alone."""

from __future__ import annotations

from bakup.api.ask import Ask
from bakup.api.reports import RebuildReport, TargetOptions
from bakup.api.watch import Watch
from bakup.archive.home import Home
from bakup.archive.opening import attach, made_with, remember
from bakup.errors import Failed


def rebuild(home: Home, dst: str, *, target: TargetOptions, watch: Watch, ask: Ask) -> RebuildReport:
    """Forget the catalog of `dst` and make it again; reads two ranges a sector and not one byte of data.

    Raises what `attach` raises; what is damaged or not believed is named in the report.
    """
    home.lock(home.lock_wait)
    with attach(home, dst, target, watch, ask, rebuild=True) as attached:
        if attached.rebuilt is None:
            raise Failed(f"{dst} holds no {attached.layout.unit}s of this account", code="no-sectors")
        encrypted, signed = made_with(home, attached)
        remember(home, attached, encrypted=encrypted, signed=signed)
        return attached.rebuilt
