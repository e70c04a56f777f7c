"""S3 and what speaks like it, through s3fs: its credentials, its client; requests are our own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import s3fs

from bakup.store.backend import Page, Upload
from bakup.store.coroutines import CONNECT_S, SILENCE_S, Coroutines
from bakup.store.target import AtOnce, Capabilities
from bakup.store.wire import Body, Sink, Wire


class S3:
    """A bucket, below a prefix. Puts carry `If-None-Match: *` (RFC 9110, section 13.1.2)."""

    in_order = False

    def __init__(self, path: str, options: Mapping[str, Any], wire: Wire, at_once: AtOnce) -> None:
        self._bucket, _, prefix = path.strip("/").partition("/")
        self._prefix = f"{prefix}/" if prefix else ""
        config = {
            "connect_timeout": CONNECT_S,
            "read_timeout": SILENCE_S,
            "max_pool_connections": at_once.packs + at_once.heads,
            # What is read is verified by us; what is put is covered by TLS, or by the signature where there is none.
            # Checksums in trailers are not understood everywhere.
            "request_checksum_calculation": "when_required",
            "response_checksum_validation": "when_required",
            # Asking again is our own.
            "retries": {"total_max_attempts": 1},
            **options.get("config_kwargs", {}),
        }
        self._fs = s3fs.S3FileSystem(**{**options, "config_kwargs": config}, skip_instance_cache=True)
        self._wire = wire
        self._coroutines = Coroutines()

    @property
    def capabilities(self) -> Capabilities:
        """Conditions hold at AWS; whether another server knows them cannot be told from outside."""
        return Capabilities(exclusive_create=self._at_aws(), atomic=True)

    def exists(self) -> bool:
        """Whether the bucket is there: asked by a listing, as that right is needed anyway."""
        try:
            self._call("list_objects_v2", MaxKeys=1, Prefix=self._prefix)
        except Exception as error:
            if code_of(error) == "NoSuchBucket":
                return False
            raise
        return True

    def create(self) -> None:
        """Buckets are for their owner to make; prefixes need not be made."""
        self._call("list_objects_v2", MaxKeys=1)

    def page(self, after: str | None) -> Page:
        """1,000 keys, or as many as the server likes."""
        words: dict[str, Any] = {"Prefix": self._prefix, **({"ContinuationToken": after} if after else {})}
        found = self._call("list_objects_v2", **words)
        objects = [(one["Key"][len(self._prefix) :], int(one["Size"])) for one in found.get("Contents", ())]
        return objects, found.get("NextContinuationToken") if found.get("IsTruncated") else None

    def size(self, key: str) -> int | None:
        """HEAD, which tells 404 without a code."""
        try:
            return int(self._call("head_object", Key=self._prefix + key)["ContentLength"])
        except Exception as error:
            if code_of(error) in ("404", "NoSuchKey", "NotFound"):
                return None
            raise

    def get(self, key: str, offset: int, length: int) -> bytes:
        """A range; one that begins behind the end is refused by S3 and is empty here."""
        sink = Sink(self._wire)
        try:
            self._coroutines.run(self._read(key, offset, length, sink), sink)
        except Exception as error:
            if code_of(error) not in ("InvalidRange", "416"):
                raise
        return sink.content()

    def put(self, key: str, body: Body) -> None:
        """One PutObject."""
        self._create("put_object", body, Key=self._prefix + key, Body=body, ContentLength=len(body), IfNoneMatch="*")

    def begin(self, key: str, size: int) -> Upload:
        """CreateMultipartUpload."""
        return Upload(key, size, self._call("create_multipart_upload", Key=self._prefix + key)["UploadId"])

    def part(self, upload: Upload, number: int, offset: int, body: Body) -> str:
        """UploadPart; the same number again replaces it."""
        sent = self._call(
            "upload_part",
            body,
            Key=self._prefix + upload.key,
            UploadId=upload.token,
            PartNumber=number + 1,
            Body=body,
            ContentLength=len(body),
        )
        return str(sent["ETag"])

    def finish(self, upload: Upload, parts: Iterable[str]) -> None:
        """CompleteMultipartUpload. An upload that is known no more was completed by an earlier try, or aborted."""
        listed = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(parts, 1)]
        self._create(
            "complete_multipart_upload",
            Key=self._prefix + upload.key,
            UploadId=upload.token,
            MultipartUpload={"Parts": listed},
            IfNoneMatch="*",
        )

    def abort(self, upload: Upload) -> None:
        """AbortMultipartUpload."""
        self._call("abort_multipart_upload", Key=self._prefix + upload.key, UploadId=upload.token)

    def close(self) -> None:
        """End what runs, and the connections."""
        client = self._fs._s3
        self._coroutines.end(client.close() if client else None)

    def _at_aws(self) -> bool:
        return not self._fs.endpoint_url and not self._fs.client_kwargs.get("endpoint_url")

    def _create(self, method: str, body: Body | None = None, **words: Any) -> None:
        try:
            self._call(method, body, **words)
        except Exception as error:
            if code_of(error) in ("PreconditionFailed", "412", "NoSuchUpload"):
                raise FileExistsError(words["Key"]) from None
            raise

    def _call(self, method: str, body: Body | None = None, **words: Any) -> Any:
        return self._coroutines.run(self._request(method, **words), body)

    async def _request(self, method: str, **words: Any) -> Any:
        client = await self._client()
        call = getattr(client, method)
        return await call(**self._fs._get_s3_method_kwargs(call, Bucket=self._bucket, **words))

    async def _read(self, key: str, offset: int, length: int, sink: Sink) -> None:
        run = f"bytes={offset}-{offset + length - 1}"
        found = await self._request("get_object", Key=self._prefix + key, Range=run)
        async with found["Body"] as stream:
            while piece := await stream.read(sink.piece):
                await sink.take_soon(piece)

    async def _client(self) -> Any:
        known = self._fs._s3
        client = await self._fs.set_session()
        if client is not known:
            client.meta.events.register_first("before-sign.s3", _hashes)
            client.meta.events.register_first("before-send.s3", _sends)
        return client


def code_of(error: Exception) -> str:
    """S3's word for an error, or the HTTP status where it has none."""
    found = getattr(error, "response", None)
    return str(found.get("Error", {}).get("Code", "")) if isinstance(found, dict) else ""


def _hashes(request: Any, **_: object) -> None:
    """Signing may read the whole body; that is no traffic."""
    if isinstance(request.data, Body):
        request.data.counted = False


def _sends(request: Any, **_: object) -> None:
    """From here on what is read is sent."""
    if isinstance(request.body, Body):
        request.body.counted = True
