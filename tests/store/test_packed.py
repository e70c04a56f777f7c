"""What a store keeps with `Content-Encoding: gzip` is read as it is kept; the emulators of the fleet keep none."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bakup.store.backends.gcs import Gcs
from bakup.store.backends.webdav import Webdav
from bakup.store.wire import Wire

PLAIN = b"content" * 100
PACKED = gzip.compress(PLAIN)


class Keeper(BaseHTTPRequestHandler):
    """Has one object; Google's store unpacks it for who does not take gzip."""

    def do_GET(self) -> None:
        """The whole of it, whatever range is asked for."""
        packed = "gzip" in self.headers["Accept-Encoding"] or not self.path.startswith("/download")
        content = PACKED if packed else PLAIN
        self.send_response(200)
        if packed:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", '"x"')
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Keeper) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def test_google(address: str) -> None:
    store = Gcs("bucket", {"endpoint_url": f"http://{address}", "token": "anon"}, Wire())
    assert store.get("a", 0, len(PACKED)) == PACKED
    store.close()


def test_webdav(address: str) -> None:
    store = Webdav(f"webdav://{address}", {"tls": False}, Wire())
    assert store.get("a", 0, len(PACKED)) == PACKED
    store.close()
