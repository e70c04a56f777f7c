"""Azure Blob Storage, through adlfs: its credentials; requests go to the same service by a client without retries."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable, Mapping
from http import HTTPStatus
from typing import Any, TypeVar

import adlfs
from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobBlock
from azure.storage.blob.aio import BlobServiceClient

from bakup.store.backend import Page, Upload
from bakup.store.backends.believing import NotTheStore, expect_any
from bakup.store.backends.coroutines import CONNECT_S, SILENCE_S, Coroutines, Moving
from bakup.store.target import Capabilities
from bakup.store.url.inside import address
from bakup.store.wire import PIECE, Body, Sink, Wire

Result = TypeVar("Result")

WHOLE_MAX = PIECE
"""Bytes of the largest blob that goes up as one: the SDK reads such into memory before it sends them."""

_OUT_OF_RANGE = 416
_RANGE = "x-ms-range"
"""The header with which the SDK asks for a part."""


class Azure:
    """A container, below a prefix."""

    capabilities = Capabilities(exclusive_create=True, atomic=True)
    in_order = False

    def __init__(self, url: str, options: Mapping[str, Any], wire: Wire) -> None:
        given = {**adlfs.AzureBlobFileSystem._get_kwargs_from_urls(url), **options}
        self._fs = adlfs.AzureBlobFileSystem(**given, skip_instance_cache=True)
        container, _, prefix = self._fs._strip_protocol(url).strip("/").partition("/")
        self.prefix = f"{prefix}/" if prefix else ""
        self._wire = wire
        self._coroutines = Coroutines()
        known = self._fs.service_client
        self._service = BlobServiceClient(
            known.url,
            known.credential,
            retry_total=0,
            connection_timeout=CONNECT_S,
            read_timeout=SILENCE_S,
            raw_response_hook=_believe,
        )
        self._container = self._service.get_container_client(container)

    def server(self) -> str:
        """See `backend.Named`: it has the account's name in it."""
        return address(self._service.url)

    def exists(self) -> bool:
        """Whether the container is there: asked by a listing, as that right is needed anyway."""
        try:
            self.run(self._page(None, 1))
        except ResourceNotFoundError:
            return False
        return True

    def create(self) -> None:
        """Containers are for their owner to make; prefixes need not be made."""
        self.run(self._page(None, 1))

    def page(self, after: str | None) -> Page:
        """At most 5,000 blobs."""
        return self.run(self._page(after))

    def size(self, key: str) -> int | None:
        """HEAD."""
        try:
            return int(self.run(self.blob(key).get_blob_properties()).size)
        except ResourceNotFoundError:
            return None

    def get(self, key: str, offset: int, length: int) -> bytes:
        """A range; one that begins behind the end is refused by Azure and is empty here."""
        sink = Sink(self._wire)
        try:
            self.run(self._read(key, offset, length, sink), sink)
        except HttpResponseError as error:
            if error.status_code != _OUT_OF_RANGE:
                raise
        return sink.content()

    def put(self, key: str, body: Body) -> None:
        """Put Blob with `If-None-Match: *`; what is larger goes up as one block, of which is seen that it moves."""
        if len(body) > WHOLE_MAX:
            upload = self.begin(key, len(body))
            self.finish(upload, [self.part(upload, 0, 0, body)])
            return
        blob = self.blob(key)
        try:
            work = blob.upload_blob(body.read(), length=len(body), overwrite=False, max_concurrency=1)
            self.run(work, size=len(body))
        except ResourceExistsError:
            raise FileExistsError(key) from None

    def begin(self, key: str, size: int) -> Upload:
        """Nothing to ask for: blocks wait at the blob's name, unseen, for a week at most."""
        return Upload(key, size, "")

    def part(self, upload: Upload, number: int, offset: int, body: Body) -> str:
        """Put Block; the same number again replaces it."""
        name = f"{number:08d}"
        self.run(self.blob(upload.key).stage_block(name, body, length=len(body)), body)
        return name

    def finish(self, upload: Upload, parts: Iterable[str]) -> None:
        """Put Block List with `If-None-Match: *`."""
        blocks = [BlobBlock(block_id=name) for name in parts]
        try:
            self.run(self.blob(upload.key).commit_block_list(blocks, match_condition=MatchConditions.IfMissing))
        except ResourceExistsError:
            raise FileExistsError(upload.key) from None

    def abort(self, upload: Upload) -> None:
        """Azure forgets blocks that no list names."""

    def left(self, key: str) -> Iterable[Upload]:
        """None: see `abort`."""
        return ()

    def close(self) -> None:
        """End what runs, and the connections."""
        self._coroutines.end(self._service.close())

    def blob(self, key: str) -> Any:
        """The client of a blob."""
        return self._container.get_blob_client(self.prefix + key)

    def run(self, work: Coroutine[Any, Any, Result], moving: Moving | None = None, size: int = 0) -> Result:
        """See `Coroutines.run`."""
        return self._coroutines.run(work, moving, size)

    async def blobs(self, after: str | None, most: int | None = None) -> tuple[list[Any], str | None]:
        """A page of blobs with what a listing tells of them, and what to ask the next by."""
        pages = self._container.list_blobs(name_starts_with=self.prefix or None, results_per_page=most)
        by_page: Any = pages.by_page(continuation_token=after)
        async for page in by_page:
            return [blob async for blob in page], by_page.continuation_token
        return [], None

    async def _page(self, after: str | None, most: int | None = None) -> Page:
        found, after = await self.blobs(after, most)
        return [(blob.name[len(self.prefix) :], blob.size) for blob in found], after

    async def _read(self, key: str, offset: int, length: int, sink: Sink) -> None:
        stream = await self.blob(key).download_blob(offset, length, max_concurrency=1, decompress=False)
        async for piece in stream.chunks():
            await sink.take_soon(piece)


def _believe(answer: Any) -> None:
    """What is no answer of Azure's is not read on, and its connection let go of: the SDK would not."""
    found = answer.http_response
    try:
        if found.status_code == HTTPStatus.OK and _RANGE in answer.http_request.headers:
            raise NotTheStore("it sent all of an object in place of a part")
        if found.status_code < HTTPStatus.MULTIPLE_CHOICES:
            # Azure says of nothing that all is well without these headers.
            expect_any(found.headers, (), "x-ms-")
    except NotTheStore:
        found.internal_response.close()
        raise
