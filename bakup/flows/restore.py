"""restore: a check point, or paths of it, below OUT. Each file is verified before it gets its name."""

from __future__ import annotations

import os
import re
import shlex
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from fnmatch import translate
from itertools import islice

from msgspec.structs import replace

from bakup.api import costs
from bakup.api.ask import Ask
from bakup.api.reports import Cause, Count, Lost, RestoreOptions, RestoreReport
from bakup.api.watch import Watch
from bakup.archive.archive import Attached
from bakup.archive.gaps import history_gap, not_there, span
from bakup.archive.guard import may_hold_more, rolled_back
from bakup.archive.home import Home
from bakup.archive.nearby import did_you_mean
from bakup.archive.opening import attach
from bakup.archive.select import ID, choose_checkpoint, choose_source, inner_path, line_of, restore_at
from bakup.catalog import damage, history, places, state_db
from bakup.catalog.database import transaction
from bakup.catalog.history import CheckpointRow
from bakup.destination.alike import OtherName
from bakup.destination.folder.unfinished import RestoreRun
from bakup.destination.interface import Out
from bakup.destination.opening import OutPlace
from bakup.errors import Failed, Usage
from bakup.layouts.restored import Brought
from bakup.model import Kind, path_key
from bakup.restorer.apart import refuse_out_at_target, refuse_strewing, refuse_target_in_the_way
from bakup.restorer.chosen import Chosen, outermost
from bakup.restorer.plan import Survey, in_the_way, surveyed
from bakup.restorer.space import tell_little_space
from bakup.restorer.tree import bring_tree

RECORDS = "restores"
"""The folder in a BAKUP_HOME where restores that are under way keep what they have made."""

OTHERS = "its name is another's there"
"""Why what differs from another path by case only is not brought back, where case does not count."""

GLOB = re.compile(rb"[*?\[]")


def restore(
    home: Home, dst: str, out: str, paths: Sequence[bytes], options: RestoreOptions, watch: Watch, ask: Ask
) -> RestoreReport:
    """Bring `paths` (all, if none) of a check point at `dst` back to `out`/<path in the source>.

    Raises Failed when different files are in the way (nothing is written then) or no path is found, Usage for an
    unclear choice.
    """
    begun = time.monotonic()
    refuse_out_at_target(dst, options.target.store, out, options.out_options)
    with closing(OutPlace(out, options.out_options, options.target.terms(watch))) as place:
        with attach(home, dst, options.target, watch, ask) as attached:
            _refuse_check_point_as_out(home.catalog, attached, dst, out)
            chosen = _choose(home.catalog, attached, dst, paths, options)
            refuse_strewing(chosen, dst, out, paths)
            refuse_target_in_the_way(chosen, dst, options.target.store, out, options.out_options)
            run = place.run(os.path.join(home.databases, RECORDS), b"/".join(sorted(paths)), write=not options.dry_run)
            _tell_empty(chosen, attached, dst, out, watch)
            well = False
            try:
                report = _restore(home, attached, chosen, place, run, options, watch)
                well = True
            finally:
                run.end(well=well)
        costs.tell_counts(watch, "out", place.shown, place.counts)
    return replace(report, elapsed=time.monotonic() - begun)


