"""restore: a check point, or paths of it, below OUT. Each file is verified before it gets its name."""

from __future__ import annotations

import os
import re
import sqlite3
import time
from collections.abc import Callable, Container, Iterable, Iterator, Sequence, Set
from contextlib import closing
from dataclasses import dataclass, field, replace
from fnmatch import translate
from typing import Protocol

from bakup.catalog import damage, history, places
from bakup.catalog.database import transaction
from bakup.catalog.history import CheckpointRow, SourceRow
from bakup.catalog.rows import Version
from bakup.errors import Failed, Usage
from bakup.flows import costs, remembered
from bakup.flows.ask import Ask
from bakup.flows.attach import Attached, attach
from bakup.flows.bringing import Brought
from bakup.flows.choosing import ID, choose_checkpoint, choose_source, inner_path, line_of
from bakup.flows.home import Home
from bakup.flows.layouts import Bringer
from bakup.flows.reports import Cause, Count, Lost, RestoreOptions, RestoreReport
from bakup.flows.watch import Watch
from bakup.model import Extent, Kind
from bakup.sector.naming import sector_name
from bakup.source.opening import OutPlace
from bakup.source.out import Out

GLOB = re.compile(rb"[*?\[]")


@dataclass(slots=True)
class Chosen:
    """What of a check point is restored: versions in key order, again and again from the catalog."""

    connection: sqlite3.Connection
    source: SourceRow
    checkpoint: CheckpointRow
    paths: tuple[bytes, ...]
    patterns: tuple[re.Pattern[bytes], ...]
    latest: bool = True

    def versions(self, *kinds: Kind, descending: bool = False) -> Iterator[Version]:
        """The versions, of `kinds` if given, each once; folders on the way to a path are among them."""
        every = history.versions_at(
            self.connection, self.source.id, self.checkpoint.ordinal, kinds=kinds, descending=descending
        )
        return filter(self._wanted, every) if self.paths or self.patterns else every

    def _wanted(self, version: Version) -> bool:
        path = version.path
        for wanted in self.paths:
            if path == wanted or path.startswith(wanted + b"/") or not wanted:
                return True
            if version.kind == Kind.DIR and (not path or wanted.startswith(path + b"/")):
                return True
        return any(_matches(pattern, path) for pattern in self.patterns)


@dataclass(slots=True)
class Survey:
    """What stands at the destination beside what is wanted there."""

    equal: list[int] = field(default_factory=lambda: [0, 0])
    kept: list[int] = field(default_factory=lambda: [0, 0])
    todo: list[int] = field(default_factory=lambda: [0, 0])
    conflicts: list[tuple[bytes, str]] = field(default_factory=list)
    equal_paths: set[bytes] = field(default_factory=set)
    kept_paths: set[bytes] = field(default_factory=set)


def restore(
    home: Home, dst: str, out: str, paths: Sequence[bytes], options: RestoreOptions, watch: Watch, ask: Ask
) -> RestoreReport:
    """Bring `paths` (all, if none) of a check point at `dst` back to `out`/<path in the source>.

    Raises Failed when different files are in the way (nothing is written then) or no path is found, Usage for an
    unclear choice.
    """
    begun = time.monotonic()
    with closing(OutPlace(out, options.out_options, options.target.terms(watch))) as place:
        with attach(home, dst, options.target, watch, ask) as attached:
            _refuse_check_point_as_out(home.catalog, attached.row, out)
            chosen = _choose(home.catalog, attached, dst, paths, options)
            report = _restore(home, attached, chosen, place, options, watch)
        costs.tell_counts(watch, "out", place.shown, place.counts)
    return replace(report, elapsed=time.monotonic() - begun)


