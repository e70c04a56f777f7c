"""Check points as moments that can be looked at, and the names that folders of them bear."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterable

from msgspec import Struct


class Moment(Struct, frozen=True):
    """A complete check point: the rows it has in the catalog, and what it is named by. `host`, `location`, `name` are
    of its source."""

    uuid: bytes
    row: int
    source: int
    ordinal: int
    time_ns: int
    tags: tuple[str, ...]
    host: str
    location: bytes
    name: str

    @property
    def id(self) -> str:
        """The 32 hex digits of its uuid."""
        return self.uuid.hex()


def moments(connection: sqlite3.Connection, target: int) -> tuple[Moment, ...]:
    """All complete check points of a target, by time; of a source in the order in which they were made."""
    rows = connection.execute(
        "SELECT c.uuid, c.id, c.source, c.ordinal, c.time_ns, c.tags, s.host, s.location, s.name FROM checkpoints c"
        " JOIN sources s ON s.id = c.source WHERE s.target = ? AND c.complete = 1 AND c.hidden IS NULL"
        " ORDER BY c.time_ns, c.sequence, c.uuid",
        [target],
    )
    return tuple(
        Moment(uuid, row, source, ordinal, time_ns, tuple(json.loads(tags)), *of_source)
        for uuid, row, source, ordinal, time_ns, tags, *of_source in rows
    )


class Link(Struct, frozen=True):
    """A symbolic link to the folder of a check point; `to` is relative to where it stands."""

    to: bytes
    moment: Moment


Folder = dict[bytes, "Folder | Link | Moment"]
"""Names in a folder that no check point holds."""


class Folders:
    """The folders under which check points are offered. A name that was given once stays that check point's."""

    def __init__(self) -> None:
        self._given: dict[tuple[str, object], str] = {}
        self._taken: set[tuple[str, str]] = set()

    def of(self, found: Iterable[Moment]) -> Folder:
        """`latest`, `by-id`, `by-time`, `by-source` and, if there are tags, `by-tag`."""
        by_id: Folder = {}
        by_time: Folder = {}
        by_source: dict[bytes, Folder] = {}
        by_tag: dict[bytes, Folder] = {}
        last: dict[bytes, Link] = {}
        latest: Link | None = None
        for moment in found:
            name = self._name("id", moment.uuid, (moment.id[:8], moment.id))
            latest = Link(b"by-id/" + name, moment)
            by_id[name] = moment
            by_time[self._time("time", moment)] = moment
            source = self._name("source", moment.source, _source_names(moment))
            last[source] = Link(self._time(f"source {moment.source}", moment), moment)
            by_source.setdefault(source, {})[last[source].to] = moment
            for tag in moment.tags:
                name = self._name("tag", tag, (tag.replace("/", "-"), tag.encode().hex()))
                by_tag.setdefault(name, {})[self._time(f"tag {tag}", moment)] = moment
        for source, link in last.items():
            by_source[source][b"latest"] = link
        top: Folder = {b"by-id": by_id, b"by-time": by_time, b"by-source": {**by_source}}
        if by_tag:
            top[b"by-tag"] = {**by_tag}
        if latest is not None:
            top[b"latest"] = latest
        return top

    def _time(self, folder: str, moment: Moment) -> bytes:
        at = time.localtime(moment.time_ns // 10**9)
        minute = time.strftime("%Y-%m-%dT%H%M", at)
        second = time.strftime("%Y-%m-%dT%H%M%S", at)
        return self._name(folder, moment.uuid, (minute, second, f"{second}-{moment.id[:8]}", f"{second}-{moment.id}"))

    def _name(self, folder: str, what: object, candidates: Iterable[str]) -> bytes:
        """The first candidate that is free in the folder; the same at each call."""
        given = self._given.get((folder, what))
        if given is None:
            free = (one for one in candidates if one not in ("", ".", "..") and (folder, one) not in self._taken)
            given = self._given[folder, what] = next(free, str(what))
            self._taken.add((folder, given))
        return given.encode("utf-8", "surrogateescape")


def _source_names(moment: Moment) -> tuple[str, ...]:
    """From the shortest to what is certainly its own."""
    location = os.fsdecode(moment.location).rstrip("/")
    last = location.rpartition("/")[2] or "root"
    whole = location.replace("/", "-").strip("-")
    names = (moment.name, last, f"{moment.host}-{last}", f"{moment.host}-{whole}")
    return (*(name.replace("/", "-") for name in names if name), f"{last}-{moment.source}")