def _restore(
    home: Home,
    attached: Attached,
    chosen: Chosen,
    place: OutPlace,
    run: RestoreRun,
    options: RestoreOptions,
    watch: Watch,
) -> RestoreReport:
    survey = surveyed(chosen, place, run, options, attached.layout.name)
    if survey.conflicts:
        raise in_the_way(place.shown, chosen, survey)
    line = line_of(chosen.checkpoint, chosen.source)
    older, never_read = _unread(chosen)
    report = RestoreReport(
        checkpoint=line,
        out=place.shown,
        restored=Count(*survey.todo),
        already_there=Count(*survey.equal),
        kept=Count(*survey.kept),
        older=older,
        never_read=never_read,
        missing=chosen.missing,
        partial=options.partial,
        dry_run=options.dry_run,
        rebuilt=attached.rebuilt,
    )
    tell_little_space(chosen, survey, place, watch)
    for path in survey.amended:
        watch.path("U", path or b".", None)
    if options.dry_run:
        return report
    with place.open(run, survey.spares) as destination:
        brought = _bring(home, attached, chosen, survey, destination, options, watch)
        nameless = _nameless(home.catalog, attached, chosen)
        causes = (*brought.causes(), *_refused(destination, chosen), *_blind(home, attached, chosen, nameless))
        lost = [file for cause in causes for file in cause.lost]
        _remember(home, attached, brought)
        return replace(
            report,
            restored=Count(brought.files, brought.size),
            not_restored=Count(len(lost), sum(file.bytes for file in lost)),
            causes=causes,
            lost_entries=sum(line.entries for line in nameless),
            skipped=destination.skipped.pairs(),
        )


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
    brought = bring_tree(
        lambda: attached.layout.bringing(
            connection, attached.row, destination, watch, partial=options.partial, marks=survey.marks
        ),
        destination,
        chosen,
        lambda version: history.extents_of(connection, version),
        equal=survey.equal_paths,
        kept=survey.kept_paths,
        filled=None if survey.fresh else survey.filled,
        amended=lambda path: chosen.amends(path, options),
        replaced=options.overwrite == "always",
    )
    if options.overwrite == "always" and survey.equal_paths:
        for version in chosen.versions(Kind.FILE, Kind.SYMLINK, Kind.SPECIAL):
            if version.path in survey.equal_paths:
                destination.amend(version.path, version.attributes)
    return brought


