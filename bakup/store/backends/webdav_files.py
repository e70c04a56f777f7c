"""Files at a WebDAV server."""

from __future__ import annotations

from collections.abc import Iterator

from webdav4.client import ResourceAlreadyExists, ResourceNotFound

from bakup.store.backends.webdav_client import WebdavClient
from bakup.store.files import Files, Reading, Told
from bakup.store.wire import PIECE


class WebdavFiles(Files):
    """Over the connections of the target of this kind."""

    def __init__(self, client: WebdavClient) -> None:
        self._client = client

    def ls(self, path: str, *, detail: bool = True) -> list[Told]:
        """PROPFIND, one folder deep."""
        return self._client.children(path)

    def info(self, path: str) -> Told:
        """PROPFIND of one."""
        try:
            return self._client.look(path)
        except ResourceNotFound:
            raise FileNotFoundError(path) from None

    def store(self, path: str, content: Reading) -> None:
        """PUT."""
        self._client.request("PUT", path, content=_pieces(content))

    def rm_file(self, path: str) -> None:
        """DELETE."""
        self._client.remove(path)

    def mv(self, path: str, to: str) -> None:
        """MOVE."""
        self._client.rename(path, to)

    def mkdir(self, path: str) -> None:
        """MKCOL."""
        try:
            self._client.mkdir(path)
        except ResourceAlreadyExists:
            raise FileExistsError(path) from None

    def rmdir(self, path: str) -> None:
        """DELETE."""
        self._client.request("DELETE", path, add_trailing_slash=True)


def _pieces(content: Reading) -> Iterator[bytes]:
    while piece := content.read(PIECE):
        yield piece
