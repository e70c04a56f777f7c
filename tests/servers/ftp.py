"""FTP as pyftpdlib serves it, over a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.running import HOST, free_port, running
from tests.servers.served import Served

_USER, _PASSWORD = "tests", "hunter-4711"


@contextmanager
def serve(folder: Path) -> Iterator[Served]:
    """A pyftpdlib with one folder."""
    port = free_port()
    (folder / "data" / "backups").mkdir(parents=True)
    words: list[str | Path] = ["python", "-m", "pyftpdlib", "-i", HOST, "-p", str(port), "-w", "-d", folder / "data"]
    with running([*words, "-u", _USER, "-P", _PASSWORD], folder / "out", port=port):
        yield Served(f"ftp://{_USER}:{_PASSWORD}@{HOST}:{port}/backups", port)