def _tell_empty(chosen: Chosen, attached: Attached, dst: str, out: str, watch: Watch) -> None:
    """Say that all of a check point is nothing, and which one before it holds files."""
    if not chosen.whole or any(version.path for version in islice(chosen.versions(), 2)):
        return
    rows = history.checkpoints(chosen.connection, attached.row, chosen.source.id)
    before = [row for row in rows if row.ordinal < chosen.checkpoint.ordinal and row.files]
    words = [dst, out, "--source", chosen.source.label, "--at"]
    watch.warning(
        f"check point {chosen.checkpoint.uuid.hex()[:8]} of {chosen.source.label} is of an empty folder",
        hints=tuple(
            f"the last one with files: bakup restore {shlex.join([*words, row.uuid.hex()[:8]])}" for row in before[-1:]
        ),
        code="empty",
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
    latest = history.head(connection, source.id) == checkpoint
    every = Chosen(connection, source, checkpoint, latest=latest)
    names = [inner_path(source, path) for path in paths]
    inner = [name for name in names if every.has(name)]
    globs = {name: _pattern(name) for name in names if name not in inner and GLOB.search(name)}
    matching, meant = every.matching(globs.values())
    patterns = {name: pattern for name, pattern in globs.items() if pattern in matching}
    if paths and not inner and not patterns:
        at = "" if options.at == "latest" else f" --at {shlex.quote(options.at)}"
        raise Failed(
            f"nothing found at {', '.join(map(os.fsdecode, paths))} in {checkpoint.uuid.hex()[:8]} of {source.label}",
            hints=(
                *(hint for name in names for hint in did_you_mean(connection, source.id, checkpoint.ordinal, name)),
                f"see what is there: bakup ls -R {shlex.quote(dst)} .{at}",
            ),
            code="no-path",
        )
    missing = tuple(name for name in names if name not in inner and name not in patterns)
    return replace(meant, roots=outermost([*map(path_key, inner), *meant.roots]), missing=missing)


def _pattern(glob: bytes) -> re.Pattern[bytes]:
    return re.compile(os.fsencode(translate(os.fsdecode(glob))))


def _unread(chosen: Chosen) -> tuple[tuple[bytes, ...], tuple[tuple[bytes, str], ...]]:
    """What could not be read at the check point: files that stand as stored before; (path, reason) of what was not."""
    reasons = chosen.unread()
    older: list[bytes] = []
    stored: set[bytes] = set()
    for version in chosen.versions() if reasons else ():
        above = reasons.keys() & set(_above(version.key))
        if above and version.kind != Kind.DIR:
            older.append(version.path)
            stored |= above
    nothing = ((key.replace(b"\0", b"/"), reason) for key, reason in reasons.items() if key not in stored)
    return tuple(older), tuple((path, reason) for path, reason in nothing if chosen.means(path))


def _above(key: bytes) -> Iterator[bytes]:
    """A path's key, then those of the folders it is in, but for the root."""
    while key:
        yield key
        key = key.rpartition(b"\0")[0]


def _refused(destination: Out, chosen: Chosen) -> tuple[Cause, ...]:
    causes: dict[str, list[Lost]] = {}
    for path, reason in destination.problems:
        version = history.version_at(chosen.connection, chosen.source.id, chosen.checkpoint.ordinal, path)
        other = os.fsencode(reason) if isinstance(reason, OtherName) else b""
        size = (version and version.size) or 0
        causes.setdefault(OTHERS if other else reason, []).append(Lost(path, size, 0, other))
    return tuple(Cause(reason, tuple(files)) for reason, files in causes.items())


def _chain(connection: sqlite3.Connection, attached: Attached, chosen: Chosen) -> dict[bytes, CheckpointRow]:
    """What the check point was made on, and itself; nothing where nothing is missing."""
    if not places.troubled(connection, attached.row, chosen.source.id):
        return {}
    rows = history.checkpoints(connection, attached.row, chosen.source.id, hidden=True)
    return {row.uuid: row for row in history.chain_of(rows, chosen.checkpoint)}


def _nameless(connection: sqlite3.Connection, attached: Attached, chosen: Chosen) -> list[damage.MissingLine]:
    """Where entries stood in sectors that are gone with the very names of files."""
    chain = _chain(connection, attached, chosen)
    lines = damage.missing_lines(connection, attached.row) if chain else ()
    return [line for line in lines if line.checkpoint in chain and not line.known and line.entries]


def _blind(home: Home, attached: Attached, chosen: Chosen, nameless: Iterable[damage.MissingLine]) -> tuple[Cause, ...]:
    """What may have stood in sectors that are gone or refused with the very names of files: nobody knows."""
    connection = home.catalog
    chain = _chain(connection, attached, chosen)
    causes = [Cause(f"{line.told}: {span(line)}", ()) for line in nameless]
    if chain:
        gap_of = history_gap(history.based(connection, attached.row))
        causes += [Cause(gap, ()) for gap in map(gap_of, chain.values()) if gap]
        lost = [row.id for row in chain.values() if row.entries_lost]
        causes += [Cause(why, ()) for row in lost for why in damage.refused_boxes(connection, row)]
    causes += [Cause(told, ()) for told in not_there(connection, chosen.checkpoint)]
    if chosen.latest:
        causes += [Cause(told, ()) for told in may_hold_more(connection, attached.row)]
        causes += [Cause(gone, ()) for gone in rolled_back(home, attached, {chosen.source.id})]
    return tuple(causes)


def _remember(home: Home, attached: Attached, brought: Brought) -> None:
    if not brought.findings or not home.locked:
        return
    with transaction(home.state), transaction(home.catalog):
        for sector, positions in brought.findings.items():
            state_db.add_findings(home.state, attached.url, sector, positions, "found by restore")
            places.mark_damaged(home.catalog, attached.row, sector, positions)


def _refuse_check_point_as_out(connection: sqlite3.Connection, attached: Attached, dst: str, out: str) -> None:
    """`decade` and `2025` are names as good as any, unless a check point's id begins so."""
    if os.path.isdir(out) or not ID.fullmatch(out):
        return
    if any(row.uuid.hex().startswith(out) for row in history.checkpoints(connection, attached.row)):
        raise Usage(
            f"OUT is the place to restore to; {out} names a check point",
            hints=(restore_at(dst, out), f"a folder of that name: ./{out}"),
            code="usage",
        )
