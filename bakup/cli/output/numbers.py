"""Numbers and times as people read and write them (rules 6 and 7 of how bakup speaks)."""

from __future__ import annotations

import os
import re
import time
from datetime import UTC, datetime
from decimal import Decimal

_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(?:([kmgtpe])(i?b)?|b)?\s*", re.IGNORECASE)
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(s|sec|m|min|h|d)?\s*", re.IGNORECASE)
_SPAN = re.compile(r"\s*(?:(\d+)y)?(?:(\d+)m)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?\s*", re.IGNORECASE)
_SPAN_S = (366 * 86_400, 31 * 86_400, 7 * 86_400, 86_400, 3600)
_SECONDS = {"": 1, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}
_NS = 1_000_000_000


def size(count: int, *, exact: bool = False) -> str:
    """Bytes with three digits and a power of 1024, like `41.6 MiB`; with `exact`, like `43,620,762 B`."""
    if exact or count < 1000:
        return f"{count:,} B"
    value = count / 1024
    for unit in _UNITS[:-1]:
        if value < 999.5:
            return f"{_three_digits(value)} {unit}"
        value /= 1024
    return f"{_three_digits(value)} {_UNITS[-1]}"


def count(number: int, one: str, many: str | None = None) -> str:
    """A number with commas and its noun: `1 file`, `56,204 files`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def duration(seconds: float) -> str:
    """`0.6 s` (at least 0.1), `42 s`, `4 min 12 s`, `2 h 05 min`."""
    if seconds < 9.95:
        return f"{max(seconds, 0.1):.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60:,} h {minutes % 60:02d} min"


def about(seconds: float) -> str:
    """An estimated duration: whole seconds, at least one."""
    whole = max(1, round(seconds))
    return f"{whole} s" if whole < 10 else duration(whole)


def local_time(time_ns: int) -> str:
    """Local time, like `2026-11-22 18:31:05`."""
    return _local(time_ns).strftime("%Y-%m-%d %H:%M:%S")


def log_time(time_ns: int) -> str:
    """Local time with milliseconds and offset, like `2026-11-22T18:31:06.412+01:00`."""
    return _local(time_ns).isoformat(timespec="milliseconds")


def utc_time(time_ns: int) -> str:
    """RFC 3339 in UTC with nanoseconds, like `2026-11-22T17:31:05.118204533Z`."""
    seconds, rest = divmod(time_ns, _NS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def zone() -> str:
    """The local zone's name, like `Europe/Berlin`, else its short name."""
    named = os.environ.get("TZ", "").lstrip(":")
    if "/" in named and not named.startswith("/"):
        return named
    if not named:
        linked = os.path.realpath("/etc/localtime")
        if "/zoneinfo/" in linked:
            return linked.split("/zoneinfo/", 1)[1]
    return time.tzname[0]


def read_size(text: str) -> int:
    """Bytes of `256MiB` or `256M` (2^28), `256MB` (decimal) or `1000`. Raises ValueError."""
    found = _SIZE.fullmatch(text)
    if not found:
        raise ValueError(f"not a size: {text}; for example 256MiB")
    digits, letter, unit = found.groups()
    base = 1000 if unit and unit.lower() == "b" else 1024
    power = "kmgtpe".index(letter.lower()) + 1 if letter else 0
    return int(Decimal(digits) * base**power)


def read_rate(text: str) -> int:
    """Bytes a second of `500` (KiB/s, as in restic), `2MiB` or `2MiB/s`. Raises ValueError."""
    bare = text.strip().removesuffix("/s")
    try:
        rate = read_size(f"{bare}KiB" if bare.replace(".", "", 1).isdecimal() else bare)
    except ValueError:
        rate = 0
    if rate < 1:
        raise ValueError(f"not a rate: {text}; for example 500 (KiB/s) or 2MiB")
    return rate


def read_duration(text: str) -> float:
    """Seconds of `90`, `30s`, `5min` or `2h`. Raises ValueError."""
    found = _DURATION.fullmatch(text)
    if not found:
        raise ValueError(f"not a time: {text}; for example 30s, 5min or 2h")
    return float(found[1]) * _SECONDS[(found[2] or "").lower()]


def read_span(text: str) -> float:
    """Seconds of a long time: `1y6m`, `2w`, `3d12h`; a year has 366 days, a month 31. Raises ValueError."""
    found = _SPAN.fullmatch(text)
    seconds = sum(int(digits or 0) * unit for digits, unit in zip(found.groups(), _SPAN_S, strict=True)) if found else 0
    if not seconds:
        raise ValueError(f"not such a time: {text}; for example 1y6m, 2w or 3d12h")
    return float(seconds)


def read_share(text: str) -> float:
    """`10%` as 0.1. Raises ValueError."""
    digits = text.strip().removesuffix("%")
    try:
        share = Decimal(digits) / 100
    except ArithmeticError:
        share = Decimal(-1)
    if not text.strip().endswith("%") or not 0 <= share <= 1:
        raise ValueError(f"not a share: {text}; for example 10%")
    return float(share)


def _three_digits(value: float) -> str:
    if value < 9.995:
        return f"{value:.2f}"
    if value < 99.95:
        return f"{value:.1f}"
    return f"{value:.0f}"


def _local(time_ns: int) -> datetime:
    seconds, rest = divmod(time_ns, _NS)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000).astimezone()
