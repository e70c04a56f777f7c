"""Objects of an S3 bucket, by the S3 API itself: any key, versions, metadata, tags, storage classes.

s3fs brings the connection, the credentials and the retries. Its paths are not used: they cannot say `a//b`.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from typing import Any, BinaryIO
from urllib.parse import urlencode, urlsplit

import fsspec
from fsspec.asyn import sync

from bakup.errors import StoreError
from bakup.store.buckets import (
    OBJECT_ARCHIVED,
    OBJECT_CHANGED,
    OBJECT_REFUSED,
    Asked,
    Fetched,
    Listed,
    Pairs,
    object_faults,
)
from bakup.store.faults import reason

MIB = 1 << 20
PART = 16 * MIB
"""Bytes from which an object is put in parts, and of such a part."""

WHOLE_MAX = 5 << 30
"""Bytes of the largest object that can be put whole."""

PARTS_MAX = 9_000
_USUAL_PARTS = tuple(count * MIB for count in (16, 8, 5, 50, 64, 100, 10, 15, 20, 25, 32, 128, 256, 512, 1024))
ATTEMPTS = 4

_HEADERS = {
    "cache-control": "CacheControl",
    "content-disposition": "ContentDisposition",
    "content-encoding": "ContentEncoding",
    "content-language": "ContentLanguage",
    "content-type": "ContentType",
    "expires": "Expires",
    "storage-class": "StorageClass",
    "website-redirect": "WebsiteRedirectLocation",
}
_CHANGED = {"PreconditionFailed", "412", "InvalidRange", "416"}
_NOT_OF_ONE = ("RequestTime", "ExpiredToken", "InvalidToken", "TokenRefresh", "Authorization", "InvalidBucket")
"""Bad requests that every object would meet."""


class S3Bucket:
    """See `buckets.Bucket`."""

    keyed = True
    exact = True

    def __init__(self, url: str, options: Mapping[str, object], asked: Asked) -> None:
        self.asked = asked
        self.url = url.rstrip("/")
        parts = urlsplit(self.url, allow_fragments=False)
        self._bucket = parts.netloc
        prefix = self.url.partition("://")[2].partition("/")[2].strip("/")
        self._prefix = prefix and prefix + "/"
        self._fs = fsspec.filesystem("s3", **options)
        self._versioned: bool | None = None

    @property
    def pinned(self) -> bool:
        """Whether the bucket keeps versions, and lets us see so."""
        if self._versioned is None:
            try:
                found = self._look("get_bucket_versioning")
                self._versioned = found.get("Status") == "Enabled"
            except OSError:
                self._versioned = False
        return self._versioned

    def exists(self) -> bool:
        """Whether the bucket is there; a prefix without objects is as good as any."""
        with object_faults(self.url):
            try:
                self._page("list_objects_v2", Prefix=self._prefix, MaxKeys=1)
            except FileNotFoundError:
                return False
        return True

    def list(self) -> Iterator[Listed]:
        """See `Bucket`; the newest versions only, where there are several."""
        return self._list_versions() if self.pinned else self._list_objects()

    def _list_objects(self) -> Iterator[Listed]:
        more: dict[str, str] = {}
        while True:
            with object_faults(self.url):
                page = self._page("list_objects_v2", Prefix=self._prefix, **more)
            yield from map(self._listed, page.get("Contents", ()))
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def _list_versions(self) -> Iterator[Listed]:
        more: dict[str, str] = {}
        while True:
            with object_faults(self.url):
                page = self._page("list_object_versions", Prefix=self._prefix, **more)
            yield from (self._listed(found) for found in page.get("Versions", ()) if found["IsLatest"])
            if not page.get("IsTruncated"):
                return
            more = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}

    def _listed(self, found: dict[str, Any]) -> Listed:
        return Listed(
            found["Key"][len(self._prefix) :],
            found["Size"],
            _ns(found["LastModified"]),
            found.get("ETag", "").strip('"'),
            _version(found),
            found.get("StorageClass", ""),
        )

    def stat(self, key: str) -> tuple[Listed, Pairs] | None:
        """See `Bucket`."""
        with object_faults(self.url, key):
            try:
                answer = self._look("head_object", Key=self._prefix + key)
            except FileNotFoundError:
                return None
            return self._described(key, answer), _pairs(answer, ())

    def facts(self, listed: Listed) -> tuple[Listed, Pairs]:
        """See `Bucket`: a HEAD, and the tags."""
        with object_faults(self.url, listed.key):
            answer = self._look("head_object", Key=self._prefix + listed.key, **_pin(listed))
            tags = self._tags(listed.key, answer)
            return self._same(listed, self._described(listed.key, answer)), _pairs(answer, tags)

    def fetch(self, listed: Listed) -> Fetched:
        """See `Bucket`: one GET, and one more for tags where the answer says that there are some."""
        with _faults(self.url, listed.key, listed.storage_class):
            where = {"Bucket": self._bucket, "Key": self._prefix + listed.key, **_pin(listed)}
            answer, data = sync(self._fs.loop, self._get, where)
            self.asked.get(len(data))
            tags = self._tags(listed.key, answer) if answer.get("TagCount") else ()
            described = self._described(listed.key, {**answer, "ContentLength": len(data)})
            return Fetched(data, self._same(listed, described), _pairs(answer, tags), True)

    def read(self, listed: Listed, offset: int, length: int) -> bytes:
        """See `Bucket`; where no version is pinned, the ETag must be the listed one."""
        pin = _pin(listed) or ({"IfMatch": f'"{listed.token}"'} if listed.token else {})
        with _faults(self.url, listed.key, listed.storage_class):
            span = f"bytes={offset}-{offset + length - 1}"
            where = {"Bucket": self._bucket, "Key": self._prefix + listed.key, "Range": span, **pin}
            data: bytes = sync(self._fs.loop, self._get, where)[1]
            self.asked.get(len(data))
            return data

    def put(self, key: str, body: bytes | BinaryIO, size: int, pairs: Pairs) -> None:
        """See `Bucket`; large ones in parts, at once."""
        facts = _arguments(pairs)
        with _faults(self.url, key):
            if length := part_length(size, dict(pairs).get("etag", "")):
                self._put_parts(key, io.BytesIO(body) if isinstance(body, bytes) else body, size, length, facts)
            else:
                data = body if isinstance(body, bytes) else _from_start(body)
                self._send("put_object", size, Key=self._prefix + key, Body=data, **facts)

    def copy(self, key: str, to: str) -> None:
        """See `Bucket`."""
        with object_faults(self.url, to):
            source = {"Bucket": self._bucket, "Key": self._prefix + key}
            self._send("copy_object", 0, Key=self._prefix + to, CopySource=source)

    def close(self) -> None:
        """Connections are fsspec's, and shared."""

    def _put_parts(self, key: str, body: BinaryIO, size: int, length: int, facts: dict[str, Any]) -> None:
        where = {"Key": self._prefix + key}
        upload = self._send("create_multipart_upload", 0, **where, **facts)
        where["UploadId"] = upload["UploadId"]
        _from_start(body)

        def part(number: int, data: bytes) -> dict[str, Any]:
            answer = self._send("upload_part", len(data), **where, PartNumber=number, Body=data)
            return {"PartNumber": number, "ETag": answer["ETag"]}

        try:
            with ThreadPoolExecutor(4, thread_name_prefix="part") as pool:
                parts: list[Future[dict[str, Any]]] = []
                for number in range(1, -(-size // length) + 1):
                    if number > 4:
                        parts[number - 5].result()
                    parts.append(pool.submit(part, number, body.read(length)))
                done = [each.result() for each in parts]
            self._send("complete_multipart_upload", 0, **where, MultipartUpload={"Parts": done})
        except BaseException:
            self._send("abort_multipart_upload", 0, **where)
            raise

    def _page(self, method: str, **arguments: Any) -> dict[str, Any]:
        self.asked.list()
        return self._call(method, arguments)

    def _look(self, method: str, **arguments: Any) -> dict[str, Any]:
        self.asked.get(0)
        return self._call(method, arguments)

    def _send(self, method: str, size: int, **arguments: Any) -> dict[str, Any]:
        self.asked.put(size)
        return self._call(method, arguments)

    def _call(self, method: str, arguments: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self._fs.call_s3(method, Bucket=self._bucket, **arguments)
        return answer

    async def _get(self, where: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        from s3fs.core import S3_RETRYABLE_ERRORS

        for attempt in range(1, ATTEMPTS + 1):
            answer = await self._fs._call_s3("get_object", **where)
            try:
                async with answer["Body"] as body:
                    return answer, await body.read()
            except S3_RETRYABLE_ERRORS:  # the call itself is retried by s3fs, a body that breaks off is not
                if attempt == ATTEMPTS:
                    raise
        raise AssertionError

    def _tags(self, key: str, answer: dict[str, Any]) -> tuple[tuple[str, str], ...]:
        version = {"VersionId": answer["VersionId"]} if answer.get("VersionId") else {}
        try:
            found = self._look("get_object_tagging", Key=self._prefix + key, **version)
        except OSError:  # stores without tags, and users who may not see them
            return ()
        return tuple((tag["Key"], tag["Value"]) for tag in found["TagSet"])

    def _described(self, key: str, answer: dict[str, Any]) -> Listed:
        return Listed(
            key,
            answer["ContentLength"],
            _ns(answer["LastModified"]),
            answer.get("ETag", "").strip('"'),
            _version(answer) if self._versioned else "",
            answer.get("StorageClass", "STANDARD"),
        )

    def _same(self, listed: Listed, now: Listed) -> Listed:
        """What was listed, if it is that still: a listing's times are finer than those of an answer."""
        return listed if (listed.token, listed.version, listed.size) == (now.token, now.version, now.size) else now


@contextmanager
def _faults(url: str, key: str, tier: str = "") -> Iterator[None]:
    """What S3 says of one object only, before `object_faults`."""
    with object_faults(url, key):
        try:
            yield
        except Exception as error:
            code, status = _answer(error)
            if code == "InvalidObjectState":
                raise StoreError(f"in an archive tier: {tier}", code=OBJECT_ARCHIVED) from error
            if code in _CHANGED:
                raise StoreError("changed since it was listed", code=OBJECT_CHANGED) from error
            if status == 400 and not code.startswith(_NOT_OF_ONE):
                raise StoreError(reason(error), code=OBJECT_REFUSED) from error
            raise


def _answer(error: BaseException | None) -> tuple[str, int]:
    """The error code and HTTP status of what s3fs made an exception of."""
    while error is not None:
        if response := getattr(error, "response", None):
            status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            return str(response.get("Error", {}).get("Code", "")), int(status)
        error = error.__cause__
    return "", 0


def _pin(listed: Listed) -> dict[str, str]:
    return {"VersionId": listed.version} if listed.version else {}


def _version(answer: dict[str, Any]) -> str:
    version = str(answer.get("VersionId") or "")
    return "" if version == "null" else version


def _ns(moment: datetime) -> int:
    seconds = int(moment.replace(microsecond=0).timestamp())
    return seconds * 1_000_000_000 + moment.microsecond * 1000


def _pairs(answer: dict[str, Any], tags: tuple[tuple[str, str], ...]) -> Pairs:
    found = {name: answer.get(field) for name, field in _HEADERS.items()}
    found["expires"] = answer.get("ExpiresString")
    found["etag"] = answer.get("ETag", "").strip('"')
    found["version"] = _version(answer)
    found |= {f"metadata.{name}": value for name, value in answer.get("Metadata", {}).items()}
    found |= {f"tag.{name}": value for name, value in tags}
    kept = ((name, str(value)) for name, value in found.items() if value or name.startswith(("metadata.", "tag.")))
    return tuple(sorted(kept, key=lambda pair: pair[0].encode()))


def _arguments(pairs: Pairs) -> dict[str, Any]:
    """The arguments of a put that give these facts back."""
    facts: dict[str, Any] = {field: value for name, value in pairs if (field := _HEADERS.get(name))}
    metadata = {name.removeprefix("metadata."): value for name, value in pairs if name.startswith("metadata.")}
    tags = {name.removeprefix("tag."): value for name, value in pairs if name.startswith("tag.")}
    if metadata:
        facts["Metadata"] = metadata
    if tags:
        facts["Tagging"] = urlencode(tags)
    return facts


def part_length(size: int, etag: str) -> int:
    """Bytes of a part; 0 for an object that is put whole.

    An ETag says how many parts its object had (`...-12`). Of the same parts the same bytes have the same ETag, so it
    is tried with those sizes that programs use.
    """
    _, dash, count = etag.partition("-")
    if etag and not dash and size <= WHOLE_MAX:
        return 0
    for length in _USUAL_PARTS if count.isdecimal() else ():
        if -(-size // length) == int(count):
            return length
    return 0 if size <= PART else max(PART, -(-size // PARTS_MAX))


def _from_start(body: BinaryIO) -> BinaryIO:
    body.seek(0)
    return body
