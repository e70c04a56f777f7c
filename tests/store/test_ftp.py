"""FTP servers that answer in ways of their own."""

from __future__ import annotations

import ftplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from socket import create_server
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from bakup.errors import Failed, NoTarget, Usage
from bakup.store.backends.ftp import Ftp, server
from bakup.store.buckets.opening import open_bucket
from bakup.store.opening import open_target
from bakup.store.remote.answers import meaning
from bakup.store.url.secrets import Place
from bakup.store.wire import Body, Wire
from tests.servers.certificate import certificate

if TYPE_CHECKING:
    from tests.servers.fleet import Fleet

Answer = Callable[[str], str | None]
USUAL = {
    "USER": "331 and the password",
    "PASS": "230 come in",
    "FEAT": "211-we have\r\n SIZE\r\n211 End",
    "PWD": '257 "/home/ana" is here',
    "TYPE": "200 as you like",
    "NOOP": "200 here",
    "CWD": "250 there",
}


@contextmanager
def answering(answer: Answer, data: bytes = b"") -> Iterator[tuple[str, list[str]]]:
    """A server that says what `answer` gives for a command, None: as usual; with its address and what it has heard.

    An answer that ends in `!` is its last one. What is listed or read is `data`.
    """
    heard: list[str] = []

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            self._say("220 hello")
            for line in self.rfile:
                command = line.decode("utf-8", "surrogateescape").strip()
                heard.append(command)
                told = answer(command)
                if told and command.startswith(("LIST", "RETR", "STOR")):
                    self.data.accept()[0].close()
                    self.data.close()
                told = told or self._usual(command)
                self._say(told.removesuffix("!"))
                if told.endswith("!"):
                    return

        def _say(self, line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode("utf-8", "surrogateescape"))

        def _usual(self, command: str) -> str:
            word = command.partition(" ")[0]
            if word == "PASV":
                self.data = create_server(("127.0.0.1", 0))
                port = self.data.getsockname()[1]
                return f"227 behind a router (10,255,255,1,{port >> 8},{port & 255})"
            if word in ("LIST", "RETR"):
                with self.data, self.data.accept()[0] as line:
                    self._say("150 here it comes")
                    line.sendall(data)
                return "226 done"
            return USUAL.get(word, "502 never heard of it")

    with ThreadingTCPServer(("127.0.0.1", 0), Handler) as listening:
        listening.daemon_threads = True
        Thread(target=listening.serve_forever, daemon=True).start()
        yield f"ftp://127.0.0.1:{listening.server_address[1]}", heard
        listening.shutdown()


def said(**answers: str) -> Answer:
    """The same answer to each command of that name."""
    return lambda command: answers.get(command.partition(" ")[0])


def test_without_mlsd_a_folder_is_listed_from_within() -> None:
    """The address that a server behind a router names for the data is not believed."""
    listing = b"total 1\r\n-rw-r--r-- 1 a b 3 Nov 30 21:53  x\r\ndrwxr-xr-x 2 a b 9 Nov 30 21:53 d\r\n"
    listing += b"lrwxrwxrwx 1 a b 3 Nov 30 21:53 l -> x\r\n-rw-r--r-- 1 a b 4 Nov 30 21:53 \xff\r\n"
    with answering(said(), listing) as (url, heard), closing(Ftp(f"{url}/~/a%20[b]", {}, Wire())) as store:
        assert store.page(None)[0] == [(" x", 3), ("\udcff", 4)]
    assert [line for line in heard if line.startswith(("CWD", "LIST"))] == ["CWD /home/ana/a [b]", "LIST -a"]


def test_a_folder_that_the_server_fails_to_open_is_no_empty_one() -> None:
    failed = {"LIST": "150 here\r\n226 Transfer done (but failed to open directory)."}
    with (
        answering(lambda command: failed.get(command[:4])) as (url, _),
        closing(open_bucket(f"{url}/a")) as bucket,
        pytest.raises(NoTarget, match="failed to open"),
    ):
        list(bucket.list())


@pytest.mark.parametrize("refusal", ["450 try later", "550 SIZE not allowed in ASCII mode", "502 what?"])
def test_a_size_that_is_not_told_stands_in_the_listing(refusal: str) -> None:
    with (
        answering(said(SIZE=refusal), b"-rw-r--r-- 1 a b 3 Nov 30 21:53 x\r\n") as (url, _),
        closing(Ftp(f"{url}/a", {}, Wire())) as store,
    ):
        assert store.size("x") == 3
        assert store.size("y") is None


def test_a_file_that_is_not_given_is_denied_and_not_missing() -> None:
    with (
        answering(said(SIZE="213 5", RETR="550 Failed to open file.")) as (url, _),
        closing(Ftp(f"{url}/a", {}, Wire())) as store,
        pytest.raises(PermissionError, match="Failed to open"),
    ):
        store.get("x", 0, 5)


