"""Blobs of an Azure container: any name, metadata, tags, access tiers."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.blob import BlobBlock, ContentSettings, StandardBlobTier

from bakup.errors import NoAnswer, NoTarget, StoreError
from bakup.store.backend import PART
from bakup.store.backends.azure import Azure
from bakup.store.buckets.interface import (
    OBJECT_CHANGED,
    Content,
    Fetched,
    Listed,
    Pairs,
    facts_named,
    in_order,
    nanoseconds,
    of_one,
)
from bakup.store.buckets.naming import expect_fit
from bakup.store.counting import Counts
from bakup.store.faults import OBJECT_ARCHIVED, OBJECT_MISSING, OBJECT_REFUSED
from bakup.store.remote.answers import said
from bakup.store.remote.line import Line
from bakup.store.wire import Body, Request, Sink, going_up

Result = TypeVar("Result")

PARTS_AT_ONCE = 4
WHOLE_MAX = 1 << 20
"""Bytes of the largest blob that goes up as one, of which Azure keeps the MD5: the SDK takes such into memory."""

_ARCHIVED = ("BlobArchived", "BlobBeingRehydrated")
_CHANGED = {412, 416}
_HEADERS = {
    "cache-control": "cache_control",
    "content-disposition": "content_disposition",
    "content-encoding": "content_encoding",
    "content-language": "content_language",
    "content-type": "content_type",
}


class AzureBucket:
    """See `buckets.Bucket`."""

    keyed = True
    pinned = False
    exact = True

    def __init__(self, url: str, options: Mapping[str, object], line: Line) -> None:
        self.url = url.rstrip("/")
        self._azure = Azure(self.url, options, line.wire)
        self._line = line
        line.beside = self._azure.exists

    @property
    def counts(self) -> Counts:
        """See `Bucket`."""
        return self._line.counts

    @property
    def server(self) -> str:
        """See `Bucket`."""
        return self._line.patience.ask(self._azure.server, answers=False)

    def exists(self) -> bool:
        """See `Bucket`."""
        return self._ask("lists", None, self._azure.exists)

    def list(self) -> Iterator[Listed]:
        """See `Bucket`; 5,000 a page."""
        after: str | None = None
        while True:
            found, after = self._page(after)
            yield from map(self._listed, found)
            if not after:
                return

    def stat(self, key: str) -> tuple[Listed, Pairs] | None:
        """See `Bucket`."""
        try:
            return self._described(key, self._properties(key))
        except StoreError as error:
            if error.code != OBJECT_MISSING:
                raise
            return None

    def facts(self, listed: Listed) -> tuple[Listed, Pairs]:
        """See `Bucket`: a HEAD, and the tags where there are some."""
        return self._described(listed.key, self._properties(listed.key))

    def fetch(self, listed: Listed) -> Fetched:
        """See `Bucket`: one GET, and one more for tags where the answer says that there are some."""
        properties, data = self._get(listed)
        properties.blob_tier = properties.blob_tier or listed.storage_class or None  # a GET does not tell it
        return Fetched(data, *self._described(listed.key, properties), True)

    def read(self, listed: Listed, offset: int, length: int) -> bytes:
        """See `Bucket`: the ETag must be the listed one."""
        pin = {"etag": listed.token, "match_condition": MatchConditions.IfNotModified} if listed.token else {}
        return self._get(listed, offset=offset, length=length, **pin)[1]

    def put(self, key: str, body: Content, size: int, pairs: Pairs) -> None:
        """See `Bucket`; large ones in blocks, at once."""
        facts = _arguments(pairs)
        if size <= WHOLE_MAX:
            self._up(key, "upload_blob", body, 0, size, overwrite=True, max_concurrency=1, **facts)
            return

        def block(number: int) -> BlobBlock:
            offset, name = number * PART, f"{number:08d}"
            self._up(key, "stage_block", body, offset, min(PART, size - offset), block_id=name)
            return BlobBlock(block_id=name)

        with ThreadPoolExecutor(PARTS_AT_ONCE, thread_name_prefix="part") as pool:
            blocks = [*pool.map(block, range(-(-size // PART)))]
        self._call("puts", key, "commit_block_list", blocks, **facts)

    def copy(self, key: str, to: str) -> None:
        """See `Bucket`."""
        self._call("puts", to, "start_copy_from_url", self._azure.blob(key).url)

    def are_one(self, folder: str, name: str, other: str) -> bool:
        """See `Bucket`."""
        return False

    def close(self) -> None:
        """See `Bucket`."""
        self._line.wire.cut()
        self._azure.close()

    def _page(self, after: str | None) -> tuple[Sequence[Any], str | None]:
        return self._ask("lists", None, lambda: self._azure.run(self._azure.blobs(after)))

    def _listed(self, found: Any) -> Listed:
        key = found.name[len(self._azure.prefix) :]
        digest = found.content_settings.content_md5
        return Listed(
            key,
            found.size,
            nanoseconds(found.last_modified),
            found.etag.strip('"'),
            storage_class=found.blob_tier or "",
            digest=b64encode(digest).decode() if digest else "",
        )

    def _described(self, key: str, found: Any) -> tuple[Listed, Pairs]:
        found.name = self._azure.prefix + key
        listed = self._listed(found)
        facts = {name: getattr(found.content_settings, field) for name, field in _HEADERS.items()}
        facts |= {"etag": listed.token, "md5": listed.digest, "storage-class": listed.storage_class}
        facts |= {f"metadata.{name}": value for name, value in (found.metadata or {}).items()}
        facts |= {f"tag.{name}": value for name, value in self._tags(key, found).items()}
        return listed, in_order(facts)

    def _tags(self, key: str, found: Any) -> dict[str, str]:
        if not found.tag_count:
            return {}
        try:
            return self._call("heads", key, "get_blob_tags")  # type: ignore[no-any-return]
        except NoAnswer:
            raise
        except NoTarget:  # a user who may not see them
            return {}

    def _properties(self, key: str) -> Any:
        return self._call("heads", key, "get_blob_properties")

    def _get(self, listed: Listed, **words: Any) -> tuple[Any, bytes]:
        def request() -> tuple[Any, bytes]:
            sink = Sink(self._line.wire)
            blob = self._azure.blob(listed.key)
            return self._azure.run(_read(blob, sink, words), sink), sink.content()

        return self._ask("reads", listed.key, request, listed.storage_class)

    def _up(self, key: str, method: str, content: Content, offset: int, length: int, **words: Any) -> None:
        def request() -> None:
            with going_up(content, offset, length, self._line.wire) as body:
                # Put Blob takes what one read of a stream gives for all of it.
                data = body.read() if method == "upload_blob" else body
                work = getattr(self._azure.blob(key), method)(data=data, length=length, **words)
                self._azure.run(work, data if isinstance(data, Body) else None, length)

        self._ask("puts", key, request)

    def _call(self, kind: Request, key: str, method: str, *given: Any, **words: Any) -> Any:
        return self._ask(kind, key, lambda: self._azure.run(getattr(self._azure.blob(key), method)(*given, **words)))

    def _ask(self, kind: Request, key: str | None, request: Callable[[], Result], tier: str = "") -> Result:
        expect_fit("azure", key or "")

        def once() -> Result:
            try:
                with of_one(key):
                    return request()
            except HttpResponseError as error:
                raise (key and _of_one(error, tier)) or error from error

        return self._line.ask(kind, once, None if key is None else f"{self.url}/{key}")


async def _read(blob: Any, sink: Sink, words: dict[str, Any]) -> Any:
    # What is stored with `Content-Encoding: gzip` is wanted as it is stored.
    stream = await blob.download_blob(max_concurrency=1, decompress=False, **words)
    async for piece in stream.chunks():
        await sink.take_soon(piece)
    return stream.properties


def _of_one(error: HttpResponseError, tier: str) -> StoreError | None:
    """What Azure says of one blob only."""
    code = _code(error)
    if code in _ARCHIVED:
        return StoreError(f"in an archive tier: {tier}", code=OBJECT_ARCHIVED)
    if error.status_code in _CHANGED:
        return StoreError("changed since it was listed", code=OBJECT_CHANGED)
    if error.status_code == 400 and not isinstance(error, ResourceNotFoundError):
        return StoreError(said(error), code=OBJECT_REFUSED)
    return None


def _code(error: HttpResponseError) -> str:
    """Azure's word for an error."""
    code = getattr(error, "error_code", "")
    return str(getattr(code, "value", code))


def _arguments(pairs: Pairs) -> dict[str, Any]:
    """The arguments of a put that give these facts back."""
    facts = dict(pairs)
    settings: dict[str, Any] = {field: facts[name] for name, field in _HEADERS.items() if name in facts}
    if md5 := facts.get("md5"):
        settings["content_md5"] = bytearray(b64decode(md5))
    words: dict[str, Any] = {
        "metadata": facts_named(pairs, "metadata."),
        "content_settings": ContentSettings(**settings),
    }
    if tags := facts_named(pairs, "tag."):
        words["tags"] = tags
    with suppress(ValueError, KeyError):  # tiers of premium accounts are not for block blobs
        words["standard_blob_tier"] = StandardBlobTier(facts["storage-class"])
    return words
