"""Bringing a tree back below a URL: into a bucket, or any store that fsspec writes to.

An object has its key only when it is whole and verified. Small ones are put several at once, so what became of them
is known by `settle`; a large one grows in a temporary file here first.

What an object cannot hold (owner, mode, extended attributes, times) is not brought back; of a file that never was an
object, its mtime goes into the metadata, in seconds, as rclone writes it.
"""

from __future__ import annotations

import os
import tempfile
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

from bakup.destination.alike import OtherName, above, alike, parted
from bakup.destination.bucket.fitting import put_fitting
from bakup.destination.bucket.standing import Standing, mtime_text
from bakup.destination.interface import Facts, State, object_facts
from bakup.destination.skipped import Skipped
from bakup.errors import NoAnswer, StoreError
from bakup.model import Attributes, Kind
from bakup.store.buckets.interface import Bucket, Content
from bakup.store.faults import OBJECT_DENIED, OBJECT_REFUSED

PARALLEL = 16
IN_FLIGHT = 64 << 20
"""Bytes of small objects that are on their way."""

_OF_ONE = {OBJECT_DENIED, OBJECT_REFUSED}
"""Errors of one object, not of the store."""

NO_LINKS = "there are no symbolic links in an object store"
NO_SPECIALS = "there are no special files in an object store"


class BucketDestination:
    """See `out.Out`.

    Args:
        bucket: where objects are put.
        parallel: requests at once.
    """

    forks = False
    fresh = False

    def __init__(self, bucket: Bucket, parallel: int = PARALLEL) -> None:
        self.bucket = bucket
        self.problems: list[tuple[bytes, str]] = []
        self.skipped = Skipped()
        self._standing: Standing | None = None
        self._alike: dict[bytes, bytes] = {}
        self._one: dict[tuple[str, str], bool] = {}
        self._pool = ThreadPoolExecutor(parallel, thread_name_prefix="put")
        self._under_way: deque[tuple[bytes, int, Future[str]]] = deque()
        self._under_way_bytes = 0
        self._failed: list[tuple[bytes, int]] = []

    def expect(self, paths: Callable[[], Iterable[bytes]]) -> None:
        """See `out.Out`; keys are never one."""
        if not self.bucket.keyed:
            self._alike = alike(paths)

    @property
    def unsettled(self) -> int:
        """See `out.Out`."""
        return len(self._under_way) + len(self._failed)

    def __enter__(self) -> BucketDestination:
        return self

    def __exit__(self, *error: object) -> None:
        if error[0] is not None:
            self.bucket.close()
        self._pool.shutdown(wait=True, cancel_futures=True)
        if self._standing is not None:
            self._standing.close()

    def compare(
        self,
        path: bytes,
        kind: int,
        size: int,
        mtime_ns: int,
        *,
        target: bytes = b"",
        special: tuple[int, int] = (0, 0),
        facts: Facts = (),
    ) -> State:
        """Equal is an object of the same size with the wanted ETag and facts, or the wanted mtime in its metadata."""
        if kind != Kind.FILE:
            return "equal" if kind == Kind.DIR else "absent"
        if self._standing is None:
            self._standing = Standing(self.bucket, self._pool)
        return self._standing.compare(self._key(path, facts), size, mtime_ns, facts)

    def inode(self, path: bytes) -> None:
        """Objects have one key."""

    def read(self, path: bytes, offset: int, length: int, facts: Facts = ()) -> bytes:
        """See `out.Out`."""
        try:
            found = self.bucket.stat(self._key(path, facts))
            return b"" if found is None else self.bucket.read(found[0], offset, length)
        except NoAnswer:
            raise
        except StoreError:
            return b""

    def amend(self, path: bytes, attributes: Attributes) -> bool:
        """An object that is equal has the metadata that it is to have, and folders have no attributes."""
        return True

    def differs(self, path: bytes, attributes: Attributes) -> bool:
        """See `amend`."""
        return False

    def made(self, path: bytes) -> bool:
        """See `amend`: it makes no difference."""
        return True

    def make_dir(self, path: bytes, replace: bool = False, facts: Facts = (), *, filled: bool = True) -> bool:
        """Put the object that stands for the folder, if one did; where a store has folders, files make them."""
        key = dict(facts).get("key")
        if self.bucket.keyed and key is not None:
            return self._put(path, key, b"", 0, facts)
        return True

    def write_whole(self, path: bytes, data: bytes | memoryview, attributes: Attributes) -> bool:
        """See `out.Out`."""
        if self._is_others(path):
            return False
        facts = _facts(attributes)
        key = self._key(path, object_facts(attributes))
        while self._under_way_bytes > IN_FLIGHT or len(self._under_way) > 4 * PARALLEL:
            self._wait()
        future = self._pool.submit(put_fitting, self.bucket, key, bytes(data), len(data), facts)
        self._under_way.append((path, len(data), future))
        self._under_way_bytes += len(data)
        return True

    def begin_file(self, path: bytes, size: int) -> BucketPart:
        """See `out.Out`."""
        return BucketPart(self, path, size)

    def settle(self) -> list[tuple[bytes, int]]:
        """See `out.Out`."""
        while self._under_way:
            self._wait()
        failed, self._failed = self._failed, []
        return failed

    def symlink(self, path: bytes, target: bytes, attributes: Attributes) -> bool:
        """There are none."""
        return self._refuse(path, NO_LINKS)

    def special(self, path: bytes, kind: int, device: int, attributes: Attributes) -> bool:
        """There are none."""
        return self._refuse(path, NO_SPECIALS)

    def hard_link(self, path: bytes, to: bytes) -> bool:
        """A copy: objects have one key. False if the store refuses it."""
        if self._alike and any(name in self._alike for name in (path, *above(path))):
            return False
        self._failed += self.settle()
        try:
            self.bucket.copy(self._key(to, ()), self._key(path, ()))
        except StoreError as error:
            if error.code not in _OF_ONE:
                raise
            return False
        return True

    def finish_dir(self, path: bytes, attributes: Attributes) -> bool:
        """See `amend`."""
        return True

    def set_flags(self, path: bytes, flags: int) -> bool:
        """There are none."""
        return True

    def put_file(self, path: bytes, file: str, size: int, attributes: Attributes) -> bool:
        """Put a local file that is whole."""
        return self._put(path, self._key(path, object_facts(attributes)), file, size, _facts(attributes))

    def refuse_there(self, path: bytes) -> bool:
        """Whether something is at a path that nothing was to be at; noted."""
        try:
            there = self.bucket.stat(self._key(path, ())) is not None
        except StoreError as error:
            return not self._problem(path, error)
        return there and not self._refuse(path, "something else has that name")

    def _is_others(self, path: bytes) -> bool:
        """Whether the store takes a path's name, or that of a folder it is in, for another's; noted."""
        for name in (path, *above(path)) if self._alike else ():
            if (other := self._other(name)) is not None:
                return not self._refuse(path, OtherName(other))
        return False

    def _other(self, path: bytes) -> str | None:
        """The name that is there in place of that of a file or folder."""
        first = self._alike.get(path)
        if first is None:
            return None
        folder, other, name = (part.decode("utf-8", "surrogateescape") for part in parted(first, path))
        if (folder, name) not in self._one:
            self._one[folder, name] = self.bucket.are_one(folder, other, name)
        return other if self._one[folder, name] else None

    def _key(self, path: bytes, facts: Facts) -> str:
        given = dict(facts).get("key") if self.bucket.keyed else None
        return path.decode("utf-8", "surrogateescape") if given is None else given

    def _put(self, path: bytes, key: str, body: Content, size: int, facts: Facts) -> bool:
        if self._is_others(path):
            return False
        try:
            self._note(path, put_fitting(self.bucket, key, body, size, facts))
        except StoreError as error:
            return self._problem(path, error)
        return True

    def _wait(self) -> None:
        path, size, future = self._under_way.popleft()
        self._under_way_bytes -= size
        try:
            self._note(path, future.result())
        except StoreError as error:
            self._problem(path, error)
            self._failed.append((path, size))

    def _note(self, path: bytes, left_out: str) -> None:
        if left_out:
            self.skipped.note(path, left_out)

    def _problem(self, path: bytes, error: StoreError) -> bool:
        if error.code not in _OF_ONE:
            raise error
        return self._refuse(path, error.message)

    def _refuse(self, path: bytes, reason: str) -> bool:
        self.problems.append((path, reason))
        return False


