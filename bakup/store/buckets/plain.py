"""Objects of stores with folders and files, and of whatever else fsspec knows: sizes, times, and what is told beside.

fsspec lists, looks and writes; a target's backend of the same kind reads, since that is exact about ranges. An object
is put under a temporary name and moved to its own.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from typing import Any, TypeVar

from fsspec.archive import AbstractArchiveFileSystem

from bakup.errors import NoAnswer, NoTarget, StoreError
from bakup.store.backends.anyfs import ONE_AT_A_TIME, last_kind
from bakup.store.buckets.interface import Content, Fetched, Listed, Pairs, in_order, nanoseconds, of_one
from bakup.store.buckets.naming import expect_fit
from bakup.store.counting import Counts
from bakup.store.faults import OBJECT_MISSING, OBJECT_REFUSED
from bakup.store.files import HasFilesystem
from bakup.store.kinds import backend, server
from bakup.store.remote.answers import meaning
from bakup.store.remote.line import Line
from bakup.store.url.secrets import links
from bakup.store.wire import Request

Result = TypeVar("Result")

_TOKENS = ("generation", "ETag", "etag", "md5Hash", "checksum", "CRC")
_TIMES = (
    "LastModified",
    "last_modified",
    "updated",
    "mtime",
    "modified",
    "modify",
    "last_write_time",
    "date_time",
    "created",
    "time",
)
_FACTS = {
    "cache-control": ("cacheControl", "cache_control"),
    "content-disposition": ("contentDisposition", "content_disposition"),
    "content-encoding": ("contentEncoding", "content_encoding"),
    "content-language": ("contentLanguage", "content_language"),
    "content-type": ("contentType", "content_type", "mimetype"),
    "etag": ("etag", "ETag"),
    "md5": ("md5Hash", "content_md5"),
}
_HIDDEN = re.compile("^/|//")
_NOT_ASKED = "a name that begins with a slash, or has two together: none that can be asked for"
_NO_FILE = "a link, or what else is neither file nor folder: not kept of a store"
_SIZELESS = "the server does not tell its size"

READS = 3
"""An object that changes is read so often."""


class PlainBucket:
    """See `buckets.Bucket`."""

    keyed = False
    pinned = False
    exact = False

    def __init__(self, url: str, options: Mapping[str, object], line: Line) -> None:
        self.url = url.rstrip("/")
        self._line = line
        self._options = dict(options)
        kind = last_kind(url)
        self._kind = kind.removesuffix("s")
        self._reads = backend(self.url, self._options, line)
        line.beside = self._reads.exists
        self._guard = threading.Lock()
        alone = kind in ONE_AT_A_TIME and len(links(url)) > 1
        self._turns = threading.Lock() if alone else nullcontext()
        self._fs, self._root = self._opened()
        self._made: set[str] = set()

    @property
    def counts(self) -> Counts:
        """See `Bucket`."""
        return self._line.counts

    @property
    def server(self) -> str:
        """See `Bucket`."""
        return self._line.patience.ask(lambda: server(self._reads, self.url, self._options), answers=False)

    def exists(self) -> bool:
        """See `Bucket`."""
        return self._ask("heads", None, lambda fs: bool(fs.exists(self._root or "/")))

    def list(self) -> Iterator[Listed]:
        """See `Bucket`; a folder at a time."""
        yield from self._below(self._root, self._ask("lists", None, lambda fs: fs.ls(self._root or "/", detail=True)))
        yield from self._hidden()

    def _below(self, folder: str, entries: Iterable[Mapping[str, Any]]) -> Iterator[Listed]:
        for info in entries:
            name = str(info["name"]).rstrip("/")
            if name == folder.rstrip("/") or (self._archive and _HIDDEN.search(name)):
                continue
            if info["type"] == "directory":
                yield from self._folder(name)
            elif info["type"] == "file":
                yield self._file(self._key(name), info)
            else:
                yield Listed(self._key(name), 0, 0, problem=_NO_FILE)

    def _folder(self, path: str) -> Iterator[Listed]:
        """A folder and what is in it; one that denies access comes with that problem, one that is gone alone."""
        key = self._key(path)
        listed = Listed(key, 0, 0, folder=True)
        try:
            entries = self._ask("lists", key, lambda fs: fs.ls(path, detail=True))
        except NoAnswer:
            raise
        except NoTarget as error:
            gone = error.code == OBJECT_MISSING and not self._ask("heads", key, lambda fs: bool(fs.exists(path)))
            yield listed if gone else listed._replace(problem=error.message)
            return
        yield listed
        yield from self._below(path, entries)

    def _hidden(self) -> Iterator[Listed]:
        """Names of an archive's index that fsspec never lists, or lists as others."""
        beginning = f"{self._root}/" if self._root else ""
        for name in self._fs.dir_cache or () if self._archive else ():
            if _HIDDEN.search(name) and name.startswith(beginning):
                yield Listed(name.removeprefix(beginning), 0, 0, problem=_NOT_ASKED)

    @property
    def _archive(self) -> bool:
        return isinstance(self._fs, AbstractArchiveFileSystem)

    def _file(self, key: str, info: Mapping[str, Any]) -> Listed:
        """A file; asked for by itself where the listing of its folder does not tell its size."""
        try:
            return _listed(key, info if info.get("size") is not None else self._info(key))
        except NoAnswer:
            raise
        except NoTarget as error:
            return Listed(key, 0, 0, problem=error.message)

    def stat(self, key: str) -> tuple[Listed, Pairs] | None:
        """See `Bucket`."""
        expect_fit(self._kind, key)
        info = self._ask("heads", key, lambda fs: _looked(fs, self._path(key)))
        return None if info is None else (_listed(key, info), _pairs(info))

    def facts(self, listed: Listed) -> tuple[Listed, Pairs]:
        """See `Bucket`."""
        info = self._info(listed.key)
        now = _listed(listed.key, info)
        if now.problem:
            raise StoreError(now.problem, code=OBJECT_REFUSED)
        return now, _pairs(info)

    def fetch(self, listed: Listed) -> Fetched:
        """See `Bucket`; looked at again after it was read."""
        for _ in range(READS):
            data = self.read(listed, 0, listed.size)
            now, pairs = self.facts(listed)
            if settled := _same(listed, now) and len(data) == now.size:
                break
            listed = now
        return Fetched(data, listed, pairs, settled)

    def read(self, listed: Listed, offset: int, length: int) -> bytes:
        """See `Bucket`; that it is the listed version is for the caller to see, by `facts` at the end."""
        if not length:
            return b""
        return self._ask("reads", listed.key, lambda _: self._reads.get(listed.key, offset, length))

    def put(self, key: str, body: Content, size: int, pairs: Pairs) -> None:
        """See `Bucket`."""
        expect_fit(self._kind, key)
        self._line.wire.sent(size)
        self._ask("puts", key, lambda fs: self._put(fs, self._path(key), body))

    def copy(self, key: str, to: str) -> None:
        """See `Bucket`; through here, since few such stores copy."""
        found = self.facts(Listed(key, 0, 0))[0]
        self.put(to, self.read(found, 0, found.size), found.size, ())

    def are_one(self, folder: str, name: str, other: str) -> bool:
        """See `Bucket`."""
        trial = "/".join(filter(None, (folder, f".bakup-{os.urandom(6).hex()}")))
        try:
            return self._ask("puts", trial, lambda fs: _are_one(fs, self._path(trial), name, other))
        except NoAnswer:
            raise
        except StoreError:
            return True

    def close(self) -> None:
        """See `Bucket`."""
        self._line.wire.cut()
        self._reads.close()

    def _put(self, fs: Any, path: str, body: Content) -> None:
        parent = fs._parent(path)
        if parent not in self._made:
            fs.makedirs(parent, exist_ok=True)
            self._made.add(parent)
        temporary = f"{parent.rstrip('/')}/.bakup-{os.urandom(6).hex()}.part"
        try:
            if isinstance(body, bytes):
                fs.pipe_file(temporary, body)
            else:
                fs.put_file(body, temporary)
            if fs.exists(path):  # some stores do not move onto what is there
                fs.rm_file(path)
            fs.mv(temporary, path)
        except BaseException:
            with suppress(Exception):
                fs.rm_file(temporary)
            raise

    def _info(self, key: str) -> dict[str, Any]:
        found: dict[str, Any] = self._ask("heads", key, lambda fs: fs.info(self._path(key)))
        return found

    def _ask(self, kind: Request, key: str | None, request: Callable[[Any], Result]) -> Result:
        def once() -> Result:
            filesystem = self._fs
            try:
                with self._turns, of_one(key):
                    return request(filesystem)
            except Exception as error:
                if meaning(error, self.url).retry_may_help:
                    self._open_again(filesystem)
                raise

        return self._line.ask(kind, once, None if key is None else f"{self.url}/{key}")

    def _open_again(self, broken: Any) -> None:
        """A connection that was lost stays so in some libraries."""
        with self._guard:
            if self._fs is broken:
                self._fs, self._root = self._opened()

    def _opened(self) -> tuple[Any, str]:
        assert isinstance(self._reads, HasFilesystem), self.url
        return self._reads.filesystem, self._reads.root

    def _key(self, path: str) -> str:
        return path[len(self._root) :].lstrip("/")

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"


