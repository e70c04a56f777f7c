"""Any store as target: what all kinds of backends have in common."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

from bakup.errors import BakupError, NoAnswer, NoTarget, StoreError, Withheld
from bakup.store.backend import PART, Backend, Page, ShowsHalves, TakesParts, marked
from bakup.store.counting import Counts
from bakup.store.faults import OBJECT_DENIED, OBJECT_MISSING, faults
from bakup.store.local.folder import COMPARED
from bakup.store.remote.parts import Sending
from bakup.store.remote.patience import Patience
from bakup.store.target import AtOnce, Capabilities, Growing, Limits, Locator
from bakup.store.url.inside import at_server
from bakup.store.wire import Body, Wire


class RemoteTarget:
    """Objects below a URL. See `bakup.store.target.Target`.

    Args:
        url: as it is shown, without user info.
        at_once: its `packs` is also how many parts go up at once.
        server: see `backend.Named`.
    """

    limits = Limits()

    def __init__(
        self,
        url: str,
        backend: Backend,
        wire: Wire,
        patience: Patience,
        at_once: AtOnce,
        server: Callable[[], str] = lambda: "",
    ) -> None:
        self._url = url
        self._backend = backend
        self._wire = wire
        self._patience = patience
        self._server = server
        self.at_once = at_once
        self._pool = ThreadPoolExecutor(at_once.packs, thread_name_prefix="store")
        self._there = False
        self._halves: list[Locator] = []

    @property
    def url(self) -> str:
        """The URL without user info."""
        return self._url

    @property
    def server(self) -> str:
        """See `backend.Named`."""
        return self._patience.ask(self._server, answers=False)

    @property
    def identity(self) -> str:
        """The URL, with the server where that does not say it."""
        return at_server(self._url, self.server)

    @property
    def capabilities(self) -> Capabilities:
        """What this kind of store promises."""
        return self._backend.capabilities

    @property
    def counts(self) -> Counts:
        """What was asked of the store so far, retries with it."""
        return self._wire.counts

    def exists(self) -> bool:
        """Whether the bucket or folder is there: one that was is not asked for again."""
        if not self._there:
            self._wire.count("heads")
            self._there = self._patience.ask(self._backend.exists)
        return self._there

    def create(self) -> None:
        """Make the folder, never its parents, never a bucket."""
        if self.exists():
            return
        self._wire.count("puts")
        try:
            self._patience.ask(self._backend.create)
        except FileExistsError:
            return
        except BakupError:  # SFTP and FTP have no word for a folder that another run has just made
            if not self.exists():
                raise

    def put_new(self, name: str, spool: str) -> Locator:
        """Upload `spool`, confirm it, and unlink it."""
        self._check(name)
        with faults(self._url), open(spool, "rb") as file:
            size, start = os.path.getsize(spool), file.read(COMPARED)
        if not self._stored(name, size, start):
            self._put_surely(name, size, start, lambda: self._send(name, spool, size))
        os.unlink(spool)
        return name

    def put_parts(self, name: str, spool: str, sending: Sending) -> Locator:
        """As `put_new`, for a file of which parts are up, and nothing else of that name was there before."""
        with faults(self._url), open(spool, "rb") as file:
            size, start = os.path.getsize(spool), file.read(COMPARED)
        self._put_surely(name, size, start, lambda: sending.finish(size))
        os.unlink(spool)
        return name

    def growing(self, name: str, spool: str) -> Growing | None:
        """For stores that take parts in any order."""
        self._check(name)
        backend = self._backend
        if not isinstance(backend, TakesParts) or backend.in_order:
            return None
        return _Growing(self, name, spool, self._sending(backend, name, spool, lambda: self._expect_new(name)))

    def discard(self, name: str) -> None:
        """Abort the uploads of that name. Raises nothing: who may put need not have the right to."""
        self._check(name)
        backend = self._backend
        if isinstance(backend, TakesParts):
            with suppress(BakupError):
                for upload in self._patience.ask(lambda: backend.left(name)):
                    self._wire.count("deletes")
                    self._patience.ask(partial(backend.abort, upload))

    def put_all(self, objects: Sequence[tuple[str, str]]) -> list[Locator]:
        """Several uploads beside each other."""
        with ThreadPoolExecutor(self.at_once.heads, thread_name_prefix="put") as pool:
            return list(pool.map(lambda pair: self.put_new(*pair), objects))

    def list(self) -> Iterator[tuple[Locator, int]]:
        """Every object below the URL, page by page; names that no target gives are passed over."""
        after: str | None = None
        self._halves = []
        while True:
            found, after = self._page(after)
            self._halves += (key for key, _ in found if marked(key) is not None)
            yield from ((key, size) for key, size in found if _plain(key) and marked(key) is None)
            if after is None:
                return

    @property
    def mark(self) -> str | None:
        """Of stores that show halves."""
        return self._wire.mark if isinstance(self._backend, ShowsHalves) else None

    def sweep(self, marks: Collection[str]) -> set[str]:
        """Remove what the last listing showed."""
        left: set[str] = set()
        for key in self._halves:
            if (mark := marked(key)) in marks and not self._thrown_away(key):
                left.add(str(mark))
        return left

    def size(self, locator: Locator) -> int | None:
        """One request."""
        self._check(locator)
        self._wire.count("heads")
        return self._patience.ask(lambda: self._backend.size(locator))

    def read(self, locator: Locator, offset: int, length: int) -> bytes:
        """A range of an object."""
        self._check(locator)
        if length <= 0:
            return b""
        try:
            return self._patience.ask(
                lambda: self._get(locator, offset, length), f"{self._url}/{locator}", beside=self._backend.exists
            )
        except StoreError as error:
            # FTP, for one, has the same word for what is not there and what may not be read.
            if error.code != OBJECT_MISSING or self.size(locator) is None:
                raise
            raise Withheld(f"{self._url}/{locator}", "it is there and is not given", code=OBJECT_DENIED) from error

    def read_ranges(self, locator: Locator, ranges: Sequence[tuple[int, int]]) -> Sequence[bytes]:
        """Ranges of an object, several at once."""
        if len(ranges) == 1:
            return [self.read(locator, *ranges[0])]
        return [*self._pool.map(lambda run: self.read(locator, *run), ranges)]

    def free_bytes(self) -> int | None:
        """Stores of this kind do not tell."""
        return None

    def spool_folder(self) -> str | None:
        """There is none: a file is uploaded from wherever it is."""
        return None

    def abort(self) -> None:
        """Nothing moves any more."""
        self._wire.cut()
        self._backend.close()

    def close(self) -> None:
        """Let go of threads and connections."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._backend.close()

    def _page(self, after: str | None) -> Page:
        def request() -> Page:
            self._wire.count("lists")
            return self._backend.page(after)

        return self._patience.ask(request)

    def _get(self, locator: Locator, offset: int, length: int) -> bytes:
        self._wire.count("reads")
        return self._backend.get(locator, offset, length)

    def _send(self, name: str, spool: str, size: int) -> None:
        backend = self._backend
        if size > PART and isinstance(backend, TakesParts):
            self._sending(backend, name, spool).finish(size)
        else:
            self._patience.ask(lambda: self._put(name, spool, size))

    def _put(self, name: str, spool: str, size: int) -> None:
        self._wire.count("puts")
        with Body(spool, 0, size, self._wire) as body:
            self._backend.put(name, body)

    def _sending(self, backend: TakesParts, name: str, spool: str, look: Callable[[], None] = lambda: None) -> Sending:
        return Sending(backend, name, spool, self._pool, self._patience, self._wire, look)

    def _put_surely(self, name: str, size: int, start: bytes, send: Callable[[], None]) -> None:
        try:
            send()
            surely_ours = self.capabilities.exclusive_create
        except FileExistsError:
            surely_ours = False
        self._confirm(name, size, b"" if surely_ours else start)

    def _expect_new(self, name: str) -> None:
        if self.size(name) is not None:
            raise self._another(name)

    def _another(self, name: str) -> StoreError:
        return StoreError(f"another object {name} is at {self._url} already", code="object-exists")

    def _thrown_away(self, key: Locator) -> bool:
        """Whether it is gone; not everybody who may put may remove."""
        backend = self._backend
        if not isinstance(backend, ShowsHalves):
            return False
        self._wire.count("deletes")
        try:
            self._patience.ask(lambda: backend.throw_away(key), key)
        except NoAnswer:
            raise
        except NoTarget as error:
            return error.code == OBJECT_MISSING
        return True

    def _stored(self, name: str, size: int, start: bytes) -> bool:
        """Whether this very object is there. Raises StoreError for another one."""
        there = self.size(name)
        if there is None:
            return False
        if there != size or self.read(name, 0, len(start)) != start:
            raise self._another(name)
        return True

    def _confirm(self, name: str, size: int, start: bytes) -> None:
        """As `_stored`, of an object that must be there: both requests go at once."""
        begins = self._pool.submit(self.read, name, 0, len(start))
        there = self.size(name)
        if there is None:
            raise StoreError(f"{self._url} took {name} and does not have it", code="store")
        if there != size or begins.result() != start:
            raise self._another(name)

    def _check(self, locator: Locator) -> None:
        if not _plain(locator):
            raise StoreError(f"{locator} is no object of {self._url}", code="locator")


class _Growing:
    """See `bakup.store.target.Growing`. What never reached a part is put as any file."""

    def __init__(self, target: RemoteTarget, name: str, spool: str, sending: Sending) -> None:
        self._target = target
        self._name = name
        self._spool = spool
        self._sending = sending

    def grown(self, final: int, *, whole: bool = False) -> None:
        """Send what can go."""
        if not whole:
            self._sending.grown(final)
        elif self._sending.begun:
            self._sending.whole(final)

    def put(self) -> Locator:
        """Make the parts one object, confirm it, and unlink the spool file."""
        if not self._sending.begun:
            return self._target.put_new(self._name, self._spool)
        return self._target.put_parts(self._name, self._spool, self._sending)


def _plain(locator: Locator) -> bool:
    """Whether a key is a path that stays below the target for every kind of store and library."""
    parts = locator.split("/")
    return all(parts) and ".." not in parts and "." not in parts
