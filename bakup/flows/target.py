"""target test: what a store can promise, tried out."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable

from msgspec import Struct

from bakup.api.reports import TargetOptions
from bakup.api.watch import Watch
from bakup.store.conformance.contract import Finding, examine
from bakup.store.conformance.trial import trial


class TargetReport(Struct, frozen=True):
    """What was found, and what could not be removed from `below`; sizes in bytes, `elapsed` in seconds."""

    target: str
    below: str
    findings: tuple[Finding, ...]
    free_bytes: int | None
    left_objects: int = 0
    left_bytes: int = 0
    elapsed: float = 0.0

    @property
    def broken(self) -> tuple[Finding, ...]:
        """What bakup needs, or the target declares, and does not hold."""
        return tuple(one for one in self.findings if one.holds is False and (one.needed or one.declared))

    @property
    def exit_code(self) -> int:
        """0 when all that bakup needs holds."""
        return 1 if self.broken else 0


def target_test(
    place: str, *, target: TargetOptions, pages: bool, watch: Watch, found: Callable[[Finding], None]
) -> TargetReport:
    """Try every promise below `place` and remove what was put; `found` is told of each finding as it is made.

    Raises NoTarget when the target is not there, denies access or takes nothing at all.
    """
    began, findings = time.monotonic(), []
    with (
        tempfile.TemporaryDirectory(prefix="bakup-test-") as spool,
        trial(place, target.store, target.terms(watch)) as tried,
    ):
        there = tried.target
        for finding in examine(there, spool, pages=pages):
            watch.event("promise", code=finding.code, holds=finding.holds, declared=finding.declared)
            found(finding)
            findings.append(finding)
        free = there.free_bytes()
    return TargetReport(
        target=there.url.rpartition("/")[0],
        below=there.url,
        findings=tuple(findings),
        free_bytes=free,
        left_objects=tried.left[0],
        left_bytes=tried.left[1],
        elapsed=time.monotonic() - began,
    )
