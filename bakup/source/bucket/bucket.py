"""Objects below a URL as a source: buckets, and whatever else fsspec lists and reads."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import chain, islice

from blake3 import blake3
from msgspec.structs import replace

from bakup.errors import Failed, StoreError, Withheld
from bakup.model import Attributes, Dir, Kind
from bakup.source.bucket import keys
from bakup.source.bucket.file import BucketFile
from bakup.source.bucket.filter import Chooser
from bakup.source.bucket.ordering import Placed, in_order
from bakup.source.interface import (
    Below,
    Found,
    Grown,
    Journal,
    Left,
    Prepared,
    Small,
    Stat,
    Stood,
    Unreadable,
    Vanished,
)
from bakup.source.targets import refuse_target
from bakup.source.tree.filters import Rules
from bakup.source.tree.reading import coarse, fresh
from bakup.source.tree.tree import SMALL_LIMIT
from bakup.store.buckets.interface import OBJECT_CHANGED, Bucket, Fetched, Listed, Pairs
from bakup.store.counting import Counts
from bakup.store.faults import OBJECT_ARCHIVED, OBJECT_DENIED, OBJECT_MISSING, OBJECT_REFUSED

BATCH = 1024
PARALLEL = 16
"""Requests at once."""

AHEAD_BYTES = 64 << 20
"""Bytes of small objects that are fetched before they are asked for."""

BELIEVED = 256
"""Names that were asked for and are gone, after which a listing that told nothing is believed."""

FILE_MODE, FOLDER_MODE = 0o644, 0o755
_ALL = Rules()


class BucketSource:
    """Objects below a URL (`interface.Source`).

    Args:
        bucket: the objects.
        rules: what is left out; one file system and caches mean nothing here.
        leave_out: key prefix of a target that lies inside, or empty.
        parallel: requests at once.
        alone: gives the object that the URL names, and the bucket that it is in; asked where nothing is listed, in
            stores of folders always.

    Raises:
        Usage: a rule is wrong.
    """

    has_inodes = False
    lookahead = 4 * PARALLEL
    forks = False

    def __init__(
        self,
        bucket: Bucket,
        rules: Rules = _ALL,
        leave_out: str = "",
        parallel: int = PARALLEL,
        alone: Callable[[], tuple[Bucket, Listed] | None] = lambda: None,
    ) -> None:
        self.bucket = bucket
        self._rules = replace(rules, roots=(os.fsencode(bucket.url),))
        self._leave_out = leave_out
        self._alone = alone
        self._location = os.fsencode(bucket.url)
        self._chooser = Chooser(self._rules)
        self._pool = ThreadPoolExecutor(parallel, thread_name_prefix="fetch")
        self._ahead: dict[bytes, Future[Fetched]] = {}
        self._ahead_bytes = 0
        self._empty = True
        self._answers: dict[bytes, Found | None] = {}
        self._gone: bytes | None = None
        self._right = 0

    @property
    def location(self) -> bytes:
        """The URL without user info."""
        return self._location

    @property
    def host(self) -> str:
        """See `interface.Source`: a bucket is the same from every computer."""
        return self.bucket.server

    @property
    def leaves_out(self) -> bool:
        """See `interface.Source`."""
        return bool(self._leave_out)

    @property
    def counts(self) -> Counts:
        """What was asked of the store so far."""
        return self.bucket.counts

    def prepare(self, journal: Journal) -> Prepared:
        """Nothing is changed: objects are read by their versions where the bucket keeps such."""
        return Prepared("versions" if self.bucket.pinned else "none", {})

    def restore_state(self, prepared: Prepared) -> None:
        """Nothing was changed."""

    def begin(self) -> None:
        """Nothing: what a listing costs is waiting."""

    def close(self) -> None:
        """Requests under way fail, and what waits for an answer waits no more."""
        self.bucket.close()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def entries(self) -> Iterator[Found]:
        """See `interface.Source`."""
        return chain.from_iterable(self.batches())

    def batches(self) -> Iterator[list[Found]]:
        """The same in lists of about a thousand. Each call is a new listing, with new counts."""
        self._chooser = Chooser(self._rules)
        batch: list[Found] = []
        for path, placed in self._chooser.chosen(in_order(self._listing(), keyed=self.bucket.keyed)):
            batch += _found(path, placed)
            if len(batch) >= BATCH:
                yield batch
                batch = []
        yield batch

    def _listing(self) -> Iterator[Listed]:
        self._empty = True
        if not self.bucket.keyed and (yield from self._one_object()):
            return
        for listed in self.bucket.list():
            self._empty = False
            refuse_target(self.bucket.url, listed.key, partial(self._start, listed))
            if not (self._leave_out and f"{listed.key}/".startswith(self._leave_out)):
                yield listed
        if self._empty and self.bucket.keyed:
            yield from self._one_object()

    def _one_object(self) -> Generator[Listed, None, bool]:
        """The object that the URL names, if it names one."""
        found = self._alone()
        if found is None:
            return False
        self.bucket.close()
        self.bucket, listed = found
        yield listed
        return True

    def _start(self, listed: Listed, size: int) -> bytes:
        return self.bucket.read(listed, 0, min(size, listed.size)) if listed.size else b""

    def look(self, asked: list[Stood], below: Below) -> list[Found | None]:
        """See `interface.Source`: asks for each object, some at once. A listing that told nothing at all, and was
        right in `BELIEVED` names, is believed in the rest."""
        self._ask_for([one for one in asked if not self._is_gone(one[0])])
        return [self._at(path, kind, below) for path, kind in asked]

    def _at(self, path: bytes, kind: int, below: Below) -> Found | None:
        if self._is_gone(path):
            return None
        found = self._answers.pop(path, None)
        if found is None and kind == Kind.DIR:
            if self._any_there(below(path)):
                return _folder(path, None)
            self._gone = path
        self._right += found is None
        return found

    def _any_there(self, files: Iterator[bytes]) -> bool:
        while part := [(path, int(Kind.FILE)) for path in islice(files, 4 * PARALLEL)]:
            self._ask_for(part)
            if any(self._answers[path] for path, _ in part):
                return True
        return False

    def _is_gone(self, path: bytes) -> bool:
        believed = self._empty and self._right >= BELIEVED
        return believed or (self._gone is not None and path.startswith(self._gone + b"/"))

    def _ask_for(self, stood: list[Stood]) -> None:
        """Ask for objects, if that was not done, and keep the answers."""
        asking = [one for one in stood if one[0] not in self._answers]
        answers = self._pool.map(self._by_name, asking)
        self._answers.update((path, found) for (path, _), found in zip(asking, answers, strict=True))

    def _by_name(self, stood: Stood) -> Found | None:
        path, kind = stood
        key = path.decode("utf-8", "surrogateescape")
        if self.bucket.keyed:
            key = keys.to_key(path, folder=kind == Kind.DIR)
        if self._leave_out and f"{key}/".startswith(self._leave_out):
            return None
        try:
            answer = self.bucket.stat(key)
        except StoreError as error:
            said = failure(path, error)
            if isinstance(said, Unreadable):
                return _unread(path, said.reason)
            if isinstance(said, Vanished):
                return None
            raise
        if answer is None:
            return None
        placed = Placed(path, answer[0].folder, answer[0])
        if not Chooser(self._rules).keeps(placed):
            return None
        return _folder(path, placed) if placed.folder else _file(placed)

    @property
    def excluded(self) -> dict[str, Left]:
        """What the last pass left out, by rule."""
        return self._chooser.excluded

    @property
    def vanished(self) -> int:
        """Nothing vanishes from a listing."""
        return 0

    @property
    def unmatched(self) -> tuple[str, ...]:
        """Patterns that matched nothing in the last pass."""
        return tuple(self._chooser.unmatched)

    @property
    def missing(self) -> tuple[bytes, ...]:
        """Paths of `files_from` that the last pass did not find."""
        return self._chooser.missing()

    def attributes(self, found: Found) -> Attributes:
        """See `interface.Source`."""
        listed = _listed(found)
        if listed is None:
            return _attributes(FOLDER_MODE, Listed("", 0, 0), ())
        now, pairs = self._asked(found, lambda: self.bucket.facts(listed))
        return self._described(found, now, pairs)

    def entry(self, found: Found) -> Dir:
        """See `interface.Source`: a folder is implied, or an object stands for it."""
        return Dir(found.path, self.attributes(found))

    def announce(self, found: Found) -> None:
        """Fetch a small object ahead of its `read_small`."""
        listed = _listed(found)
        if found.kind == Kind.FILE and listed and self._ahead_bytes + found.size <= AHEAD_BYTES:
            self._ahead_bytes += found.size
            self._ahead[found.path] = self._pool.submit(self.bucket.fetch, listed)

    def read_small(self, found: Found, limit: int = SMALL_LIMIT) -> Small:
        """See `interface.Source`."""
        future = self._ahead.pop(found.path, None)
        if future is not None:
            self._ahead_bytes -= found.size
        listed = _known(found)
        if found.size > limit:
            raise Grown(found.path, found.size)
        fetched = self._asked(found, future.result if future else lambda: self.bucket.fetch(listed))
        if len(fetched.data) > limit:
            raise Grown(found.path, len(fetched.data))
        facts = self._described(found, fetched.listed, fetched.pairs)
        changing = not fetched.settled
        return Small(fetched.data, replace(facts, ctime_ns=None) if changing else facts, changing)

    def open_large(self, found: Found) -> BucketFile:
        """See `interface.Source`."""
        listed = _known(found)
        now, pairs = self._asked(found, lambda: self.bucket.facts(listed))
        return BucketFile(self.bucket, self._pool, found.path, now, self._described(found, now, pairs))

    def sample(self, found: Found, length: int) -> bytes:
        """The first bytes of a file; empty if they cannot be read."""
        try:
            return self.bucket.read(_known(found), 0, min(length, found.size)) if found.size else b""
        except StoreError:
            return b""

    def _asked(self, found: Found, ask):  # type: ignore[no-untyped-def]
        try:
            return ask()
        except StoreError as error:
            raise failure(found.path, error) from error

    def _described(self, found: Found, listed: Listed, pairs: Pairs) -> Attributes:
        mode = FOLDER_MODE if found.kind == Kind.DIR else FILE_MODE
        odd = self.bucket.keyed and os.fsencode(listed.key) != found.path
        if odd:
            pairs = tuple(sorted((*pairs, ("key", listed.key)), key=lambda pair: pair[0].encode()))
        facts = _attributes(mode, listed, pairs)
        # Without a change time the next scan finds it changed, and reads it again.
        return replace(facts, ctime_ns=None) if found.kind == Kind.FILE and _may_hide(listed) else facts


def _may_hide(listed: Listed) -> bool:
    """Whether an object may change and look the same: its store tells no version, and no time, or a second that is
    hardly over."""
    if listed.token or listed.version:
        return False
    return not listed.mtime_ns or (coarse(listed.mtime_ns) and fresh(listed.mtime_ns))


def failure(path: bytes, error: StoreError) -> Failed | StoreError:
    """What a store's answer says of one object; the error itself where it is about more than that."""
    if error.code == OBJECT_MISSING:
        return Vanished(path)
    if error.code in {OBJECT_ARCHIVED, OBJECT_CHANGED, OBJECT_DENIED, OBJECT_REFUSED}:
        return Unreadable(path, error.why if isinstance(error, Withheld) else error.message)
    return error


