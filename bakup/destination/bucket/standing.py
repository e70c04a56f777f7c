"""What stands at a URL before a restore: one listing, kept in a temporary file."""

from __future__ import annotations

import sqlite3
from concurrent.futures import Future, ThreadPoolExecutor

from bakup.destination.interface import Facts, State
from bakup.errors import StoreError
from bakup.model import path_key
from bakup.store.buckets.interface import Bucket, Listed
from bakup.store.faults import OBJECT_DENIED, OBJECT_MISSING

AHEAD = 16
"""Objects that are asked for their facts at once: of those that follow one another, most are asked about in turn."""

_MADE_THERE = frozenset(("etag", "generation", "key", "md5", "storage-class", "version"))
"""Facts that a put does not set, or that a store may change later by a rule of its owner."""


class Standing:
    """The objects of a bucket by key, as they were when this was made.

    Args:
        bucket: the objects.
        pool: where they are asked for facts.
    """

    def __init__(self, bucket: Bucket, pool: ThreadPoolExecutor) -> None:
        self._bucket = bucket
        self._pool = pool
        self._looks: dict[bytes, Future[frozenset[tuple[str, str]]]] = {}
        self._rows = sqlite3.connect("")  # on disk, without a name, gone when it is closed
        self._rows.execute(
            "CREATE TABLE found (place BLOB, key BLOB, size INTEGER, mtime_ns INTEGER, token TEXT, digest TEXT,"
            " PRIMARY KEY (place, key)) WITHOUT ROWID"
        )
        self._rows.executemany(
            "INSERT OR REPLACE INTO found VALUES (?, ?, ?, ?, ?, ?)",
            (
                (*_place(_raw(listed.key)), listed.size, listed.mtime_ns, listed.token, listed.digest)
                for listed in bucket.list()
                if not listed.folder
            ),
        )

    def close(self) -> None:
        """Forget them."""
        self._rows.close()

    def compare(self, key: str, size: int, wanted_ns: int, facts: Facts) -> State:
        """What stands at a key beside an object of `size` bytes; what has no time counts as newer, and so stays."""
        raw = _raw(key)
        query = "SELECT size, mtime_ns, token, digest FROM found WHERE place = ? AND key = ?"
        row = self._rows.execute(query, _place(raw)).fetchone()
        if row is None:
            return "absent"
        there, mtime_ns, *known = row
        if there == size and self._is_wanted(raw, mtime_ns == wanted_ns, known, wanted_ns, facts):
            return "equal"
        return "older" if mtime_ns and mtime_ns < wanted_ns else "newer"

    def _is_wanted(self, raw: bytes, untouched: bool, known: list[str], wanted_ns: int, facts: Facts) -> bool:
        """By its content, then by its facts, unless it is `untouched` since it was stored."""
        if facts:
            return not _tokens(facts).isdisjoint(known) and (untouched or self._facts(raw) == _kept(facts))
        return self._bucket.keyed and ("metadata.mtime", mtime_text(wanted_ns)) in self._facts(raw)

    def _facts(self, raw: bytes) -> frozenset[tuple[str, str]]:
        if raw not in self._looks:
            query = "SELECT key FROM found WHERE (place, key) >= (?, ?) ORDER BY place, key LIMIT ?"
            found = self._rows.execute(query, [*_place(raw), AHEAD])
            self._looks = {key: self._pool.submit(self._look, key) for (key,) in found}
        return self._looks.pop(raw).result()

    def _look(self, raw: bytes) -> frozenset[tuple[str, str]]:
        """What an object is known by; nothing where that may not be seen."""
        try:
            return _kept(self._bucket.facts(Listed(raw.decode("utf-8", "surrogateescape"), 0, 0))[1])
        except StoreError as error:
            if error.code not in {OBJECT_DENIED, OBJECT_MISSING}:
                raise
            return frozenset()


def _kept(facts: Facts) -> frozenset[tuple[str, str]]:
    return frozenset(pair for pair in facts if pair[0] not in _MADE_THERE)


def _tokens(facts: Facts) -> set[str]:
    return {value for name, value in facts if name in {"etag", "md5"}}


def _raw(key: str) -> bytes:
    return key.encode("utf-8", "surrogateescape")


def _place(raw: bytes) -> tuple[bytes, bytes]:
    """Where a key stands among the others: near those of the paths around it."""
    return path_key(raw), raw


def mtime_text(mtime_ns: int) -> str:
    """Seconds with nine decimals: the metadata `mtime` of rclone."""
    sign, rest = ("-", -mtime_ns) if mtime_ns < 0 else ("", mtime_ns)
    return f"{sign}{rest // 1_000_000_000}.{rest % 1_000_000_000:09d}"
