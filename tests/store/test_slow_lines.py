"""What is slow but living is not cut off. Silence is a matter of tenths of a second here."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from asyncssh.sftp import SFTPClientHandler

from bakup.store.backends import azure as azure_store
from bakup.store.backends import coroutines, gcs, s3_client
from bakup.store.backends.coroutines import Coroutines
from bakup.store.backends.sftp import Sftp
from bakup.store.buckets.opening import open_bucket
from bakup.store.target import Terms
from bakup.store.url.secrets import Place
from bakup.store.wire import Body, Sink, Wire

if TYPE_CHECKING:
    from tests.servers.fleet import Fleet

CONTENT = os.urandom(4 << 20)
SLOW_S = 1.5
KEY = "c2VjcmV0"


class Slow(BaseHTTPRequestHandler):
    """Takes whatever comes, and its time."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        """Of S3 and Azure."""
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(SLOW_S)
        self.send_response(201 if self.path.startswith("/ana/") else 200)
        self.send_header("Content-Length", "0")
        self.send_header("ETag", '"x"')
        self.send_header("x-ms-request-id", "x")
        self.end_headers()

    do_POST = do_PUT

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(autouse=True)
def soon_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """For all that runs; clients keep the time that they found when they were loaded."""
    assert {kind.SILENCE_S for kind in (azure_store, gcs, s3_client)} == {60}
    monkeypatch.setattr(coroutines, "SILENCE_S", 0.5)


def azure(address: str) -> dict[str, str]:
    words = f"BlobEndpoint={address}/ana;AccountName=ana;AccountKey={KEY}"
    return {"connection_string": f"DefaultEndpointsProtocol=http;{words}"}


def test_what_is_in_memory_has_time_by_its_size() -> None:
    running = Coroutines()
    running.run(asyncio.sleep(SLOW_S), size=32 << 10)
    with pytest.raises(TimeoutError):
        running.run(asyncio.sleep(SLOW_S))


@pytest.mark.parametrize("kind", ["s3", "gs", "az"])
def test_an_object_from_memory_goes_up(address: str, kind: str) -> None:
    options: dict[str, dict[str, object]] = {
        "s3": {"endpoint_url": address, "key": "tests", "secret": KEY},
        "gs": {"endpoint_url": address, "token": "anon"},
        "az": {**azure(address)},
    }
    with closing(open_bucket(f"{kind}://bucket", options[kind], Terms(patience=0))) as bucket:
        bucket.put("a", CONTENT[:64_000], 64_000, ())
        assert bucket.counts.puts == 1


def test_a_small_blob_of_a_target_goes_up(address: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(CONTENT[:64_000])
    with (
        closing(azure_store.Azure("az://container", azure(address), Wire())) as store,
        Body(str(tmp_path / "file"), 0, 64_000, Wire()) as body,
    ):
        store.put("a", body)


def test_to_wait_for_the_rate_is_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coroutines, "SILENCE_S", 1.3)
    sink = Sink(Wire(download=1000))
    Coroutines().run(sink.take_soon(bytes(2500)), sink)
    assert sink.size == 2500


@pytest.mark.peer
def test_sftp_moves_piece_by_piece(fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each block takes its time on the line, one after the other."""
    place = Place(fleet["sftp"].place())
    (tmp_path / "file").write_bytes(CONTENT)
    line = asyncio.Lock()

    def slowed(method: Any) -> Any:
        async def slow(*words: Any) -> Any:
            async with line:
                await asyncio.sleep(SLOW_S / 32)
            return await method(*words)

        return slow

    for name in ("read", "write"):
        monkeypatch.setattr(SFTPClientHandler, name, slowed(getattr(SFTPClientHandler, name)))
    with closing(Sftp(place, {**place.credentials, **fleet["sftp"].options}, Wire())) as store:
        store.create()
        with Body(str(tmp_path / "file"), 0, len(CONTENT), Wire()) as body:
            store.put("a", body)
        assert store.get("a", 0, len(CONTENT)) == CONTENT
        assert store.get("a", 100, len(CONTENT) + 300_000) == CONTENT[100:]
        assert store.get("a", 100, 50) == CONTENT[100:150]
        assert store.get("a", len(CONTENT), 50) == b""
