"""Connections to one FTP server, each for one thread at a time."""

from __future__ import annotations

import ftplib
import queue
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from bakup.store.backends.ftp_session import Server, Session

_FRESH_S = 10.0
"""A connection that was idle for longer is asked whether it is still there: servers hang up on idle ones."""


class Pool:
    """Gives a connection and keeps it for the next."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._idle: queue.LifoQueue[tuple[Session, float]] = queue.LifoQueue()
        self._open: set[Session] = set()
        self._guard = threading.Lock()

    @contextmanager
    def session(self) -> Iterator[Session]:
        """One that nobody else uses; kept for the next, unless something went wrong on it."""
        session = self._taken()
        try:
            yield session
        except (ftplib.error_perm, PermissionError, FileNotFoundError):
            self._idle.put((session, time.monotonic()))
            raise
        except BaseException:
            self._drop(session)
            raise
        else:
            self._idle.put((session, time.monotonic()))

    def close(self) -> None:
        """Hang up, also on those that are in use."""
        with self._guard:
            sessions = [*self._open]
        for session in sessions:
            if session.sock is not None:
                with suppress(OSError):
                    session.sock.shutdown(socket.SHUT_RDWR)
            self._drop(session)

    def _taken(self) -> Session:
        with suppress(queue.Empty):
            while True:
                session, since = self._idle.get_nowait()
                if time.monotonic() - since < _FRESH_S or self._alive(session):
                    return session
        try:
            session = Session(self._server)
        except (ftplib.error_perm, ftplib.error_temp):
            # A server that allows a user only so many connections refuses one more: wait for one of ours.
            with self._guard:
                if not self._open:
                    raise
            return self._waited()
        with self._guard:
            self._open.add(session)
        return session

    def _waited(self) -> Session:
        try:
            return self._idle.get(timeout=self._server.silence_s)[0]
        except queue.Empty:
            raise TimeoutError("the server takes no more connections") from None

    def _alive(self, session: Session) -> bool:
        try:
            session.voidcmd("NOOP")
        except (OSError, EOFError, ftplib.Error):
            self._drop(session)
            return False
        return True

    def _drop(self, session: Session) -> None:
        session.close()
        with self._guard:
            self._open.discard(session)
