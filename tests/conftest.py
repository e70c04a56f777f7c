"""What tests of all rooms share: the real servers."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

# Run in the background, they would give all programs of theirs a ctrl-C that is ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def fleet() -> Iterator[object]:
    """Real stores by name, started when asked for: `fleet["ceph"]` (tests/servers)."""
    from tests.servers.fleet import Fleet  # wants the packages of every store, which other tests do without

    with Fleet() as running:
        yield running
