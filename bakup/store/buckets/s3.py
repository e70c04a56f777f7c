"""Objects of an S3 bucket, by the S3 API itself: any key, versions, metadata, tags, storage classes.

s3fs brings the connection and the credentials. Its paths are not used: they cannot say `a//b`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, TypeVar
from urllib.parse import urlencode

from bakup.errors import NoAnswer, NoTarget, StoreError
from bakup.store.backends.s3_client import S3Client, code_of
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
from bakup.store.counting import Counts
from bakup.store.faults import OBJECT_ARCHIVED, OBJECT_DENIED, OBJECT_MISSING, OBJECT_REFUSED
from bakup.store.remote.answers import said
from bakup.store.remote.line import Line
from bakup.store.wire import Body, Request, going_up

Result = TypeVar("Result")

MIB = 1 << 20
PART = 16 * MIB
"""Bytes from which an object is put in parts, and of such a part."""

WHOLE_MAX = 5 << 30
"""Bytes of the largest object that can be put whole."""

PARTS_MAX = 9_000
_USUAL_PARTS = tuple(count * MIB for count in (16, 8, 5, 50, 64, 100, 10, 15, 20, 25, 32, 128, 256, 512, 1024))
PARTS_AT_ONCE = 4
CONNECTIONS = 32

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
_CLASSES_ELSEWHERE = frozenset(("Archive", "Cold", "Cool", "Hot", "ARCHIVE", "COLDLINE", "NEARLINE"))
"""Azure's and Google's; servers that speak S3 may have any others."""

_DENIED = {"AccessDenied", "403"}
"""Of one object; keys that are wrong have words of their own."""

_CHANGED = {"PreconditionFailed", "412", "InvalidRange", "416"}
_NOT_OF_ONE = ("RequestTime", "ExpiredToken", "InvalidToken", "TokenRefresh", "Authorization", "InvalidBucket")
"""Bad requests that every object would meet."""


class S3Bucket:
    """See `buckets.Bucket`."""

    keyed = True
    exact = True

    def __init__(self, url: str, options: Mapping[str, object], line: Line) -> None:
        self.url = url.rstrip("/")
        bucket, _, prefix = self.url.partition("://")[2].partition("/")
        self._prefix = prefix.strip("/") and prefix.strip("/") + "/"
        self._client = S3Client(bucket, options, line.wire, CONNECTIONS)
        self._line = line
        line.beside = lambda: self._client.call("list_objects_v2", MaxKeys=1, Prefix=self._prefix)
        self._versioned: bool | None = None

    @property
    def counts(self) -> Counts:
        """See `Bucket`."""
        return self._line.counts

    @property
    def pinned(self) -> bool:
        """Whether the bucket keeps versions, and lets us see so."""
        if self._versioned is None:
            try:
                found = self._look("get_bucket_versioning")
                self._versioned = found.get("Status") == "Enabled"
            except NoAnswer:
                raise
            except NoTarget:
                self._versioned = False
        return self._versioned

    @property
    def server(self) -> str:
        """See `Bucket`."""
        return self._line.patience.ask(self._client.server, answers=False)

    def exists(self) -> bool:
        """Whether the bucket is there; a prefix without objects is as good as any."""
        try:
            self._call("lists", "list_objects_v2", None, Prefix=self._prefix, MaxKeys=1)
        except NoTarget as error:
            if error.code != "target-missing":
                raise
            return False
        return True

    def list(self) -> Iterator[Listed]:
        """See `Bucket`; the newest versions only, where there are several."""
        return self._list_versions() if self.pinned else self._list_objects()

    def _list_objects(self) -> Iterator[Listed]:
        more: dict[str, str] = {}
        while True:
            page, more = self._page("list_objects_v2", more)
            yield from map(self._listed, page.get("Contents", ()))
            if not more:
                return

    def _list_versions(self) -> Iterator[Listed]:
        more: dict[str, str] = {}
        while True:
            page, more = self._page("list_object_versions", more)
            yield from (self._listed(found) for found in page.get("Versions", ()) if found["IsLatest"])
            if not more:
                return

    def _listed(self, found: dict[str, Any]) -> Listed:
        return Listed(
            found["Key"][len(self._prefix) :],
            found["Size"],
            nanoseconds(found["LastModified"]),
            found.get("ETag", "").strip('"'),
            _version(found),
            found.get("StorageClass", ""),
        )

    def stat(self, key: str) -> tuple[Listed, Pairs] | None:
        """See `Bucket`."""
        try:
            answer = self._look("head_object", key)
        except StoreError as error:
            if error.code != OBJECT_MISSING:
                raise
            return None
        return self._described(key, answer), _pairs(answer, ())

    def facts(self, listed: Listed) -> tuple[Listed, Pairs]:
        """See `Bucket`: a HEAD, and the tags."""
        answer = self._look("head_object", listed.key, **self._pin(listed))
        tags = self._tags(listed.key, answer)
        return self._same(listed, self._described(listed.key, answer)), _pairs(answer, tags)

    def fetch(self, listed: Listed) -> Fetched:
        """See `Bucket`: one GET, and one more for tags where the answer says that there are some."""
        answer, data = self._get(listed, None, **self._pin(listed))
        tags = self._tags(listed.key, answer) if answer.get("TagCount") else ()
        described = self._described(listed.key, {**answer, "ContentLength": len(data)})
        return Fetched(data, self._same(listed, described), _pairs(answer, tags), True)

    def read(self, listed: Listed, offset: int, length: int) -> bytes:
        """See `Bucket`; where no version is pinned, the ETag must be the listed one."""
        pin: dict[str, Any] = self._pin(listed) or ({"IfMatch": f'"{listed.token}"'} if listed.token else {})
        return self._get(listed, (offset, length), **pin)[1]

    def put(self, key: str, body: Content, size: int, pairs: Pairs) -> None:
        """See `Bucket`; large ones in parts, at once."""
        facts = _arguments(pairs)
        if length := part_length(size, dict(pairs).get("etag", "")):
            self._put_parts(key, body, size, length, facts)
        else:
            self._up("put_object", key, body, 0, size, **facts)

    def copy(self, key: str, to: str) -> None:
        """See `Bucket`."""
        source = {"Bucket": self._client.bucket, "Key": self._prefix + key}
        self._call("puts", "copy_object", to, CopySource=source)

    def are_one(self, folder: str, name: str, other: str) -> bool:
        """See `Bucket`."""
        return False

    def close(self) -> None:
        """See `Bucket`."""
        self._line.wire.cut()
        self._client.close()

    def _put_parts(self, key: str, body: Content, size: int, length: int, facts: dict[str, Any]) -> None:
        upload = {"UploadId": self._call("puts", "create_multipart_upload", key, **facts)["UploadId"]}

        def part(number: int) -> dict[str, Any]:
            offset = (number - 1) * length
            span = min(length, size - offset)
            answer = self._up("upload_part", key, body, offset, span, PartNumber=number, **upload)
            return {"PartNumber": number, "ETag": answer["ETag"]}

        try:
            with ThreadPoolExecutor(PARTS_AT_ONCE, thread_name_prefix="part") as pool:
                parts = [*pool.map(part, range(1, -(-size // length) + 1))]
            self._complete(key, size, MultipartUpload={"Parts": parts}, **upload)
        except BaseException:
            with suppress(NoTarget):
                self._call("deletes", "abort_multipart_upload", key, **upload)
            raise

    def _complete(self, key: str, size: int, **words: Any) -> None:
        """An upload that is known no more was completed by an earlier try, whose answer was lost."""
        try:
            self._call("puts", "complete_multipart_upload", key, **words)
        except StoreError as error:
            there = self.stat(key) if error.code == OBJECT_MISSING else None
            if there is None or there[0].size != size:
                raise

    def _page(self, method: str, after: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
        return self._ask("lists", None, lambda: self._client.page(method, self._prefix, after))

    def _look(self, method: str, key: str | None = None, **words: Any) -> dict[str, Any]:
        return self._call("heads", method, key, **words)

    def _get(self, listed: Listed, part: tuple[int, int] | None = None, **words: Any) -> tuple[dict[str, Any], bytes]:
        where = {"Key": self._prefix + listed.key, **words}
        return self._ask("reads", listed.key, lambda: self._client.get(part, **where), listed.storage_class)

    def _up(self, method: str, key: str, content: Content, offset: int, length: int, **words: Any) -> dict[str, Any]:
        def request() -> dict[str, Any]:
            with going_up(content, offset, length, self._line.wire) as body:
                where = {"Key": self._prefix + key, "Body": body, "ContentLength": length}
                moving = body if isinstance(body, Body) else None
                answer: dict[str, Any] = self._client.call(method, moving, **where, **words)
                return answer

        return self._ask("puts", key, request)

    def _call(self, kind: Request, method: str, key: str | None, **words: Any) -> dict[str, Any]:
        if key is not None:
            words["Key"] = self._prefix + key
        return self._ask(kind, key, lambda: self._client.call(method, **words))

    def _ask(self, kind: Request, key: str | None, request: Callable[[], Result], tier: str = "") -> Result:
        def once() -> Result:
            with of_one(key), _of_one(key, tier):
                return request()

        return self._line.ask(kind, once, None if key is None else f"{self.url}/{key}")

    def _tags(self, key: str, answer: dict[str, Any]) -> tuple[tuple[str, str], ...]:
        version = {"VersionId": answer["VersionId"]} if answer.get("VersionId") else {}
        try:
            found = self._look("get_object_tagging", key, **version)
        except NoAnswer:
            raise
        except NoTarget:  # stores without tags, and users who may not see them
            return ()
        return tuple((tag["Key"], tag["Value"]) for tag in found["TagSet"])

    def _described(self, key: str, answer: dict[str, Any]) -> Listed:
        return Listed(
            key,
            self._client.length(answer, Key=self._prefix + key),
            nanoseconds(answer["LastModified"]),
            answer.get("ETag", "").strip('"'),
            _version(answer) if self._versioned else "",
            answer.get("StorageClass", "STANDARD"),
        )

    def _pin(self, listed: Listed) -> dict[str, str]:
        """What was put before the bucket kept versions has none but `null`, which stays when another comes."""
        version = listed.version or ("null" if self._versioned and listed.token else "")
        return {"VersionId": version} if version else {}

    def _same(self, listed: Listed, now: Listed) -> Listed:
        """What was listed, if it is that still: a listing's times are finer than those of an answer."""
        return listed if (listed.token, listed.version, listed.size) == (now.token, now.version, now.size) else now