def _restore(
    home: Home, attached: Attached, chosen: Chosen, place: OutPlace, options: RestoreOptions, watch: Watch
) -> RestoreReport:
    survey = _survey(chosen, place, options)
    if survey.conflicts:
        raise _in_the_way(place.shown, chosen, survey)
    line = line_of(chosen.checkpoint, chosen.source)
    report = RestoreReport(
        checkpoint=line,
        out=place.shown,
        restored=Count(*survey.todo),
        already_there=Count(*survey.equal),
        kept=Count(*survey.kept),
        older=_older(chosen),
        partial=options.partial,
        dry_run=options.dry_run,
        rebuilt=attached.rebuilt,
    )
    if options.dry_run:
        return report
    with place.open() as destination:
        brought = _bring(home, attached, chosen, survey, destination, options, watch)
        causes = (*brought.causes(), *_refused(destination), *_blind(home.catalog, attached, chosen))
        lost = [file for cause in causes for file in cause.lost]
        _remember(home, attached, brought)
        return replace(
            report,
            restored=Count(brought.files, brought.size),
            not_restored=Count(len(lost), sum(file.bytes for file in lost)),
            causes=causes,
            skipped=destination.skipped.pairs(),
        )


class Tree(Protocol):
    """Versions to bring back, given as often as they are asked for, in key order or backwards."""

    def versions(self, *kinds: Kind, descending: bool = False) -> Iterator[Version]:
        """All, or those of `kinds`."""


def bring_tree(
    bringing: Bringer,
    destination: Out,
    tree: Tree,
    extents: Callable[[Version], Iterable[Extent]],
    *,
    equal: Set[bytes] = frozenset(),
    kept: Set[bytes] = frozenset(),
    replaced: bool,
) -> Brought:
    """Folders, files, links, special files, hard links, then the folders' attributes, deepest first.

    What stands at the paths in `equal` is what is wanted there already, what stands at those in `kept` is another.
    """
    flags: list[tuple[bytes, int]] = []
    for version in tree.versions(Kind.DIR):
        destination.make_dir(version.path, replaced, version.attributes.object)
        if inode_flags := version.attributes.inode_flags:
            flags.append((version.path, inode_flags))
    groups = _there(tree.versions(Kind.FILE), equal, lambda version: version.digest)
    links: list[tuple[bytes, bytes, int]] = []

    def files() -> Iterator[tuple[bytes, int, bytes, Iterable[Extent]]]:
        for version in tree.versions(Kind.FILE):
            attributes = version.attributes
            first = _first(groups, version, attributes.link_group, version.digest, kept)
            if version.path in equal or version.path in kept:
                continue
            if attributes.inode_flags:
                flags.append((version.path, attributes.inode_flags))
            if first is not None:
                links.append((version.path, first, version.size or 0))
                continue
            yield version.path, version.size or 0, version.encoded, extents(version)

    brought = bringing.bring(files())
    for _, size in destination.settle():
        brought.files -= 1
        brought.size -= size
    _make_links(destination, tree, equal, kept)
    lost = {file.path: (cause, file.available) for cause, files_ in brought.lost.items() for file in files_}
    for path, first, size in links:
        if first in lost:
            cause, available = lost[first]
            brought.lose(cause, path, size, available)
        elif destination.hard_link(path, first):
            brought.files += 1
            brought.size += size
    destination.finish_dirs((version.path, version.attributes) for version in tree.versions(Kind.DIR, descending=True))
    for path, wanted in flags:
        destination.set_flags(path, wanted)
    return brought


Groups = dict[int, tuple[bytes, bytes | None]]
"""Of each link group the path that the others become names of, and its content."""


def _there(versions: Iterator[Version], equal: Set[bytes], content: Callable[[Version], bytes | None]) -> Groups:
    """Link groups of which a path is there already: the missing ones become names of it."""
    groups: Groups = {}
    for version in versions if equal else ():
        if version.attributes.link_group is not None and version.path in equal:
            groups.setdefault(version.attributes.link_group, (version.path, content(version)))
    return groups


def _first(
    groups: Groups, version: Version, group: int | None, content: bytes | None, kept: Set[bytes]
) -> bytes | None:
    """The path of the same inode that is there already or comes before this one, if there is one."""
    if group is None or version.path in kept:
        return None
    path, same = groups.setdefault(group, (version.path, content))
    return path if path != version.path and same == content else None


