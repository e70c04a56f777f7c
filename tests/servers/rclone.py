"""S3 as `rclone serve s3` has it, over a folder: no conditional puts, no versions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers import s3
from tests.servers.running import HOST, free_port, running
from tests.servers.served import Served

_KEY, _SECRET = "tests", "no secret"
_NO_CHECKSUMS = {"request_checksum_calculation": "when_required", "response_checksum_validation": "when_required"}


@contextmanager
def serve(folder: Path) -> Iterator[Served]:
    """An rclone server over `folder`/data with one bucket."""
    port = free_port()
    (folder / "data").mkdir()
    words: list[str | Path] = ["rclone", "serve", "s3", "--config", folder / "none", "--cache-dir", folder / "cache"]
    words += ["--addr", f"{HOST}:{port}", "--auth-key", f"{_KEY},{_SECRET}", folder / "data"]
    with running(words, folder / "out", port=port):
        yield s3.with_bucket(port, _KEY, _SECRET, config_kwargs=_NO_CHECKSUMS)
