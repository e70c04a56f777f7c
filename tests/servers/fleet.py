"""All servers by name; each is started when it is asked for first, and all are stopped together."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from types import TracebackType

from tests.servers import apache, azure, ceph, ftp, gcs, moto, rclone, sftp, smb, vsftpd, webdav
from tests.servers.served import Served

SERVERS: dict[str, Callable[[Path], AbstractContextManager[Served]]] = {
    "ceph": ceph.serve,
    "moto": moto.serve,
    "rclone": rclone.serve,
    "azure": azure.serve,
    "gcs": gcs.serve,
    "sftp": sftp.serve,
    "webdav": webdav.serve,
    "apache": apache.serve,
    "ftp": ftp.serve,
    "vsftpd": vsftpd.serve,
    "smb": smb.serve,
}


class Fleet:
    """`fleet["ceph"]` gives that store, running."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._served: dict[str, Served] = {}

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def __getitem__(self, name: str) -> Served:
        if name not in self._served:
            # Short, since a path to a socket lies in it.
            folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix=f"bakup-{name}-"))
            self._served[name] = self._stack.enter_context(SERVERS[name](Path(folder)))
            os.environ.update(self._served[name].settings)
        return self._served[name]
