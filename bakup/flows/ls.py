"""ls: check points of a target, and entries of one."""

from __future__ import annotations

import heapq
import os
import shlex
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping

from bakup import model
from bakup.api.ask import Ask
from bakup.api.reports import ListedEntry, Listing, TargetListing, TargetOptions
from bakup.api.watch import Watch
from bakup.archive.archive import Attached
from bakup.archive.gaps import not_there
from bakup.archive.guard import rolled_back
from bakup.archive.home import Home
from bakup.archive.nearby import did_you_mean
from bakup.archive.opening import attach
from bakup.archive.select import choose_checkpoint, choose_source, inner_path, is_lacking, line_of
from bakup.archive.suffering import suffering
from bakup.catalog import damage, difference, history, incomplete, places
from bakup.catalog.children import versions_in
from bakup.catalog.difference import Unread
from bakup.catalog.rows import Version, known_as
from bakup.errors import Failed
from bakup.model import Kind, path_key


def checkpoints(
    home: Home,
    dst: str,
    *,
    source: str | None,
    tag: str | None,
    target: TargetOptions,
    watch: Watch,
    ask: Ask,
) -> TargetListing:
    """Check points of all sources at `dst`, or of one, or with one tag: by source, oldest first."""
    with attach(home, dst, target, watch, ask) as attached:
        connection = home.catalog
        chosen = choose_source(connection, attached.row, source, dst) if source is not None else None
        sources = {row.id: row for row in history.sources(connection, attached.row)}
        rows = history.checkpoints(connection, attached.row)
        bad = _not_whole(home, attached, sources.values())
        unread = history.unread_counts(connection)
        lines = [
            line_of(row, sources[row.source], whole=row.id not in bad, unread=unread.get(row.id, 0))
            for row in rows
            if (chosen is None or row.source == chosen.id) and (tag is None or known_as(tag) in row.tags)
        ]
        apart = [
            (one, row)
            for one, row in incomplete.newest(connection, attached.row)
            if tag is None and (source is None or row.source == (chosen and chosen.id))
        ]
        lines += [line_of(row, one, whole=False) for one, row in apart]
        lines.sort(key=lambda line: line.source)
        lacking = tuple(row.uuid for one, row in apart if is_lacking(one, row))
        count, size = connection.execute(
            "SELECT count(*), coalesce(sum(size), 0) FROM sectors WHERE target = ? AND state = 'stored'",
            [attached.row],
        ).fetchone()
        back = tuple(rolled_back(home, attached, None if chosen is None else {chosen.id}))
        return TargetListing(tuple(lines), count, size, attached.rebuilt, attached.layout.unit, back, lacking)


def entries(
    home: Home,
    dst: str,
    path: bytes,
    *,
    source: str | None,
    at: str,
    recursive: bool,
    objects: bool = False,
    target: TargetOptions,
    watch: Watch,
    ask: Ask,
) -> Listing:
    """Entries of one check point: those in the folder `path`, all below it, or the one that is no folder.

    With `objects` also where the bytes of files stand at the target.

    Raises Failed when the path is not in the check point.
    """
    with attach(home, dst, target, watch, ask) as attached:
        connection = home.catalog
        chosen = choose_source(connection, attached.row, source, dst, at)
        row = choose_checkpoint(connection, attached.row, chosen, at)
        inner = inner_path(chosen, path)
        line = line_of(row, chosen)
        version = history.version_at(connection, chosen.id, row.ordinal, inner)
        unread = {one.key: one for one in difference.unread(connection, row.id)}
        there = version or path_key(inner) in unread
        if not there and next(_below(home, chosen.id, row.ordinal, inner, recursive=True), None) is None:
            raise Failed(
                f"no {inner.decode('utf-8', 'backslashreplace')} in {row.uuid.hex()[:8]} of {chosen.label}",
                hints=(
                    *did_you_mean(connection, chosen.id, row.ordinal, inner),
                    f"search all check points: bakup find {shlex.quote(dst)} {shlex.quote(_last(inner))}",
                ),
                code="no-path",
            )
        newest = row == history.head(connection, chosen.id)
        back = tuple(rolled_back(home, attached, {chosen.id})) if newest else not_there(connection, row)

        def locators(found: Version) -> tuple[str, ...]:
            wanted = objects and found.kind == Kind.FILE
            return tuple(attached.layout.locators(connection, attached.row, chosen, found)) if wanted else ()

        if there and (version is None or version.kind != Kind.DIR):
            folder, _, name = inner.rpartition(b"/")
            one = _entry(name, version or unread[path_key(inner)], unread, locators)
            return Listing(line, folder, iter((one,)), back)
        below = _below(home, chosen.id, row.ordinal, inner, recursive=recursive)
        never = _never_read(connection, chosen.id, row.ordinal, inner, unread, recursive=recursive)
        cut = len(inner) + 1 if inner else 0
        found: Iterator[Version | Unread] = heapq.merge(below, never, key=_key)
        return Listing(line, inner, (_entry(one.path[cut:], one, unread, locators) for one in found), back)


def _not_whole(
    home: Home,
    attached: Attached,
    sources: Iterable[history.SourceRow],
) -> set[int]:
    """Row ids of the check points that miss something, as `check` says it."""
    connection, target = home.catalog, attached.row
    if not places.troubled(connection, target) and not any(source.lacking for source in sources):
        return set()
    return suffering(
        history.checkpoints(connection, target, hidden=True),
        damage.lost_versions(connection, target),
        damage.missing_lines(connection, target),
        history.based(connection, target),
    )


def _below(home: Home, source: int, ordinal: int, path: bytes, *, recursive: bool) -> Iterator[Version]:
    if not recursive:
        yield from versions_in(home.catalog, source, ordinal, path)
        return
    for version in history.versions_at(home.catalog, source, ordinal, path):
        if version.path != path:
            yield version


def _last(path: bytes) -> str:
    return os.fsdecode(path.rpartition(b"/")[2] or b"*")


def _never_read(
    connection: sqlite3.Connection,
    source: int,
    ordinal: int,
    path: bytes,
    unread: Mapping[bytes, Unread],
    *,
    recursive: bool,
) -> Iterator[Unread]:
    """Paths in a folder that could not be read and have no version, by key."""
    below = path + b"/" if path else b""
    for one in unread.values():
        name = one.path.removeprefix(below)
        inside = one.path.startswith(below) and name and (recursive or b"/" not in name)
        if inside and history.version_at(connection, source, ordinal, one.path) is None:
            yield one


def _key(found: Version | Unread) -> bytes:
    return found.key


def _entry(
    name: bytes,
    found: Version | Unread,
    unread: Mapping[bytes, Unread],
    locators: Callable[[Version], tuple[str, ...]],
) -> ListedEntry:
    reason = unread[found.key].reason if found.key in unread else ""
    if isinstance(found, Unread):
        return ListedEntry(name, model.Unread(name, reason), None, unread=True, reason=reason)
    return ListedEntry(name, found.entry(()), found.size, found.key in unread, reason, locators(found))
