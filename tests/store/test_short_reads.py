"""Fewer bytes than there are never pass for all of them."""

from __future__ import annotations

import os
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from smbclient._io import SMBRawIO

from bakup.errors import NoAnswer
from bakup.model import Attributes
from bakup.source.bucket import file as bucketfile
from bakup.source.bucket.file import BucketFile
from bakup.store.backends.ftp import Ftp
from bakup.store.backends.smb import Smb
from bakup.store.buckets.interface import Bucket, Listed
from bakup.store.url.secrets import Place
from bakup.store.wire import Body, Wire

if TYPE_CHECKING:
    from tests.servers.fleet import Fleet

CONTENT = os.urandom(100_000)
Read = Callable[[Listed, int, int], bytes]
Opened = Callable[[Read], BucketFile]


class Breaking(socketserver.StreamRequestHandler):
    """An FTP server with one file, whose data connection breaks the first time."""

    broken = 0

    def handle(self) -> None:
        """One control connection."""
        at = 0
        answers = {"USER": "230 in", "TYPE": "200 so", "REST": "350 from", "SIZE": f"213 {len(CONTENT)}"}
        self.say("220 here")
        with socket.create_server(("127.0.0.1", 0)) as data:
            while line := self.rfile.readline().decode().strip():
                word, _, rest = line.partition(" ")
                if word == "REST":
                    at = int(rest)
                if word == "RETR":
                    self.send(data, at)
                elif word == "PASV":
                    self.say("227 there (127,0,0,1,{},{})".format(*divmod(data.getsockname()[1], 256)))
                else:
                    self.say(answers.get(word, "500 what"))

    def send(self, data: socket.socket, at: int) -> None:
        """All from `at`, or only the first of it."""
        self.say("150 comes")
        connection, _ = data.accept()
        Breaking.broken += 1
        with connection:
            connection.sendall(CONTENT[at : at + 1000] if Breaking.broken == 1 else CONTENT[at:])
        self.say("426 broke" if Breaking.broken == 1 else "226 done")

    def say(self, text: str) -> None:
        """A reply."""
        self.wfile.write(f"{text}\r\n".encode())


@pytest.fixture
def breaking(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(Breaking, "broken", 0)
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Breaking) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"ftp://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_data_connection_of_ftp_that_breaks(breaking: str) -> None:
    with closing(Ftp(breaking, {}, Wire())) as store:
        with pytest.raises(ConnectionError, match="1000 of 90000 bytes"):
            store.get("a", 10_000, 200_000)
        assert store.get("a", 10_000, 200_000) == CONTENT[10_000:]
        assert store.get("a", 200_000, 5) == b""


@pytest.mark.peer
def test_an_smb_server_that_sends_less(fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(CONTENT)
    place = Place(fleet["smb"].place())
    with closing(Smb(place, place.credentials, Wire())) as store:
        store.create()
        with Body(str(tmp_path / "file"), 0, len(CONTENT), Wire()) as body:
            store.put("a", body)
        assert store.get("a", 10_000, 200_000) == CONTENT[10_000:]
        assert store.get("a", 200_000, 5) == b""
        monkeypatch.setattr(SMBRawIO, "readinto", lambda *_: 0)
        with pytest.raises(ConnectionError, match="0 of 90000 bytes"):
            store.get("a", 10_000, 200_000)


class Giving:
    """A bucket whose reads are what `read` gives."""

    exact = True

    def __init__(self, read: Read) -> None:
        self.read = read


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[Opened]:
    """A file of `CONTENT` in pieces of 1,000 bytes, read as a test wants it."""
    monkeypatch.setattr(bucketfile, "PIECE", 1000)
    with ThreadPoolExecutor(2) as pool:

        def make(read: Read) -> BucketFile:
            listed = Listed("a", len(CONTENT), 0)
            return BucketFile(cast(Bucket, Giving(read)), pool, b"a", listed, Attributes())

        yield make


def read_all(file: BucketFile) -> bytes:
    buffer, found = memoryview(bytearray(700)), b""
    while count := file.readinto(buffer):
        found += buffer[:count]
    return found


def test_a_piece_of_an_object_that_is_short_is_of_another_version(
    opened: Opened,
) -> None:
    with opened(lambda _, offset, length: CONTENT[offset : offset + length]) as whole:
        assert read_all(whole) == CONTENT
        assert whole.consistent()
    with opened(lambda _, offset, length: CONTENT[offset : offset + length - (offset == 3000)]) as short:
        assert read_all(short) == CONTENT[:3000]
        assert not short.consistent()


def test_no_answer_is_no_unreadable_object(
    opened: Opened,
) -> None:
    def silent(*_: object) -> bytes:
        raise NoAnswer("no answer", code="no-answer")

    with opened(silent) as file, pytest.raises(NoAnswer):
        read_all(file)
