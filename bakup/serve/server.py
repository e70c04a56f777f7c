"""The server: cheroot in front, WebDAV by wsgidav behind, both with a password where others can reach them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from bakup.api.watch import Watch
from bakup.archive.tree import Tree
from bakup.errors import BakupError, Failed, install

Report = Callable[[bytes, BakupError], None]
"""Told of a path that cannot be read, and why."""
READING = frozenset({"GET", "HEAD", "OPTIONS"})
THREADS = 16


class Listening(Struct, frozen=True):
    """Where a server listens, and for whom: `user` and `password`, or anybody."""

    host: str
    port: int
    user: str = "bakup"
    password: str | None = None


def serve(
    tree: Tree, where: Listening, *, webdav: bool, began: Callable[[str, int], None], report: Any, watch: Watch
) -> None:
    """Answer until KeyboardInterrupt. `began` is told host and port when requests are taken.

    Raises Failed when the port cannot be had, or a library is not installed.
    """
    try:
        from cheroot import wsgi
        from wsgidav.error_printer import ErrorPrinter
        from wsgidav.http_authenticator import HTTPAuthenticator
        from wsgidav.mw.base_mw import BaseMiddleware
        from wsgidav.request_resolver import RequestResolver
        from wsgidav.wsgidav_app import WsgiDAVApp

        from bakup.serve.pages import Pages
        from bakup.serve.resources import Provider
    except ImportError:
        hint = install("'bakup[serve]'")
        raise Failed("wsgidav and cheroot are not installed", hints=(hint,), code="not-installed") from None
    provider = Provider(tree, report)

    class Browsing(BaseMiddleware):  # type: ignore[misc]
        """Behind the password, before WebDAV."""

        def __call__(self, environ: dict[str, Any], start: Any) -> Any:
            return Pages(provider, self.next_app, None if webdav else READING)(environ, start)

    class Server(wsgi.Server):
        """Its words go to the log: what broke an answer off is told by `report`."""

        def error_log(self, msg: str = "", level: int = 20, traceback: bool = False) -> None:
            watch.event("server", message=msg)

    stack = [ErrorPrinter, HTTPAuthenticator, Browsing, RequestResolver]
    app = WsgiDAVApp({**_settings(provider, where), "middleware_stack": stack})
    server = Server((where.host, where.port), app, numthreads=THREADS)
    try:
        server.prepare()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise Failed(f"cannot listen at {where.host}:{where.port}: {reason}", code="listen") from error
    try:
        began(where.host, server.bind_addr[1])
        server.serve()
    except KeyboardInterrupt:
        pass
    finally:
        server.stop()


def _settings(provider: Any, where: Listening) -> dict[str, Any]:
    """Of wsgidav: one share, the root; no locks, since nothing is written; no words of its own on the terminal."""
    anybody: object = {where.user: {"password": where.password}} if where.password else True
    return {
        "provider_mapping": {"/": provider},
        "simple_dc": {"user_mapping": {"*": anybody}},
        "lock_storage": None,
        "property_manager": None,
        "verbose": 0,
        "logging": {"enable": False},
        "suppress_version_info": True,
    }