class BucketPart:
    """A large object in the making: a temporary file here. See `out.Part`."""

    def __init__(self, destination: BucketDestination, path: bytes, size: int) -> None:
        self.path = path
        self.size = size
        self._destination = destination
        handle, self._name = tempfile.mkstemp(prefix="bakup-")
        self._file = open(handle, "wb")  # noqa: SIM115 - closed at its end

    def write_at(self, offset: int, data: bytes | memoryview) -> None:
        """See `out.Part`."""
        self._file.seek(offset)
        self._file.write(data)

    def finish(self, attributes: Attributes) -> bool:
        """See `out.Part`."""
        return self._put(self.path, attributes)

    def keep_partial(self, ranges: Iterable[tuple[int, int]]) -> bytes | None:
        """See `out.Part`."""
        kept = self.path + b".part"
        if any(self._destination.refuse_there(name) for name in (kept, kept + b".ranges")):
            self.abandon()
            return None
        made = self._put(kept, Attributes())
        listed = b"".join(b"%d %d\n" % span for span in ranges)
        self._destination.write_whole(kept + b".ranges", listed, Attributes())
        return kept if made else None

    def abandon(self) -> None:
        """See `out.Part`."""
        self._file.close()
        with suppress(FileNotFoundError):
            os.unlink(self._name)

    def _put(self, path: bytes, attributes: Attributes) -> bool:
        try:
            with self._file:
                self._file.truncate(self.size)
            return self._destination.put_file(path, self._name, self.size, attributes)
        finally:
            self.abandon()


def _facts(attributes: Attributes) -> Facts:
    facts = object_facts(attributes)
    if facts or not attributes.mtime_ns:
        return facts
    return (("metadata.mtime", mtime_text(attributes.mtime_ns)),)
