"""What `sync` and `plan` say with `--json` (docs/json.md)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bakup.cli.output import machine
from bakup.cli.output.costs import back_fields
from bakup.cli.output.rows import lost_facts

if TYPE_CHECKING:
    from bakup.api.reports import CheckpointLine, SourceReport, SyncReport

_COUNTS = ("new", "changed", "deleted", "stored_again", "unchanged", "vanished", "excluded")

Facts = dict[str, object]


def summary(report: SyncReport) -> Facts:
    """The last object; with several sources its counts are sums, and each has an object of its own."""
    alone = report.sources[0] if len(report.sources) == 1 else None
    return {
        "target": report.target,
        "dry_run": report.dry_run,
        "sources": len(report.sources),
        **_checkpoint(alone),
        **_counts(report.sources),
        "stored_bytes": report.stored_bytes,
        "stored_sectors": report.stored_sectors,
        "estimated_bytes": report.estimated_bytes,
        "estimated_sectors": report.estimated_sectors,
        "estimated_s": machine.seconds(report.estimated_seconds),
        "estimated_put_requests": report.estimated_puts,
        "estimated_get_requests": report.estimated_gets,
        **back_fields(report.to_get_back),
        "free_bytes": report.free_bytes,
        "missing_sectors": len(report.missing_sectors),
        "gone_files": len(report.gone),
        "elapsed_s": machine.seconds(report.elapsed),
    }


def sources(report: SyncReport) -> Iterator[Facts]:
    """An object a source, when there are several."""
    for source in report.sources if len(report.sources) > 1 else ():
        stored = source.checkpoint.stored if source.checkpoint and source.made else 0
        yield {"message_type": "source", **_checkpoint(source), **_counts((source,)), "stored_bytes": stored}


def paths(report: SyncReport) -> Iterator[Facts]:
    """An object a path, for `plan -v`."""
    for source in report.sources:
        for line in source.paths:
            fields = machine.path_fields(line.path)
            yield {"message_type": "path", "mark": line.mark, **fields, "size_bytes": line.bytes}


def unreadable(source: SourceReport) -> tuple[Facts, ...]:
    """An object a path that could not be read."""
    return tuple(
        {
            **machine.path_fields(one.path),
            "source": source.source,
            "reason": one.reason,
            "last_check_point": machine.uuid_text(one.last),
        }
        for one in source.unreadable
    )


def changing(source: SourceReport) -> tuple[Facts, ...]:
    """An object a path that changed while it was read."""
    return tuple({**machine.path_fields(line.path), "source": source.source} for line in source.changing)


def missing(report: SyncReport) -> tuple[Facts, ...]:
    """An object a sector that was missing, then one a file that is gone for good."""
    sectors: list[Facts] = [{"sector": machine.uuid_text(uuid)} for uuid in report.missing_sectors]
    return (*sectors, *lost_facts(report.gone, code="gone"))


def checkpoint_fields(line: CheckpointLine | None) -> Facts:
    """A check point's source, whole id and time."""
    if line is None:
        return {"source": None, "check_point": None, "time": None}
    moment = machine.time_text(line.time_ns)
    return {"source": line.source, "check_point": machine.uuid_text(line.uuid), "time": moment}


def _checkpoint(source: SourceReport | None) -> Facts:
    named = {"source": source.source} if source else {}
    line, made = (source.checkpoint, source.made) if source else (None, None)
    return {**checkpoint_fields(line), **named, "check_point_new": made}


def _counts(sources: Sequence[SourceReport]) -> Facts:
    facts: Facts = {}
    for name in _COUNTS:
        facts[f"{name}_files"] = sum(getattr(source, name).files for source in sources)
        facts[f"{name}_bytes"] = sum(getattr(source, name).bytes for source in sources)
    facts["excluded_folders"] = sum(source.excluded_folders for source in sources)
    unread = [one for source in sources for one in source.unreadable]
    changed = [line for source in sources for line in source.changing]
    facts |= {"unreadable_files": len(unread), "unreadable_bytes": sum(one.bytes for one in unread)}
    return facts | {
        "changing_files": len(changed),
        "changing_bytes": sum(line.bytes or 0 for line in changed),
    }
