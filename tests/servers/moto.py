"""S3 as moto plays it, in memory: quick, with conditional puts; checks neither checksums nor credentials."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers import s3
from tests.servers.running import HOST, free_port, running
from tests.servers.served import Served


@contextmanager
def serve(folder: Path) -> Iterator[Served]:
    """A moto server with one bucket."""
    port = free_port()
    with running(["moto_server", "-H", HOST, "-p", str(port)], folder / "out", port=port):
        yield s3.with_bucket(port, "tests", "no secret")
