"""The connection that SFTP keeps."""

from __future__ import annotations

from contextlib import closing

import asyncssh
import pytest

from bakup.store.backends.sftp import Sftp
from bakup.store.wire import Wire


class Client:
    """A session in which every path is a folder."""

    async def isdir(self, _: str) -> bool:
        return True


class Connection:
    """One that stays open, and whose server starts no session the first time."""

    made: list[Connection]

    def __init__(self) -> None:
        self.aborted = False

    async def start_sftp_client(self) -> Client:
        if len(self.made) == 1:
            raise asyncssh.ChannelOpenError(1, "not now")
        return Client()

    def is_closed(self) -> bool:
        return False

    def abort(self) -> None:
        self.aborted = True


def test_a_connection_without_a_session_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    Connection.made = []

    async def connect(**_: object) -> Connection:
        Connection.made.append(Connection())
        return Connection.made[-1]

    monkeypatch.setattr(asyncssh, "connect", connect)
    with closing(Sftp("sftp://host/a", {}, Wire())) as store:
        with pytest.raises(asyncssh.ChannelOpenError):
            store.exists()
        assert Connection.made[0].aborted
        assert store.exists()
        assert store.exists()
    assert len(Connection.made) == 2
