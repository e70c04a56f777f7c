"""Azure's blob store as azurite plays it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from azure.storage.blob import ContainerClient

from tests.servers.running import HOST, free_port, running
from tests.servers.served import Served

_ACCOUNT = "devstoreaccount1"
_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The account and key that Microsoft publishes for its emulators."""
CONTAINER = "backups"


@contextmanager
def serve(folder: Path) -> Iterator[Served]:
    """An azurite with one container."""
    port = free_port()
    words: list[str | Path] = [
        "azurite-blob",
        "--silent",
        "--skipApiVersionCheck",
        "--disableTelemetry",
        "--location",
        folder,
    ]
    with running([*words, "--blobHost", HOST, "--blobPort", str(port)], folder / "out", port=port):
        told = f"DefaultEndpointsProtocol=http;AccountName={_ACCOUNT};AccountKey={_KEY}"
        told += f";BlobEndpoint=http://{HOST}:{port}/{_ACCOUNT};"
        with ContainerClient.from_connection_string(told, CONTAINER) as container:
            container.create_container()
        yield Served(f"az://{CONTAINER}", port, {"connection_string": told})
