"""A bucket of any number of objects: S3's ListObjectsV2 alone, over HTTP, and nothing behind it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from tests.servers.running import HOST
from tests.servers.served import Served

PAGE = 1000
SIZE = 12_345
"""Bytes of each object."""
_HEAD = "<?xml version='1.0' encoding='UTF-8'?><ListBucketResult xmlns='http://s3.amazonaws.com/doc/2006-03-01/'>"


@contextmanager
def serve(count: int) -> Iterator[Served]:
    """A bucket with `count` objects below the prefix `many`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = parse_qs(urlsplit(self.path).query)
            body = page(int(asked.get("continuation-token", ["0"])[0]), count).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer((HOST, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            port = server.server_address[1]
            keys = {"key": "tests", "secret": "no secret"}
            yield Served("s3://endless", port, {"endpoint_url": f"http://{HOST}:{port}", **keys})
        finally:
            server.shutdown()
            thread.join()


def page(first: int, count: int) -> str:
    """The objects from number `first` on, and where the next page begins."""
    last = min(first + PAGE, count)
    objects = "".join(
        f"<Contents><Key>many/{number:08}-{'x' * 36}.bin</Key><LastModified>2026-11-23T00:00:00.000Z</LastModified>"
        f"<ETag>&quot;{number:032x}&quot;</ETag><Size>{SIZE}</Size><StorageClass>STANDARD</StorageClass></Contents>"
        for number in range(first, last)
    )
    more = f"<NextContinuationToken>{last}</NextContinuationToken>" if last < count else ""
    truncated = str(last < count).lower()
    return f"{_HEAD}<Name>endless</Name><IsTruncated>{truncated}</IsTruncated>{more}{objects}</ListBucketResult>"
