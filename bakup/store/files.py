"""Files and folders as sources, restores and trials ask for them: the part of fsspec's interface that they use."""

from __future__ import annotations

import io
import posixpath
import time
from abc import ABC, abstractmethod
from typing import IO, Any, Literal, Protocol, TypeAlias, runtime_checkable

Told: TypeAlias = dict[str, Any]
"""Of one path: `name`, `type` (file, directory, other), `size` in bytes, and a time under one of the usual names."""

Kind: TypeAlias = Literal["file", "directory", "other"]


@runtime_checkable
class HasFilesystem(Protocol):
    """A backend that speaks to its store through a file system of fsspec's kind."""

    root: str

    @property
    def filesystem(self) -> Any:
        """It."""


class Reading:
    """A file on its way up, which knows when it last moved."""

    def __init__(self, file: IO[bytes]) -> None:
        self.moved_at = time.monotonic()
        self._file = file

    def read(self, most: int) -> bytes:
        """The next bytes."""
        self.moved_at = time.monotonic()
        return self._file.read(most)


class Files(ABC):
    """A path is that of the store, with `/` between. Safe for several threads.

    Raises what the store's library raises, and FileNotFoundError and PermissionError as Python's own files do.
    """

    @abstractmethod
    def ls(self, path: str, *, detail: bool = True) -> list[Told]:
        """What is in a folder."""

    @abstractmethod
    def info(self, path: str) -> Told:
        """Of one path; a link is not followed."""

    @abstractmethod
    def store(self, path: str, content: Reading) -> None:
        """Write a file."""

    @abstractmethod
    def rm_file(self, path: str) -> None:
        """Remove a file."""

    @abstractmethod
    def mv(self, path: str, to: str) -> None:
        """Rename a file to a name that is free."""

    @abstractmethod
    def mkdir(self, path: str) -> None:
        """Make a folder below one that is there."""

    @abstractmethod
    def rmdir(self, path: str) -> None:
        """Remove an empty folder."""

    def exists(self, path: str) -> bool:
        """Whether a file or folder is there."""
        try:
            self.info(path)
        except FileNotFoundError:
            return False
        return True

    def makedirs(self, path: str, *, exist_ok: bool = False) -> None:
        """A folder and those above it that are not there."""
        if self.exists(path):
            if not exist_ok:
                raise FileExistsError(path)
            return
        if (above := self._parent(path)) not in ("", path):
            self.makedirs(above, exist_ok=True)
        try:
            self.mkdir(path)
        except Exception:  # another thread may have made it
            if not self.exists(path):
                raise

    def pipe_file(self, path: str, content: bytes) -> None:
        """Bytes into a file."""
        self.store(path, Reading(io.BytesIO(content)))

    def put_file(self, local: str, path: str) -> None:
        """A local file there."""
        with open(local, "rb") as file:
            self.store(path, Reading(file))

    def rm(self, path: str, *, recursive: bool = False) -> None:
        """Remove a file, or a folder with all in it."""
        if self.info(path)["type"] != "directory":
            self.rm_file(path)
            return
        for one in self.ls(path) if recursive else ():
            self.rm(one["name"], recursive=True)
        self.rmdir(path)

    def _parent(self, path: str) -> str:
        return posixpath.dirname(path)


def told(path: str, kind: Kind, size: int, **time: object) -> Told:
    """What is told of a path."""
    return {"name": path, "type": kind, "size": size, **time}
