"""One restore into a folder, and the ones before it that were killed: what they have made there is known by a
record that each keeps while it runs, never by what a name looks like.

A record is a file of the BAKUP_HOME that is locked while its restore lives, and removed when that ended well. Fields in
it end with a NUL byte: the folder, what of a check point was chosen, then each folder that was made in it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import count

from bakup.store.local.spool import try_lock

EVERY_FOLDER = b"/"
"""Stands in a record for all folders below one that was empty."""

_FLAGS = os.O_RDWR | os.O_APPEND | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class RestoreRun:
    """A restore that is under way. For one process; forked ones may take temporary names as well.

    `alike`: paths of it that may be another name of an earlier one, with that.

    Args:
        root: absolute path of the folder that is restored into.
        records: the folder of all records; without one, or where it cannot be written, nothing is recorded, and
            nothing known of others.
        scope: what was chosen, in any words; empty: all.
        write: whether this restore makes anything.
    """

    def __init__(self, root: bytes, records: str | None = None, scope: bytes = b"", *, write: bool = True) -> None:
        self.alike: dict[bytes, bytes] = {}
        self.token = os.urandom(8).hex().encode()
        self.killed: set[bytes] = set()
        self._folders: set[bytes] = set()
        self._ended: list[str] = []
        self._numbers = count()
        self._record: int | None = None
        self._path = os.path.join(records, self.token.decode()) if records else ""
        root = os.path.realpath(root)
        if records is not None:
            with suppress(OSError):
                self._learn(records, root, scope)
        if records is not None and write:
            with suppress(OSError):
                self._begin(records, root, scope)

    def temporary_name(self) -> bytes:
        """A new name that no entry has."""
        return b".bakup-%s-%x-%x.part" % (self.token, os.getpid(), next(self._numbers))

    def is_left_over(self, name: bytes) -> bool:
        """Whether a restore that was killed gave a name."""
        return name.startswith(b".bakup-") and name.split(b"-")[1] in self.killed

    def made(self, path: bytes) -> None:
        """Note that a folder was made, or `EVERY_FOLDER`, before anything is in it."""
        if self._record is not None:
            with suppress(OSError):
                os.write(self._record, path + b"\0")

    def was_made(self, path: bytes) -> bool:
        """Whether a restore that was killed made a folder that stands there."""
        return path in self._folders or (bool(path) and EVERY_FOLDER in self._folders)

    def end(self, *, well: bool) -> None:
        """Close the record; it goes, with those of killed restores that this one went on with, if all ended well."""
        if self._record is None:
            return
        os.close(self._record)
        self._record = None
        for path in (self._path, *self._ended) if well else ():
            with suppress(OSError):
                os.unlink(path)

    def _begin(self, records: str, root: bytes, scope: bytes) -> None:
        with suppress(FileExistsError):
            os.mkdir(records, 0o700)
        self._record = os.open(self._path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
        try_lock(self._record)
        os.write(self._record, root + b"\0" + scope + b"\0")

    def _learn(self, records: str, root: bytes, scope: bytes) -> None:
        for name, fields in _dead(records):
            where, chosen, *folders = fields
            if where == root:
                self.killed.add(os.fsencode(name))
                self._folders.update(folders)
            if (where == root and scope in (b"", chosen)) or not os.path.lexists(where):
                self._ended.append(os.path.join(records, name))


def _dead(records: str) -> Iterator[tuple[str, list[bytes]]]:
    """Names and fields of the records of restores that live no more."""
    for name in sorted(os.listdir(records)):
        descriptor = os.open(os.path.join(records, name), os.O_RDWR | getattr(os, "O_BINARY", 0))
        try:
            if try_lock(descriptor):
                with open(descriptor, "rb", closefd=False) as file:
                    fields = file.read().split(b"\0")[:-1]
                if len(fields) >= 2:
                    yield name, fields
        finally:
            os.close(descriptor)
