"""An SMB server that stops in the middle."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from socket import SHUT_RDWR, create_connection, create_server, socket
from threading import Event, Thread
from typing import TYPE_CHECKING

import pytest

from bakup.errors import NoAnswer
from bakup.store.backends.smb import Smb
from bakup.store.remote.answers import meaning
from bakup.store.url.secrets import Place
from bakup.store.wire import Wire

if TYPE_CHECKING:
    from tests.servers.fleet import Fleet


@contextmanager
def between(port: int, stopped: Event) -> Iterator[int]:
    """A line to a server on which nothing moves any more when it is `stopped`, and that stays open."""

    def carry(one: socket, other: socket) -> None:
        with suppress(OSError):
            while piece := one.recv(1 << 16):
                if not stopped.is_set():
                    other.sendall(piece)

    ends: list[socket] = []
    with create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            near, _ = listening.accept()
            far = create_connection(("127.0.0.1", port))
            ends.extend((near, far))
            for pair in ((near, far), (far, near)):
                Thread(target=carry, args=pair, daemon=True).start()

        Thread(target=accept, daemon=True).start()
        yield listening.getsockname()[1]
    for end in ends:
        end.shutdown(SHUT_RDWR)
        end.close()


@pytest.mark.peer
def test_a_server_that_stops_in_the_middle_is_given_up(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bakup.store.backends.smb_connection._ECHO_S", 1)
    served, stopped = fleet["smb"], Event()
    with between(served.port, stopped) as port:
        seen = served.behind(port)
        options = {**Place(seen.url).credentials, **seen.options}
        with closing(Smb(seen.url, options, Wire())) as store:
            assert store.exists()
            stopped.set()
            began = time.monotonic()
            with pytest.raises(Exception, match=r"respond|closed") as caught:
                store.exists()
    assert time.monotonic() - began < 10
    assert type(meaning(caught.value, seen.url)) is NoAnswer


@pytest.mark.peer
def test_who_waits_for_a_silent_server_is_told_of_the_end(fleet: Fleet) -> None:
    served, stopped, told = fleet["smb"], Event(), Event()
    with between(served.port, stopped) as port:
        seen = served.behind(port)
        store = Smb(seen.url, {**Place(seen.url).credentials, **seen.options}, Wire())
        assert store.exists()
        stopped.set()

        def ask() -> None:
            with pytest.raises(Exception, match="closed"):
                store.exists()
            told.set()

        Thread(target=ask, daemon=True).start()
        time.sleep(0.3)
        store.close()
        assert told.wait(5)
