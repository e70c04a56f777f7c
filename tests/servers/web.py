"""Web servers that list a folder, each by a page of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

from tests.servers.apache import apache
from tests.servers.running import HOST, free_port, running

_NGINX = """\
daemon off; pid {folder}/pid; error_log {folder}/errors; {user}
events {{ }}
http {{
    access_log off; client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
    server {{ listen {host}:{port}; root {folder}/data; autoindex on; }}
}}
"""
_LIGHTTPD = """\
server.document-root = "{folder}/data"
server.bind = "{host}"
server.port = {port}
server.modules = ("mod_dirlisting")
dir-listing.activate = "enable"
dir-listing.encoding = "utf-8"
"""

Web = Callable[[Path], AbstractContextManager[int]]


@contextmanager
def _apache(folder: Path, *, options: str) -> Iterator[int]:
    more = f"Options Indexes\nIndexOptions {options}"
    with apache(folder, ("dir", "autoindex"), "", more) as port:
        yield port


@contextmanager
def _nginx(folder: Path) -> Iterator[int]:
    port, user = free_port(), "user root;" if os.geteuid() == 0 else ""
    (folder / "config").write_text(_NGINX.format(folder=folder, host=HOST, port=port, user=user))
    with running(["nginx", "-c", folder / "config", "-p", folder, "-e", folder / "errors"], folder / "out", port=port):
        yield port


@contextmanager
def _lighttpd(folder: Path) -> Iterator[int]:
    port = free_port()
    (folder / "config").write_text(_LIGHTTPD.format(folder=folder, host=HOST, port=port))
    with running(["lighttpd", "-D", "-f", folder / "config"], folder / "out", port=port):
        yield port


@contextmanager
def _rclone(folder: Path) -> Iterator[int]:
    port = free_port()
    words: list[str | Path] = ["rclone", "serve", "http", "--config", folder / "none", "--addr", f"{HOST}:{port}"]
    with running([*words, folder / "data"], folder / "out", port=port):
        yield port


@contextmanager
def _python(folder: Path) -> Iterator[int]:
    port = free_port()
    words: list[str | Path] = [sys.executable, "-m", "http.server", str(port), "-b", HOST, "-d", folder / "data"]
    with running(words, folder / "out", port=port):
        yield port


SERVERS: dict[str, Web] = {
    "apache": partial(_apache, options="-FancyIndexing"),
    "apache fancy": partial(_apache, options="FancyIndexing"),
    "apache table": partial(_apache, options="FancyIndexing HTMLTable NameWidth=12"),
    "nginx": _nginx,
    "lighttpd": _lighttpd,
    "rclone": _rclone,
    "python": _python,
}
"""By name: serves `data` of a folder, and gives the port."""
