"""What stands between a client and an HTTP store, and changes requests or answers."""

from __future__ import annotations

import http.client
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.servers.running import HOST

_HOP = ("connection", "expect", "transfer-encoding", "keep-alive")


@dataclass
class Asked:
    """A request, which may be changed before it goes on."""

    method: str
    path: str
    headers: dict[str, str]


@dataclass
class Answer:
    """An answer, which may be changed before it goes back."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass
class Between:
    """`before` may answer by itself, `after` change what the store answers; `interim`: gives `100 Continue`."""

    port: int = 0
    before: Callable[[Asked], Answer | None] = lambda _: None
    after: Callable[[Asked, Answer], None] = lambda *_: None
    interim: bool = True
    asked: Counter[str] = field(default_factory=Counter)


@contextmanager
def between(upstream: int) -> Iterator[Between]:
    """Listens until the end of the block, and passes on to the port `upstream`."""
    hooks = Between()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_expect_100(self) -> bool:
            return super().handle_expect_100() if hooks.interim else True

        def _pass(self) -> None:
            chunked = self.headers.get("Transfer-Encoding", "") == "chunked"
            body = self._chunks() if chunked else self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = Asked(self.command, self.path, dict(self.headers.items()))
            hooks.asked[self.command] += 1
            answer = hooks.before(asked)
            if answer is None:
                answer = _upstream(upstream, asked, body)
                hooks.after(asked, answer)
            self.send_response(answer.status)
            answer.headers.setdefault("Content-Length", str(len(answer.body)))
            for name, value in answer.headers.items():
                if value:
                    self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

        def _chunks(self) -> bytes:
            found = b""
            while size := int(self.rfile.readline(), 16):
                found += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return found

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _pass
        do_OPTIONS = do_PROPFIND = do_PROPPATCH = do_MKCOL = do_MOVE = do_COPY = _pass

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer((HOST, 0), Handler) as server:
        server.daemon_threads = True
        hooks.port = server.server_port
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield hooks
        finally:
            server.shutdown()
            thread.join()


def _upstream(port: int, asked: Asked, body: bytes) -> Answer:
    connection = http.client.HTTPConnection(HOST, port, timeout=30)
    headers = {name: value for name, value in asked.headers.items() if name.lower() not in _HOP}
    connection.request(asked.method, asked.path, body or None, headers)
    answer = connection.getresponse()
    content = answer.read()
    kept = {name.title(): value for name, value in answer.getheaders() if name.lower() not in _HOP}
    connection.close()
    if asked.method != "HEAD":
        kept = {name: value for name, value in kept.items() if name != "Content-Length"}
    return Answer(answer.status, kept, content)
