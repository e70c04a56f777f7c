"""WebDAV as wsgidav serves it, over a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.running import HOST, free_port, running
from tests.servers.served import Served


@contextmanager
def serve(folder: Path) -> Iterator[Served]:
    """A wsgidav with one folder."""
    port = free_port()
    (folder / "data" / "backups").mkdir(parents=True)
    words: list[str | Path] = [
        "wsgidav",
        "--host",
        HOST,
        "--port",
        str(port),
        "--root",
        folder / "data",
        "--auth=anonymous",
        "-q",
    ]
    with running([*words, "--server", "cheroot"], folder / "out", port=port):
        yield Served(f"webdav://{HOST}:{port}/backups", port, {"tls": False})
