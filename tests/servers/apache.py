"""WebDAV as Apache serves it (root: it changes users), over a folder: it knows folders by a slash only."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.running import HOST, free_port, running
from tests.servers.served import Served

_MODULES = Path("/usr/lib/apache2/modules")
_SETTINGS = """\
ServerRoot {folder}
PidFile {folder}/pid
ServerName tests
Listen {host}:{port}
User www-data
DocumentRoot {folder}/data
ErrorLog {folder}/errors
<Directory {folder}/data>
Require all granted
{more}
</Directory>
"""


@contextmanager
def apache(folder: Path, modules: Iterable[str], settings: str, more: str) -> Iterator[int]:
    """An apache2 over `folder`/data; its port. `more` are settings of the data's folder."""
    port = free_port()
    folder.chmod(0o755)
    loaded = [f"LoadModule {name}_module {_MODULES}/mod_{name}.so\n" for name in ("mpm_event", "authz_core", *modules)]
    text = _SETTINGS.format(folder=folder, host=HOST, port=port, more=more)
    (folder / "config").write_text("".join(loaded) + text + settings)
    with running(["apache2", "-DFOREGROUND", "-f", folder / "config"], folder / "out", port=port):
        yield port


@contextmanager
def serve(folder: Path) -> Iterator[Served]:
    """An apache2 with one folder that its users may write to."""
    data = folder / "data" / "backups"
    data.mkdir(parents=True)
    shutil.chown(data, "www-data")
    locks = folder / "locks"
    locks.mkdir()
    shutil.chown(locks, "www-data")
    with apache(folder, ("dir", "dav", "dav_fs"), f"DavLockDB {locks}/db\n", "Dav On") as port:
        yield Served(f"webdav://{HOST}:{port}/backups", port, {"tls": False})