def _make_links(destination: Out, tree: Tree, equal: Set[bytes], kept: Set[bytes]) -> None:
    """Symbolic links and special files; those of one link group are one inode."""
    groups = _there(tree.versions(Kind.SYMLINK, Kind.SPECIAL), equal, lambda version: version.extra)
    for version in tree.versions(Kind.SYMLINK, Kind.SPECIAL):
        first = _first(groups, version, version.attributes.link_group, version.extra, kept)
        if version.path in equal or version.path in kept:
            continue
        if first is not None:
            destination.hard_link(version.path, first)
        elif version.kind == Kind.SYMLINK:
            destination.symlink(version.path, version.extra or b"", version.attributes)
        else:
            destination.special(version.path, *version.special, version.attributes)


def _bring(
    home: Home,
    attached: Attached,
    chosen: Chosen,
    survey: Survey,
    destination: Out,
    options: RestoreOptions,
    watch: Watch,
) -> Brought:
    connection = home.catalog
    bringing = attached.layout.bringing(connection, attached.row, destination, watch, partial=options.partial)
    return bring_tree(
        bringing,
        destination,
        chosen,
        lambda version: history.extents_of(connection, version),
        equal=survey.equal_paths,
        kept=survey.kept_paths,
        replaced=options.overwrite == "always",
    )


def _choose(
    connection: sqlite3.Connection,
    attached: Attached,
    dst: str,
    paths: Sequence[bytes],
    options: RestoreOptions,
) -> Chosen:
    source = choose_source(connection, attached.row, options.source, dst, options.at)
    checkpoint = choose_checkpoint(connection, attached.row, source, options.at)
    inner, patterns = [], []
    for path in paths:
        name = inner_path(source, path)
        there = history.version_at(connection, source.id, checkpoint.ordinal, name) is not None
        if not there and GLOB.search(name):
            patterns.append(re.compile(os.fsencode(translate(os.fsdecode(name)))))
        else:
            inner.append(name)
    latest = history.head(connection, source.id) == checkpoint
    chosen = Chosen(connection, source, checkpoint, tuple(inner), tuple(patterns), latest)
    if paths and not any(version.kind != Kind.DIR or version.path in inner for version in chosen.versions()):
        shown = ", ".join(os.fsdecode(path) for path in paths)
        raise Failed(
            f"nothing found at {shown} in {checkpoint.uuid.hex()[:8]} of {source.label}",
            hints=(f"see what is there: bakup ls -R {dst} .",),
            code="no-path",
        )
    return chosen


def _survey(chosen: Chosen, place: OutPlace, options: RestoreOptions) -> Survey:
    survey = Survey()
    if place.is_empty():
        if options.dry_run:
            for version in chosen.versions():
                _compare(survey, None, version, options)
        return survey
    with place.open() as destination:
        for version in chosen.versions():
            _compare(survey, destination, version, options)
    return survey


def _compare(survey: Survey, destination: Out | None, version: Version, options: RestoreOptions) -> None:
    path, kind, size = version.path, version.kind, version.size or 0
    counted = [1, size] if kind == Kind.FILE else [0, 0]
    state = "absent"
    if destination is not None:
        state = destination.compare(
            path,
            kind,
            size,
            version.attributes.mtime_ns,
            target=(version.extra or b"") if kind == Kind.SYMLINK else b"",
            device=version.special[1] if kind == Kind.SPECIAL else 0,
            facts=version.attributes.object,
        )
    if state == "equal":
        if kind != Kind.DIR:
            survey.equal_paths.add(path)
            _add(survey.equal, counted)
    elif state == "absent" or options.overwrite == "always" or (options.overwrite, state) == ("if-newer", "older"):
        _add(survey.todo, counted)
    elif options.overwrite is not None:
        survey.kept_paths.add(path)
        _add(survey.kept, counted)
    else:
        survey.conflicts.append((path, f"here it is {'of another kind' if state == 'other kind' else state}"))


def _add(count: list[int], more: Sequence[int]) -> None:
    count[0] += more[0]
    count[1] += more[1]


def _in_the_way(out: str, chosen: Chosen, survey: Survey) -> Failed:
    number = len(survey.conflicts)
    files = "1 file" if number == 1 else f"{number:,} files"
    differ = "differs" if number == 1 else "differ"
    return Failed(
        f"{files} in {out} {differ} from {chosen.checkpoint.uuid.hex()[:8]}; nothing was written",
        details=tuple(survey.conflicts),
        hints=("--overwrite always, never, or if-newer (replaces what is older here)",),
        code="in-the-way",
    )


