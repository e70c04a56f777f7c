"""What a server of S3 says to a put before it has the body is heard, and soon."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from bakup.errors import StoreError
from bakup.store.backends.s3_client import UNASKED_MAX
from bakup.store.buckets.opening import open_bucket
from bakup.store.faults import OBJECT_DENIED, OBJECT_REFUSED
from bakup.store.target import Terms

NO = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>no</Message></Error>"
TERMS = Terms(patience=0.0)


@pytest.fixture(name="refusing")
def server_that_refuses() -> Iterator[dict[str, str]]:
    """Options for a server that answers 403 to the head of each request, and reads no body."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=refuse_all, args=(server,))
        thread.start()
        yield {"endpoint_url": f"http://127.0.0.1:{server.getsockname()[1]}", "key": "tests", "secret": "none"}
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def refuse_all(server: socket.socket) -> None:
    """One request a connection, until the server is shut down."""
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection:
            asked = b""
            while b"\r\n\r\n" not in asked and (piece := connection.recv(1 << 12)):
                asked += piece
            head = b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
            connection.sendall(head % len(NO) + NO)


@pytest.mark.parametrize("size", [1, UNASKED_MAX, UNASKED_MAX + 1, 8 << 20])
def test_a_refusal_is_heard_whatever_the_size(refusing: dict[str, str], size: int) -> None:
    bucket = open_bucket("s3://bucket/x", refusing, TERMS)
    for _ in range(5):
        with pytest.raises(StoreError) as caught:
            bucket.put("key", bytes(size), size, ())
        assert caught.value.code == OBJECT_DENIED
    bucket.close()


@pytest.mark.peer
@pytest.mark.parametrize("size", [1, UNASKED_MAX, UNASKED_MAX + 1])
def test_a_name_that_a_server_refuses_is_heard_at_once(fleet: Any, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr("bakup.store.backends.coroutines.SILENCE_S", 5.0)
    served = fleet["rclone"]
    bucket = open_bucket(served.place(), served.options, TERMS)
    with pytest.raises(StoreError) as caught:
        bucket.put("a//b", bytes(size), size, ())
    assert caught.value.code == OBJECT_REFUSED
    bucket.close()