def _are_one(fs: Any, trial: str, name: str, other: str) -> bool:
    """Two names in a folder that is made for that, and removed."""
    fs.makedirs(trial, exist_ok=True)
    try:
        fs.pipe_file(f"{trial}/{name}", b"")
        one = bool(fs.exists(f"{trial}/{other}"))
        fs.rm_file(f"{trial}/{name}")
    finally:
        fs.rmdir(trial)
    return one


def _looked(fs: Any, path: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = fs.info(path)
    except FileNotFoundError:
        return None
    return found


def _listed(key: str, info: Mapping[str, Any]) -> Listed:
    token = next((str(info[name]).strip('"') for name in _TOKENS if info.get(name)), "")
    moment = next((info[name] for name in _TIMES if info.get(name)), None)
    size = info.get("size")
    folder = info.get("type") == "directory"
    problem = _SIZELESS if size is None and not folder else ""
    return Listed(key, int(size or 0), _ns(moment), token, folder=folder, problem=problem)


def _same(listed: Listed, now: Listed) -> bool:
    """Whether two answers are about one version; a listing may say less than a look at one object."""
    times = {listed.mtime_ns, now.mtime_ns} - {0}
    tokens = {listed.token, now.token} - {""}
    return listed.size == now.size and len(times) < 2 and len(tokens) < 2


def _ns(moment: Any) -> int:
    """Nanoseconds of whatever a backend calls a time."""
    if isinstance(moment, str):
        if moment[:14].isdigit():  # of FTP's MLSD: RFC 3659, section 2.3
            moment = f"{moment[:8]}T{moment[8:]}"
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError:
            return 0
    if isinstance(moment, tuple):  # of a zip file: year to second, of no zone
        year, month, day, hour, minute, second = moment[:6]
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    if isinstance(moment, datetime):
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return nanoseconds(moment)
    return round(moment * 1_000_000) * 1000 if isinstance(moment, int | float) else 0


def _pairs(info: Mapping[str, Any]) -> Pairs:
    found = {name: value for name, fields in _FACTS.items() for field in fields if (value := info.get(field))}
    return in_order({name: value.strip('"') for name, value in found.items() if isinstance(value, str)})
