"""The flows that look around, run on a rig, their streams read to the end."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from rig import Answers, Rig
from trees import write

from bakup.api.listings import (
    CatReport,
    CheckpointTime,
    DiffLine,
    DiffReport,
    FindOptions,
    FoundVersion,
    HistoryReport,
    StatsReport,
)
from bakup.api.reports import TargetOptions
from bakup.flows import cat, diff, stats
from bakup.flows import find as searching


@dataclass(frozen=True)
class Found:
    """What `find` found, in order, as (source, version)."""

    all: list[tuple[str, FoundVersion]]
    unknown: tuple[str, ...]

    @property
    def paths(self) -> list[bytes]:
        """Paths, once for each version."""
        return [version.path for _, version in self.all]


@dataclass(frozen=True)
class Changes:
    """What `diff` found."""

    report: DiffReport
    lines: list[DiffLine]

    @property
    def marks(self) -> list[tuple[str, bytes]]:
        """(mark, path) of each line."""
        return [(line.mark, line.path) for line in self.lines]


@dataclass(frozen=True)
class Line:
    """A sector of a check point, and how many of its entries stand there."""

    sector: bytes
    entries: int


class Look:
    """Everything that looks around in the target of `rig`."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig

    def sync(self, files: dict[str, bytes] | None = None, **options: object) -> bytes:
        """Write files into the source and back it up; the check point's uuid."""
        write(self.rig.source, files or {})
        line = self.rig.sync(**options).sources[0].checkpoint  # type: ignore[arg-type]
        assert line is not None
        return line.uuid

    def find(self, *globs: bytes, **options: Any) -> Found:
        """Search."""
        with self.rig.open("find") as home:
            chosen = FindOptions(globs=globs or (b"*",), **options)
            report = searching.find(home, self.dst, chosen, watch=self.rig.watch, ask=Answers())
            return Found([(group.source, one) for group in report.groups for one in group.versions], report.unknown)

    def history(self, path: bytes, *, source: str | None = None, at: str | None = None) -> HistoryReport:
        """Versions of one path."""
        return self._run(searching.history, path, source=source, at=at)

    def diff(self, before: str = "latest~1", after: str = "latest", *, source: str | None = None) -> Changes:
        """Compare."""
        with self.rig.open("diff") as home:
            report = diff.diff(
                home,
                self.dst,
                before,
                after,
                source=source,
                target=TargetOptions(),
                watch=self.rig.watch,
                ask=Answers(),
            )
            return Changes(report, list(report.lines))

    def cat(self, path: bytes, *, at: str = "latest", source: str | None = None) -> tuple[bytes, CatReport]:
        """One file's bytes, and the report."""
        got = bytearray()
        report = self._run(cat.cat, path, lambda piece, hole: got.extend(piece), source=source, at=at)
        return bytes(got), report

    def stats(self, *, source: str | None = None, at: str | None = None) -> StatsReport:
        """Totals."""
        return self._run(stats.stats, source=source, at=at)

    def everything(self) -> tuple[object, ...]:
        """All answers that must be the same from any catalog of the same target."""
        points = [line.uuid.hex() for line in self.rig.list()]
        pairs = list(itertools.pairwise(points))
        totals = self.stats()
        return (
            self.find().all,
            [self.diff(one, two).lines for one, two in pairs],
            [self.history(path).versions for path in sorted(set(self.find().paths))[:5]],
            (totals.sources, totals.sectors, totals.smallest, totals.largest, totals.versions),
        )

    def lines(self, checkpoint: bytes) -> list[Line]:
        """The sectors that a check point's END lists."""
        with self.rig.open() as home:
            rows = home.catalog.execute(
                "SELECT l.sector, l.entries FROM lines l JOIN checkpoints c ON c.id = l.checkpoint WHERE c.uuid = ?"
                " ORDER BY l.position",
                [checkpoint],
            )
            return [Line(*row) for row in rows]

    def lose(self, sector: bytes) -> None:
        """The target loses a sector."""
        (self.rig.target / f"{uuid_text(sector)}.bakup").unlink()

    @property
    def dst(self) -> str:
        """The target as it is typed."""
        return os.fspath(self.rig.target)

    def _run(self, flow: Callable[..., Any], *arguments: object, **options: object) -> Any:
        with self.rig.open("look") as home:
            more = {"target": TargetOptions(), "watch": self.rig.watch, "ask": Answers()}
            return flow(home, self.dst, *arguments, **options, **more)


def uuid_text(raw: bytes) -> str:
    """A uuid in full."""
    return str(UUID(bytes=raw))


def touch(path: Path, second: int) -> None:
    """Give a file a time of change."""
    os.utime(path, ns=(second * 10**9, second * 10**9))


def ends(version: FoundVersion) -> tuple[bytes, bytes, bool]:
    """First and last check point of a version, and whether it stands."""
    assert isinstance(version.first, CheckpointTime)
    return version.first.uuid, version.last.uuid, version.current
