"""`bakup://` for fsspec: one check point of a target, read-only (docs/fsspec.md).

fsspec.open("bakup://2026/notes.csv?target=/mnt/usb/backup&at=latest~1")
fsspec.filesystem("bakup", target="s3://ana-backup/photos", store={"profile": "ana"})
"""

from __future__ import annotations

import errno
import os
import stat
import weakref
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

from fsspec.spec import AbstractBufferedFile, AbstractFileSystem

from bakup.api.reports import AccountCard, TargetOptions
from bakup.api.watch import Silent
from bakup.archive.browse import browse
from bakup.archive.home import Home
from bakup.archive.select import choose_checkpoint, choose_source
from bakup.archive.url import path_of, words_of
from bakup.catalog.rows import Version
from bakup.errors import BakupError, Usage
from bakup.model import Attributes, Kind

_TYPES = {Kind.FILE: "file", Kind.DIR: "directory", Kind.SYMLINK: "link"}


class BakupFileSystem(AbstractFileSystem):  # type: ignore[misc]
    """The files of one check point. Any thread may read; nothing is ever written.

    Args:
        target: a folder or a URL, as DST of the commands.
        at: which check point: `latest`, `latest~1`, digits of an id, a time; it stays that one.
        source: of several sources, which one.
        home: the BAKUP_HOME, else as for the commands.
        passphrase: the account's.
        store: options of the target's store.
        accept_plain, accept_unsigned, key_file: as for the commands.

    Raises:
        BakupError: the target, the account or the check point is not there.
    """

    protocol = "bakup"
    root_marker = ""

    def __init__(
        self,
        target: str,
        at: str = "latest",
        source: str | None = None,
        *,
        home: str | None = None,
        passphrase: str | None = None,
        store: Mapping[str, object] | None = None,
        accept_plain: bool = False,
        accept_unsigned: bool = False,
        key_file: str | None = None,
        **words: Any,
    ) -> None:
        super().__init__(**words)
        options = TargetOptions(
            accept_plain=accept_plain, accept_unsigned=accept_unsigned, key_file=key_file, store=store or {}
        )
        with ExitStack() as stack:
            opened = stack.enter_context(Home.open(home, command="fsspec"))
            tree = stack.enter_context(browse(opened, target, options, Silent(), _Answers(passphrase)))
            self._contents = tree.contents
            chosen = choose_source(opened.catalog, self._contents.target, source, target, at)
            row = choose_checkpoint(opened.catalog, self._contents.target, chosen, at)
            self._moment = self._contents.moment(row.uuid)
            opened.close_databases()  # this thread's alone; what reads has connections of its own
            self._close = weakref.finalize(self, stack.pop_all().close)

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(one) for one in path]
        return path_of(os.fspath(path))

    @staticmethod
    def _get_kwargs_from_urls(path: str) -> dict[str, str]:
        return words_of(os.fspath(path))

    def info(self, path: str, **words: Any) -> dict[str, Any]:
        """What is recorded of a path: `mode`, `uid`, `gid`, `mtime` (seconds), `nlink`, and `destination` of a link."""
        return self._info(self._version(path))

    def ls(self, path: str, detail: bool = True, **words: Any) -> list[Any]:
        """Names in a folder, or the file itself."""
        version = self._version(path)
        if version.kind == Kind.DIR:
            found = [self._info(one) for one in self._contents.folder(self._moment, version.path).values()]
        else:
            found = [self._info(version)]
        return found if detail else [one["name"] for one in found]

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **words: Any) -> bytes:
        """Bytes of a file, verified; negative bounds count from its end."""
        version = self._file(path)
        low, high, _ = slice(start, end).indices(version.size or 0)
        return self._read(version, low, high)

    def created(self, path: str) -> datetime:
        """When it was born, where that was recorded; else when it was modified."""
        attributes = self._version(path).attributes
        return _moment(attributes.mtime_ns if attributes.birth_ns is None else attributes.birth_ns)

    def modified(self, path: str) -> datetime:
        """When it was modified."""
        return _moment(self._version(path).attributes.mtime_ns)

    def ukey(self, path: str) -> str:
        """The digest of its content: the same while the content is."""
        digest = self._version(path).digest
        return digest.hex() if digest else ""

    checksum = ukey

    def mkdir(self, path: str, create_parents: bool = True, **words: Any) -> None:
        """Refused, as all that would change something."""
        raise _read_only(path)

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        """Refused unless it is there."""
        if not (exist_ok and self.isdir(path)):
            raise _read_only(path)

    def rmdir(self, path: str) -> None:
        """Refused."""
        raise _read_only(path)

    def _rm(self, path: str) -> None:
        raise _read_only(path)

    def cp_file(self, path1: str, path2: str, **words: Any) -> None:
        """Refused."""
        raise _read_only(path2)

    def _open(
        self, path: str, mode: str = "rb", block_size: int | str | None = None, **words: Any
    ) -> AbstractBufferedFile:
        if mode != "rb":
            raise _read_only(path)
        return BackedUpFile(self, path, mode, size=self._file(path).size or 0, **words)

    def _version(self, path: str) -> Version:
        raw = self._strip_protocol(path).encode("utf-8", "surrogateescape")
        version = self._contents.entry(self._moment, raw)
        if version is None:
            raise FileNotFoundError(path)
        return version

    def _file(self, path: str) -> Version:
        version = self._version(path)
        if version.kind == Kind.DIR:
            raise IsADirectoryError(path)
        if version.kind == Kind.SYMLINK:
            above, _, _ = version.path.rpartition(b"/")
            return self._file(os.fsdecode(os.path.normpath(os.path.join(above, version.extra or b""))))
        if version.kind != Kind.FILE:
            raise OSError(errno.ENXIO, "it has no content", path)
        return version

    def _read(self, version: Version, low: int, high: int) -> bytes:
        try:
            return self._contents.file(version).read(low, max(0, high - low))
        except BakupError as error:
            raise OSError(errno.EIO, error.message, os.fsdecode(version.path)) from error

    def _info(self, version: Version) -> dict[str, Any]:
        attributes: Attributes = version.attributes
        found = {
            "name": version.path.decode("utf-8", "surrogateescape"),
            "type": _TYPES.get(version.kind, "other"),
            "size": version.size or 0,
            "mode": stat.S_IMODE(attributes.mode),
            "uid": attributes.uid,
            "gid": attributes.gid,
            "mtime": attributes.mtime_ns / 1e9,
            "created": (attributes.mtime_ns if attributes.birth_ns is None else attributes.birth_ns) / 1e9,
            "islink": version.kind == Kind.SYMLINK,
            "nlink": self._contents.names_of(self._moment, version),
        }
        if version.kind == Kind.SYMLINK:
            found |= {"destination": version.extra or b"", **self._behind(version)}
        return found

    def _behind(self, version: Version) -> dict[str, Any]:
        """Type and size of what a link points to in the check point, as fsspec's local file system says them."""
        try:
            to = self._file(os.fsdecode(version.path))
        except (OSError, RecursionError):
            return {}
        return {"type": "file", "size": to.size or 0}


class BackedUpFile(AbstractBufferedFile):  # type: ignore[misc]
    """A file open for reading."""

    DEFAULT_BLOCK_SIZE = 1 << 20

    def _fetch_range(self, start: int, end: int) -> bytes:
        found: bytes = self.fs.cat_file(self.path, start=start, end=end)
        return found


class _Answers:
    """An Ask for programs: nobody is asked."""

    def __init__(self, passphrase: str | None) -> None:
        self._passphrase = passphrase

    def new_account(self, card: AccountCard) -> None:
        raise Usage("no account here", code="no-account")

    def use_folder(self, target: str, files: int) -> bool:
        return False

    def allow_empty(self, said: str) -> bool:
        return False

    def passphrase(self, account: str) -> str:
        if self._passphrase is None:
            raise Usage(f"account {account} has a passphrase: give it as passphrase=", code="passphrase")
        return self._passphrase

    def given_passphrase(self) -> str | None:
        return self._passphrase


def _read_only(path: str) -> OSError:
    return OSError(errno.EROFS, "a backup is read-only", path)


def _moment(time_ns: int) -> datetime:
    return datetime.fromtimestamp(time_ns / 1e9, UTC)
