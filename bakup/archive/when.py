"""Times as users write them: a local or ISO time means its second, a date its whole day."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from time import localtime, strftime

from bakup.errors import Usage

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_SECOND_NS = 1_000_000_000


def span_of(text: str) -> tuple[int, int]:
    """First and last nanosecond of what `text` means. Raises Usage for what is neither a time nor a date."""
    wanted = text.strip()
    try:
        if _DATE.fullmatch(wanted):
            day = date.fromisoformat(wanted)
            return _midnight(day), _midnight(day + timedelta(days=1)) - 1
        when = datetime.fromisoformat(wanted)
        begin = int(when.astimezone().timestamp()) * _SECOND_NS
    except (ValueError, OverflowError):
        raise Usage(
            f"no check point or time: {text}",
            hints=("latest, latest~1, 4 or more digits of an id, 2026-11-21, or '2026-11-21 18:40'",),
            code="when",
        ) from None
    return begin, begin + _SECOND_NS - 1


def local_time(time_ns: int) -> str:
    """As users read it, to the second."""
    return strftime("%Y-%m-%d %H:%M:%S", localtime(time_ns // _SECOND_NS))


def _midnight(day: date) -> int:
    # Each with its own offset: not every day has 24 hours.
    return int(datetime.combine(day, time()).astimezone().timestamp()) * _SECOND_NS
