"""What FTP servers answer to LIST, which no standard says: as `ls -l` writes it, or as DOS does.

Times in it have no zone and often no year, so they are not read. Of a line that nobody understands the whole text is
taken for the name of something that is neither file nor folder: it is named, and never silently left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from bakup.store.files import Kind


class Entry(NamedTuple):
    """What is in a folder; `modified` is 14 digits or more as RFC 3659 has them, in UTC, empty where it is not told."""

    name: str
    kind: Kind
    size: int = 0
    modified: str = ""


# One blank stands before the name, and all others are of the name.
_UNIX = re.compile(
    r"(?P<type>[-a-zA-Z])[-rwxsStTlL]{9}[+.@]?\s+.*?(?P<size>\d+)\s+"
    r"(?:[A-Z][a-z]{2}\s+\d{1,2}\s+(?:\d{1,2}:\d{2}|\d{4})"
    r"|\d{1,2}\s+[A-Z][a-z]{2}\s+(?:\d{1,2}:\d{2}|\d{4})"
    r"|\d{4}-\d{2}-\d{2}\s+\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:\s[-+]\d{4})?)"
    r"\s(?P<name>.+)",
    re.DOTALL,
)
_DOS = re.compile(
    r"\d{2}-\d{2}-\d{2}(?:\d{2})?\s+\d{2}:\d{2}(?:[AP]M)?\s+"
    r"(?:(?P<dir><DIR>)(?: {10}|\s+)|(?P<other><[A-Z]+>)(?: {5}|\s+)|(?P<size>[\d,.]+)\s)(?P<name>.+)",
    re.DOTALL,
)
_KINDS: dict[str, Kind] = {"-": "file", "d": "directory"}
_NOT_LISTED = re.compile(r"total\s+\d+\s*$")


def entries(lines: Iterable[str]) -> Iterator[Entry]:
    """What the lines of an answer name."""
    for line in lines:
        if line and not _NOT_LISTED.match(line):
            yield _entry(line)


def _entry(line: str) -> Entry:
    if found := _UNIX.fullmatch(line):
        kind, name = _KINDS.get(found["type"], "other"), found["name"]
        if found["type"] == "l":
            name = name.partition(" -> ")[0]
        return Entry(name, kind, int(found["size"]) if kind == "file" else 0)
    if found := _DOS.fullmatch(line):
        if found["size"]:
            return Entry(found["name"], "file", int(re.sub(r"\D", "", found["size"])))
        return Entry(found["name"], "directory" if found["dir"] else "other")
    return Entry(line, "other")
