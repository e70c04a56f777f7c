"""Any store that fsspec knows, as target."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import fsspec

from bakup.errors import BakupError, NoTarget, StoreError, Usage
from bakup.store.faults import missing, missing_object, reason
from bakup.store.folder import COMPARED
from bakup.store.target import Capabilities, Limits, Locator

AT_ONCE = 16
"""Small objects that are uploaded beside each other."""

_EXTRAS = {
    "abfs": "azure",
    "abfss": "azure",
    "az": "azure",
    "gcs": "gs",
    "gs": "gs",
    "s3": "s3",
    "s3a": "s3",
    "sftp": "sftp",
    "smb": "smb",
    "ssh": "sftp",
    "webdav": "webdav",
}


class RemoteTarget:
    """Objects below a URL. See `bakup.store.target.Target`."""

    limits = Limits()

    def __init__(self, url: str, options: Mapping[str, object] | None = None) -> None:
        self._url = without_user(url)
        try:
            self._fs, root = fsspec.url_to_fs(url, **dict(options or {}))
        except ImportError as error:
            raise _not_installed(url, error) from None
        except ValueError as error:
            raise Usage(f"{self._url}: {reason(error)}", code="url") from None
        self._root = str(root).rstrip("/")
        self._creates = "mode" in inspect.signature(self._fs.put_file).parameters

    @property
    def url(self) -> str:
        """The URL without user info."""
        return self._url

    @property
    def capabilities(self) -> Capabilities:
        """The least that any store promises."""
        return Capabilities(exclusive_create=False, atomic=False)

    def exists(self) -> bool:
        """Whether the bucket or folder is there."""
        with self._faults():
            return bool(self._fs.exists(self._root))

    def create(self) -> None:
        """Make the folder, never its parents."""
        with self._faults():
            if not self._fs.exists(self._root):
                self._fs.mkdir(self._root, create_parents=False)

    def put_new(self, name: str, spool: str) -> Locator:
        """Upload `spool`, confirm its size, and unlink it."""
        path = self._path(name)
        with self._faults(name), open(spool, "rb") as file:
            size, start = os.path.getsize(spool), file.read(COMPARED)
            if not self._fs.exists(path):
                self._fs.put_file(spool, path, **({"mode": "create"} if self._creates else {}))
            self._confirm(name, path, size, start)
        os.unlink(spool)
        return name

    def put_all(self, objects: Sequence[tuple[str, str]]) -> list[Locator]:
        """Several uploads beside each other."""
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="put") as pool:
            return list(pool.map(lambda pair: self.put_new(*pair), objects))

    def list(self) -> Iterator[tuple[Locator, int]]:
        """Every object below the URL."""
        with self._faults():
            if not self._fs.exists(self._root):
                raise missing(self._url)
            found = self._fs.find(self._root, detail=True)
        for path, facts in sorted(found.items()):
            yield path[len(self._root) :].lstrip("/"), int(facts["size"] or 0)

    def read(self, locator: Locator, offset: int, length: int) -> bytes:
        """A range of an object."""
        with self._faults(locator):
            return bytes(self._fs.cat_file(self._path(locator), start=offset, end=offset + length))

    def read_ranges(self, locator: Locator, ranges: Sequence[tuple[int, int]]) -> Sequence[bytes]:
        """Ranges of an object, at once where the store can."""
        paths = [self._path(locator)] * len(ranges)
        starts = [offset for offset, _ in ranges]
        ends = [offset + length for offset, length in ranges]
        with self._faults(locator):
            return [bytes(part) for part in self._fs.cat_ranges(paths, starts, ends, on_error="raise")]

    def free_bytes(self) -> int | None:
        """Stores of this kind do not tell."""
        return None

    def spool_folder(self) -> str | None:
        """There is none: a file is uploaded from wherever it is."""
        return None

    def close(self) -> None:
        """Nothing is held."""

    def _path(self, locator: Locator) -> str:
        parts = locator.split("/")
        if not all(parts) or ".." in parts or "." in parts:
            raise StoreError(f"{locator} is no object of {self._url}", code="locator")
        return f"{self._root}/{locator}"

    def _confirm(self, name: str, path: str, size: int, start: bytes) -> None:
        there = int(self._fs.info(path)["size"])
        if there != size or self._fs.cat_file(path, start=0, end=len(start)) != start:
            raise StoreError(f"another object {name} is at {self._url} already", code="object-exists")

    @contextmanager
    def _faults(self, name: str | None = None) -> Iterator[None]:
        """Every backend raises exceptions of its own; none passes this border."""
        try:
            yield
        except BakupError:
            raise
        except FileNotFoundError as error:
            raise (missing_object(f"{self._url}/{name}") if name else missing(self._url)) from error
        except PermissionError as error:
            raise NoTarget(f"{self._url} denies access: {reason(error)}", code="target-denied") from error
        except Exception as error:
            raise StoreError(f"{self._url}: {reason(error)}", code="store") from error


def without_user(url: str) -> str:
    """A URL without user name and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _not_installed(url: str, error: ImportError) -> Usage:
    scheme = urlsplit(url).scheme
    extra = _EXTRAS.get(scheme)
    hints = (f"pip install 'bakup[{extra}]'",) if extra else (reason(error),)
    return Usage(f"{scheme}:// needs a package that is not installed", hints=hints, code="not-installed")
