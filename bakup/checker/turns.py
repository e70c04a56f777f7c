"""Whose bytes a check reads, where it does not read all: those whose turn it is, the longest not read first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from bakup.api.reports import Turns


class Object(Protocol):
    """An object at a target; `size` in bytes."""

    @property
    def id(self) -> int:
        """Its row in the catalog."""

    @property
    def uuid(self) -> bytes:
        """By which it is remembered."""

    @property
    def size(self) -> int:
        """As it was listed."""


def whose_turn(objects: Sequence[Object], read_ns: Mapping[bytes, int], turns: Turns, now_ns: int) -> frozenset[int]:
    """Row ids of the objects to read now.

    Args:
        read_ns: when each was read last; those that are not in it never were, nor were those of a time to come.
    """
    last = {one.id: at if (at := read_ns.get(one.uuid, 0)) <= now_ns else 0 for one in objects}
    due = [one for one in objects if now_ns - last[one.id] >= turns.older_than_s * 1e9]
    due.sort(key=lambda one: last[one.id])
    left = turns.share * sum(one.size for one in objects)
    chosen: list[int] = []
    for one in due:
        if left <= 0:
            break
        left -= one.size
        chosen.append(one.id)
    return frozenset(chosen)
