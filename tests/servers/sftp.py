"""SFTP as OpenSSH serves it, for the user who runs the tests, by a key."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.running import HOST, free_port, run, running
from tests.servers.served import Served

_SETTINGS = """\
ListenAddress {host}
Port {port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/key.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
MaxStartups 100
MaxSessions 100
Subsystem sftp internal-sftp
"""


@contextmanager
def serve(folder: Path) -> Iterator[Served]:
    """An sshd with a folder to keep things in."""
    port, data = free_port(), folder / "data"
    data.mkdir()
    for name in ("host", "key"):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name)
    (folder / "config").write_text(_SETTINGS.format(host=HOST, port=port, folder=folder))
    (folder / "known").write_text(f"[{HOST}]:{port} {(folder / 'host.pub').read_text()}")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    with running(["sshd", "-D", "-e", "-f", folder / "config"], folder / "out", port=port):
        options = {"client_keys": str(folder / "key"), "known_hosts": str(folder / "known")}
        yield Served(f"sftp://{getpass.getuser()}@{HOST}:{port}{data}", port, options)
