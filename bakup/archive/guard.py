"""Stopping where a target is not what the user thinks it is: not there, empty, another's, damaged, rolled back."""

from __future__ import annotations

import shlex
import sqlite3
from collections.abc import Container, Iterator, Sequence
from typing import TYPE_CHECKING

from bakup.api.ask import Ask
from bakup.api.reports import Fork
from bakup.archive.home import Home
from bakup.archive.when import local_time
from bakup.catalog import history, lineage, state_db
from bakup.catalog.refused import refused
from bakup.catalog.state_db import Remembered
from bakup.errors import BakupError, Failed, History, NoTarget, Untrusted, Usage
from bakup.format.objects import SECTOR_SUFFIX, is_object
from bakup.store.faults import absent

if TYPE_CHECKING:
    from bakup.archive.archive import Asked, Attached


def expect_there(asked: Asked, known: Remembered | None, there: bool) -> None:
    """Raises NoTarget, unless a sync may make the target."""
    if not there and not (asked.writing and (known is None or asked.new_target)):
        raise _not_there(asked, known)


def _not_there(asked: Asked, known: Remembered | None) -> NoTarget:
    place = asked.place
    if known is None:
        return NoTarget(f"there is no {place}", hints=(absent(place),), code="target-missing")
    told = f"there is no {place}; {known.units} there on {local_time(known.seen_ns)}"
    new = ("if this is a new, empty drive, add --new-target",) if asked.writing else ()
    return NoTarget(told, hints=(absent(place), *new), code="target-missing")


def expect_ours(home: Home, attached: Attached, asked: Asked, ask: Ask) -> None:
    """Some of what is there is known or can be read, or nothing is there and a sync may begin; else the error."""
    if _holds_ours(home, attached.row):
        return
    if not asked.new_target and (refusal := _refusal(home, attached, asked)) is not None:
        raise refusal
    if not asked.writing:
        raise Failed(
            f"{asked.place} holds no sectors",
            hints=(f"to back up a folder to it: bakup sync ~/Documents {shlex.quote(asked.place)}",),
            code="no-sectors",
        )
    others = [*_others(home, attached.row, "no sector"), *_withheld(home, attached.row)]
    if others and not asked.new_target and not asked.use_folder and not ask.use_folder(asked.place, len(others)):
        raise Usage(
            f"{asked.place} holds other files and was not used",
            hints=("to use it, add --new-target",),
            code="other-files",
        )


def _holds_ours(home: Home, row: int) -> bool:
    """Whether a sector that the catalog knows is there, be it damaged: what it held is named, or stored again."""
    found = home.catalog.execute(
        "SELECT EXISTS (SELECT 1 FROM sectors WHERE target = :t AND state IN ('stored', 'damaged')) OR EXISTS"
        " (SELECT 1 FROM others o JOIN sectors s ON s.target = o.target AND s.locator = o.locator"
        " WHERE o.target = :t AND o.reason IN ('damaged', 'forged', 'untrusted'))",
        {"t": row},
    ).fetchone()
    return bool(found[0])


def _refusal(home: Home, attached: Attached, asked: Asked) -> BakupError | None:
    place, known = asked.place, attached.remembered
    if accounts := _foreign_accounts(home, attached.row):
        return attached.layout.not_ours(place, accounts, writing=asked.writing)
    untrusted = _others(home, attached.row, "untrusted", "forged")
    damaged = _others(home, attached.row, "damaged")
    withheld = [row for row in _withheld(home, attached.row) if _looks_ours(row[0])]
    if withheld and not untrusted and not damaged:
        return _nothing_given(place, attached.layout.unit, withheld)
    if known is not None and known.sectors:
        what = f"holds no whole {known.unit}" if untrusted or damaged else "is empty"
        return NoTarget(
            f"{place} {what}; {known.units} there on {local_time(known.seen_ns)}",
            details=(*untrusted, *damaged),
            hints=(absent(place),),
            code="target-empty",
        )
    if untrusted:
        return _untrusted(place, untrusted)
    if damaged:
        unit = attached.layout.unit
        held = f"1 {unit}, which is not" if len(damaged) == 1 else f"{len(damaged):,} {unit}s and none of them is"
        return Failed(
            f"{place} holds {held} whole",
            details=tuple(damaged),
            hints=(
                f"to look at one by itself: bakup {attached.layout.inspector} inspect {_quoted(place, damaged[0][0])}",
                "were they made before the format was frozen? then the bakup that made them reads them",
            ),
            code="all-damaged",
        )
    return None


def _nothing_given(place: str, unit: str, withheld: Sequence[tuple[str, str]]) -> NoTarget:
    return NoTarget(
        f"{place} gives none of the {len(withheld):,} {unit}s that it lists",
        details=tuple(withheld),
        hints=("may this user read them? are they in an archive tier? then bring them back from it first",),
        code="target-denied",
    )


def _quoted(place: str, locator: str) -> str:
    return shlex.quote(f"{place.rstrip('/')}/{locator}")


def _withheld(home: Home, row: int) -> list[tuple[str, str]]:
    return sorted((*_others(home, row, "withheld"), *_others(home, row, "archived")))


def _looks_ours(locator: str) -> bool:
    return locator.endswith(SECTOR_SUFFIX) or is_object(locator)


def _foreign_accounts(home: Home, row: int) -> list[tuple[str, int]]:
    rows = home.catalog.execute(
        "SELECT detail, count(*) FROM others WHERE target = ? AND reason = 'foreign' GROUP BY detail"
        " ORDER BY count(*) DESC",
        [row],
    )
    return [(str(account), int(count)) for account, count in rows]


