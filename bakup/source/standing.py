"""What stands at a URL before a restore: one listing, kept in a temporary file."""

from __future__ import annotations

import sqlite3

from bakup.source.out import Facts, State
from bakup.store.buckets import Bucket


class Standing:
    """The objects of a bucket by key, as they were when this was made."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._rows = sqlite3.connect("")  # on disk, without a name, gone when it is closed
        self._rows.execute(
            "CREATE TABLE found (key BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER, token TEXT, digest TEXT)"
        )
        self._rows.executemany(
            "INSERT OR REPLACE INTO found VALUES (?, ?, ?, ?, ?)",
            (
                (_raw(listed.key), listed.size, listed.mtime_ns, listed.token, listed.digest)
                for listed in bucket.list()
                if not listed.folder
            ),
        )

    def close(self) -> None:
        """Forget them."""
        self._rows.close()

    def compare(self, key: str, size: int, wanted_ns: int, facts: Facts) -> State:
        """What stands at a key beside an object of `size` bytes; what has no time counts as newer, and so stays."""
        query = "SELECT size, mtime_ns, token, digest FROM found WHERE key = ?"
        row = self._rows.execute(query, [_raw(key)]).fetchone()
        if row is None:
            return "absent"
        there, mtime_ns, *known = row
        if there == size and (not _tokens(facts).isdisjoint(known) or (not facts and self._has_mtime(key, wanted_ns))):
            return "equal"
        return "older" if mtime_ns and mtime_ns < wanted_ns else "newer"

    def _has_mtime(self, key: str, wanted_ns: int) -> bool:
        found = self._bucket.stat(key)
        return found is not None and ("metadata.mtime", mtime_text(wanted_ns)) in found[1]


def _tokens(facts: Facts) -> set[str]:
    return {value for name, value in facts if name in {"etag", "md5"}}


def _raw(key: str) -> bytes:
    return key.encode("utf-8", "surrogateescape")


def mtime_text(mtime_ns: int) -> str:
    """Seconds with nine decimals: the metadata `mtime` of rclone."""
    sign, rest = ("-", -mtime_ns) if mtime_ns < 0 else ("", mtime_ns)
    return f"{sign}{rest // 1_000_000_000}.{rest % 1_000_000_000:09d}"
