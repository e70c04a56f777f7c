"""What became of a path between two versions of it: the one judgement of `diff`, `sync -v` and `plan -v`."""

from __future__ import annotations

from typing import NamedTuple

from msgspec import structs

from bakup.api.watch import Mark
from bakup.catalog.rows import SPECIAL, Version
from bakup.model import Attributes, Dir, Kind, Special, Symlink
from bakup.source.interface import Found, Source, Unreadable, Vanished


class Facts(NamedTuple):
    """A path's version as a restore brings it back; `size` and `digest` of a file, `extra` of a link or special."""

    kind: int
    attributes: Attributes
    size: int | None = None
    digest: bytes | None = None
    extra: bytes | None = None


def facts_of(version: Version) -> Facts:
    """Of a version in the catalog."""
    return Facts(version.kind, version.attributes, version.size, version.digest, version.extra)


def facts_of_entry(entry: Dir | Symlink | Special) -> Facts:
    """Of an entry that is no file."""
    match entry:
        case Dir():
            return Facts(Kind.DIR, entry.attributes)
        case Symlink():
            return Facts(Kind.SYMLINK, entry.attributes, extra=entry.target)
        case _:
            return Facts(Kind.SPECIAL, entry.attributes, extra=SPECIAL.pack(entry.special, entry.device))


def mark_of(before: Facts | None, after: Facts | None) -> Mark | None:
    """None when a restore would bring back the same."""
    if before is None:
        return "+"
    if after is None:
        return "-"
    if before.kind != after.kind:
        return "T"
    if (before.size, before.digest, before.extra) != (after.size, after.digest, after.extra):
        return "M"
    return None if _restored(before) == _restored(after) else "U"


def seen_mark(tree: Source, found: Found, version: Version) -> Mark | None:
    """What of a path can be seen without reading a file; U where it cannot be looked at."""
    before = facts_of(version)
    try:
        if found.kind == Kind.FILE:
            return mark_of(before, before._replace(attributes=tree.attributes(found)))
        return mark_of(before, facts_of_entry(tree.entry(found)))
    except (Unreadable, Vanished):
        return "U"


def _restored(facts: Facts) -> Attributes:
    """The metadata that a restore brings back. A folder's time follows from what changed in it."""
    attributes = facts.attributes
    return structs.replace(
        attributes,
        mtime_ns=0 if facts.kind == Kind.DIR else attributes.mtime_ns,
        ctime_ns=None,
        inode=None,
        birth_ns=None,
        link_group=None if attributes.link_group is None else 0,
    )
