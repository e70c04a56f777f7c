"""Requests of the S3 API through s3fs: its credentials and its client, without its retries and its paths."""

from __future__ import annotations

import asyncio
import hashlib
import io
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import s3fs
from aiobotocore.session import AioSession
from botocore.exceptions import ClientError
from botocore.utils import parse_timestamp

from bakup.store.backends.asking import AskingSession
from bakup.store.backends.believing import WHOLE, NotTheStore, Slice, expect_any, expect_root
from bakup.store.backends.coroutines import CONNECT_S, SILENCE_S, Coroutines
from bakup.store.url.inside import address
from bakup.store.wire import PIECE, Body, Sink, Wire

_SUM = "Content-MD5"
"""Stands in the error of a server that wants it."""

UNASKED_MAX = 256 << 10
"""Bytes of the largest body that is sent before the server says that it wants it."""

_AWS = (".amazonaws.com", ".amazonaws.com.cn")

_ROOTS = {
    "ListObjectsV2": "ListBucketResult",
    "ListObjectVersions": "ListVersionsResult",
    "ListMultipartUploads": "ListMultipartUploadsResult",
    "CreateMultipartUpload": "InitiateMultipartUploadResult",
    "CompleteMultipartUpload": "CompleteMultipartUploadResult",
    "CopyObject": "CopyObjectResult",
    "GetBucketVersioning": "VersioningConfiguration",
    "GetObjectTagging": "Tagging",
}
"""Root elements of answers, by operation."""
_TELLING = frozenset(["GetObject", "HeadObject", "PutObject", "UploadPart"])
"""Operations whose answers tell of an object in their headers."""
_MARKERS = {
    "list_objects_v2": (("NextContinuationToken", "ContinuationToken"),),
    "list_object_versions": (("NextKeyMarker", "KeyMarker"), ("NextVersionIdMarker", "VersionIdMarker")),
}
_AFTER = {"list_objects_v2": "StartAfter", "list_object_versions": "KeyMarker"}

_AS_STORED = "bakup-as-stored"
"""Headers of a request, in its context."""


