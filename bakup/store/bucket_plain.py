"""Objects of any store that fsspec knows, with what fsspec says of them: sizes, times, and facts where there are some.

Stores of objects (Google, Azure) take any key; others have folders and files. Where a store has folders, an object is
put under a temporary name and moved to its own.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, BinaryIO

import fsspec

from bakup.errors import Usage
from bakup.store.buckets import Asked, Fetched, Listed, Pairs, object_faults
from bakup.store.faults import reason

_KEYED = {"gs", "gcs", "abfs", "abfss", "az", "adl"}
_TOKENS = ("generation", "ETag", "etag", "md5Hash", "checksum", "CRC")
_TIMES = ("LastModified", "last_modified", "updated", "mtime", "modified", "date_time", "created", "time")
_FACTS = {
    "cache-control": ("cacheControl", "cache_control"),
    "content-disposition": ("contentDisposition", "content_disposition"),
    "content-encoding": ("contentEncoding", "content_encoding"),
    "content-language": ("contentLanguage", "content_language"),
    "content-type": ("contentType", "content_type", "mimetype"),
    "etag": ("etag", "ETag"),
    "generation": ("generation",),
    "md5": ("md5Hash", "content_md5"),
    "storage-class": ("storageClass", "blob_tier"),
    "version": ("version_id",),
}
READS = 3
"""An object that changes is read so often."""


class PlainBucket:
    """See `buckets.Bucket`."""

    pinned = False
    exact = False

    def __init__(self, url: str, options: Mapping[str, object], asked: Asked) -> None:
        self.asked = asked
        self.url = url.rstrip("/")
        *_, last = url.split("::")
        protocol = last.partition("://")[0]
        # Of a chain the last one is the store, and has the options.
        given = {protocol: dict(options)} if "::" in url and options else dict(options)
        try:
            self._fs, root = fsspec.url_to_fs(url, use_listings_cache=False, **given)
        except ImportError as error:
            raise Usage(f"{protocol}:// needs a package that is not installed", hints=(reason(error),)) from None
        except ValueError as error:
            raise Usage(f"{self.url}: {reason(error)}", code="url") from None
        self._root = str(root).rstrip("/")
        self.keyed = "::" not in url and protocol in _KEYED
        self._made: set[str] = set()

    def exists(self) -> bool:
        """See `Bucket`."""
        with object_faults(self.url):
            self.asked.list()
            return bool(self._fs.exists(self._root or "/"))

    def list(self) -> Iterator[Listed]:
        """See `Bucket`; a folder at a time, or all at once where there are only keys."""
        if self.keyed:
            with object_faults(self.url):
                self.asked.list()
                found = self._fs.find(self._root, detail=True)
            for path, info in found.items():
                yield _listed(self._key(path), info)
        else:
            yield from self._below(self._root)

    def _below(self, folder: str) -> Iterator[Listed]:
        with object_faults(self.url):
            self.asked.list()
            infos = self._fs.ls(folder or "/", detail=True)
        for info in infos:
            name = str(info["name"]).rstrip("/")
            if name == folder:
                continue
            if info["type"] == "directory":
                yield Listed(self._key(name), 0, 0, folder=True)
                yield from self._below(name)
            else:
                yield _listed(self._key(name), info if info.get("size") is not None else self._info(name))

    def stat(self, key: str) -> tuple[Listed, Pairs] | None:
        """See `Bucket`."""
        with object_faults(self.url, key):
            try:
                info = self._info(self._path(key))
            except FileNotFoundError:
                return None
        return _listed(key, info), _pairs(info)

    def facts(self, listed: Listed) -> tuple[Listed, Pairs]:
        """See `Bucket`."""
        with object_faults(self.url, listed.key):
            info = self._info(self._path(listed.key))
        return _listed(listed.key, info), _pairs(info)

    def fetch(self, listed: Listed) -> Fetched:
        """See `Bucket`; looked at again after it was read."""
        for _ in range(READS):
            with object_faults(self.url, listed.key):
                data = bytes(self._fs.cat_file(self._path(listed.key)))
            self.asked.get(len(data))
            now, pairs = self.facts(listed)
            if settled := _same(listed, now) and len(data) == now.size:
                break
            listed = now
        return Fetched(data, listed, pairs, settled)

    def read(self, listed: Listed, offset: int, length: int) -> bytes:
        """See `Bucket`; that it is the listed version is for the caller to see, by `facts` at the end."""
        with object_faults(self.url, listed.key):
            data = bytes(self._fs.cat_file(self._path(listed.key), start=offset, end=offset + length))
        self.asked.get(len(data))
        return data

    def put(self, key: str, body: bytes | BinaryIO, size: int, pairs: Pairs) -> None:
        """See `Bucket`."""
        path = self._path(key)
        with object_faults(self.url, key):
            self.asked.put(size)
            if self.keyed:
                self._write(path, body, **_arguments(str(self._fs.protocol), pairs))
                return
            parent = self._fs._parent(path)
            if parent not in self._made:
                self._fs.makedirs(parent, exist_ok=True)
                self._made.add(parent)
            temporary = f"{parent}/.bakup-{os.urandom(6).hex()}.part"
            try:
                self._write(temporary, body)
                if self._fs.exists(path):  # some stores do not move onto what is there
                    self._fs.rm_file(path)
                self._fs.mv(temporary, path)
            except BaseException:
                if self._fs.exists(temporary):
                    self._fs.rm_file(temporary)
                raise

    def copy(self, key: str, to: str) -> None:
        """See `Bucket`."""
        with object_faults(self.url, to):
            self.asked.put(0)
            self._fs.cp_file(self._path(key), self._path(to))

    def close(self) -> None:
        """Connections are fsspec's, and shared."""

    def _write(self, path: str, body: bytes | BinaryIO, **facts: Any) -> None:
        if isinstance(body, bytes):
            self._fs.pipe_file(path, body, **facts)
            return
        with tempfile.NamedTemporaryFile(prefix="bakup-") as file:
            body.seek(0)
            shutil.copyfileobj(body, file, 1 << 20)
            file.flush()
            self._fs.put_file(file.name, path, **facts)

    def _info(self, path: str) -> dict[str, Any]:
        self.asked.get(0)
        found: dict[str, Any] = self._fs.info(path)
        return found

    def _key(self, path: str) -> str:
        return path[len(self._root) :].lstrip("/")

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"