def _older(chosen: Chosen) -> tuple[bytes, ...]:
    unread = history.unread_at(chosen.connection, chosen.checkpoint.id)
    if not unread:
        return ()
    return tuple(
        version.path
        for version in chosen.versions()
        if version.kind == Kind.FILE and any(key in unread for key in _above(version.key))
    )


def _above(key: bytes) -> Iterator[bytes]:
    """A path's key, then those of the folders it is in, but for the root."""
    while key:
        yield key
        key = key.rpartition(b"\0")[0]


def _refused(destination: Out) -> tuple[Cause, ...]:
    causes: dict[str, list[Lost]] = {}
    for path, reason in destination.problems:
        causes.setdefault(reason, []).append(Lost(path, 0, 0))
    return tuple(Cause(reason, tuple(files)) for reason, files in causes.items())


def _blind(connection: sqlite3.Connection, attached: Attached, chosen: Chosen) -> tuple[Cause, ...]:
    """What may have stood in sectors that are gone or refused with the very names of files: nobody knows."""
    causes = []
    if places.troubled(connection, attached.row, chosen.source.id):
        rows = history.checkpoints(connection, attached.row, chosen.source.id)
        chain = {row.uuid: row for row in history.chain_of(rows, chosen.checkpoint)}
        causes += [
            Cause(f"{sector_name(line.sector)} is missing: {span(line)}", ())
            for line in damage.missing_lines(connection, attached.row)
            if line.checkpoint in chain and not line.known and line.entries
        ]
        causes += [Cause(gap, ()) for gap in map(history_gap(chain), chain.values()) if gap]
    if chosen.latest:
        causes += [
            Cause(f"{locator} was not believed and may have held more: {detail}", ())
            for locator, detail in damage.refused(connection, attached.row)
        ]
    return tuple(causes)


def span(line: damage.MissingLine) -> str:
    """`3 entries, FIRST to LAST`."""
    first, last = (os.fsdecode(path) or "." for path in (line.first_path, line.last_path))
    return f"{'1 entry' if line.entries == 1 else f'{line.entries:,} entries'}, {first} to {last}"


def history_gap(chain: Container[bytes]) -> Callable[[CheckpointRow], str | None]:
    """Gives what is said of a check point whose END is lost, or whose base is in no `chain`; None if it is whole."""

    def gap(row: CheckpointRow) -> str | None:
        if row.entries_lost:
            return f"the end of check point {row.uuid.hex()[:8]} is missing: what else of it is lost is not known"
        if row.based_on is not None and row.based_on not in chain:
            base = row.based_on.hex()[:8]
            return (
                f"check point {base}, which {row.uuid.hex()[:8]} was made on, is missing: what it changed is not known"
            )
        return None

    return gap


def _remember(home: Home, attached: Attached, brought: Brought) -> None:
    if not brought.findings or not home.locked:
        return
    with transaction(home.state), transaction(home.catalog):
        for sector, positions in brought.findings.items():
            remembered.add_findings(home.state, attached.url, sector, positions, "found by restore")
            places.mark_damaged(home.catalog, attached.row, sector, positions)


def _refuse_check_point_as_out(connection: sqlite3.Connection, target: int, out: str) -> None:
    """`decade` and `2025` are names as good as any, unless a check point's id begins so."""
    if os.path.isdir(out) or not ID.fullmatch(out):
        return
    if any(row.uuid.hex().startswith(out) for row in history.checkpoints(connection, target)):
        raise Usage(
            f"OUT is the place to restore to; {out} names a check point",
            hints=(f"bakup restore DST OUT --at {out}", f"a folder of that name: ./{out}"),
            code="usage",
        )


def _matches(pattern: re.Pattern[bytes], path: bytes) -> bool:
    """Whether a glob means the path or a folder above it."""
    while path:
        if pattern.match(path):
            return True
        path = path.rpartition(b"/")[0]
    return False