class S3Client:
    """One bucket. Asks once, and raises what botocore raises; safe for several threads.

    Args:
        bucket: its name.
        options: of s3fs.
        wire: is told of what moves.
        connections: most that are open at once.
    """

    def __init__(self, bucket: str, options: Mapping[str, Any], wire: Wire, connections: int) -> None:
        self.bucket = bucket
        config = {
            "connect_timeout": CONNECT_S,
            "read_timeout": SILENCE_S,
            "max_pool_connections": connections,
            # What is read is verified by us; what is put is covered by TLS, or by the signature where there is none.
            # Checksums in trailers are not understood everywhere.
            "request_checksum_calculation": "when_required",
            "response_checksum_validation": "when_required",
            # Asking again is our own.
            "retries": {"total_max_attempts": 1},
            # The usual one tells which system and Python this is.
            "user_agent": "bakup",
            "http_session_cls": AskingSession,
            **options.get("config_kwargs", {}),
        }
        words = {"session": _session(options), **_as_s3fs_has_it(options), "config_kwargs": config}
        self._fs = s3fs.S3FileSystem(**words, skip_instance_cache=True)
        self._wire = wire
        self._sums = False
        self._at: str | None = None
        self._coroutines = Coroutines()

    @property
    def at_aws(self) -> bool:
        """Whether this is S3 itself, not what speaks like it."""
        return f".{self._address()}".endswith(_AWS)

    def server(self) -> str:
        """See `backend.Named`: a bucket's name is one of a kind in all regions of AWS."""
        found = self._address()
        return "" if f".{found}".endswith(_AWS[0]) else found

    def _address(self) -> str:
        if self._at is None:
            self._at = address(self._coroutines.run(self._endpoint(), answers=False))
        return self._at

    def call(self, method: str, body: Body | None = None, **words: Any) -> Any:
        """The answer to one request; `body` stands in `words` too, under the API's name for it."""
        asked = {**words, "ContentMD5": _md5(words["Body"])} if self._sums and "Body" in words else words
        try:
            return self._coroutines.run(self._request(method, **asked), body, words.get("ContentLength", 0))
        except ClientError as error:
            if asked is not words or "Body" not in words or _SUM not in str(error):
                raise
        # A bucket that locks what is put (S3 Object Lock) wants a checksum with it.
        self._sums = True
        words["Body"].seek(0)
        return self.call(method, body, **words)

    def get(self, part: tuple[int, int] | None = None, **words: Any) -> tuple[dict[str, Any], bytes]:
        """GetObject: the answer and the bytes, of all or of a part from an offset, so long."""
        sink = Sink(self._wire)
        answer = self._coroutines.run(self._read(sink, part, words), sink)
        return answer, sink.content()

    def page(self, method: str, prefix: str, after: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
        """A page of a listing, and what to ask the next one by; nothing after the last one.

        A page that is cut and does not say where the next begins is gone on from by its last key.
        """
        words: dict[str, Any] = {"Prefix": prefix, **after}
        found = self.call(method, **words)
        keys = [str(one["Key"]) for one in found.get("Contents") or found.get("Versions") or ()]
        began = after.get("StartAfter") or after.get("KeyMarker", "")
        if began and keys and min(keys) < began:
            raise NotTheStore("a page of its listing begins again")
        more = {name: str(found[told]) for told, name in _MARKERS[method] if found.get(told)}
        if more or not found.get("IsTruncated"):
            return found, more
        if not keys:
            raise NotTheStore("its listing is cut, and does not say where it goes on")
        return found, {_AFTER[method]: max(keys)}

    def length(self, answer: Mapping[str, Any], **words: Any) -> int:
        """Bytes of an object, of which this is the answer to HEAD: some servers leave it to a GET to tell."""
        if "ContentLength" in answer:
            return int(answer["ContentLength"])
        try:
            told = self.get((0, 1), **words)[0].get("ContentRange", "").rpartition("/")[2]
        except ClientError as error:
            if code_of(error) not in ("InvalidRange", "416"):
                raise
            return 0
        if not told.isdecimal():
            raise NotTheStore("it does not tell how long an object is")
        return int(told)

    def close(self, unfinished: Sequence[Mapping[str, str]] = ()) -> None:
        """End what runs, abort these multipart uploads, let go of the connections."""
        client = self._fs._s3
        self._coroutines.end(self._leave(client, unfinished) if client else None)

    async def _leave(self, client: Any, unfinished: Sequence[Mapping[str, str]]) -> None:
        aborts = [client.abort_multipart_upload(Bucket=self.bucket, **upload) for upload in unfinished]
        await asyncio.gather(*aborts, return_exceptions=True)
        await client.close()

    async def _request(self, method: str, **words: Any) -> Any:
        client = await self._client()
        call = getattr(client, method)
        return await call(**self._fs._get_s3_method_kwargs(call, Bucket=self.bucket, **words))

    async def _read(self, sink: Sink, part: tuple[int, int] | None, words: dict[str, Any]) -> dict[str, Any]:
        asked = words if part is None else {**words, "Range": f"bytes={part[0]}-{part[0] + part[1] - 1}"}
        found: dict[str, Any] = await self._request("get_object", **asked)
        async with found["Body"] as stream:
            if part is None:
                while piece := await stream.read(sink.piece):
                    await sink.take_soon(piece)
                return found
            status = found["ResponseMetadata"]["HTTPStatusCode"]
            to_its_end = False
            try:
                wanted = Slice(*part, status, found.get("ContentRange"))
                while not wanted.full and (piece := await stream.read(sink.piece)):
                    await sink.take_soon(wanted.cut(piece), len(piece))
                wanted.end()
                to_its_end = wanted.full and status != WHOLE
            finally:
                if not to_its_end:
                    stream.close()
        return found

    async def _endpoint(self) -> str:
        return str((await self._client()).meta.endpoint_url)

    async def _client(self) -> Any:
        known = self._fs._s3
        client = await self._fs.set_session()
        if client is not known:
            client.meta.events.register_first("provide-client-params.s3", _keeps_as_stored)
            client.meta.events.register_first("before-call.s3", _gives_as_stored)
            client.meta.events.register("before-parse.s3", _believes)
            client.meta.events.register_first("before-sign.s3", _expects_no_answer)
            client.meta.events.register_first("before-sign.s3", _hashes)
            client.meta.events.register_first("before-send.s3", _sends)
        return client


def code_of(error: Exception) -> str:
    """S3's word for an error, or the HTTP status where it has none."""
    found = getattr(error, "response", None)
    return str(found.get("Error", {}).get("Code", "")) if isinstance(found, dict) else ""


def _md5(body: Body | io.BytesIO) -> str:
    """In base64 (RFC 1864); the body stands at its start again. To read it for this is no traffic."""
    digest = hashlib.md5(usedforsecurity=False)
    if isinstance(body, Body):
        body.counted = False
    while piece := body.read(PIECE):
        digest.update(piece)
    body.seek(0)
    return b64encode(digest.digest()).decode()


_FORMS: tuple[Callable[[Any], datetime], ...] = (datetime.fromisoformat, parsedate_to_datetime)


def moment(value: Any) -> datetime:
    """A time as S3 writes it, in a listing or a header; what else there is, as botocore reads it."""
    for form in _FORMS:
        with suppress(AttributeError, TypeError, ValueError):
            return form(value)
    return parse_timestamp(value)  # type: ignore[no-any-return]


def _session(options: Mapping[str, Any]) -> AioSession:
    """As s3fs makes one, but for how times are read: botocore's own way takes most of a listing's time."""
    session = AioSession(profile=options.get("profile"))
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=moment)
    return session