def _listed(key: str, info: Mapping[str, Any]) -> Listed:
    token = next((str(info[name]).strip('"') for name in _TOKENS if info.get(name)), "")
    moment = next((info[name] for name in _TIMES if info.get(name)), None)
    tier = next((str(info[name]) for name in _FACTS["storage-class"] if info.get(name)), "")
    return Listed(key, int(info.get("size") or 0), _ns(moment), token, "", tier)


def _same(listed: Listed, now: Listed) -> bool:
    """Whether two answers are about one version; a listing may say less than a look at one object."""
    times = {listed.mtime_ns, now.mtime_ns} - {0}
    tokens = {listed.token, now.token} - {""}
    return listed.size == now.size and len(times) < 2 and len(tokens) < 2


def _ns(moment: Any) -> int:
    """Nanoseconds of whatever a backend calls a time."""
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError:
            return 0
    if isinstance(moment, tuple):  # of a zip file: year to second, of no zone
        year, month, day, hour, minute, second = moment[:6]
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    if isinstance(moment, datetime):
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return int(moment.replace(microsecond=0).timestamp()) * 1_000_000_000 + int(moment.microsecond) * 1000
    return round(moment * 1_000_000) * 1000 if isinstance(moment, int | float) else 0


def _pairs(info: Mapping[str, Any]) -> Pairs:
    settings = info.get("content_settings") or {}
    known = {**dict(settings), **info}
    found = {name: value for name, fields in _FACTS.items() for field in fields if (value := known.get(field))}
    found |= {f"metadata.{name}": value for name, value in (info.get("metadata") or {}).items()}
    found |= {f"tag.{name}": value for name, value in (info.get("tags") or {}).items()}
    texts = (
        (name, value.strip('"') if name == "etag" else value) for name, value in found.items() if isinstance(value, str)
    )
    return tuple(sorted(texts, key=lambda pair: pair[0].encode()))


def _arguments(protocol: str, pairs: Pairs) -> dict[str, Any]:
    """The arguments of a put that give these facts back."""
    facts = dict(pairs)
    metadata = {name.removeprefix("metadata."): value for name, value in pairs if name.startswith("metadata.")}
    content = {name: facts[name] for name in _FACTS if name.startswith(("content-", "cache-")) and name in facts}
    return _PUTS["gs" if "gs" in protocol else "abfs"](content, metadata)


def _for_google(content: dict[str, str], metadata: dict[str, str]) -> dict[str, Any]:
    kind = content.pop("content-type", "application/octet-stream")
    fixed = {name.replace("-", "_"): value for name, value in content.items()}
    return {"content_type": kind, "metadata": metadata, "fixed_key_metadata": fixed}


def _for_azure(content: dict[str, str], metadata: dict[str, str]) -> dict[str, Any]:
    return {"metadata": metadata}


_PUTS: dict[str, Callable[[dict[str, str], dict[str, str]], dict[str, Any]]] = {
    "gs": _for_google,
    "abfs": _for_azure,
}
