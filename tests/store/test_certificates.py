"""Servers that prove who they are by a certificate which no authority has signed."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from bakup.errors import NoTarget
from bakup.store.buckets.opening import open_bucket
from bakup.store.opening import open_target
from tests.servers.certificate import certificate

pytestmark = pytest.mark.peer

FOLDER = b"""<multistatus xmlns="DAV:"><response><href>/x/</href><propstat><prop><resourcetype><collection/>
</resourcetype></prop></propstat></response></multistatus>"""

LIST = b'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bucket</Name></ListBucketResult>'


class Handler(BaseHTTPRequestHandler):
    """Everything is there."""

    def do_HEAD(self) -> None:
        self._answer(200)

    def do_GET(self) -> None:
        self._answer(200, LIST)

    def do_PROPFIND(self) -> None:
        self._answer(207, FOLDER)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(name="served")
def over_tls(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """The port of a server, and its certificate."""
    made, key = certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made, key)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=True) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # type: ignore[method-assign] # who does not trust it hangs up
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port, made
        server.shutdown()


def there(kind: str, port: int, **options: object) -> bool:
    if kind == "s3":
        given = {"endpoint_url": f"https://127.0.0.1:{port}", "key": "a", "secret": "b", **options}
        with closing(open_target("s3://bucket/x", options=given)) as target:
            return target.exists()
    with closing(open_bucket(f"{kind}://127.0.0.1:{port}/x", options)) as bucket:
        return bucket.exists()


@pytest.mark.parametrize("kind", ["s3", "webdav", "https"])
def test_a_certificate_is_trusted_when_it_is_named(served: tuple[int, Path], kind: str) -> None:
    port, made = served
    with pytest.raises(NoTarget, match=r"certificate .* is not trusted") as caught:
        there(kind, port)
    assert "docs/stores.md" in caught.value.hints[0]
    assert there(kind, port, verify=str(made))
    assert there(kind, port, verify=False)