def _others(home: Home, row: int, *reasons: str) -> list[tuple[str, str]]:
    rows = home.catalog.execute(
        f"SELECT locator, detail FROM others WHERE target = ? AND reason IN ({', '.join('?' * len(reasons))})"
        " ORDER BY locator",
        [row, *reasons],
    )
    return [(str(locator), str(detail)) for locator, detail in rows]


def _untrusted(place: str, found: Sequence[tuple[str, str]]) -> Untrusted:
    details = {detail for _, detail in found}
    options = []
    if any("encrypted" in detail for detail in details):
        options.append("--accept-plain")
    if any("signed" in detail for detail in details):
        options.append("--accept-unsigned")
    hints = (f"if you made them so: {' '.join(options)}",) if options else ()
    held = "1 sector, which cannot" if len(found) == 1 else f"{len(found):,} sectors and none of them can"
    return Untrusted(
        f"{place} holds {held} be trusted",
        details=tuple((locator, detail) for locator, detail in found),
        hints=hints,
        code="untrusted",
    )


def guard_history(home: Home, attached: Attached, asked: Asked) -> None:
    """Stop a sync that would build on a history older than one that was seen (design section 4, exit 23)."""
    if not asked.writing or asked.new_target:
        return
    for problem in rolled_back(home, attached):
        raise History(
            problem,
            hints=(
                f"see what is there: bakup check {shlex.quote(attached.place)}",
                "to go on from what is there, add --new-target",
            ),
            code="rolled-back",
        )


def rolled_back(home: Home, attached: Attached, sources: Container[int] | None = None) -> Iterator[str]:
    """What the history there lacks beside the newest check points that this computer has seen.

    Of `sources`, by their row ids, or of all.

    A source of which nothing is there any more is missed too, unless it is known to be on another disk.
    """
    every = history.sources(home.catalog, attached.row, complete=False)
    there = {(source.uuid, source.signer): source for source in every}
    for head in state_db.heads(home.state, attached.url):
        source = there.get((head.source, head.signer))
        looked_at = sources is None or (source is not None and source.id in sources)
        elsewhere = head.away and (source is None or source.current is None)
        gone = not elsewhere and (source is None or not _has(home, source, head.checkpoint))
        if looked_at and gone:
            label = source.label if source is not None else head.label or "a source"
            name = head.checkpoint.hex()[:8]
            yield f"{label} was at check point {name} (number {head.sequence}), which is not there any more"


def forks_at(connection: sqlite3.Connection, target: int) -> list[Fork]:
    """Where histories of sources fork: each branch stands beside the others, the one that goes on is told last."""
    sources = {source.id: source for source in history.sources(connection, target)}
    forks = list(lineage.forks(connection, target))
    going_on = {fork.source: lineage.line(connection, fork.source) for fork in forks}
    return [_fork(sources[one.source], one, going_on[one.source]) for one in forks if one.source in sources]


def _fork(source: history.SourceRow, fork: lineage.Fork, going_on: Container[bytes]) -> Fork:
    branches = tuple(sorted(fork.rivals, key=lambda uuid: uuid in going_on))
    *first, last = (uuid.hex()[:8] for uuid in fork.rivals)
    rivals = f"{', '.join(first)} and {last}"
    every = "both" if len(first) == 1 else "all"
    if fork.after is None:
        message = f"{source.label} forks: {rivals} are {every} number {fork.sequence}"
    else:
        message = f"{source.label} forks: {rivals} were {every} made after {fork.after.hex()[:8]}"
    after = fork.after.hex() if fork.after is not None else ""
    what = f"fork {source.uuid.hex()} {after} {' '.join(sorted(uuid.hex() for uuid in fork.rivals))}"
    return Fork(source.label, message, branches, frozenset((what,)))


def warn(home: Home, attached: Attached) -> None:
    """Tell what every command tells: what is there and not believed, and histories that fork."""
    aside = [one for one in refused(home.catalog, attached.row) if not one.harmless]
    if aside:
        number = "1 object is" if len(aside) == 1 else f"{len(aside):,} objects are"
        attached.watch.warning(
            f"{number} left aside at {attached.place}",
            details=tuple(f"{one.locator} {one.detail}" for one in aside),
            hints=(f"to see what that means: bakup check {shlex.quote(attached.place)}",),
            code="left-aside",
        )
    accepted = state_db.accepted(home.state, attached.url)
    for fork in forks_at(home.catalog, attached.row):
        if not fork.what <= accepted.keys():
            attached.watch.warning(
                fork.message,
                details=("each of them is kept and can be restored; the latest goes on",),
                hints=(f"if that is all right: bakup check --accept-loss {shlex.quote(attached.place)}",),
                code="fork",
            )


def may_hold_more(connection: sqlite3.Connection, target: int) -> Iterator[str]:
    """What is not known of the newest state because of objects that `warn` has named."""
    number = sum(one.matters for one in refused(connection, target))
    if number:
        objects = "an object that was" if number == 1 else f"{number:,} objects that were"
        yield f"{objects} not believed may have held more of the newest state"


def _has(home: Home, source: history.SourceRow, checkpoint: bytes) -> bool:
    """Whether a check point is there, or was dropped on purpose."""
    found = home.catalog.execute(
        "SELECT EXISTS (SELECT 1 FROM checkpoints WHERE source = :s AND uuid = :c AND complete = 1) OR EXISTS"
        " (SELECT 1 FROM forgotten f JOIN sources s ON s.target = f.target AND s.signer = f.signer"
        " WHERE s.id = :s AND f.uuid = :c AND (f.account OR f.by = f.signer))",
        {"s": source.id, "c": checkpoint},
    ).fetchone()
    return bool(found[0])