def fingerprint(listed: Listed) -> int:
    """A version as 63 bits, that takes the place of an inode; 0 where the store tells of none."""
    if not listed.token and not listed.version:
        return 0
    digest = blake3(f"{listed.token}\0{listed.version}".encode()).digest(8)
    return int.from_bytes(digest, "little") >> 1


def _attributes(mode: int, listed: Listed, pairs: Pairs) -> Attributes:
    return Attributes(
        mode,
        mtime_ns=listed.mtime_ns,
        ctime_ns=listed.mtime_ns,
        inode=fingerprint(listed),
        facts=tuple((name, value.encode()) for name, value in pairs),
    )


def _found(path: bytes, placed: Placed | None) -> Iterator[Found]:
    if placed is None or placed.folder:
        yield _folder(path, placed)
    elif not placed.listed.problem:
        yield _file(placed)
    if placed is not None and placed.listed.problem:
        yield _unread(path, placed.listed.problem)


def _unread(path: bytes, reason: str) -> Found:
    return Found(path, int(Kind.UNREAD), 0, 0, 0, 0, _stat(0, None), reason)


def _file(placed: Placed) -> Found:
    listed = placed.listed
    stat = _stat(0o100000 | FILE_MODE, listed)
    return Found(placed.path, int(Kind.FILE), listed.size, listed.mtime_ns, listed.mtime_ns, stat.st_ino, stat)


def _folder(path: bytes, placed: Placed | None) -> Found:
    listed = placed.listed if placed else None
    stat = _stat(0o040000 | FOLDER_MODE, listed)
    return Found(path, int(Kind.DIR), 0, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat)


def _stat(mode: int, listed: Listed | None) -> Stat:
    if listed is None or (listed.folder and not listed.token):
        return Stat(mode, 0, 0, 0, 0)
    said = (listed.key, listed.token, listed.version, listed.storage_class)
    return Stat(mode, fingerprint(listed), listed.size, listed.mtime_ns, listed.mtime_ns, st_object=said)


def _listed(found: Found) -> Listed | None:
    """What was listed; None for a folder that is only implied."""
    said = found.stat.st_object
    if not said:
        return None
    key, token, version, tier = said
    return Listed(key, found.stat.st_size, found.mtime_ns, token, version, tier)


def _known(found: Found) -> Listed:
    return _listed(found) or Listed(keys.to_key(found.path), found.size, found.mtime_ns)