@pytest.mark.parametrize("reply", ["452 disk full", "552 quota exceeded"])
def test_a_quota_is_a_full_store_also_when_the_server_hangs_up_first(reply: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(8 << 20))

    def answer(command: str) -> str | None:
        return f"150 send\r\n{reply}" if command.startswith("STOR") else None

    with (
        answering(answer) as (url, _),
        closing(Ftp(f"{url}/a", {}, Wire())) as store,
        Body(str(tmp_path / "file"), 0, 8 << 20, Wire()) as body,
        pytest.raises(ftplib.Error, match=reply) as caught,
    ):
        store.put("x", body)
    assert type(meaning(caught.value, url)) is Failed


def test_a_connection_that_the_server_closed_meanwhile_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bakup.store.backends.ftp_pool._FRESH_S", 0)
    logins = 0

    def answer(command: str) -> str | None:
        nonlocal logins
        logins += command.startswith("USER")
        return "421 idle for too long!" if command == "NOOP" and logins == 1 else None

    with answering(answer) as (url, _), closing(Ftp(f"{url}/a", {}, Wire())) as store:
        assert store.exists()
        assert store.exists()
        assert store.exists()
    assert logins == 2


def test_user_and_password_reach_a_server_by_its_ipv6_address() -> None:
    url = "ftp://ana%40home:p%2Fw@[::1]:2121/b/x"
    target = open_target(url)
    target.close()
    assert target.url == "ftp://[::1]:2121/b/x"
    given = server(target.url, Place(url).credentials)
    assert (given.host, given.port, given.user, given.password) == ("::1", 2121, "ana@home", "p/w")


@pytest.mark.parametrize(
    ("url", "options", "port", "tls", "implicit"),
    [
        ("ftp://h/x", {}, 21, False, False),
        ("ftp://h/x", {"tls": True}, 21, True, False),
        ("ftps://h/x", {}, 21, True, False),
        ("ftps://h:990/x", {}, 990, True, True),
        ("ftps://h/x", {"implicit": True}, 990, True, True),
        ("ftps://h:990/x", {"implicit": False}, 990, True, False),
    ],
)
def test_how_tls_begins(url: str, options: dict[str, object], port: int, tls: bool, implicit: bool) -> None:
    found = server(url, options)
    assert (found.port, found.tls is not None, found.implicit) == (port, tls, implicit)


def test_a_file_without_certificates_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("none")
    with pytest.raises(Usage, match="no certificates in"):
        server("ftps://h/x", {"verify": str(tmp_path / "file")})


@pytest.mark.peer
@pytest.mark.parametrize("implicit", [False, True])
def test_no_password_goes_to_a_server_that_does_not_prove_who_it_is(tmp_path: Path, implicit: bool) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate(tmp_path))
    heard: list[bytes] = []

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            if not implicit:
                self.request.sendall(b"220 hello\r\n")
                heard.append(self.request.recv(99))
                self.request.sendall(b"234 go\r\n")
            with suppress(ssl.SSLError), context.wrap_socket(self.request, server_side=True) as line:
                line.sendall(b"220 hello\r\n" if implicit else b"")
                heard.append(line.recv(99))
                line.sendall(b"331 and the password\r\n530 no\r\n")
                while said := line.recv(99):
                    heard.append(said)

    with ThreadingTCPServer(("127.0.0.1", 0), Handler) as listening:
        Thread(target=listening.serve_forever, daemon=True).start()
        url = f"ftps://ana:secret@127.0.0.1:{listening.server_address[1]}/x"
        for options in ({}, {"verify": True}):
            with (
                closing(open_target(url, options={"implicit": implicit, **options})) as target,
                pytest.raises(NoTarget, match="certificate"),
            ):
                target.exists()
        assert b"USER" not in b"".join(heard)
        with (
            closing(open_target(url, options={"implicit": implicit, "verify": False})) as target,
            pytest.raises(NoTarget, match="530 no"),
        ):
            target.exists()
        assert b"USER ana" in b"".join(heard)
        listening.shutdown()


@pytest.mark.peer
def test_times_that_list_does_not_tell_are_asked_for(fleet: Fleet) -> None:
    served = fleet["vsftpd"]
    with closing(open_bucket(served.place(), served.options)) as bucket:
        bucket.put(" lead", b"content", 7, ())
        bucket.put(".hidden/-x *", b"more", 4, ())
        found = {one.key: one for one in bucket.list()}
        assert {key: one.size for key, one in found.items() if not one.folder} == {" lead": 7, ".hidden/-x *": 4}
        assert found[" lead"].mtime_ns == bucket.facts(found[" lead"])[0].mtime_ns > 0
