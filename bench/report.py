"""What was measured, as Markdown tables: times and sizes with ratios of the same run, CPU seconds, memory."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of one contender at one work; `value` is seconds of wall time, or bytes for a size."""

    work: str
    contender: str
    value: float
    cpu_s: float | None = None
    peak_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """A row: `bar` is the largest wanted ratio to restic, `limits` name what to print beside."""

    name: str
    title: str
    is_size: bool = False
    bar: float | None = None
    limits: tuple[str, ...] = ()


def tables(works: Iterable[Work], samples: list[Sample], names: list[str]) -> str:
    """All tables for the works that have samples; `names` are the contenders, in order of columns."""
    works = [work for work in works if any(sample.work == work.name for sample in samples)]
    timed = [work for work in works if not work.is_size]
    return "\n\n".join(
        [
            _values(works, samples, names),
            "CPU seconds, user and system, of all processes:\n\n"
            + _extra(timed, samples, names, lambda sample: sample.cpu_s, lambda value: f"{value:.2f}"),
            "Peak memory of all processes together, MiB:\n\n"
            + _extra(timed, samples, names, lambda sample: sample.peak_bytes, lambda value: f"{value / MIB:.0f}"),
        ]
    )


def machine(folders: Iterable[str]) -> str:
    """Processor, memory, kernel, Python, and the file systems of the folders that were used."""
    lines = [
        f"{os.cpu_count()} x {_first('/proc/cpuinfo', 'model name')}, {_memory()} of memory",
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        " and ".join(dict.fromkeys(_file_system(folder) for folder in folders)),
    ]
    return "; ".join(lines)


def _values(works: Iterable[Work], samples: list[Sample], names: list[str]) -> str:
    head = ["work", *names, "bakup / restic", "bar", "limits beside"]
    rows = []
    for work in works:
        cells = [_cell(work, _of(samples, work, name)) for name in names]
        limits = [f"{limit} {_cell(work, _of(samples, work, limit))}" for limit in work.limits]
        bar = f"{work.bar:.2f}" if work.bar is not None else ""
        rows.append([work.title, *cells, _ratio(samples, work), bar, ", ".join(limits)])
    return _table(head, rows)


def _extra(
    works: Iterable[Work],
    samples: list[Sample],
    names: list[str],
    pick: Callable[[Sample], float | None],
    show: Callable[[float], str],
) -> str:
    rows = []
    for work in works:
        values = [[pick(sample) for sample in _of(samples, work, name)] for name in names]
        known = [[value for value in column if value is not None] for column in values]
        rows.append([work.title, *(show(median(column)) if column else "-" for column in known)])
    return _table(["work", *names], rows)


def _of(samples: list[Sample], work: Work, name: str) -> list[Sample]:
    return [sample for sample in samples if sample.work == work.name and sample.contender == name]


def _cell(work: Work, samples: list[Sample]) -> str:
    """Median, and the span where there is one."""
    values = sorted(sample.value for sample in samples)
    if not values:
        return "-"
    if work.is_size:
        return f"{median(values) / MIB:.1f} MiB"
    span = f" ({values[0]:.2f} to {values[-1]:.2f})" if len(values) > 1 else ""
    return f"{median(values):.2f} s{span}"


def _ratio(samples: list[Sample], work: Work) -> str:
    ours, theirs = ([sample.value for sample in _of(samples, work, name)] for name in ("bakup", "restic"))
    return f"{median(ours) / median(theirs):.2f}" if ours and theirs and median(theirs) else "-"


def _table(head: list[str], rows: list[list[str]]) -> str:
    rows = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join("| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in lines)


def _first(path: str, key: str) -> str:
    """Value of the first line of a /proc file that begins with `key`."""
    try:
        with open(path, encoding="utf-8") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith(key))
    except (OSError, StopIteration):
        return "unknown"


def _memory() -> str:
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"


def _file_system(folder: str) -> str:
    """Type of the file system that a folder is on."""
    best = ("", "unknown")
    with open("/proc/mounts", encoding="utf-8") as mounts:
        for line in mounts:
            _, point, kind, *_ = line.split()
            if (folder + "/").startswith(point.rstrip("/") + "/") and len(point) >= len(best[0]):
                best = (point, kind)
    return best[1]
