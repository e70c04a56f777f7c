"""Tables of `ls`: check points of a target, entries of a check point."""

from __future__ import annotations

import itertools
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bakup.cli.output import machine, names, numbers
from bakup.cli.output.rows import short_id
from bakup.cli.output.style import COLUMN, HANG, bold

if TYPE_CHECKING:
    from bakup.api.reports import CheckpointLine, ListedEntry, Listing, TargetListing
    from bakup.model import Attributes, Entry

_BATCH = 1000
"""So many entries at a time are looked at for the widths of their columns; there may be any number."""

_SPECIAL = {1: stat.S_IFIFO, 2: stat.S_IFSOCK, 3: stat.S_IFCHR, 4: stat.S_IFBLK}
_NOT_WHOLE = "! not whole"
_INCOMPLETE = "! incomplete"


def checkpoint_lines(report: TargetListing, *, exact: bool = False) -> list[str]:
    """A table a source, and the foot."""
    lines: list[str] = []
    for source, group in itertools.groupby(report.checkpoints, key=lambda line: line.source):
        lines += [bold(names.shown_text(source)), *_table(list(group), exact), ""]
    apart = sum(line.incomplete for line in report.checkpoints)
    many = numbers.count(len(report.checkpoints) - apart, "check point") + (f", {apart:,} incomplete" if apart else "")
    held = numbers.size(report.bytes, exact=exact)
    foot = f"{HANG}{many}, {held} in {numbers.count(report.sectors, report.unit)}; times in {numbers.zone()}"
    return [*(lines[:-1] if _one_source(report) else lines), foot]


def checkpoint_facts(line: CheckpointLine) -> dict[str, object]:
    """A check point in JSON."""
    return {
        "source": line.source,
        "check_point": machine.uuid_text(line.uuid),
        "time": machine.time_text(line.time_ns),
        "total_files": line.files,
        "total_bytes": line.bytes,
        "stored_bytes": line.stored,
        "tags": list(line.tags),
        "whole": line.whole,
        "incomplete": line.incomplete,
        "unread_paths": line.unread,
    }


@dataclass(slots=True)
class Total:
    """Counts what goes through it."""

    entries: int = 0
    bytes: int = 0

    def counted(self, entries: Iterable[ListedEntry]) -> Iterator[ListedEntry]:
        """The same entries."""
        for one in entries:
            self.entries += 1
            self.bytes += one.bytes or 0
            yield one


def entries_head(found: Listing) -> str:
    """Which check point it is."""
    line = found.checkpoint
    source, moment = names.shown_text(line.source), numbers.local_time(line.time_ns)
    return f"{HANG}{bold(source)} at {bold(short_id(line.uuid))}, {moment}"


def entry_lines(entries: Iterator[ListedEntry], *, exact: bool = False) -> Iterator[str]:
    """A line an entry: mode, owner, group, size, time, name."""
    widths = [0, 0, 8]
    while batch := list(itertools.islice(entries, _BATCH)):
        rows = [_columns(one, exact) for one in batch]
        widths = [max(width, *(names.cells(row[index]) for row in rows)) for index, width in enumerate(widths)]
        for one, (user, group, size, moment) in zip(batch, rows, strict=True):
            owner, of = names.padded(user, widths[0]), names.padded(group, widths[1])
            cells = (_mode(one.entry), owner, of, f"{size:>{widths[2]}}", f"{moment:<19}", _name(one))
            yield COLUMN.join(cells)
            yield from (f"  {names.shown_text(locator)}" for locator in one.objects)


def entries_foot(total: Total, *, exact: bool = False) -> str:
    """How many there were."""
    many = f"{total.entries:,} {'entry' if total.entries == 1 else 'entries'}"
    return f"{HANG}{many}, {numbers.size(total.bytes, exact=exact)}; times in {numbers.zone()}"


def entry_facts(base: bytes, one: ListedEntry) -> dict[str, object]:
    """An entry in JSON; its path is as inside the source."""
    entry, attributes = one.entry, _attributes(one.entry)
    facts: dict[str, object] = {"message_type": "entry", "kind": type(entry).__name__.lower()}
    facts |= machine.path_fields(whole_path(base, one.path))
    facts |= {"size_bytes": one.bytes, "unread": one.unread, "reason": one.reason or None}
    if attributes:
        facts |= {"mode": attributes.mode, "time": machine.time_text(attributes.mtime_ns)}
        facts |= {
            "uid": attributes.uid,
            "gid": attributes.gid,
            "user": attributes.user,
            "group": attributes.group,
        }
    if one.objects:
        facts |= {"objects": list(one.objects)}
    link = getattr(entry, "target", None)
    return facts if link is None else facts | machine.path_fields(link, "link")


