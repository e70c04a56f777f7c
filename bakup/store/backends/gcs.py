"""Google Cloud Storage, through gcsfs: its credentials and its session; requests are of the JSON API."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

import aiohttp
from gcsfs.core import GCSFileSystem, initiate_upload

from bakup.store.backend import Page, Upload
from bakup.store.backends.believing import NotTheStore, Slice, expect_any
from bakup.store.backends.coroutines import CONNECT_S, SILENCE_S, Coroutines
from bakup.store.target import Capabilities
from bakup.store.url.inside import address
from bakup.store.wire import Body, Sink, Wire

_GOOGLE = "storage.googleapis.com"


class _Once(GCSFileSystem):  # type: ignore[misc] # gcsfs has no types
    """Asks once; asking again is our own, and seen."""

    _request = GCSFileSystem._request.__wrapped__


class Gcs:
    """A bucket, below a prefix. Creates ask for `ifGenerationMatch=0`; parts go up one after the other."""

    in_order = True

    def __init__(self, path: str, options: Mapping[str, Any], wire: Wire) -> None:
        self._bucket, _, prefix = path.strip("/").partition("/")
        self.prefix = f"{prefix}/" if prefix else ""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=SILENCE_S)
        self._fs = _Once(**{"requests_timeout": timeout, **options}, skip_instance_cache=True)
        self._wire = wire
        self._coroutines = Coroutines()

    @property
    def capabilities(self) -> Capabilities:
        """Conditions hold at Google; an emulator may take them and do nothing."""
        return Capabilities(exclusive_create=not self.server(), atomic=True)

    def server(self) -> str:
        """See `backend.Named`."""
        found = address(self._fs._location)
        return "" if found == _GOOGLE else found

    def exists(self) -> bool:
        """Whether the bucket is there: asked by a listing, as that right is needed anyway."""
        try:
            self.objects(maxResults=1)
        except FileNotFoundError:
            return False
        return True

    def create(self) -> None:
        """Buckets are for their owner to make; prefixes need not be made."""
        self.objects(maxResults=1)

    def page(self, after: str | None) -> Page:
        """1,000 objects."""
        found = self.objects(**({"pageToken": after} if after else {}))
        objects = [(one["name"][len(self.prefix) :], int(one.get("size", 0))) for one in found.get("items", ())]
        return objects, found.get("nextPageToken")

    def size(self, key: str) -> int | None:
        """The object's facts."""
        try:
            return int(self.resource(key)["size"])
        except FileNotFoundError:
            return None

    def resource(self, key: str) -> dict[str, Any]:
        """All facts of an object, as the API gives them."""
        found = self._fs._call("GET", "b/{}/o/{}", self._bucket, self.prefix + key, json_out=True)
        return self._facts(found, "storage#object")

    def rewrite(self, key: str, to: str, **words: str) -> dict[str, Any]:
        """Copy an object, or go on with that."""
        path = "b/{}/o/{}/rewriteTo/b/{}/o/{}"
        names = (self._bucket, self.prefix + key, self._bucket, self.prefix + to)
        return dict(self._run(self._fs._call("POST", path, *names, json_out=True, **words)))

    def get(self, key: str, offset: int, length: int) -> bytes:
        """A range; one that begins behind the end is refused by Google and is empty here."""
        return self.download(key, offset, length)

    def download(self, key: str, offset: int, length: int, **words: str) -> bytes:
        """As `get`, of the generation that `words` name."""
        sink = Sink(self._wire)
        self._coroutines.run(self._read(key, offset, length, sink, words), sink)
        return sink.content()

    def put(self, key: str, body: Body) -> None:
        """One upload of media."""
        self.upload(body, _length(body), uploadType="media", name=self.prefix + key, ifGenerationMatch="0")

    def upload(self, body: Body | bytes, headers: Mapping[str, str], **words: str) -> tuple[Mapping[str, str], bytes]:
        """A request of the upload API: headers and content of its answer."""
        where = f"{self._fs._location}/upload/storage/v1/b/{quote(self._bucket)}/o"
        data = io.BytesIO(body) if isinstance(body, bytes) else body
        work = self._fs._call("POST", where, headers=headers, data=data, **words)
        moving = body if isinstance(body, Body) else None
        answer: tuple[Mapping[str, str], bytes] = self._coroutines.run(work, moving, len(body))
        return answer

    def begin(self, key: str, size: int) -> Upload:
        """A resumable session."""
        started = initiate_upload(self._fs, self._bucket, self.prefix + key, mode="create")
        return Upload(key, size, str(self._run(started)))

    def part(self, upload: Upload, number: int, offset: int, body: Body) -> str:
        """The next bytes of the session. What of them the store has already, it passes over."""
        last = offset + len(body) - 1
        headers = {**_length(body), "Content-Range": f"bytes {offset}-{last}/{upload.size}"}
        got, _ = self._coroutines.run(self._fs._call("PUT", upload.token, headers=headers, data=body), body)
        if last + 1 < upload.size and got.get("Range") != f"bytes=0-{last}":
            raise ConnectionError(f"took {got.get('Range', 'nothing')} of {last + 1} bytes")
        return ""

    def finish(self, upload: Upload, parts: Iterable[str]) -> None:
        """The last part made it one object."""

    def abort(self, upload: Upload) -> None:
        """End the session."""
        self._run(self._fs._call("DELETE", upload.token))

    def left(self, key: str) -> Iterable[Upload]:
        """None: Google forgets sessions, and lists none."""
        return ()

    def close(self) -> None:
        """End what runs, and the connections."""
        session = self._fs._session
        self._coroutines.end(session.close() if session else None)

    def objects(self, **words: Any) -> dict[str, Any]:
        """A page of the listing, as the API gives it."""
        found = self._fs._call("GET", "b/{}/o", self._bucket, prefix=self.prefix, json_out=True, **words)
        return self._facts(found, "storage#objects")

    async def _read(self, key: str, offset: int, length: int, sink: Sink, words: Mapping[str, str]) -> None:
        await self._fs._set_session()
        url = f"{self._fs._location}/download/storage/v1/b/{quote(self._bucket)}/o/{quote(self.prefix + key, safe='')}"
        # What is stored with `Content-Encoding: gzip` is unpacked by Google for who does not take it, and by aiohttp.
        asked = {"Range": f"bytes={offset}-{offset + length - 1}", "Accept-Encoding": "gzip"}
        headers, params = self._fs._get_headers(asked), self._fs._get_params({"alt": "media", **words})
        async with self._fs.session.get(url, params=params, headers=headers, auto_decompress=False) as answer:
            if answer.status == 416:
                return
            answer.raise_for_status()
            if answer.content_type == "text/html":  # an object may be a page too, and has its facts beside it
                expect_any(answer.headers, ("etag", "last-modified"), "x-goog-")
            wanted = Slice(offset, length, answer.status, answer.headers.get("Content-Range"))
            async for piece in answer.content.iter_chunked(sink.piece):
                await sink.take_soon(wanted.cut(piece), len(piece))
                if wanted.full:
                    return
            wanted.end()

    def _facts(self, work: Any, kind: str) -> dict[str, Any]:
        """An answer in JSON, of the kind that was asked for."""
        try:
            found = self._run(work)
        except ValueError as error:
            raise NotTheStore("it sent no JSON") from error
        if not isinstance(found, dict) or found.get("kind", kind) != kind:
            raise NotTheStore(f"it sent something else in place of {kind}")
        return found

    def _run(self, work: Any) -> Any:
        return self._coroutines.run(work)


def _length(body: Body) -> dict[str, str]:
    return {"Content-Length": str(len(body)), "Content-Type": "application/octet-stream"}