@contextmanager
def _of_one(key: str | None, tier: str = "") -> Iterator[None]:
    """What S3 says of one object only, before `of_one`."""
    try:
        yield
    except Exception as error:
        code = code_of(error)
        if key is None:
            raise
        if code == "InvalidObjectState":
            raise StoreError(f"in an archive tier: {tier}", code=OBJECT_ARCHIVED) from error
        if code in _CHANGED:
            raise StoreError("changed since it was listed", code=OBJECT_CHANGED) from error
        if code in _DENIED:
            raise StoreError(said(error), code=OBJECT_DENIED) from error
        if _refused(error, code):
            raise StoreError(said(error), code=OBJECT_REFUSED) from error
        raise


def _refused(error: Exception, code: str) -> bool:
    """Whether a request is wrong that for another object would be right."""
    answer = getattr(error, "response", None)
    if not isinstance(answer, dict):
        return type(error).__name__ == "ParamValidationError"
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return status == 400 and not code.startswith(_NOT_OF_ONE)


def _version(answer: dict[str, Any]) -> str:
    version = str(answer.get("VersionId") or "")
    return "" if version == "null" else version


def _pairs(answer: dict[str, Any], tags: tuple[tuple[str, str], ...]) -> Pairs:
    found = {name: answer.get(field) for name, field in _HEADERS.items()}
    found["expires"] = answer.get("ExpiresString")
    found["etag"] = answer.get("ETag", "").strip('"')
    found["version"] = _version(answer)
    found |= {f"metadata.{name}": value for name, value in answer.get("Metadata", {}).items()}
    found |= {f"tag.{name}": value for name, value in tags}
    return in_order(found)


def _arguments(pairs: Pairs) -> dict[str, Any]:
    """The arguments of a put that give these facts back."""
    facts: dict[str, Any] = {field: value for name, value in pairs if (field := _HEADERS.get(name))}
    if facts.get("StorageClass") in _CLASSES_ELSEWHERE:
        del facts["StorageClass"]
    if metadata := facts_named(pairs, "metadata."):
        facts["Metadata"] = metadata
    if tags := facts_named(pairs, "tag."):
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
