"""The connection to an SMB server, which ends when nothing moves: smbprotocol by itself waits for twenty minutes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import smbclient
from smbprotocol.connection import Connection
from smbprotocol.exceptions import SMBConnectionClosed, SMBException, SMBOSError

from bakup.store.backends.coroutines import CONNECT_S, SILENCE_S

PORT = 445
_ECHO_S = int(SILENCE_S / 2)
"""A server that is silent for so long is asked for an echo, and has as long again to give one."""


class SmbConnection:
    """Safe for several threads.

    Args:
        host, port: of the server.
        options: of smbclient's `register_session`.
    """

    def __init__(self, host: str, port: int, options: Mapping[str, Any]) -> None:
        self._host = host
        self._port = port
        self._cache: dict[str, Any] = {}
        self._guard = threading.Lock()
        self._session: dict[str, Any] = {
            "connection_timeout": CONNECT_S,
            **{name: value for name, value in options.items() if name not in ("port", "host")},
            "port": port,
            "connection_cache": self._cache,
        }

    def call(self, function: Any, path: str, *more: Any, **words: Any) -> Any:
        """What a function of smbclient's gives for a path; one connection is kept, unless it breaks.

        Raises Python's own kinds of OSError, which the library's are not.
        """
        try:
            self._connect()
            return function(path, *more, **words, **self._session)
        except (SMBConnectionClosed, ConnectionError, TimeoutError):
            self._cache.clear()
            raise
        except SMBOSError as error:
            raise OSError(error.errno, error.strerror, path) from error
        except SMBException as error:
            if type(error) is SMBException:  # it has no kinds for a time-out, nor for too many requests at once
                raise TimeoutError(str(error)) from error
            raise

    def close(self) -> None:
        """Hang up; whoever waits is told."""
        for connection in [*self._cache.values()]:
            _hang_up(connection)
        self._cache.clear()

    def _connect(self) -> None:
        key = f"{self._host.lower()}:{self._port}"
        with self._guard:
            found = self._cache.get(key)
            if found is not None and found.transport.connected:
                return
            signing = bool(self._session.get("require_signing", True))
            made = Connection(smbclient.ClientConfig().client_guid, self._host, self._port, require_signing=signing)
            made._receive_timeout = _ECHO_S
            made.connect(timeout=self._session["connection_timeout"])
            # What is sent and not taken by a dead peer counts too.
            if hasattr(socket, "TCP_USER_TIMEOUT"):
                made.transport._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(SILENCE_S * 1000))
            self._cache[key] = made


def _hang_up(connection: Any) -> None:
    """Without a word: a server that does not answer would never take it, and one that does sees the end as well."""
    with suppress(OSError, AttributeError):
        connection.transport._sock.shutdown(socket.SHUT_RDWR)
