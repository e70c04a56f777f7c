"""Objects of a Google bucket, by its JSON API: any name, metadata, storage classes, generations."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar

from bakup.errors import NoTarget, StoreError
from bakup.store.backend import PART, Upload
from bakup.store.backends.gcs import Gcs
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
from bakup.store.faults import OBJECT_MISSING, OBJECT_REFUSED
from bakup.store.remote.answers import said
from bakup.store.remote.line import Line
from bakup.store.wire import Body, Request

Result = TypeVar("Result")

READS = 3
"""Most tries to read an object that changes meanwhile."""

_HEADERS = {
    "cache-control": "cacheControl",
    "content-disposition": "contentDisposition",
    "content-encoding": "contentEncoding",
    "content-language": "contentLanguage",
    "content-type": "contentType",
    "storage-class": "storageClass",
}
_CLASSES = frozenset(
    ("ARCHIVE", "COLDLINE", "DURABLE_REDUCED_AVAILABILITY", "MULTI_REGIONAL", "NEARLINE", "REGIONAL", "STANDARD")
)


class GcsBucket:
    """See `buckets.Bucket`. A generation that was replaced is gone, so reading the listed one is exact."""

    keyed = True
    pinned = False
    exact = True

    def __init__(self, url: str, options: Mapping[str, object], line: Line) -> None:
        self.url = url.rstrip("/")
        self._gcs = Gcs(self.url.partition("://")[2], options, line.wire)
        self._line = line
        line.beside = self._gcs.exists

    @property
    def counts(self) -> Counts:
        """See `Bucket`."""
        return self._line.counts

    @property
    def server(self) -> str:
        """See `Bucket`."""
        return self._line.patience.ask(self._gcs.server, answers=False)

    def exists(self) -> bool:
        """See `Bucket`."""
        return self._ask("lists", None, self._gcs.exists)

    def list(self) -> Iterator[Listed]:
        """See `Bucket`; 1,000 a page."""
        more: dict[str, str] = {}
        while True:
            page = self._page(**more)
            yield from map(self._listed, page.get("items", ()))
            if not page.get("nextPageToken"):
                return
            more = {"pageToken": page["nextPageToken"]}

    def stat(self, key: str) -> tuple[Listed, Pairs] | None:
        """See `Bucket`."""
        try:
            return self._look(key)
        except StoreError as error:
            if error.code != OBJECT_MISSING:
                raise
            return None

    def facts(self, listed: Listed) -> tuple[Listed, Pairs]:
        """See `Bucket`."""
        return self._look(listed.key)

    def fetch(self, listed: Listed) -> Fetched:
        """See `Bucket`: a look, and the generation that it tells; one that was replaced meanwhile is there no more."""
        for _ in range(READS):
            now, pairs = self._look(listed.key)
            try:
                return Fetched(self.read(now, 0, now.size), now, pairs, True)
            except StoreError as error:
                if error.code != OBJECT_MISSING:
                    raise
        raise StoreError("it was replaced each time it was read", code=OBJECT_CHANGED)

    def read(self, listed: Listed, offset: int, length: int) -> bytes:
        """See `Bucket`; a generation that is there no more is a missing object."""
        if not length:
            return b""
        pin = {"generation": listed.token} if listed.token else {}
        return self._ask("reads", listed.key, lambda: self._gcs.download(listed.key, offset, length, **pin))

    def put(self, key: str, body: Content, size: int, pairs: Pairs) -> None:
        """See `Bucket`; small ones as one request with their facts, large ones in parts, one after the other."""
        facts = _resource(self._gcs.prefix + key, pairs)
        if isinstance(body, bytes):
            self._ask("puts", key, lambda: self._put(facts, body))
            return
        token = self._ask("puts", key, lambda: self._begin(facts, size))
        upload = Upload(key, size, token)
        try:
            for number, offset in enumerate(range(0, max(size, 1), PART)):
                self._part(upload, number, offset, body)
        except BaseException:
            with suppress(NoTarget):
                self._ask("deletes", key, lambda: self._gcs.abort(upload))
            raise

    def copy(self, key: str, to: str) -> None:
        """See `Bucket`; a large one takes several requests."""
        more: dict[str, str] = {}
        while True:
            answer = self._ask("puts", to, lambda more=more: self._gcs.rewrite(key, to, **more))  # type: ignore[misc]
            if answer.get("done", True):
                return
            more = {"rewriteToken": answer["rewriteToken"]}

    def are_one(self, folder: str, name: str, other: str) -> bool:
        """See `Bucket`."""
        return False

    def close(self) -> None:
        """See `Bucket`."""
        self._line.wire.cut()
        self._gcs.close()

    def _page(self, **words: str) -> dict[str, Any]:
        return self._ask("lists", None, lambda: self._gcs.objects(**words))

    def _listed(self, found: dict[str, Any]) -> Listed:
        return Listed(
            found["name"][len(self._gcs.prefix) :],
            int(found.get("size", 0)),
            nanoseconds(datetime.fromisoformat(found["updated"])),
            str(found.get("generation", "")),
            storage_class=found.get("storageClass", ""),
            digest=found.get("md5Hash") or "",
        )

    def _look(self, key: str) -> tuple[Listed, Pairs]:
        found = self._ask("heads", key, lambda: self._gcs.resource(key))
        listed = self._listed(found)
        facts = {name: found.get(field) for name, field in _HEADERS.items()}
        facts |= {"etag": found.get("etag"), "generation": listed.token, "md5": listed.digest}
        facts |= {f"metadata.{name}": value for name, value in found.get("metadata", {}).items()}
        return listed, in_order(facts)

    def _put(self, facts: dict[str, Any], data: bytes) -> None:
        kind = facts.get("contentType", "application/octet-stream")
        separator = b"bakup-" + os.urandom(16).hex().encode()  # RFC 2046: one that no data has
        self._line.wire.sent(len(data))
        self._gcs.upload(
            b"\r\n".join(
                (
                    b"--" + separator,
                    b"Content-Type: application/json; charset=UTF-8\r\n",
                    json.dumps(facts).encode(),
                    b"--" + separator,
                    b"Content-Type: %s\r\n" % kind.encode(),
                    data,
                    b"--" + separator + b"--\r\n",
                )
            ),
            {"Content-Type": f'multipart/related; boundary="{separator.decode()}"'},
            uploadType="multipart",
        )

    def _begin(self, facts: dict[str, Any], size: int) -> str:
        headers = {"X-Upload-Content-Length": str(size), "Content-Type": "application/json; charset=UTF-8"}
        headers["X-Upload-Content-Type"] = facts.get("contentType", "application/octet-stream")
        answer, _ = self._gcs.upload(json.dumps(facts).encode(), headers, uploadType="resumable", name=facts["name"])
        return str(answer["Location"])

    def _part(self, upload: Upload, number: int, offset: int, path: str) -> None:
        def request() -> str:
            with Body(path, offset, min(PART, upload.size - offset), self._line.wire) as body:
                return self._gcs.part(upload, number, offset, body)

        self._ask("puts", upload.key, request)

    def _ask(self, kind: Request, key: str | None, request: Callable[[], Result]) -> Result:
        expect_fit("google", self._gcs.prefix + (key or ""))

        def once() -> Result:
            try:
                with of_one(key):
                    return request()
            except Exception as error:
                if key is not None and str(getattr(error, "code", "")) == "400":
                    raise StoreError(said(error), code=OBJECT_REFUSED) from error
                raise

        return self._line.ask(kind, once, None if key is None else f"{self.url}/{key}")


def _resource(name: str, pairs: Pairs) -> dict[str, Any]:
    """What a put says of its object."""
    facts = dict(pairs)
    found: dict[str, Any] = {field: facts[name] for name, field in _HEADERS.items() if name in facts}
    if found.get("storageClass") not in _CLASSES:
        found.pop("storageClass", None)
    found |= {"name": name, "metadata": facts_named(pairs, "metadata.")}
    return found
