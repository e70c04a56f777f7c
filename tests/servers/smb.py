"""SMB as samba serves it, for the user who runs the tests (root: smbd changes users)."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.running import HOST, free_port, run, running
from tests.servers.served import Served

_PASSWORD = "hunter-4711"
_SETTINGS = """\
[global]
interfaces = lo
bind interfaces only = yes
smb ports = {port}
disable netbios = yes
server role = standalone server
security = user
passdb backend = tdbsam
load printers = no
printing = bsd
printcap name = /dev/null
disable spoolss = yes
private dir = {folder}
state directory = {folder}
cache directory = {folder}
lock directory = {folder}
pid directory = {folder}
ncalrpc dir = {folder}/ncalrpc
log file = {folder}/log
[backups]
path = {folder}/data
read only = no
"""


@contextmanager
def serve(folder: Path) -> Iterator[Served]:
    """An smbd with one share."""
    port, settings, user = free_port(), folder / "smb.conf", getpass.getuser()
    (folder / "data").mkdir()
    settings.write_text(_SETTINGS.format(port=port, folder=folder))
    run("smbpasswd", "-c", settings, "-a", "-s", user, text=f"{_PASSWORD}\n{_PASSWORD}\n")
    with running(["smbd", "--foreground", "--no-process-group", "-s", settings], folder / "out", port=port):
        yield Served(f"smb://{user}:{_PASSWORD}@{HOST}:{port}/backups", port)
