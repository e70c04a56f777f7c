"""What every layout does alike with the changes of a source: to read, and to keep count of what could not be read."""

from __future__ import annotations

from abc import ABC, abstractmethod

from msgspec import Struct, field

from bakup.model import Attributes, Delete, Entry, Kind, Unread
from bakup.plan.marks import Facts, facts_of_entry
from bakup.source.interface import Found, Source, Vanished

ATTEMPTS = 3
"""A large file that changes while it is read is read so often; what was read last is kept."""


class Outcome(Struct):
    """What became of the files of a plan, as far as reading them told."""

    vanished: list[tuple[bytes, int]] = field(default_factory=list)
    unreadable: list[tuple[bytes, str, int]] = field(default_factory=list)
    changing: list[tuple[bytes, int]] = field(default_factory=list)
    entries: int = 0

    def add(self, other: Outcome) -> None:
        """What became of more files."""
        self.vanished += other.vanished
        self.unreadable += other.unreadable
        self.changing += other.changing
        self.entries += other.entries


class ReadingSink(ABC):
    """The reading half of a `layouts.Sink`. Files of at most `small` bytes are read whole."""

    def __init__(self, source: Source, small: int) -> None:
        self.outcome = Outcome()
        self.done_bytes = 0
        self.path = b""
        self.facts = Facts(Kind.DIR, Attributes())
        self._source = source
        self._small_bytes = small

    @abstractmethod
    def entry(self, entry: Entry) -> None:
        """See `layouts.Sink`."""

    @abstractmethod
    def _small(self, found: Found) -> None:
        """Read and store a small file. Raises Vanished or Unreadable."""

    @abstractmethod
    def _large(self, found: Found) -> None:
        """Read and store a large file. Raises Vanished or Unreadable."""

    def deleted(self, path: bytes) -> None:
        """The path and all below it are gone."""
        self.entry(Delete(path))

    def unread(self, path: bytes, reason: str, size: int = 0) -> None:
        """The path could not be read."""
        self.outcome.unreadable.append((path, reason, size))
        self.entry(Unread(path, reason))

    def other(self, found: Found) -> bool:
        """A directory, link or special file. Whether it got an entry. Raises Unreadable."""
        try:
            entry = self._source.entry(found)
        except Vanished:
            self.outcome.vanished.append((found.path, 0))
            return False
        self.facts = facts_of_entry(entry)
        self.entry(entry)
        return True

    def file(self, found: Found) -> bool:
        """A file: read, and stored as far as it is new. Whether it came to its end. Raises Unreadable."""
        self.path = found.path
        before = self.done_bytes
        try:
            if found.size <= self._small_bytes:
                self._small(found)
            else:
                self._large(found)
        except Vanished:
            self.outcome.vanished.append((found.path, found.size))
            return False
        self.done_bytes = before + (self.facts.size or 0)
        return True
