"""What users of a cloud pay for: requests by class, bytes up and down; and what getting all back would cost.

A look at one object (HEAD) is counted as a get, as stores charge it; a page of a listing is one list.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from bakup.api.watch import Watch
from bakup.store.counting import Counts

LOOKS = 3
"""Most gets for one object that is put: its size before, its size and its start after."""

Role: TypeAlias = Literal["target", "source", "out"]
"""Whose requests: of DST, of a SRC or OUT at a URL."""

REQUESTS = "requests"
"""The event by which a flow tells them, once a store is done with."""


class ToGetBack(Struct, frozen=True):
    """What a rebuild, and after it a restore of all that is stored, would ask of the target; sizes in bytes."""

    rebuild_gets: int = 0
    rebuild_bytes: int = 0
    restore_gets: int = 0
    restore_bytes: int = 0

    def __add__(self, more: ToGetBack) -> ToGetBack:
        return ToGetBack(
            self.rebuild_gets + more.rebuild_gets,
            self.rebuild_bytes + more.rebuild_bytes,
            self.restore_gets + more.restore_gets,
            self.restore_bytes + more.restore_bytes,
        )


def tell_counts(watch: Watch, role: Role, url: str, counts: Counts | None) -> None:
    """Tell what was asked of a store; nothing where there is none."""
    if counts is not None:
        watch.event(
            REQUESTS,
            of=role,
            url=url,
            list=counts.lists,
            put=counts.puts,
            get=counts.reads + counts.heads,
            up_bytes=counts.put_bytes,
            down_bytes=counts.read_bytes,
        )
