"""The tree of check points as resources of WebDAV (RFC 4918), read-only."""

from __future__ import annotations

import io
import mimetypes
import os
from collections.abc import Callable
from typing import Any

from wsgidav.dav_error import HTTP_FORBIDDEN, DAVError
from wsgidav.dav_provider import DAVCollection, DAVNonCollection, DAVProvider

from bakup.archive.contents import Contents
from bakup.archive.moments import Folder
from bakup.archive.tree import At, Tree
from bakup.catalog.rows import Version
from bakup.errors import BakupError
from bakup.model import Kind

Report = Callable[[bytes, BakupError], None]
"""Told of a path that cannot be read, and why."""
LINKS_MAX = 40


class Provider(DAVProvider):  # type: ignore[misc]
    """What stands at a path. Links to files of the same check point are those files; other links are not there."""

    def __init__(self, tree: Tree, report: Report) -> None:
        super().__init__()
        self.tree = tree
        self.report = report

    def is_readonly(self) -> bool:
        """Always."""
        return True

    def get_resource_inst(self, path: str, environ: dict[str, Any]) -> Any:
        """The resource at a path, None where nothing is."""
        found = resolved(self.tree, raw(path))
        if isinstance(found, dict) or (isinstance(found, At) and found.version.kind == Kind.DIR):
            return FolderResource(path, environ, self, found)
        return FileResource(path, environ, self, found) if isinstance(found, At) else None


class FolderResource(DAVCollection):  # type: ignore[misc]
    """A folder."""

    def __init__(self, path: str, environ: dict[str, Any], provider: Provider, found: Folder | At) -> None:
        super().__init__(path, environ)
        self._provider = provider
        self._found = found

    def get_member_names(self) -> list[str]:
        """Names of what can be shown; those that are not Unicode WebDAV cannot say."""
        return [name for name, _ in members(self._provider.tree, raw(self.path), self._found)]

    def get_member(self, name: str) -> Any:
        """One of them."""
        return self._provider.get_resource_inst(f"{self.path.rstrip('/')}/{name}", self.environ)

    def get_last_modified(self) -> float | None:
        """Of a folder that no check point holds it is not known."""
        return self._found.version.attributes.mtime_ns / 1e9 if isinstance(self._found, At) else None

    def support_recursive_delete(self) -> bool:
        """Nothing is deleted."""
        return False


class FileResource(DAVNonCollection):  # type: ignore[misc]
    """A file."""

    def __init__(self, path: str, environ: dict[str, Any], provider: Provider, found: At) -> None:
        super().__init__(path, environ)
        self._provider = provider
        self._version = found.version

    def get_content_length(self) -> int:
        """Bytes."""
        return self._version.size or 0

    def get_content_type(self) -> str:
        """By the name."""
        return mimetypes.guess_type(self.path)[0] or "application/octet-stream"

    def get_creation_date(self) -> float | None:
        """When it was born, if that was recorded."""
        born = self._version.attributes.birth_ns
        return None if born is None else born / 1e9

    def get_last_modified(self) -> float:
        """When it was modified."""
        return self._version.attributes.mtime_ns / 1e9

    def get_etag(self) -> str | None:
        """The digest of its content, so it is the same in every check point that has it so."""
        return self._version.digest.hex() if self._version.digest else None

    def support_etag(self) -> bool:
        """Where there is one."""
        return self._version.digest is not None

    def support_ranges(self) -> bool:
        """Any."""
        return True

    def get_content(self) -> io.RawIOBase:
        """Its bytes."""
        path = raw(self.path)
        return Content(self._provider.tree.contents, self._version, lambda error: self._provider.report(path, error))

    def begin_write(self, *, content_type: str | None = None) -> Any:
        """Refused."""
        raise DAVError(HTTP_FORBIDDEN)


class Content(io.RawIOBase):
    """A file to be read from any place. Damage is told, then raised: the answer breaks off."""

    def __init__(self, contents: Contents, version: Version, report: Callable[[BakupError], None]) -> None:
        super().__init__()
        self._contents = contents
        self._version = version
        self._report = report
        self._at = 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """From the beginning, from here or from the end."""
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at}.get(whence, self._version.size or 0)
        return self._at

    def read(self, size: int = -1, /) -> bytes:
        """Verified bytes."""
        length = (self._version.size or 0) if size < 0 else size
        try:
            found = self._contents.file(self._version).read(self._at, length)
        except BakupError as error:
            self._report(error)
            raise
        self._at += len(found)
        return found


def resolved(tree: Tree, path: bytes) -> Folder | At | None:
    """What stands at a path; a link to a file of the same check point is that file."""
    found = tree.find(path, follow=True)
    return found if isinstance(found, dict) else _shown(tree, found) if isinstance(found, At) else None


def members(tree: Tree, path: bytes, found: Folder | At) -> list[tuple[str, Folder | At]]:
    """Names in a folder that can be shown, with what they stand for."""
    if isinstance(found, dict):
        names = sorted(tree.listed(path) or found)
        pairs = [(name, resolved(tree, path + b"/" + name if path else name)) for name in names]
    else:
        pairs = [
            (name, _shown(tree, At(found.moment, one.path, one)))
            for name, one in tree.contents.folder(found.moment, found.path).items()
        ]
    return [(name.decode(), one) for name, one in pairs if one is not None and _is_text(name)]


def _shown(tree: Tree, at: At) -> At | None:
    if at.version.kind == Kind.SYMLINK:
        return _target(tree, at)
    return at if at.version.kind in (Kind.FILE, Kind.DIR) else None


def _target(tree: Tree, at: At) -> At | None:
    """The file that a link means, in the same check point."""
    for _ in range(LINKS_MAX):
        path = os.path.normpath(os.path.join(os.path.dirname(at.path), at.version.extra or b""))
        version = None if path.startswith((b"/", b"..")) else tree.contents.entry(at.moment, path)
        if version is None or version.kind == Kind.DIR:
            return None
        at = At(at.moment, path, version)
        if version.kind == Kind.FILE:
            return at
    return None


def raw(path: str) -> bytes:
    """A path of a URL as the tree has it."""
    return path.strip("/").encode("utf-8", "surrogateescape")


def _is_text(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True
