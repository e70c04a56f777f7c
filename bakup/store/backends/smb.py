"""SMB 2 and 3, through smbprotocol."""

from __future__ import annotations

import ntpath
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import unquote, urlsplit

import smbclient

from bakup.store.backend import Page, Upload, half_name
from bakup.store.backends.folders import Folders
from bakup.store.backends.smb_connection import PORT, SmbConnection
from bakup.store.backends.smb_files import SmbFiles, write
from bakup.store.target import Capabilities
from bakup.store.wire import PIECE, Body, Sink, Wire


class Smb:
    """A folder of a share. Objects grow under a name of their own; a rename, which replaces nothing, makes them seen.

    That a rename fails where the new name is taken: ReplaceIfExists 0 of FileRenameInformation, MS-FSCC 2.4.37.
    """

    capabilities = Capabilities(exclusive_create=True, atomic=True)
    in_order = False

    def __init__(self, url: str, options: Mapping[str, Any], wire: Wire) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or int(options.get("port", PORT))
        share, _, self.root = unquote(parts.path).strip("/").partition("/")
        self._share = f"\\\\{self._host}\\{share}\\"
        self._connection = SmbConnection(self._host, self._port, options)
        self._call = self._connection.call
        self._wire = wire
        self._folders = Folders(self._entries)

    @property
    def filesystem(self) -> Any:
        """The same connection, as what sources and restores ask."""
        return SmbFiles(self._call, self._below_share)

    def exists(self) -> bool:
        """Whether the folder is there."""
        return bool(self._call(smbclient.path.isdir, self._path("")))

    def create(self) -> None:
        """Make the folder."""
        self._call(smbclient.mkdir, self._path(""))

    def page(self, after: str | None) -> Page:
        """A folder's files."""
        return self._folders.page(after)

    def size(self, key: str) -> int | None:
        """As `stat` tells it."""
        try:
            return int(self._call(smbclient.stat, self._path(key)).st_size)
        except FileNotFoundError:
            return None

    def get(self, key: str, offset: int, length: int) -> bytes:
        """A range. Raises ConnectionError when less comes than the file has."""
        sink = Sink(self._wire)
        with self._call(smbclient.open_file, self._path(key), mode="rb", buffering=0, share_access="rwd") as file:
            file.seek(offset)
            while sink.size < length and (piece := file.read(min(sink.piece, length - sink.size))):
                sink.take(piece)
            expected = min(length, file.fd.end_of_file - offset)
        if sink.size < expected:
            raise ConnectionError(f"{sink.size} of {expected} bytes came")
        return sink.content()

    def put(self, key: str, body: Body) -> None:
        """As one part."""
        upload = self.begin(key, len(body))
        try:
            self.part(upload, 0, 0, body)
            self.finish(upload, ())
        except BaseException:
            with suppress(Exception):
                self.abort(upload)
            raise

    def begin(self, key: str, size: int) -> Upload:
        """An empty file that no listing shows."""
        half = ntpath.join(ntpath.dirname(self._path(key)), half_name(self._wire.mark))
        self._call(smbclient.open_file, half, mode="xb", buffering=0).close()
        return Upload(key, size, half)

    def part(self, upload: Upload, number: int, offset: int, body: Body) -> str:
        """Bytes in their place, flushed by the server."""
        with self._call(smbclient.open_file, upload.token, mode="r+b", buffering=0, share_access="rw") as file:
            file.seek(offset)
            while piece := body.read(PIECE):
                write(file, piece)
            file.flush()
        return ""

    def finish(self, upload: Upload, parts: Iterable[str]) -> None:
        """Rename. A file that is there no more was renamed by an earlier try."""
        try:
            self._call(smbclient.rename, upload.token, self._path(upload.key))
        except FileNotFoundError:
            raise FileExistsError(upload.key) from None

    def abort(self, upload: Upload) -> None:
        """Remove the file."""
        self._call(smbclient.remove, upload.token)

    def left(self, key: str) -> Iterable[Upload]:
        """None: a half bears the mark of its run, not the name of its object, and is found by that."""
        return ()

    def throw_away(self, key: str) -> None:
        """Remove a file."""
        self._call(smbclient.remove, self._path(key))

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def _path(self, key: str) -> str:
        return self._below_share(f"{self.root}/{key}")

    def _below_share(self, path: str) -> str:
        return self._share + path.strip("/").replace("/", "\\")

    def _entries(self, folder: str) -> list[tuple[str, int | None]]:
        return self._call(_listed, self._path(folder))  # type: ignore[no-any-return]


def _listed(path: str, **words: Any) -> list[tuple[str, int | None]]:
    with smbclient.scandir(path, **words) as entries:
        return [
            (entry.name, None if entry.is_dir() else int(entry.smb_info.end_of_file))
            for entry in entries
            if not entry.is_symlink()
        ]
