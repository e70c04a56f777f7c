"""S3 and what speaks like it, by its API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bakup.store.backend import Page, Upload
from bakup.store.backends.s3_client import S3Client, code_of
from bakup.store.target import AtOnce, Capabilities
from bakup.store.wire import Body, Wire


class S3:
    """A bucket, below a prefix. Puts carry `If-None-Match: *` (RFC 9110, section 13.1.2)."""

    in_order = False

    def __init__(self, path: str, options: Mapping[str, Any], wire: Wire, at_once: AtOnce) -> None:
        bucket, _, prefix = path.strip("/").partition("/")
        self._prefix = f"{prefix}/" if prefix else ""
        self._client = S3Client(bucket, options, wire, at_once.packs + at_once.heads)
        self._open: dict[str, str] = {}
        self._conditions = True

    @property
    def capabilities(self) -> Capabilities:
        """Conditions hold at AWS; whether another server knows them cannot be told from outside, until it refuses."""
        return Capabilities(exclusive_create=self._conditions and self._client.at_aws, atomic=True)

    def server(self) -> str:
        """See `backend.Named`."""
        return self._client.server()

    def exists(self) -> bool:
        """Whether the bucket is there: asked by a listing, as that right is needed anyway."""
        try:
            self._client.call("list_objects_v2", MaxKeys=1, Prefix=self._prefix)
        except Exception as error:
            if code_of(error) == "NoSuchBucket":
                return False
            raise
        return True

    def create(self) -> None:
        """Buckets are for their owner to make; prefixes need not be made."""
        self._client.call("list_objects_v2", MaxKeys=1)

    def page(self, after: str | None) -> Page:
        """1,000 keys, or as many as the server likes."""
        name, _, mark = (after or "").partition("=")
        found, more = self._client.page("list_objects_v2", self._prefix, {name: mark} if after else {})
        objects = [(one["Key"][len(self._prefix) :], int(one["Size"])) for one in found.get("Contents", ())]
        return objects, next((f"{name}={mark}" for name, mark in more.items()), None)

    def size(self, key: str) -> int | None:
        """HEAD, which tells 404 without a code."""
        try:
            answer = self._client.call("head_object", Key=self._prefix + key)
            return self._client.length(answer, Key=self._prefix + key)
        except Exception as error:
            if code_of(error) in ("404", "NoSuchKey", "NotFound"):
                return None
            raise

    def get(self, key: str, offset: int, length: int) -> bytes:
        """A range; one that begins behind the end is refused by S3 and is empty here."""
        try:
            return self._client.get((offset, length), Key=self._prefix + key)[1]
        except Exception as error:
            if code_of(error) not in ("InvalidRange", "416"):
                raise
            return b""

    def put(self, key: str, body: Body) -> None:
        """One PutObject."""
        self._create("put_object", body, Key=self._prefix + key, Body=body, ContentLength=len(body))

    def begin(self, key: str, size: int) -> Upload:
        """CreateMultipartUpload."""
        token = str(self._client.call("create_multipart_upload", Key=self._prefix + key)["UploadId"])
        self._open[token] = self._prefix + key
        return Upload(key, size, token)

    def part(self, upload: Upload, number: int, offset: int, body: Body) -> str:
        """UploadPart; the same number again replaces it."""
        sent = self._client.call(
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
        )
        self._open.pop(upload.token, None)

    def abort(self, upload: Upload) -> None:
        """AbortMultipartUpload."""
        self._client.call("abort_multipart_upload", Key=self._prefix + upload.key, UploadId=upload.token)
        self._open.pop(upload.token, None)

    def left(self, key: str) -> Iterable[Upload]:
        """ListMultipartUploads, which gives those of longer keys too."""
        found = self._client.call("list_multipart_uploads", Prefix=self._prefix + key)
        return [Upload(key, 0, one["UploadId"]) for one in found.get("Uploads", ()) if one["Key"] == self._prefix + key]

    def close(self) -> None:
        """End what runs, throw away what is not finished, let go of the connections."""
        self._client.close([{"Key": key, "UploadId": token} for token, key in self._open.items()])

    def _create(self, method: str, body: Body | None = None, **words: Any) -> None:
        """A create that replaces nothing, as far as the server knows how; names are random besides."""
        try:
            self._client.call(method, body, **words, **({"IfNoneMatch": "*"} if self._conditions else {}))
        except Exception as error:
            if code_of(error) in ("PreconditionFailed", "412", "NoSuchUpload"):
                raise FileExistsError(words["Key"]) from None
            if not self._conditions or not _unknown_header(error):
                raise
        else:
            return
        if body is not None:
            body.seek(0)
        self._client.call(method, body, **words)
        self._conditions = False


def _unknown_header(error: Exception) -> bool:
    """Whether a server says that it does not know a request, or one of its headers."""
    answer = getattr(error, "response", None)
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode") if isinstance(answer, dict) else None
    return status in (400, 405, 501) or code_of(error) == "NotImplemented"
