"""Google's store as gcp-storage-emulator plays it, in memory: plumbing only, it ignores ifGenerationMatch."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.running import HOST, free_port, running
from tests.servers.served import Served

BUCKET = "backups"
_NO_STORAGE_CONTROL = {"GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false"}
"""The emulator has no Storage Control service, for whose answer gcsfs waits a minute."""


@contextmanager
def serve(folder: Path) -> Iterator[Served]:
    """An emulator with one bucket."""
    port = free_port()
    words = ["gcp-storage-emulator", "start", f"--host={HOST}", f"--port={port}", "--in-memory"]
    with running(words, folder / "out", port=port):
        endpoint = f"http://{HOST}:{port}"
        body = json.dumps({"name": BUCKET}).encode()
        request = urllib.request.Request(f"{endpoint}/storage/v1/b?project=tests", body)
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=10):
            pass
        options = {"endpoint_url": endpoint, "token": "anon", "project": "tests"}
        yield Served(f"gs://{BUCKET}", port, options, _NO_STORAGE_CONTROL)
