"""A web server as a source: sizes that are not told, ranges that are not given, or others."""

from __future__ import annotations

import gzip
import os
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from bakup.errors import NoTarget, StoreError
from bakup.model import Kind
from bakup.source.bucket.bucket import BucketSource
from bakup.source.interface import Unreadable
from bakup.source.opening import open_source
from bakup.source.tree.filters import Rules
from bakup.store.buckets.interface import Listed
from bakup.store.buckets.opening import open_bucket

LARGE = os.urandom(9 << 20)
SHIFTED = os.urandom(100_000)
PACKED = b"packed for the way " * 1000
FILES = {
    "/known": b"content",
    "/large": LARGE,
    "/sizeless": b"grown while it is sent",
    "/shifted": SHIFTED,
    "/packed": PACKED,
}
ANA = "Basic " + b64encode(b"ana:s3cr@t").decode()
INDEX = "".join(f'<a href="{path[1:]}">{path}</a>' for path in FILES).encode()


class Handler(BaseHTTPRequestHandler):
    """Knows no ranges, but for one file, of which it gives another; of one file it knows no size, one it packs."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""

    def _answer(self, *, with_body: bool) -> None:
        if self.path.startswith("/private") and self.headers["Authorization"] != ANA:
            self.send_error(401)
            return
        body = FILES.get(self.path, b"" if self.path.startswith("/empty") else INDEX)
        if self.path == "/shifted" and with_body:
            self._shifted(body)
            return
        self.send_response(200)
        if self.path == "/packed" and "gzip" in self.headers.get("Accept-Encoding", ""):
            body = gzip.compress(body)
            self.send_header("Content-Encoding", "gzip")
        if self.path == "/sizeless":
            self.send_header("Transfer-Encoding", "chunked")
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        else:
            self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/octet-stream" if self.path in FILES else "text/html")
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def _shifted(self, body: bytes) -> None:
        self.send_response(206)
        self.send_header("Content-Range", f"bytes 1-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - 1))
        self.end_headers()
        self.wfile.write(body[1:])


@pytest.fixture(name="source")
def served() -> Iterator[BucketSource]:
    """`FILES` over HTTP."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    with closing(BucketSource(open_bucket(f"http://127.0.0.1:{server.server_port}"))) as source:
        yield source
    server.shutdown()
    server.server_close()


def test_a_file_whose_size_is_not_told_is_named(source: BucketSource) -> None:
    found = {one.path: one for one in source.entries()}
    assert found[b"known"].kind == Kind.FILE
    assert (found[b"sizeless"].kind, found[b"sizeless"].reason) == (Kind.UNREAD, "the server does not tell its size")
    with pytest.raises(StoreError, match="does not tell its size"):
        source.bucket.facts(Listed("sizeless", 5, 0))


def test_a_large_file_is_whole_where_the_server_gives_no_ranges(source: BucketSource) -> None:
    found = {one.path: one for one in source.entries()}
    read = bytearray(len(LARGE))
    with source.open_large(found[b"large"]) as file:
        filled = 0
        while count := file.readinto(memoryview(read)[filled:]):
            filled += count
        assert file.consistent()
    assert read == LARGE


def test_another_range_than_was_asked_for_is_not_taken_for_the_file(source: BucketSource) -> None:
    found = {one.path: one for one in source.entries()}
    with pytest.raises(Unreadable, match="sent bytes 1-99999/100000 in place of bytes 0-99999"):
        source.read_small(found[b"shifted"])


def test_a_file_comes_as_it_is_stored_from_a_server_that_packs_it(source: BucketSource) -> None:
    found = {one.path: one for one in source.entries()}
    assert bytes(source.read_small(found[b"packed"]).data) == PACKED
    assert source.bucket.read(Listed("packed", len(PACKED), 0), 7, 10) == PACKED[7:17]


def test_the_url_of_a_file_is_a_source_of_one_file(source: BucketSource) -> None:
    file, page = (
        open_source(f"{source.bucket.url}/{name}".encode(), Rules(), {}, "/target") for name in ("known", "empty/")
    )
    with closing(file):
        assert [one.path for one in file.entries()] == [b"", b"known"]
    with closing(page):
        assert [one.path for one in page.entries()] == [b""]


def test_a_web_server_is_told_user_and_password(source: BucketSource) -> None:
    url = source.bucket.url.replace("://", "://ana:s3cr%40t@") + "/private"
    with closing(open_source(url.encode(), Rules(), {}, "/target")) as private:
        assert private.location == f"{source.bucket.url}/private".encode()
        assert b"private" not in {one.path for one in private.entries()}
    with pytest.raises(NoTarget, match="denies access"):
        open_source(f"{source.bucket.url}/private".encode(), Rules(), {}, "/target")