def entry_name(path: bytes, entry: Entry) -> str:
    """A path as it is listed: a folder ends with a slash, a link says where it points."""
    from bakup import model

    if isinstance(entry, model.Symlink):
        return f"{names.shown(path)} -> {names.shown(entry.target)}"
    return names.shown(path) + ("/" if isinstance(entry, model.Dir) else "")


def whole_path(base: bytes, path: bytes) -> bytes:
    """An entry's path inside its source."""
    return b"/".join(part for part in (base, path) if part)


def _one_source(report: TargetListing) -> bool:
    return len({line.source for line in report.checkpoints}) == 1


def _table(group: Sequence[CheckpointLine], exact: bool) -> list[str]:
    sizes = [(numbers.size(line.bytes, exact=exact), numbers.size(line.stored, exact=exact)) for line in group]
    files = max([7, *(len(f"{line.files:,}") for line in group)])
    wide = max([8, *(len(text) for pair in sizes for text in pair)])
    cells = ("id      ", f"{'time':<19}", f"{'files':>{files}}", f"{'size':>{wide}}", f"{'stored':>{wide}}", "tags")
    return [
        COLUMN.join(cells),
        *(_checkpoint(line, pair, files, wide) for line, pair in zip(group, sizes, strict=True)),
    ]


def _checkpoint(line: CheckpointLine, sizes: tuple[str, str], files: int, wide: int) -> str:
    tags = " ".join([", ".join(map(names.safe, line.tags)), *_marks(line)]).strip()
    moment = numbers.local_time(line.time_ns)
    numbered = (f"{line.files:>{files},}", f"{sizes[0]:>{wide}}", f"{sizes[1]:>{wide}}")
    return COLUMN.join((bold(short_id(line.uuid)), moment, *numbered, *([tags] if tags else [])))


def _marks(line: CheckpointLine) -> list[str]:
    """What it lacks."""
    lost = _INCOMPLETE if line.incomplete else "" if line.whole else _NOT_WHOLE
    return [lost, f"! {line.unread:,} not read"] if line.unread else [lost]


def _columns(one: ListedEntry, exact: bool) -> tuple[str, str, str, str]:
    attributes = _attributes(one.entry)
    if attributes is None:
        return "-", "-", "", ""
    told = "" if one.bytes is None else numbers.size(one.bytes, exact=exact)
    user = names.safe(attributes.user or _number(attributes.uid))
    group = names.safe(attributes.group or _number(attributes.gid))
    return user, group, told, numbers.local_time(attributes.mtime_ns)


def _number(value: int | None) -> str:
    return "-" if value is None else str(value)


def _attributes(entry: Entry) -> Attributes | None:
    closing = getattr(entry, "closing", None)
    found: Attributes | None = getattr(closing or entry, "attributes", None)
    return found


def _mode(entry: Entry) -> str:
    from bakup import model

    if isinstance(entry, model.Unread):
        return "!---------"
    attributes = _attributes(entry)
    return stat.filemode(_type_bits(entry) | (attributes.mode & 0o7777 if attributes else 0))


def _type_bits(entry: Entry) -> int:
    from bakup import model

    if isinstance(entry, model.Dir):
        return stat.S_IFDIR
    if isinstance(entry, model.Symlink):
        return stat.S_IFLNK
    return _SPECIAL.get(entry.special, 0) if isinstance(entry, model.Special) else stat.S_IFREG


def _name(one: ListedEntry) -> str:
    return entry_name(one.path, one.entry) + _not_read(one)


def _not_read(one: ListedEntry) -> str:
    """Of a folder its own facts are those of the check point, of all else they are of one before."""
    from bakup import model

    if not one.unread:
        return ""
    before = "" if isinstance(one.entry, model.Unread | model.Dir) else "; as stored before"
    return f"  ! {names.safe(one.reason) or 'not read'}{before}"