def _keeps_as_stored(params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
    """Headers that a store gave and botocore would not take, or would write in another way."""
    metadata = params.get("Metadata", {})
    heads = {f"x-amz-meta-{name}": value for name, value in metadata.items() if not value.isascii()}
    if heads:
        params["Metadata"] = {name: value for name, value in metadata.items() if value.isascii()}
    if "Expires" in params:
        heads["Expires"] = params.pop("Expires")
    context[_AS_STORED] = heads


def _gives_as_stored(params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
    params["headers"].update(context[_AS_STORED])


def _expects_no_answer(request: Any, **_: object) -> None:
    """A small body goes at once: Go's servers wait for one, without "100 Continue", before they refuse a request.

    Before a larger one an answer is awaited, so that a refusal is not heard as a broken connection.
    """
    if int(request.headers.get("Content-Length", 0)) <= UNASKED_MAX:
        del request.headers["Expect"]


def _believes(operation_model: Any, response_dict: dict[str, Any], **_: object) -> None:
    """An answer that says that all is well must be one that S3 gives to what was asked."""
    if response_dict["status_code"] >= 300:
        return
    name = operation_model.name
    if name in _ROOTS:
        expect_root(response_dict["body"], _ROOTS[name], name)
    elif name in _TELLING:
        expect_any(response_dict["headers"], ("etag", "last-modified"), "x-amz-")


def _hashes(request: Any, **_: object) -> None:
    """Signing may read the whole body; that is no traffic."""
    if isinstance(request.data, Body):
        request.data.counted = False


def _sends(request: Any, **_: object) -> None:
    """From here on what is read is sent."""
    if isinstance(request.body, Body):
        request.body.counted = True


def _as_s3fs_has_it(options: Mapping[str, Any]) -> dict[str, Any]:
    """`verify`, which all kinds of stores have, is one of botocore's own."""
    given = dict(options)
    if "verify" in given:
        given["client_kwargs"] = {"verify": given.pop("verify"), **given.get("client_kwargs", {})}
    return given
