"""Losses that a user has accepted: named exactly, so that any other is told."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from blake3 import blake3
from msgspec import Struct

from bakup.api.reports import Fork, SectorProblem
from bakup.catalog.damage import LostVersion


class Split(Struct, frozen=True):
    """Problems that were `accepted`, and the `rest`."""

    rest: tuple[SectorProblem, ...]
    accepted: tuple[SectorProblem, ...]


def split(problems: Iterable[SectorProblem], accepted: Collection[str]) -> Split:
    """Tell problems apart: one is accepted when all that it is about was."""
    rest: list[SectorProblem] = []
    known: list[SectorProblem] = []
    for problem in problems:
        (known if problem.what and all(one in accepted for one in problem.what) else rest).append(problem)
    return Split(tuple(rest), tuple(known))


def accepting(problems: Sequence[SectorProblem]) -> set[str]:
    """What is accepted with these problems; what is not to be trusted never is."""
    return {one for problem in problems for one in (*problem.what, *problem.covers)}


def accepting_forks(forks: Iterable[Fork]) -> set[str]:
    """What is accepted with forks."""
    return {one for fork in forks for one in fork.what}


def file_lost(source: bytes, version: LostVersion) -> str:
    """Names a file that is lost."""
    path = blake3(version.path).hexdigest()
    return f"file {source.hex()} {path} {version.size} {version.mtime_ns}"


def sector_lost(sector: bytes, state: str, places: Iterable[int] = ()) -> set[str]:
    """Names a sector that is missing or unusable, or the packs in it that are damaged."""
    named = f"sector {sector.hex()} {state}"
    return {f"{named} at {position}" for position in places} or {named}


def checkpoint_lost(checkpoint: bytes) -> str:
    """Names a check point that is not there, or not whole."""
    return f"checkpoint {checkpoint.hex()}"
