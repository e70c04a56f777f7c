"""Files at a web server, of which pages tell the names."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import aiohttp
from fsspec.asyn import sync
from fsspec.implementations.http import HTTPFileSystem

from bakup.errors import NoTarget
from bakup.store.backends.believing import Slice
from bakup.store.backends.certificates import checking
from bakup.store.backends.coroutines import CONNECT_S, SILENCE_S
from bakup.store.backends.web_pages import names
from bakup.store.files import Files, Reading, Told, told

_SAFE = "/!$&'()*+,;=:@~"
_GONE = (404, 410)
_OUT_OF_RANGE = 416
_AS_STORED = {"Accept-Encoding": "identity"}
_SOON = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=CONNECT_S)
_PATIENT = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=SILENCE_S)


class WebFiles(Files):
    """Paths are names below a URL, nothing in them escaped.

    Args:
        url: of the top folder's page.
        options: of fsspec's HTTPFileSystem, which holds the connections; and `verify`.
    """

    def __init__(self, url: str, options: Mapping[str, Any]) -> None:
        self._base = url.rstrip("/")
        given = dict(options)
        more = {"timeout": _PATIENT, **given.pop("client_kwargs", {})}
        self._words = {"ssl": checking(given)} if "verify" in given else {}
        known = {**given, **self._words, "client_kwargs": more}
        self._http = HTTPFileSystem(**known, encoded=True, skip_instance_cache=True)

    def exists(self, path: str) -> bool:
        """Whether a page is there, by GET: some servers know no HEAD for what they make up."""
        return bool(sync(self._http.loop, self._there, self._url(path)))

    def ls(self, path: str, *, detail: bool = True) -> list[Told]:
        """Sizes are not told by most pages, so they are None."""
        page, url = sync(self._http.loop, self._page, self._url(path))
        below = path.rstrip("/")
        return [
            {"name": f"{below}/{name.rstrip('/')}", "type": "directory" if name.endswith("/") else "file", "size": None}
            for name in names(page, url)
        ]

    def info(self, path: str) -> Told:
        """HEAD, and where that does not tell the size the beginning of GET."""
        found: Told = sync(self._http.loop, self._looked, path)
        return found

    def cat_file(self, path: str, start: int, end: int) -> bytes:
        """A range."""
        found: bytes = sync(self._http.loop, self._read, self._url(path), start, end - start)
        return found

    def store(self, path: str, content: Reading) -> None:
        """There is no common way."""
        raise _read_only(self._base)

    def rm_file(self, path: str) -> None:
        """There is no common way."""
        raise _read_only(self._base)

    def mv(self, path: str, to: str) -> None:
        """There is no common way."""
        raise _read_only(self._base)

    def mkdir(self, path: str) -> None:
        """There is no common way."""
        raise _read_only(self._base)

    def rmdir(self, path: str) -> None:
        """There is no common way."""
        raise _read_only(self._base)

    def _url(self, path: str) -> str:
        name = quote(path.strip("/"), safe=_SAFE, errors="surrogateescape")
        return f"{self._base}/{name}" if name else self._base

    async def _there(self, url: str) -> bool:
        session = await self._http.set_session()
        for spelling in (url, f"{url}/"):
            async with session.get(self._http.encode_url(spelling), timeout=_SOON, **self._words) as answer:
                if answer.status not in _GONE:
                    answer.raise_for_status()
                    return True
        return False

    async def _page(self, url: str) -> tuple[str, str]:
        """The page of a folder, and its URL. Most servers send on to the name with a slash, some know no other."""
        session = await self._http.set_session()
        for spelling in (url, f"{url}/"):
            async with session.get(self._http.encode_url(spelling), **self._words) as answer:
                if answer.status in _GONE and spelling is url:
                    continue
                answer.raise_for_status()
                text = await answer.read() if answer.content_type == "text/html" else b""
                return text.decode(answer.charset or "utf-8", "surrogateescape"), str(answer.url)
        return "", url

    async def _read(self, url: str, offset: int, length: int) -> bytes:
        # As it is stored: what is packed for the way has ranges of its own.
        headers = {**_AS_STORED, "Range": f"bytes={offset}-{offset + length - 1}"}
        session = await self._http.set_session()
        async with session.get(self._http.encode_url(url), headers=headers, **self._words) as answer:
            if answer.status in _GONE:
                raise FileNotFoundError(url)
            if answer.status == _OUT_OF_RANGE:
                return b""
            answer.raise_for_status()
            wanted = Slice(offset, length, answer.status, answer.headers.get("Content-Range"))
            pieces = []
            async for piece in answer.content.iter_any():
                pieces.append(wanted.cut(piece))
                if wanted.full:
                    answer.close()
                    return b"".join(pieces)
            wanted.end()
        return b"".join(pieces)

    async def _looked(self, path: str) -> Told:
        session = await self._http.set_session()
        size: str | None = None
        for method in ("HEAD", "GET"):
            url = self._http.encode_url(self._url(path))
            async with session.request(method, url, headers=_AS_STORED, allow_redirects=True, **self._words) as answer:
                if answer.status in _GONE:
                    raise FileNotFoundError(path)
                if method == "HEAD" and answer.status >= 400:
                    continue
                answer.raise_for_status()
                facts = answer.headers
                plain = facts.get("Content-Encoding", "identity") == "identity"
                size = facts.get("Content-Length") if plain else None
            if size is not None:
                break
        modified = facts.get("Last-Modified")
        return {
            **told(path, "file", 0, ETag=facts.get("ETag"), mimetype=facts.get("Content-Type", "").partition(";")[0]),
            "size": None if size is None else int(size),
            "modified": parsedate_to_datetime(modified) if modified else None,
        }


def _read_only(url: str) -> NoTarget:
    return NoTarget(
        f"{url} is a web server: it is read, and not written to",
        hints=("where it speaks WebDAV, write webdav:// for https://",),
        code="target-kind",
    )
